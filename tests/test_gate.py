"""The gate, by real pushes: what is refused, what is let in, and what is left of either."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import toml

from mlreef_hooks.config import Config
from mlreef_hooks.hook_files import GATE, HOOK, hook_text, install_hook
from mlreef_hooks.hook_place import in_repository
from tests.support.accounts import GIT, give, open_folder
from tests.support.doctor import faults, root_only
from tests.support.forges import ENVIRONMENTS, make_forge_repository
from tests.support.git import Author, GitError, make_bare, remote_lines, write_hook
from tests.support.publishing import jobs, project
from tests.support.raw_objects import RawObjects
from tests.support.servers import HttpServer, SshServer
from tests.support.site import PROJECT, GitSite
from tests.support.ssh_keys import allow, make_key
from tests.support.tiny_site import MODULE, make_site
from tests.test_lfs import ATTRIBUTES, POINTER, store

BAD = project("numpy\n")
UNPINNED = "error: requirements.txt:1: numpy is not pinned"


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site")


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author of a repository with the gate; its first commit is on the server."""
    return gated(site)


def gated(site: GitSite, object_format: str = "sha1") -> Author:
    """An author of a new repository with the gate, whose first commit is on the server."""
    author = site.author(MODULE, object_format)
    assert "the gate installed" in install(site, "--gate")
    author.commit(PROJECT)
    assert remote_lines(author.push("master")) == []
    return author


def repository_of(site: GitSite) -> Path:
    return site.repositories / f"{MODULE}.git"


def install(site: GitSite, *words: str) -> str:
    return site.install(repository_of(site), *words)


def refusal(author: Author, *words: str) -> str:
    """What the server says of a push that it refuses, each sentence on one line."""
    with pytest.raises(GitError, match="pre-receive hook declined") as caught:
        author.push(*words)
    lines = remote_lines(str(caught.value))
    assert all(len(line) <= 72 for line in lines), lines
    return "\n".join(lines).replace("\n  ", " ")


def state_of(repository: Path) -> list[str]:
    """Every ref, and every file of objects, of a repository."""
    refs = subprocess.check_output(["git", "-C", repository, "for-each-ref"], text=True)
    return [refs, *sorted(str(path) for path in (repository / "objects").rglob("*"))]


# -- what is refused -------------------------------------------------------------------------------


@pytest.fixture(params=["path", "ssh", "http"])
def remote(request: pytest.FixtureRequest, site: GitSite) -> Callable[[Author], Author]:
    """Lets an author push over a path, sshd, or http-backend behind nginx."""

    def reach(author: Author) -> Author:
        url = str(repository_of(site))
        if request.param == "ssh":
            sshd: SshServer = request.getfixturevalue("sshd")
            author.environment |= sshd.environment
            url = sshd.url(repository_of(site))
        elif request.param == "http":
            http: HttpServer = request.getfixturevalue("smart_http")
            url = http.url(repository_of(site))
        author.git("remote", "set-url", "origin", url)
        return author

    return reach


def test_a_bad_tag_is_refused_before_it_lands(
    site: GitSite, author: Author, remote: Callable[[Author], Author]
) -> None:
    remote(author)
    subprocess.run(
        ["git", "-C", repository_of(site), "config", "http.receivepack", "1"], check=True
    )
    before = state_of(repository_of(site))
    author.commit({"README.md": "good"})
    author.git("branch", "good")
    author.commit({**BAD, "mlreef.toml": PROJECT["mlreef.toml"] + "colour = 1\n"})
    author.tag("publish/1.0.0")
    for words in (["publish/1.0.0"], ["--atomic", "good", "publish/1.0.0"]):
        said = refusal(author, *words)
        assert "mlreef: publish/1.0.0 cannot be published:" in said
        assert f"{UNPINNED}: write numpy==<version> [requirement-unpinned]" in said
        assert "error: mlreef.toml:5: " in said
        assert "[toml-key-unknown]" in said
        assert "error: nothing of this push is stored, because of publish/1.0.0\n" in said
        assert state_of(repository_of(site)) == before
    assert not (site.state / "jobs.sqlite").exists()
    author.commit(PROJECT)
    author.tag("publish/1.0.0", force=True)
    good = "\n".join(remote_lines(author.push("--atomic", "master", "publish/1.0.0")))
    assert "success: upper 1.0.0 is published" in good
    assert site.versions(MODULE) == ["1.0.0"]


def test_the_gate_leaves_no_file_and_changes_none(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0")
    author.push("publish/1.0")

    def files() -> Mapping[Path, tuple[int, bytes]]:
        found = [path for path in site.folder.rglob("*") if path.is_file()]
        # Whoever reads a table of SQLite marks that in its -shm, which is no more than memory.
        found = [path for path in found if not path.name.endswith("-shm")]
        own = [path for path in found if author.folder not in path.parents]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in own}

    before = files()
    author.commit({"README.md": "moved"})
    author.tag("publish/1.0", force=True)
    assert "[tag-moved]" in refusal(author, "--force", "publish/1.0")
    author.commit(BAD)
    author.tag("publish/2.0")
    assert UNPINNED in refusal(author, "publish/2.0")
    assert files() == before


def test_two_bad_tags_with_ten_others(site: GitSite, author: Author) -> None:
    for number in range(9):
        author.tag(f"publish/1.{number}", f"release {number}")
    author.tag("v1")
    author.commit(BAD)
    author.tag("publish/2.0")
    author.tag("publish/x")
    before = state_of(repository_of(site))
    said = refusal(author, "--tags")
    assert UNPINNED in said
    assert "error: publish/x: the tag does not end with a version" in said
    names = "because of publish/2.0, publish/x, 2 of 11 publish tags"
    assert f"error: nothing of this push is stored, {names}" in said
    assert said.count("cannot be published") == 2
    assert state_of(repository_of(site)) == before
    author.git("tag", "--delete", "publish/2.0", "publish/x")
    said = "\n".join(remote_lines(author.push("--tags")))
    assert said.count("success: upper 1.") == 9


def test_of_many_bad_tags_some_are_told(author: Author) -> None:
    author.commit(BAD)
    for number in range(30):
        author.tag(f"publish/x{number:02}")
    said = refusal(author, "--tags")
    assert said.count("cannot be published") == 20
    assert len(said) < 10_000


def _tree(author: Author) -> str:
    return author.git("rev-parse", "HEAD^{tree}")


def _blob(author: Author) -> str:
    return author.git("rev-parse", "HEAD:upper.py")


def _nested(author: Author) -> str:
    last = "HEAD"
    for number in range(18):
        last = author.tag(f"n{number}", "nested", target=last)
    return last


def _hostile(author: Author) -> str:
    raw = RawObjects(author.folder / ".git")
    inner = raw.tree(("100644", b"x", raw.put("blob", b"x")))
    return raw.commit(raw.tree(("40000", b"..", inner), ("40000", b"..", inner)))


@pytest.mark.parametrize(
    ("tag", "target", "rule"),
    [
        ("publish/nothing", lambda author: "HEAD", "tag-version-invalid"),
        ("publish/1.0+local", lambda author: "HEAD", "tag-version-invalid"),
        ("publish/1.0", _tree, "tag-target"),
        ("publish/1.0", _blob, "tag-target"),
        ("publish/1.0", _nested, "tag-nested"),
        ("publish/other/1.0", lambda author: "HEAD", "module-unknown"),
        ("publish/1.0", _hostile, "tree-duplicate"),
    ],
)
def test_what_no_build_can_help(
    author: Author, tag: str, target: Callable[[Author], str], rule: str
) -> None:
    author.tag(tag, target=target(author))
    assert f"[{rule}]" in refusal(author, tag)


def test_a_published_version_stays_what_it_is(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0")
    author.push("publish/1.0")
    before = site.document(MODULE)
    author.commit({"README.md": "other"})
    author.tag("publish/1.0", force=True)
    author.tag("publish/upper/1.0.0")
    assert "[tag-moved]" in refusal(author, "--force", "publish/1.0")
    assert "[version-taken]" in refusal(author, "publish/upper/1.0.0")
    assert "[tag-moved]" in refusal(author, "--force", "master", "publish/1.0")
    # under another name, the tag is still the one that has published
    author.commit({"mlreef.toml": PROJECT["mlreef.toml"] + 'name = "lower"\n'})
    author.tag("publish/1.0", force=True)
    assert "[tag-moved]" in refusal(author, "--force", "publish/1.0")
    assert site.document(MODULE) == before
    assert jobs(site) == [(1, "published")]


def test_a_name_that_is_taken(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0")
    author.push("publish/1.0")
    make_bare(site.repositories / "text/other.git")
    site.command("install", "--repo", site.repositories / "text/other.git", "--gate")
    author.git("remote", "set-url", "origin", str(site.repositories / "text/other.git"))
    author.commit({"mlreef.toml": PROJECT["mlreef.toml"] + 'name = "upper"\n'})
    author.tag("publish/2.0")
    assert "[module-taken]" in refusal(author, "publish/2.0")


def test_signed_tags(tmp_path: Path) -> None:
    ada, eve = (make_key(tmp_path / name) for name in ("ada", "eve"))
    signers = str(allow(tmp_path / "signers", ada=ada))
    author = gated(make_site(tmp_path / "site", publish={"signed_tags": signers}))
    author.git("config", "gpg.format", "ssh")
    author.tag("publish/1.0", "no signature")
    assert "[tag-signature]" in refusal(author, "publish/1.0")
    for key, said in ((eve, "the key is none that the site allows"), (ada, "")):
        author.git("config", "user.signingKey", str(key))
        author.git("tag", "--force", "--sign", "--message=x", "publish/1.0")
        if said:
            assert said in refusal(author, "publish/1.0")
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("publish/1.0")))
    Path(signers).unlink()  # which only an administrator can help
    author.git("tag", "--sign", "--message=x", "publish/2.0")
    lines = remote_lines(author.push("publish/2.0"))
    assert lines[0].startswith("warning: the gate lets 1 publish tag in unseen: the file")


# -- what is let in --------------------------------------------------------------------------------


def test_what_comes_early_is_parked_and_what_is_deleted_is_yanked(
    site: GitSite, author: Author
) -> None:
    author.commit({"README.md": "later"})
    author.tag("publish/1.0")
    assert "is parked" in remote_lines(author.push("publish/1.0"))[0]
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("master")))
    assert "is yanked" in "\n".join(remote_lines(author.push(":publish/1.0")))


def test_a_moved_tag_of_a_version_that_was_never_published(site: GitSite, author: Author) -> None:
    author.commit({"README.md": "parked"})
    author.tag("publish/1.0")
    author.push("publish/1.0")
    author.commit({"README.md": "moved"})
    author.tag("publish/1.0", force=True)
    assert "is parked" in remote_lines(author.push("--force", "publish/1.0"))[0]
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("master")))


def test_warnings_are_no_reason(author: Author) -> None:
    author.commit({"requirements.txt": None, "requirement.txt": ""})
    author.tag("publish/1.0")
    said = "\n".join(remote_lines(author.push("master", "publish/1.0")))
    assert "[requirements-name-old]" in said
    assert "success: upper 1.0" in said


# -- repositories ----------------------------------------------------------------------------------


def test_a_repository_of_sha256(site: GitSite) -> None:
    author = gated(site, "sha256")
    author.commit(BAD)
    author.tag("publish/1.0")
    assert UNPINNED in refusal(author, "master", "publish/1.0")
    author.commit({**PROJECT, "README.md": "1"})
    author.tag("publish/1.0", force=True)
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("master", "publish/1.0")))


@pytest.mark.parametrize("limit", ["1", "1000"])
def test_objects_in_packs_in_alternates_and_in_quarantine(
    site: GitSite, author: Author, tmp_path: Path, limit: str
) -> None:
    fork = site.repositories / "fork" / 'a "b:c.git'
    words = ["git", "clone", "--quiet", "--bare", "--shared", str(repository_of(site)), str(fork)]
    subprocess.run(words, check=True)
    subprocess.run(["git", "-C", fork, "config", "transfer.unpackLimit", limit], check=True)
    site.command("install", "--repo", fork, "--gate")
    author.git("remote", "set-url", "origin", str(fork))
    author.commit({"requirements.txt": "numpy\n"})  # all else is in the alternate alone
    author.tag("publish/1.0")
    assert UNPINNED in refusal(author, "master", "publish/1.0")
    assert state_of(fork)[0].count("\n") == 1
    author.commit({"requirements.txt": "", "more.py": "x = 1\n" * 1000})
    author.tag("publish/1.0", force=True)
    assert "success:" in "\n".join(remote_lines(author.push("master", "publish/1.0")))


# -- hooks beside it -------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", str(GIT)])
def test_contents_of_git_lfs_are_looked_for_where_the_hook_may(
    tmp_path: Path, service: str
) -> None:
    lfs, root = tmp_path / "lfs", tmp_path / "site" / "repositories"
    site = make_site(tmp_path / "site", server={"root": str(root), "lfs": str(lfs)})
    author = gated(site)
    author.commit({**ATTRIBUTES, "w.bin": POINTER})
    author.push("master")
    author.tag("publish/1.0")
    if service:
        config = toml.loads(site.config.read_text())
        config["worker"] |= {"service": service, "group": service}
        site.config.write_text(toml.dumps(config))
        assert "gate" not in author.push("publish/1.0")
        return
    assert "[tree-lfs-pointer]" in refusal(author, "publish/1.0")
    store(lfs)
    author.push("publish/1.0")


def test_a_hook_that_was_there_still_refuses_and_gets_all(site: GitSite, author: Author) -> None:
    repository = repository_of(site)
    install(site, "--no-gate")
    assert not (repository / "hooks" / GATE).exists()
    script = (
        '#!/bin/sh\ncat >>"$GIT_DIR/asked"\n[ ! -e "$GIT_DIR/shut" ] || { echo shut; exit 3; }\n'
    )
    before = write_hook(repository, GATE, script)
    assert "the gate installed, the hook that was there is chained" in install(site, "--gate")
    author.tag("publish/1.0")
    author.commit(BAD)
    author.tag("publish/2.0")
    (repository / "shut").touch()
    for words in (["publish/1.0"], ["master"], ["publish/2.0"]):
        assert refusal(author, *words) == "shut"
    (repository / "shut").unlink()
    assert UNPINNED in refusal(author, "publish/2.0")
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("master", "publish/1.0")))
    refs = [line.split(" ")[2] for line in (repository / "asked").read_text().splitlines()]
    tags = [f"refs/tags/publish/{version}" for version in ("1.0", "2.0", "2.0", "1.0")]
    assert refs == [tags[0], "refs/heads/master", *tags[1:3], "refs/heads/master", tags[3]]
    assert "the gate removed, the hook that was there before is back" in install(site, "--no-gate")
    assert before.read_text() == script


def test_a_forge_runs_it_beside_its_own(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    git_dir = make_forge_repository(site.repositories / "vision" / "upper.git", "gitea")
    runner = (git_dir / "hooks" / HOOK).read_text().replace(HOOK, GATE)
    write_hook(git_dir, GATE, runner)
    before = sorted(git_dir.rglob("*"))
    site.command("install", "--repo", git_dir, "--gate")
    (git_dir / "hooks" / f"{GATE}.d" / "gitea").write_text("#!/bin/sh\n[ ! -e shut ]\n")
    (git_dir / "hooks" / f"{GATE}.d" / "gitea").chmod(0o755)
    assert faults(site, "hooks") == {}
    author = Author(tmp_path / "clone", git_dir, environment=ENVIRONMENTS["gitea"])
    author.commit(BAD)
    author.tag("publish/1.0")
    assert UNPINNED in refusal(author, "master", "publish/1.0")
    author.commit(PROJECT)
    author.tag("publish/1.0", force=True)
    (git_dir / "shut").touch()
    assert "cannot be published" not in refusal(author, "publish/1.0")
    (git_dir / "shut").unlink()
    assert "success: upper 1.0" in "\n".join(remote_lines(author.push("master", "publish/1.0")))
    (git_dir / "hooks" / f"{GATE}.d" / "mlreef").unlink()
    assert "hook-missing" in faults(site, "hooks")
    site.command("install", "--repo", git_dir)
    (git_dir / "hooks" / f"{GATE}.d" / "gitea").unlink()
    site.command("uninstall", "--repo", git_dir)
    hooks = git_dir / "hooks"
    assert sorted(hooks.rglob("*")) == [path for path in before if hooks in path.parents]


def test_uninstalling_leaves_no_trace(site: GitSite) -> None:
    repository = make_bare(site.repositories / "text/plain.git")
    write_hook(repository, GATE, "#!/bin/sh\n")

    def files() -> Mapping[Path, bytes]:
        return {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}

    before = files()
    for words in (["--gate"], ["--no-gate"], ["--gate"], []):
        said = site.command("install", "--repo", repository, *words).stdout
    assert "the gate unchanged" in said  # by the repository's setting
    site.command("uninstall", "--repo", repository)
    after = files()
    config = repository / "config"
    assert after.keys() == before.keys()
    assert {path for path in before if before[path] != after[path]} <= {config}
    assert "mlreef" not in config.read_text().replace("[mlreef]", "")


def test_a_dry_run_changes_nothing(site: GitSite, author: Author) -> None:
    install(site, "--no-gate")
    before = (repository_of(site) / "config").read_bytes()
    assert "the gate installed" in install(site, "--gate", "--dry-run")
    assert not (repository_of(site) / "hooks" / GATE).exists()
    assert (repository_of(site) / "config").read_bytes() == before


# -- it fails open ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", [name for name in ("dash", "bash") if shutil.which(name)])
def test_only_the_status_of_a_refusal_refuses(tmp_path: Path, shell: str) -> None:
    repository, python = make_bare(tmp_path / "x.git"), tmp_path / "the python"
    install_hook(
        repository,
        hook_text(python, tmp_path / "c", Config(), name=GATE),
        in_repository(GATE, repository),
    )
    one, none = "a" * 40, "0" * 40
    made = f"{none} {one} refs/tags/publish/1.0\n"
    ordinary = f"{one} {none} refs/tags/publish/2.0\n{none} {one} refs/heads/master\n"
    for ends, expected in (("0", 0), ("10", 1), ("1", 0), ("3", 0), ("130", 0)):
        python.write_text(f"#!/bin/sh\ncat\nexit {ends}\n")
        python.chmod(0o755)
        for stdin, started in ((ordinary, False), (ordinary + made, True)):
            done = subprocess.run(
                [shell, f"hooks/{GATE}"], cwd=repository, env={"PATH": os.defpath}, input=stdin,
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == (expected if started else 0)
            assert done.stdout.startswith(made if started else "")
            assert ("in unseen" in done.stdout) == (started and ends not in ("0", "10"))
            assert bool(done.stdout) == started


def _no_interpreter(site: GitSite) -> str:
    _set_python(site, Path("/nowhere/python"))
    return "its interpreter is not there"


def _broken_interpreter(site: GitSite) -> str:
    python = site.folder / "python"
    python.write_text("#!/bin/sh\necho Traceback >&2\nexit 1\n")
    python.chmod(0o755)
    _set_python(site, python)
    return "it did not come to its end"


def _other_interpreter(site: GitSite) -> str:
    _set_python(site, Path("/usr/bin/python3"))  # which does not know the program
    return "it did not come to its end"


def _set_python(site: GitSite, python: Path) -> None:
    hook = repository_of(site) / "hooks" / GATE
    hook.write_text(hook.read_text().replace(sys.executable, str(python)))


def _broken_config(site: GitSite) -> str:
    site.config.write_text("state = 1\n")
    return "/"


def _closed_config(site: GitSite) -> str:
    site.config.unlink()
    site.config.mkdir()  # which not even root reads
    return ""


def _no_git(site: GitSite) -> str:
    hook = repository_of(site) / "hooks" / GATE
    hook.write_text(hook.read_text().replace("#!/bin/sh\n", "#!/bin/sh\nunset GIT_DIR; cd /\n"))
    return ". cannot be read by git: "


@pytest.mark.parametrize(
    "spoil",
    [
        _no_interpreter, _broken_interpreter, _other_interpreter, _broken_config, _closed_config,
        _no_git,
    ],
)  # fmt: skip
def test_what_is_broken_lets_a_push_in(
    site: GitSite, author: Author, spoil: Callable[[GitSite], str]
) -> None:
    said = spoil(site)
    author.commit(BAD)
    author.tag("publish/1.0")
    lines = remote_lines(author.push("master", "publish/1.0"))
    warned = [line for line in lines if "the gate" in line]
    assert warned == [lines[0]]
    assert lines[0].startswith(f"warning: the gate lets this push in unseen: {said}")
    assert len(lines[0]) <= 72
    assert "Traceback" not in "".join(lines)


def test_an_index_that_cannot_be_read(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0")
    author.push("publish/1.0")
    (path,) = site.index.rglob("modules/text/upper.json")
    path.write_text("{")
    author.commit({"README.md": "more"})
    author.tag("publish/2.0")
    lines = remote_lines(author.push("master", "publish/2.0"))
    assert lines[0].startswith(f"warning: the gate lets 1 publish tag in unseen: {path}"[:69])
    author.commit(BAD)  # which is known without an index
    author.tag("publish/3.0")
    assert UNPINNED in refusal(author, "publish/3.0")


@root_only
def test_an_account_that_may_not_read_the_state_is_told_of_the_tree_alone() -> None:
    with open_folder() as folder:
        site = make_site(folder / "site")
        author = gated(site)
        author.tag("publish/1.0")
        author.push("publish/1.0")
        author.commit({"README.md": "moved"})
        moved = author.git("rev-parse", "HEAD")
        bad = author.commit(BAD)
        author.push("master")
        give(site.repositories, GIT)
        site.state.chmod(0o700)
        for commit, status in ((moved, 0), (bad, 1)):
            done = subprocess.run(
                ["sh", f"hooks/{GATE}"], cwd=repository_of(site), user=GIT, group=GIT,
                input=f"{'0' * 40} {commit} refs/tags/publish/1.0\n",
                env={"GIT_DIR": ".", "HOME": "/"},
                extra_groups=[], capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (status, "")
            assert (UNPINNED in done.stdout) == bool(status)
            assert "unseen" not in done.stdout


def test_a_mistake_of_the_program_is_kept_and_lets_a_push_in(site: GitSite, author: Author) -> None:
    (site.state / "index/private/text/modules/text").mkdir(parents=True)
    (site.state / "index/private/text/modules/text/upper.json").write_text('{"versions": 1}')
    author.tag("publish/1.0")
    lines = remote_lines(author.push("publish/1.0"))
    said = "warning: the gate lets 1 publish tag in unseen: it failed by a mistake of its own"
    assert lines[0] == f"{said[:69]}..."
    assert "KeyError" in (site.state / "logs" / "errors.log").read_text()


def test_what_hangs_lets_a_push_in_and_what_was_found_by_then_refuses_it(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", publish={"gate_seconds": 1})
    author = gated(site)
    folder = site.state / "index/private/text/modules/text"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "upper.json")  # as a file of a disk that does not answer
    repository, head = repository_of(site), author.git("rev-parse", "HEAD")
    for tags, status, said in (
        (["1.0"], 0, "warning: the gate lets this push in unseen: it takes longer than 1 s"),
        (["x", "1.0"], 10, "error: nothing of this push is stored, because of publish/x"),
    ):
        lines = "".join(f"{'0' * 40} {head} refs/tags/publish/{tag}\n" for tag in tags)
        done = subprocess.run(
            [sys.executable, "-m", "mlreef_hooks", "--config", site.config, "pre-receive"],
            input=lines, cwd=repository, capture_output=True, text=True, timeout=60, check=False,
            env={"GIT_DIR": ".", "PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (status, "")
        assert said in done.stdout


def test_the_gate_of_the_command_line_ends_with_ten(site: GitSite, author: Author) -> None:
    head = author.git("rev-parse", "HEAD")
    line = f"{'0' * 40} {head} refs/tags/publish/x\n".encode()
    done = subprocess.run(
        [sys.executable, "-m", "mlreef_hooks", "pre-receive"], input=line, check=False,
        cwd=repository_of(site), capture_output=True, timeout=60,
        env={"GIT_DIR": ".", "PATH": os.environ["PATH"], "MLREEF_HOOKS_CONFIG": str(site.config)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (10, b"")
    assert b"[tag-version-invalid]" in done.stdout


def test_an_ordinary_push_starts_and_prints_nothing(site: GitSite, author: Author) -> None:
    _set_python(site, site.folder / "python")  # which would be told of
    author.commit({"README.md": "more"})
    author.tag("v1")
    assert remote_lines(author.push("master", "v1")) == []
    assert remote_lines(author.push(":v1")) == []


def test_the_hook_is_the_one_that_the_program_wants(site: GitSite, author: Author) -> None:
    from mlreef_hooks.cli.configuration import load_config

    config = load_config(str(site.config))
    expected = hook_text(Path(sys.executable), site.config, config, name=GATE)
    assert (repository_of(site) / "hooks" / GATE).read_text() == expected
