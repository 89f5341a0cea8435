"""`mlreef-hooks doctor` on repositories and jobs: settings, refs, owners, what waits and failed."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from mlreef_hooks.edge_mark import MARK as EDGE_MARK
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.job import FAILED, PARKED, PUBLISHED, QUEUED, Job
from mlreef_hooks.job_records import read_records
from mlreef_hooks.jobs import Jobs
from mlreef_hooks.push import PublishRequest, RefUpdate, RepositoryName
from mlreef_hooks.push_option_setting import SETTING
from mlreef_hooks.waiting_room import MARK, WaitingRoom
from tests.support.doctor import NOBODY, faults, give_to, look, mounted, root_only
from tests.support.forges import write_own_hooks
from tests.support.git import Author, make_bare, write_hook
from tests.support.site import GitSite

HOUR = 3600.0
ZERO, ONE = "0" * 40, "1" * 40


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site with one repository, `text/upper`, whose engine is away."""
    site = GitSite(tmp_path / "site")
    site.repository("text/upper")
    return site


def repository_of(site: GitSite) -> Path:
    return site.repositories / "text" / "upper.git"


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author who has pushed a commit to the repository."""
    author = Author(site.folder / "clone", repository_of(site))
    author.commit({"a": "1"})
    author.push()
    return author


def submit(
    site: GitSite, tag: str = "publish/1", state: str = QUEUED, *, age: float = 0.0, at: str = ONE
) -> Job:
    """A job for a tag of the repository at a commit, `age` seconds old."""
    jobs = Jobs(site.state / "jobs.sqlite", lambda: time.time() - age)
    request = PublishRequest(
        repository=RepositoryName(key="text/upper", namespace="text", name="upper"),
        tag=tag, module=None, version=Version(tag.rpartition("/")[2]),
        commit=at, pusher="ada", notes="",
    )  # fmt: skip
    job = jobs.submit(request, repository_of(site), QUEUED)
    if state != QUEUED:
        jobs.end(job.id, state, "numpy is not pinned", name="upper")
    jobs.close()
    return job


# settings and refs


def test_push_options_that_are_off_are_found(site: GitSite) -> None:
    path = repository_of(site)
    assert look(site, "repositories") == []
    set_own(path, SETTING, "false")
    said = f"it takes no push options: {SETTING} is not true"
    assert faults(site, "repositories") == {"push-options-off": said}
    set_own(path, SETTING, None)
    assert faults(site, "repositories") == {"push-options-off": said}
    site.install(path)
    assert look(site, "repositories") == []


def test_replaced_objects_are_found(site: GitSite, author: Author) -> None:
    first = author.git("rev-parse", "HEAD")
    author.commit({"a": "2"})
    author.git("replace", first, "HEAD")
    author.push("refs/replace/*:refs/replace/*")
    said = f"refs/replace/{first} shows an object as another"
    assert faults(site, "repositories") == {"refs-replaced": said}


def test_shared_objects_that_are_not_there_are_found(site: GitSite, tmp_path: Path) -> None:
    (repository_of(site) / "objects/info/alternates").write_text(f"{tmp_path}/pool\n../none\n")
    said = f"it shares the objects in {repository_of(site)}/none, which is not there"
    (tmp_path / "pool").mkdir()
    assert faults(site, "repositories") == {"alternate-missing": said}


def test_a_main_branch_that_is_called_otherwise_is_found(site: GitSite, author: Author) -> None:
    path = repository_of(site)
    assert look(site, "repositories") == []
    set_own(path, "mlreef.mainBranch", "main")
    said = "it has no branch main, which published commits must be on"
    assert faults(site, "repositories") == {"branch-missing": said}
    author.tag("publish/1.0")
    assert "is not on main" in author.push("publish/1.0")
    author.push("master:main")
    assert look(site, "repositories") == []


def test_an_empty_repository_lacks_no_branch(site: GitSite) -> None:
    set_own(repository_of(site), "mlreef.mainBranch", "main")
    assert look(site, "repositories") == []


@pytest.mark.parametrize(
    ("word", "known"), [("public", True), (" Internal", True), ("privat", False), ("", False)]
)
def test_a_visibility_that_means_nothing_is_found(site: GitSite, word: str, known: bool) -> None:
    set_own(repository_of(site), "mlreef.visibility", word)
    said = f"its visibility is {word!r}, which counts as private"
    assert faults(site, "repositories") == ({} if known else {"visibility-unknown": said})


@pytest.mark.parametrize("place", ["packed-refs.lock", "refs/tags/x.lock", "config.lock"])
def test_a_lock_that_a_killed_git_left_is_found(site: GitSite, place: str) -> None:
    lock = repository_of(site) / place
    lock.touch()
    assert look(site, "repositories") == []
    os.utime(lock, times=(0, 0))
    said = f"{place} is left of a git that was killed"
    assert faults(site, "repositories") == {"git-lock": said}


def test_our_own_lock_in_a_repository_is_none_of_gits(site: GitSite) -> None:
    WaitingRoom().keep(repository_of(site), [])
    os.utime(repository_of(site) / f"{MARK}.lock", times=(0, 0))
    assert look(site, "repositories") == []


def gitolite(git_dir: Path) -> None:
    (git_dir / "hooks" / "update").symlink_to("/home/git/.gitolite/hooks/common/update")


def gitlab(git_dir: Path) -> None:
    set_own(git_dir, "gitlab.fullpath", "text/upper")


def forge(name: str) -> Callable[[Path], None]:
    """A hook beside ours as this forge has it in each repository."""

    def make(git_dir: Path) -> None:
        (git_dir / "hooks" / "post-receive.d").mkdir()
        (git_dir / "hooks" / "post-receive.d" / name).touch()

    return make


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("gitea", forge("gitea")), ("forgejo", forge("forgejo")), ("gitlab", gitlab),
        ("gitolite", gitolite), ("soft-serve", forge("soft-serve")),
    ],
)  # fmt: skip
def test_a_server_that_is_not_the_one_of_the_configuration_is_found(
    site: GitSite, name: str, make: Callable[[Path], None]
) -> None:
    make(repository_of(site))
    written = site.config.read_text()
    for kind in ("auto", "plain", name):
        site.config.write_text(written.replace("[server]", f'[server]\nkind = "{kind}"'))
        wrong = {"server-kind": f"{name} keeps it, and the configuration says plain"}
        assert faults(site, "repositories") == (wrong if kind == "plain" else {})


def test_a_hook_moves_to_its_place_when_a_forge_takes_the_repository(site: GitSite) -> None:
    git_dir = repository_of(site)
    (git_dir / "mlreef-parked").touch()
    (git_dir / "hooks" / "post-receive.d").mkdir()
    write_hook(git_dir, "post-receive.d/gitea", "#!/bin/sh\n")
    assert [*faults(site, "hooks")] == ["hook-place"]
    site.command("install", "--all", site.repositories)
    assert [*faults(site, "hooks")] == ["hook-runner"]
    assert not (git_dir / "hooks" / "post-receive").exists()
    assert (git_dir / "mlreef-parked").exists()
    write_own_hooks(git_dir, "gitea")
    assert faults(site, "hooks") == {}
    (git_dir / "hooks" / "post-receive").write_bytes(
        (git_dir / "hooks" / "post-receive.d" / "mlreef").read_bytes()
    )
    assert [*faults(site, "hooks")] == ["hook-twice"]
    write_own_hooks(git_dir, "gitea")
    (git_dir / "hooks" / "post-receive.d" / "mlreef").unlink()
    assert [*faults(site, "hooks")] == ["hook-missing"]
    write_hook(git_dir, "post-receive.d/mlreef", "#!/bin/sh\n")
    assert [*faults(site, "hooks")] == ["hook-replaced"]
    said = site.command("install", "--all", site.repositories, expect=1).stderr
    assert "post-receive.d/mlreef is not ours" in said


def test_a_repository_whose_name_nobody_says_is_found(tmp_path: Path) -> None:
    site = GitSite(tmp_path)
    git_dir = site.repository(f"@hashed/aa/bb/{'a' * 64}")
    said = f"nothing says which project the repository {git_dir.name} is"
    assert faults(site, "repositories") == {"name-unknown": said}
    set_own(git_dir, "mlreef.fullPath", "text/upper")
    assert faults(site, "repositories") == {}


def test_a_repository_that_git_does_not_read_is_found(site: GitSite) -> None:
    config = repository_of(site) / "config"
    config.write_text(config.read_text().replace("version = 0", "version = 99"))
    (hook,) = look(site, "hooks")
    assert (hook.id, hook.about) == ("repository-unreadable", str(repository_of(site)))
    assert "99" in hook.message
    config.write_text("[core\n")
    assert [*faults(site, "hooks", "repositories", "tags")] == ["repository-unreadable"]


def test_one_repository_that_is_broken_does_not_hide_the_others(site: GitSite) -> None:
    make_bare(site.repositories / "text" / "a.git")
    (site.repositories / "text" / "a.git" / "config").write_text("[core\n")
    about = {each.about: each.id for each in look(site, "hooks")}
    assert about == {
        str(site.repositories / "text" / "a.git"): "repository-unreadable",
        str(repository_of(site)): "",
    }


# owners


@root_only
def test_a_repository_of_another_account_than_the_state_is_found(site: GitSite) -> None:
    give_to(NOBODY, site.state, repository_of(site))
    assert look(site, "repositories") == []
    give_to(NOBODY - 1, site.state)
    said = f"it belongs to uid {NOBODY}, and {site.state} to uid {NOBODY - 1}"
    assert faults(site, "repositories") == {"repository-owner": said}


@root_only
def test_a_repository_that_git_refuses_to_the_account_is_found(site: GitSite) -> None:
    other = make_bare(site.repositories / "text" / "other.git")
    site.command("install", "--repo", other)
    give_to(NOBODY, site.state, repository_of(site), other)
    give_to(NOBODY - 1, other)
    found = look(site, "repositories")
    assert {(each.id, each.about) for each in found} == {("repository-owner", str(other))}
    said = f"git says: fatal: detected dubious ownership in repository at '{other}'"
    assert said in [each.message for each in found]


# tags and marks


def test_a_tag_that_no_hook_saw_is_found(site: GitSite, author: Author) -> None:
    path = repository_of(site)
    for name in ("publish/1.0", "publish/2.0", "v1", "publish/none"):
        author.git("tag", name)
    author.git("tag", "publish/3.0", "HEAD^{tree}")
    hook = path / "hooks" / "post-receive"
    hook.chmod(0o644)  # as where the tag was made in a web page
    author.push("--tags")
    said = "no job knows 2 publish tags, such as publish/1.0"
    assert faults(site, "tags") == {"tags-unseen": said}
    commit = author.git("rev-parse", "HEAD")
    submit(site, "publish/1.0", PUBLISHED, at=commit)
    submit(site, "publish/2.0", FAILED)  # and was moved then
    said = "no job knows 1 publish tag, such as publish/2.0"
    assert faults(site, "tags") == {"tags-unseen": said}
    submit(site, "publish/2.0", FAILED, at=commit)
    assert look(site, "tags") == []


def test_what_a_push_has_seen_is_not_told_of(site: GitSite, author: Author) -> None:
    author.git("checkout", "--quiet", "-b", "side")
    author.commit({"a": "2"})
    author.tag("publish/1.0", "a note")
    assert "is not on master" in author.push("publish/1.0")
    assert look(site, "tags") == []


def test_a_parked_tag_that_no_push_will_look_for_is_found(site: GitSite, author: Author) -> None:
    author.git("checkout", "--quiet", "-b", "side")
    author.commit({"a": "2"})
    author.tag("publish/1.0")
    author.push("publish/1.0")
    (repository_of(site) / MARK).unlink()
    said = "publish/1.0 is parked, and no push of a branch will look for it"
    assert faults(site, "tags") == {"mark-missing": said}


def test_a_setting_that_the_hook_does_not_know_of_is_found(site: GitSite) -> None:
    config = repository_of(site) / "config"
    config.write_text(config.read_text() + "[mlreef]\n\tpublishOn = push\n")
    said = "the hook does not know which pushes are to be published"
    assert faults(site, "repositories")["edge-mark"] == said
    site.command("install", "--repo", repository_of(site))
    assert "edge-mark" not in faults(site, "repositories")
    (repository_of(site) / EDGE_MARK).write_text("refs/heads/other\n")
    assert faults(site, "repositories")["edge-mark"] == said


def test_a_mark_that_nothing_waits_for_is_found(site: GitSite) -> None:
    (repository_of(site) / MARK).touch()
    said = f"{MARK} is there, and no tag is parked"
    assert faults(site, "tags") == {"mark-without-jobs": said}
    submit(site, state=PARKED)
    assert look(site, "tags") == []


def test_updates_that_wait_for_the_next_push_are_found(site: GitSite) -> None:
    WaitingRoom().keep(
        repository_of(site), [RefUpdate(old=ZERO, new=ONE, ref="refs/tags/publish/1")]
    )
    said = f"1 ref update waits in {MARK}"
    assert faults(site, "tags") == {"updates-kept": said}


# jobs


def test_jobs_that_failed_are_found_for_a_week(site: GitSite) -> None:
    submit(site, "publish/1", FAILED, age=8 * 24 * HOUR)
    assert look(site, "jobs") == []
    job = submit(site, "publish/2", FAILED)
    (found,) = look(site, "jobs")
    assert (found.id, found.state) == ("jobs-failed", "warning")
    assert found.message == (
        f"1 job failed within a week; the last: job {job.id} (text/upper, publish/2): "
        "numpy is not pinned"
    )
    assert f"mlreef-hooks retry {job.id} " in found.hint


def test_jobs_that_wait_for_long_are_found(site: GitSite) -> None:
    submit(site, "publish/1")
    assert look(site, "jobs") == []
    job = submit(site, "publish/2", age=5 * HOUR)
    said = f"1 job waits for long; the first: job {job.id} (text/upper, publish/2)"
    assert faults(site, "jobs") == {"jobs-waiting": said}


def test_a_job_whose_process_was_killed_is_found(site: GitSite) -> None:
    job = submit(site, age=5 * HOUR)
    claim = (
        "import os, sys, time; from pathlib import Path; from mlreef_hooks.jobs import Jobs;"
        f"Jobs(Path(sys.argv[1]), lambda: time.time() - 18000).claim({job.id}); os.abort()"
    )
    subprocess.run([sys.executable, "-c", claim, site.state / "jobs.sqlite"], check=False)
    assert "jobs-waiting" in faults(site, "jobs")


def test_a_clock_that_went_back_is_found(site: GitSite) -> None:
    submit(site, age=-2 * HOUR)
    assert faults(site, "jobs") == {"clock-wrong": "a job was changed 2.0 hours from now"}


@pytest.mark.parametrize("damage", [b"", b"no table at all", b"x" * 4096])
def test_a_table_that_is_damaged_is_found(site: GitSite, damage: bytes) -> None:
    submit(site)
    table = site.state / "jobs.sqlite"
    whole = table.read_bytes()
    assert look(site, "jobs") == []
    table.write_bytes(whole[:4096] + damage if damage == b"x" * 4096 else damage)
    found = faults(site, "jobs", "tags", "index")
    assert [*found] == ["jobs-unreadable"]
    assert found["jobs-unreadable"].startswith(f"the job table {table} cannot be read: ")


def test_the_table_is_read_while_it_is_written_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    assert read_records(path) == ()
    site = GitSite(tmp_path)
    site.state = tmp_path
    submit(site)
    assert [each.name for each in tmp_path.glob("jobs.*")] == ["jobs.sqlite"]
    assert len(read_records(path)) == 1
    assert [each.name for each in tmp_path.glob("jobs.*")] == ["jobs.sqlite"]
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE jobs SET state = 'failed'")
    assert [each.state for each in read_records(path)] == [QUEUED]
    writer.execute("COMMIT")
    assert [each.state for each in read_records(path)] == [FAILED]
    writer.close()


@root_only
def test_a_table_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    site = GitSite(tmp_path / "site")
    with mounted(site.state, "size=4m"):
        submit(site)
        subprocess.run(["mount", "-o", "remount,ro", site.state], check=True)
        assert len(read_records(site.state / "jobs.sqlite")) == 1


def test_a_table_that_may_not_be_opened_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").mkdir()
    with pytest.raises(PublishError, match="cannot be read"):
        read_records(tmp_path / "jobs.sqlite")
