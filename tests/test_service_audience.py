"""What a service shows and does for the accounts of the repositories' group."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlreef_hooks.git_settings import set_own
from tests.support.accounts import GIT, SERVICE, ServiceSite, open_folder
from tests.support.git import Author, make_bare
from tests.test_service import ASK, ask, author, module, version

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two accounts")
__all__ = ("author", "module")  # fixtures


@pytest.fixture(scope="module")
def site(stored_base: Path) -> Iterator[ServiceSite]:
    """A site whose service runs."""
    with open_folder() as folder:
        site = ServiceSite(folder / "site", stored_base)
        site.repository("first/first")
        with site.serving():
            yield site


NEIGHBOUR = 64104  # an account whose group is that of the repositories


def as_neighbour(site: ServiceSite, *words: str | Path) -> str:
    """What an account of the repositories' group is told of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "mlreef_hooks", "--config", site.config, *words],
        capture_output=True, text=True, timeout=60, check=False,
        user=NEIGHBOUR, group=GIT, extra_groups=[],
    )  # fmt: skip
    return done.stdout + done.stderr


def test_jobs_are_shown_to_those_who_could_read_the_repository(
    site: ServiceSite, author: Author, module: str
) -> None:
    author.push("master", version(author, "1.0"))
    repository = site.repositories / f"{module}.git"
    (job,) = [
        each["id"]
        for each in json.loads(site.command("status", "--format", "json", user=GIT).stdout)
        if each["repository"] == module
    ]
    seen = as_neighbour(site, "status", "-n", "999")
    assert module[:30] in seen
    assert "success:" in as_neighbour(site, "logs", str(job))
    assert f"the module {module} is private" in as_neighbour(site, "visibility", repository)
    repository.chmod(0o700)
    assert module[:30] not in as_neighbour(site, "status", "-n", "999")
    for command in ("status", "logs"):
        assert f"there is no job {job}" in as_neighbour(site, command, str(job))
    assert "the module" not in as_neighbour(site, "visibility", repository)
    words = [
        sys.executable,
        "-c",
        ASK,
        site.socket,
        str(SERVICE),
        f"command|visibility|{repository}",
    ]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=True,
        user=NEIGHBOUR,
        group=GIT,
        extra_groups=[],
    )
    assert done.stdout == "b'1'\n"
    assert "is not yours to read" in done.stderr
    assert module[:30] in site.command("status", "-n", "999", user=GIT).stdout
    assert module[:30] in site.command("status", "-n", "999", user=SERVICE).stdout


def test_over_ssh_the_service_tells_of_modules(
    site: ServiceSite, author: Author, module: str
) -> None:
    """The command that sshd runs as the account of the repositories, which reads no index."""
    author.push("master", version(author, "1.0"))
    repository = site.repositories / f"{module}.git"
    shown = over_ssh(site, GIT, f"modules show {module} --format json")
    assert json.loads(shown)["visibility"] == "private"
    assert module in over_ssh(site, GIT, "modules list")
    assert module in over_ssh(site, NEIGHBOUR, "modules search upper")
    repository.chmod(0o700)
    assert module not in over_ssh(site, NEIGHBOUR, "modules list")
    unknown = over_ssh(site, NEIGHBOUR, "modules show text/nothing")
    assert over_ssh(site, NEIGHBOUR, f"modules show {module}") == unknown.replace(
        "text/nothing", module
    )


def over_ssh(site: ServiceSite, user: int, question: str) -> str:
    """What an account is answered by the forced command of a key."""
    done = subprocess.run(
        [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "modules"],
        env={**os.environ, "SSH_ORIGINAL_COMMAND": question}, capture_output=True, text=True,
        timeout=60, check=False, user=user, group=GIT, extra_groups=[],
    )  # fmt: skip
    return done.stdout + done.stderr


def test_watch_shows_the_same(site: ServiceSite, author: Author, module: str) -> None:
    author.push("master", version(author, "1.0"))
    (site.repositories / f"{module}.git").chmod(0o700)
    for user, shown in ((NEIGHBOUR, False), (GIT, True)):
        watcher = subprocess.Popen(
            [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "watch", "-n", "999"],
            stdout=subprocess.PIPE, user=user, group=GIT, extra_groups=[],
        )  # fmt: skip
        assert watcher.stdout is not None
        said = os.read(watcher.stdout.fileno(), 1 << 16).decode()
        watcher.terminate()
        watcher.communicate()
        assert said.startswith(("job", "there are no jobs"))
        assert (module[:30] in said) == shown


def test_the_command_flips_by_way_of_the_service(
    site: ServiceSite, author: Author, module: str
) -> None:
    author.push("master", version(author, "1.0"))
    repository = site.repositories / f"{module}.git"
    said = site.command("visibility", repository, "public", user=GIT).stdout
    assert f"{module} was private and is public" in said
    assert (site.index / "public" / "modules" / f"{module}.json").exists()
    assert f"{module} was public and is private" in (
        site.command("visibility", repository, "private", user=GIT).stdout
    )
    assert not (site.index / "public" / "modules" / f"{module}.json").exists()
    # the service itself changes no repository, whoever asks
    assert ask(site, f"command|visibility|{repository}|public") == "b'1'\n"
    assert not (site.index / "public" / "modules" / f"{module}.json").exists()
    refused = site.command("visibility", repository, "public", user=SERVICE, expect=1)
    assert "as the account that owns the repository" in refused.stderr
    assert "is private" in ask(site, f"command|visibility|{repository}|show")
    assert ask(site, "command|visibility|/|apply") == "b'1'\n"


def _by_file(folder: Path, repository: Path) -> None:
    (folder / ".git").write_text(f"gitdir: {repository}\n")


def _by_link(folder: Path, repository: Path) -> None:
    (folder / ".git").symlink_to(repository)


def _by_commondir(folder: Path, repository: Path) -> None:
    make_bare(folder)
    (folder / "commondir").write_text(f"{repository}\n")


@pytest.mark.parametrize(
    "lead", [_by_file, _by_link, _by_commondir], ids=["file", "link", "commondir"]
)
def test_what_leads_to_a_repository_of_others(
    site: ServiceSite, author: Author, module: str, lead: Callable[[Path, Path], None]
) -> None:
    """A folder of one's own tells nothing of it, and no push of it is taken."""
    author.push("master", version(author, "1.0"))
    repository = site.repositories / f"{module}.git"
    os.chown(repository, GIT, SERVICE)
    repository.chmod(0o750)
    own = site.repositories / f"{author.folder.name}-own.git"
    own.mkdir()
    lead(own, repository)
    for each in (own, *own.rglob("*")):
        os.chown(each, NEIGHBOUR, GIT, follow_symlinks=False)
    assert module not in as_neighbour(site, "visibility", own)
    deleted = f"{'1' * 40} {'0' * 40} refs/tags/publish/1.0\n"
    said = subprocess.run(
        [sys.executable, "-c", ASK, site.socket, str(SERVICE), f"push|GIT_DIR={own}"],
        input=deleted, capture_output=True, text=True, check=True, timeout=60,
        user=NEIGHBOUR, group=GIT, extra_groups=[],
    )  # fmt: skip
    assert "yanked" not in said.stdout + said.stderr
    document = site.index / "private" / "text" / "modules" / f"{module}.json"
    assert not json.loads(document.read_text())["versions"][0]["yanked"]


def test_what_others_made_of_the_objects_of_a_repository_is_not_taken(
    site: ServiceSite, author: Author, module: str
) -> None:
    """The service could read these objects, and would publish them as another account's module."""
    author.push("master", version(author, "1.0"))
    repository = site.repositories / f"{module}.git"
    os.chown(repository, GIT, SERVICE)
    repository.chmod(0o750)
    own = make_bare(site.repositories / "mine" / "own.git")
    for name in ("objects", "refs/heads"):
        shutil.rmtree(own / name)
        (own / name).symlink_to(repository / name)
    set_own(own, "mlreef.publishOn", "push")
    set_own(own, "mlreef.visibility", "public")
    for each in (own, *own.rglob("*")):
        os.chown(each, NEIGHBOUR, GIT, follow_symlinks=False)
    pushed = f"{'0' * 40} {'1' * 40} refs/heads/master\n"
    said = subprocess.run(
        [sys.executable, "-c", ASK, site.socket, str(SERVICE), f"push|GIT_DIR={own}"],
        input=pushed, capture_output=True, text=True, check=True, timeout=60,
        user=NEIGHBOUR, group=GIT, extra_groups=[],
    ).stdout  # fmt: skip
    assert "error: the repository leads to another one" in said
    assert not [*site.index.glob("public/modules/mine/*")]
