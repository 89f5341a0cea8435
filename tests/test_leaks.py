"""Three users, four repositories, three audiences: by every command, file and address each user
sees the modules of the repositories that git lets her read, and nothing of the others.

Before and after repositories become more or less visible, and while one is built.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from mlreef_hooks.cli.main import COMMANDS
from mlreef_hooks.durable_files import locked
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.module_turn import turn_of
from tests.support.accounts import GIT, SERVICE, ServiceSite, open_folder
from tests.support.git import Author
from tests.support.processes import wait_until
from tests.support.site import PROJECT
from tests.test_docs_nginx import auth_service, fetch, web_server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several accounts")

VISION, LAB = 64121, 64122  # groups
USERS: Mapping[str, int] = {"ada": 64111, "bob": 64112, "eve": 64113}
GROUPS: Mapping[str, Sequence[int]] = {"ada": (GIT, VISION), "bob": (GIT, LAB), "eve": ()}
# of each repository its visibility at first, and the group that reads it while it is private
REPOSITORIES = {
    "text/marker-open": ("public", VISION), "team/marker-inner": ("internal", VISION),
    "vision/marker-secret": ("private", VISION), "lab/marker-hidden": ("private", LAB),
}  # fmt: skip
AUDIENCES = {"internal": GIT} | {
    f"private/{name.partition('/')[0]}": group for name, (_, group) in REPOSITORIES.items()
}
MARKED = re.compile(r"marker[-_][a-z]+")
SECRET, INNER, OPEN = "vision/marker-secret", "team/marker-inner", "text/marker-open"
FLIPS: Sequence[Mapping[str, str]] = (
    {SECRET: "public", OPEN: "private"}, {SECRET: "private", INNER: "public", OPEN: "internal"},
    {INNER: "private", OPEN: "public"}, {INNER: "internal"},
)  # fmt: skip
# Runs commands, each in a process of its own, as the accounts that they are for. One that watches
# is ended soon after it has said what the command before it said.
RUN = """\
import json, os, re, select, signal, sys, time
import mlreef_hooks.cli.site, mlreef_hooks.engine, mlreef_hooks.index_check
from mlreef_hooks.cli import main
for name in main.COMMANDS:
    main.commands.get_command(None, name)
def hear(read, expected):
    said, until = "", time.monotonic() + 60
    while select.select([read], [], [], max(0, until - time.monotonic()))[0]:
        if not (more := os.read(read, 1 << 16)):
            break
        said += more.decode(errors="replace")
        if expected and all(word in said for word in expected):
            expected, until = [], time.monotonic() + 0.3
    return said
outputs = []
for user, groups, words in json.load(sys.stdin):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.setgroups(groups)
        os.setgid(user)
        os.setuid(user)
        signal.setitimer(signal.ITIMER_REAL, 60)
        sys.argv = ["mlreef-hooks", *words]
        main.main()
    os.close(write)
    said = hear(read, re.findall("marker-[a-z]+", outputs[-1]) if "watch" in words else [])
    outputs.append(said)
    os.close(read)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(json.dumps(outputs))
"""


class People:
    """What the users see of a site, whose index is on the web at a port."""

    def __init__(self, site: ServiceSite, port: int, authors: Mapping[str, Author]) -> None:
        """`authors` are those of the repositories."""
        self.site = site
        self._port = port
        self._authors = authors

    def publish(self, name: str, version: str) -> str:
        """What an author is told of a new version."""
        module = name.partition("/")[2]
        script = module.replace("-", "_") + ".py"
        title = f'title = "Title of {module} {version}"\n'
        files = {
            **PROJECT,
            script: PROJECT["upper.py"],
            "mlreef.toml": PROJECT["mlreef.toml"] + title,
        }
        del files["upper.py"]
        self._authors[name].commit(files)
        self._authors[name].tag(f"publish/{version}")
        return self._authors[name].push("master", f"publish/{version}")

    def open_to(self, name: str, visibility: str) -> None:
        """Let git, and then the index, have a repository read by others."""
        path = self.site.repositories / f"{name}.git"
        os.chown(path, GIT, REPOSITORIES[name][1] if visibility == "private" else GIT)
        path.chmod(0o755 if visibility == "public" else 0o750)
        self.site.command("visibility", path, visibility, user=GIT)

    def _as(self, user: str, *words: str | Path) -> str:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", check=False, cwd="/",
            user=USERS[user], group=USERS[user], extra_groups=[*GROUPS[user]],
        )  # fmt: skip
        return done.stdout

    def read(self, user: str) -> set[str]:
        """The modules of the repositories that git lets a user read."""
        return {
            name.partition("/")[2]
            for name in REPOSITORIES
            if self._as(
                user, "git", "-c", "safe.directory=*", "-C",
                self.site.repositories / f"{name}.git", "rev-parse", "--verify", "master",
            )
        }  # fmt: skip

    def by_files(self, user: str) -> set[str]:
        """What is in the files and the names of files below the site's folder, for who may look."""
        names = ("images", "catalog")
        folders = (self.site.index, self.site.state, *map(self.site.folder.joinpath, names))
        content = self._as(user, "grep", "-rsh", "--text", "marker", *folders)
        return marked(content + self._as(user, "find", *folders))

    def by_web(self, user: str) -> set[str]:
        """What the web server has for a user, of every file that there is."""
        found = set()
        for path in filter(Path.is_file, self.site.index.rglob("*")):
            status, content = fetch(self._port, f"/{path.relative_to(self.site.index)}", user)
            found |= marked(content.decode(errors="replace"))
            found |= marked(str(path)) if status == 200 else set()
        return found

    def by_writing(self, user: str) -> set[str]:
        """What stands in a catalogue and a registry of tools that a user writes."""
        with open_folder() as folder:
            os.chown(folder, USERS[user], USERS[user])
            site, tools = str(folder / "site"), str(folder / "tools")
            written = (["catalog", "--output", site], ["export", "--to", "trs", "--output", tools])
            self.run({user: written})
            shown, listed = (
                marked("".join(path.read_text(errors="replace") for path in files_below(place)))
                for place in (site, tools)
            )
        assert shown == listed
        return shown

    def run(self, commands: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, list[str]]:
        """What commands say to each user."""
        whole = [
            (USERS[user], [*GROUPS[user]], ["--config", str(self.site.config), *words])
            for user, asked in commands.items()
            for words in asked
        ]
        done = subprocess.run(
            [sys.executable, "-c", RUN], input=json.dumps(whole), stdout=subprocess.PIPE,
            text=True, check=True, cwd="/",
        )  # fmt: skip
        outputs = iter(json.loads(done.stdout))
        found = {user: [str(next(outputs)) for _ in asked] for user, asked in commands.items()}
        assert next(outputs, None) is None
        return found

    def check(self) -> None:
        """By files, addresses and what lists things each user sees exactly what git shows."""
        lists = (["list"], ["list", "--format", "json"], ["status", "-n", "99"], ["watch"])
        said = self.run(dict.fromkeys(USERS, lists))
        for user in USERS:
            seen = self.read(user)
            assert self.by_files(user) == seen
            assert self.by_web(user) == seen
            plain, as_json, status, watch = said[user]
            assert marked(plain) == marked(as_json) == seen
            # an account that is not in the repositories' group is not let in by the service
            assert marked(status) == marked(watch) == (seen if GIT in GROUPS[user] else set())

    def check_commands(self) -> None:
        """No command says more of what git does not show than of what there is not."""
        commands = [*every_command(self.site)]
        assert {words[0] for words in commands} == {*COMMANDS}
        for user in USERS:
            seen = self.read(user)
            unseen = [name for name in REPOSITORIES if name.partition("/")[2] not in seen]
            real, unreal = ([about(name + end) for name in unseen] for end in ("", "x"))
            asked = [words for each in (*real, *unreal) for words in each]
            assert self.by_writing(user) == seen
            outputs = self.run({user: [*commands, *asked]})[user]
            for words, said in zip((*commands, *asked), outputs, strict=True):
                assert marked(said) - marked(" ".join(words)) <= seen, (user, words, said)
            answers = [said.partition("hint:")[0] for said in outputs[len(commands) :]]
            half = len(answers) // 2
            for there, not_there in zip(answers[:half], answers[half:], strict=True):
                assert MARKED.sub(r"\g<0>x", there) == not_there


def files_below(folder: str) -> list[Path]:
    """The files of a folder."""
    return [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]


def marked(text: str) -> set[str]:
    """The modules that a text tells of: by their names, or by what is in them and their logs."""
    return {each.replace("_", "-") for each in MARKED.findall(text)}


def about(name: str) -> Iterator[list[str]]:
    """Commands about one module."""
    version = f"{name}@1.0"
    yield from (["show", name], ["show", version, "--format", "json"])
    yield ["run", version, "--input", "/", "--output", "/tmp"]
    yield from (["verify", version], ["export", name, "--to", "cwl"])
    for verb in ("yank", "unyank", "deprecate", "undeprecate"):
        yield [verb, version, *(["--reason", "x"] if not verb.startswith("un") else [])]


def every_command(site: ServiceSite) -> Iterator[list[str]]:
    """Every command, about everything that it can be about."""
    yield from (["post-receive"], ["pre-receive"], ["worker"], ["list"], ["modules"])
    yield from (["status", "-n", "99"], ["watch"])
    yield from (["documents"], ["search", "marker"], ["runs"], ["explain"])
    yield ["catalog", "--output", "/dev/null"]
    yield from about(OPEN)
    yield from (["sweep"], ["gc"], ["reindex"], ["doctor"], ["base", "--pull", "--layout", "/"])
    for number in map(str, range(1, len(REPOSITORIES) + 1)):
        yield from ([verb, number] for verb in ("status", "logs", "cancel", "retry"))
    for name in REPOSITORIES:
        repository = str(site.repositories / f"{name}.git")
        yield from (["visibility", repository, word] for word in ("show", "apply", "private"))
        yield ["check", "--git-dir", repository, "--rev", "master"]
        yield from ([verb, repository, "--yes", "--dry-run"] for verb in ("init", "publish"))
    yield from ([verb, "--repo", repository, "--dry-run"] for verb in ("install", "uninstall"))


@pytest.fixture(scope="module")
def people(stored_base: Path) -> Iterator[People]:
    """Four repositories whose modules are published by a service, and a web server of the docs."""
    with open_folder() as folder:
        catalog = folder / "site" / "catalog"
        site = ServiceSite(folder / "site", stored_base, {"catalog": {"path": str(catalog)}})
        catalog.mkdir()
        os.chown(catalog, SERVICE, SERVICE)
        (site.index / "public").mkdir(parents=True)
        (site.index / "private").mkdir()
        for audience, group in AUDIENCES.items():  # by the group of its folder an audience is told
            (site.index / audience).mkdir()
            os.chown(site.index / audience, SERVICE, group)
            (site.index / audience).chmod(0o2750)
        for path in (site.index, site.index / "public", site.index / "private"):
            os.chown(path, SERVICE, SERVICE)
        may = {
            user: {"public", *(name for name, group in AUDIENCES.items() if group in GROUPS[user])}
            for user in USERS
        }
        (folder / "nginx").mkdir()
        authors = {name: site.author(name) for name in REPOSITORIES}
        for name in REPOSITORIES:  # whoever gets into a repository's folder reads all that is in it
            git_dir = site.repositories / f"{name}.git"
            set_own(git_dir, "core.sharedRepository", "0644")
            subprocess.run(["chmod", "-R", "o+rX", git_dir], check=True)
        with (
            site.serving(groups=(GIT, VISION, LAB)), auth_service(may) as service,
            web_server("modules-by-service.conf", site.index, service, folder / "nginx") as port,
        ):  # fmt: skip
            found = People(site, port, authors)
            for name, (visibility, _) in REPOSITORIES.items():
                found.open_to(name, visibility)
                said = found.publish(name, "1.0")
                assert "is published" in said, said
            yield found


def test_each_user_sees_what_git_shows_her(people: People) -> None:
    assert people.read("ada") == {"marker-open", "marker-inner", "marker-secret"}
    assert people.read("bob") == {"marker-open", "marker-inner", "marker-hidden"}
    assert people.read("eve") == {"marker-open"}
    people.check()


def test_whenever_a_repository_is_more_or_less_visible(people: People) -> None:
    for flips in FLIPS:
        for name, visibility in flips.items():
            people.open_to(name, visibility)
        people.check()
    people.check_commands()  # all is as at first again, but for what flips may have left behind


@pytest.mark.parametrize(("before", "after"), [("public", "private"), ("private", "public")])
def test_while_a_version_is_built(people: People, before: str, after: str) -> None:
    people.open_to(SECRET, before)
    said: list[str] = []
    turn = people.site.state / "locks" / f"{turn_of(*SECRET.split('/'))}.lock"
    with locked(turn):  # so that its build waits
        push = threading.Thread(
            target=lambda: said.append(
                people.publish(SECRET, "2.0" if before == "public" else "3.0")
            )
        )
        push.start()
        wait_until(lambda: "building" in people.site.command("status", user=SERVICE).stdout)
        if before == "private":  # or her status would tell of the job
            people.check()
        people.open_to(SECRET, after)
        people.check()
    push.join()
    assert "is published" in said[0], said
    people.check()
    people.open_to(SECRET, "private")
