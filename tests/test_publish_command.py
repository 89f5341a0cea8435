"""`mlreef-hooks publish`, in an author's clone, against real repositories with the hook."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doctor import root_only
from tests.support.git import Author, make_bare, write_hook
from tests.support.servers import ssh_command
from tests.support.site import PROJECT, SCRIPT, GitSite
from tests.support.ssh_keys import allow, make_key
from tests.support.tiny_site import MODULE, make_site
from tests.test_ssh_modules import serve_ssh

OTHER_SCRIPT = SCRIPT.replace("--times", "--count").replace("args.times", "args.count")
MORE_SCRIPT = SCRIPT.replace(
    "    args =", '    parser.add_argument("--more", type=int, default=1)\n    args ='
)
TWO = "".join(
    f'[[module]]\nname = "{name}"\nkind = "data-operation"\nentry_point = "upper.py"\n'
    'inputs = ["TEXT"]\noutputs = ["TEXT"]\n'
    for name in ("one", "two")
)


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    return make_site(tmp_path / "site")


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author whose first commit is not pushed yet."""
    author = site.author(MODULE)
    author.commit(PROJECT)
    return author


def command(author: Author, *words: str) -> list[str]:
    return [sys.executable, "-m", "mlreef_hooks", "publish", *words]


def environment(author: Author) -> dict[str, str]:
    """That of the author, who has no configuration of a site and no index."""
    home = author.folder / ".git" / "home"
    return {
        **author.environment,
        "XDG_STATE_HOME": str(home),
        "MLREEF_HOOKS_CONFIG": str(empty(home)),
    }


def empty(home: Path) -> Path:
    """A configuration that chooses a state folder without an index, whatever the machine has."""
    config = home / "mlreef.toml"
    config.write_text(f'state = "{home}/state"\n')
    return config


def publish(author: Author, *words: str, expect: int = 0) -> str:
    """What the author sees of `mlreef-hooks publish`, without a terminal."""
    done = subprocess.run(
        command(author, *words), cwd=author.folder, env=environment(author),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stdout
    return done.stdout


def tags(author: Author) -> list[str]:
    return author.git("tag").split()


def test_from_the_first_version_to_one_that_breaks(site: GitSite, author: Author) -> None:
    author.git("config", "color.ui", "always")
    said = publish(author, "--yes")
    assert "remote: success: upper 1.0.0 is published" in said
    assert said.endswith("upper 1.0.0 is published\n")
    author.commit({"README.md": "more"}, "# Say more\n\nA body")
    author.commit({"upper.py": MORE_SCRIPT}, "Take more \x1b[31m; $(touch x) 'quoted'")
    assert "pushing" in publish(author, "--yes")
    author.commit({"upper.py": OTHER_SCRIPT}, "Count")
    said = publish(author, "--yes", "--index", str(site.index))
    assert "          breaking: parameter times is gone\n" in said
    assert site.versions(MODULE) == ["2.0.0", "1.1.0", "1.0.0"]
    document = site.document(MODULE)
    assert document is not None
    assert [each["notes"] for each in document["versions"]] == [
        "upper 2.0.0\n\n- Count",
        "upper 1.1.0\n\n- Take more [31m; $(touch x) 'quoted'\n- # Say more",
        "upper 1.0.0\n\n- Change files",
    ]
    assert tags(author) == ["publish/1.0.0", "publish/1.1.0", "publish/2.0.0"]


def test_a_clone_without_the_tag_compares_with_it_all_the_same(
    site: GitSite, author: Author
) -> None:
    publish(author, "--yes")
    author.git("tag", "--delete", "publish/1.0.0")
    author.commit({"upper.py": OTHER_SCRIPT})
    said = publish(author, "--bump", "patch", "--dry-run")
    assert "warning: publish/1.0.1: 1.0.1 breaks what worked with 1.0.0" in said
    assert said.endswith("nothing was tagged or pushed (--dry-run)\n")
    assert tags(author) == []
    assert site.versions(MODULE) == ["1.0.0"]


def test_a_version_that_was_never_published_is_not_compared_with(
    site: GitSite, author: Author
) -> None:
    publish(author, "--yes")
    author.commit({"upper.py": "import argparse ("})
    author.git("tag", "publish/1.0.1")
    author.push("master", "publish/1.0.1")
    author.commit({"upper.py": OTHER_SCRIPT})
    said = publish(author, "--yes")
    assert "change  2 changes since 1.0.0\n" in said
    assert site.versions(MODULE) == ["2.0.0", "1.0.0"]


REFUSED = [
    ([], "error: nobody can be asked for the version\nhint: give --version, --bump or --yes"),
    (["--version", "1.0"], "error: nobody can be asked for the notes\nhint: give --notes,"),
    (["--version", "one"], "error: 'one' is no version"),
    (
        ["--yes", "--remote", "no"],
        "error: there is no remote no\nhint: name one by --remote: origin",
    ),
    (["--yes", "--module", "lower"], "error: there is no module lower\nhint: name one of upper"),
    (["--yes", "--index", "/nowhere"], "error: there is no index at /nowhere"),
    (["--yes", "--notes", "long " * 13_000], "error: the notes have 65000 bytes and 61440 are"),
    (["--yes", "--tag-pattern", "x"], "error: 'x' is not a tag pattern"),
]


@pytest.fixture(scope="module")
def plain_author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    """An author whose server has no hook."""
    folder = tmp_path_factory.mktemp("plain")
    author = Author(folder / "upper", make_bare(folder / "text" / "upper.git"))
    author.commit(PROJECT)
    author.push("master")
    return author


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_is_missing_or_wrong_is_told(
    plain_author: Author, words: list[str], said: str
) -> None:
    assert said in publish(plain_author, *words, expect=1)
    assert tags(plain_author) == []


def test_flags_that_contradict_each_other_are_a_mistake(plain_author: Author) -> None:
    publish(plain_author, "--version", "1.0", "--bump", "major", expect=2)
    publish(plain_author, "--notes", "x", "--notes-file", "upper.py", expect=2)
    publish(plain_author, "--wait", "-1", expect=2)


def test_without_a_commit_or_a_remote_it_is_told_what_to_do(tmp_path: Path) -> None:
    author = Author(tmp_path / "upper", tmp_path / "none.git")
    said = publish(author, "--yes", expect=1)
    assert "error: there is no commit yet\nhint: git add" in said
    said = publish(author, "--yes", str(tmp_path), expect=1)
    assert f"error: {tmp_path} is in no git repository\nhint: go into your clone; or" in said
    author.git("remote", "remove", "origin")
    said = publish(author, "--yes", expect=1)
    assert "error: there is no remote origin\nhint: git remote add origin URL" in said


def test_the_module_is_named_by_the_remote_that_it_goes_to(site: GitSite, author: Author) -> None:
    author.git("remote", "rename", "origin", "central")
    author.git("switch", "--create", "aside")
    author.git("worktree", "add", "../of-another-name", "master")
    elsewhere = str(author.folder.parent / "of-another-name")
    said = publish(author, elsewhere, "--yes")
    assert said.endswith("upper 1.0.0 is published\n")


def test_an_index_that_fails_while_it_is_waited_for_is_no_end(
    site: GitSite, author: Author
) -> None:
    publish(author, "--yes")
    (document,) = site.index.rglob("modules/text/upper.json")
    said = "mlreef: job 7 goes on in the background"
    write_hook(
        site.repository(MODULE), "post-receive", f"#!/bin/sh\necho {said}; echo >{document}\n"
    )
    author.commit({"README.md": "more"})
    said = publish(author, "--yes", "--index", str(site.index), "--wait", "0", expect=1)
    assert "error: upper 1.0.1 is not published yet\nhint: " in said


def test_a_version_beside_the_main_branch_is_not_waited_for(site: GitSite, author: Author) -> None:
    author.git("switch", "--create", "side")
    said = publish(author, "--yes", "--branch", "side", "--index", str(site.index), expect=1)
    assert "error: upper 1.0.0 is not published yet; its tag is on the server" in said
    assert "waiting" not in said


def test_what_is_not_committed_is_not_published(plain_author: Author) -> None:
    script = plain_author.folder / "upper.py"
    script.write_text(OTHER_SCRIPT)
    said = publish(plain_author, "--yes", expect=1)
    assert "error: there are changes that are not committed: upper.py" in said
    plain_author.git("checkout", "--", "upper.py")
    (plain_author.folder / "junk\x1b[31m").write_text("")
    said = publish(plain_author, "--yes", "--dry-run")
    assert "warning: not in git, so not published: junk[31m" in said
    (plain_author.folder / "junk\x1b[31m").unlink()


def test_a_commit_with_errors_goes_nowhere(plain_author: Author) -> None:
    plain_author.git("switch", "--create", "bad")
    plain_author.commit({"requirements.txt": "numpy\n"})
    said = publish(plain_author, "--yes", "--branch", "bad", expect=1)
    assert "requirement-unpinned" in said
    plain_author.git("switch", "master")
    plain_author.git("switch", "--create", "side")
    said = publish(plain_author, "--yes", expect=1)
    assert "error: versions are published from master, and you are on side" in said
    plain_author.git("switch", "master")


def test_a_server_without_the_hook_is_told(tmp_path: Path) -> None:
    author = Author(tmp_path / "upper", make_bare(tmp_path / "upper.git"))
    author.commit(PROJECT)
    said = publish(author, "--yes", expect=1)
    assert "error: the server took publish/1.0.0 and said nothing of a publish" in said
    assert "publish/1.0.0" in author.git("ls-remote", "--tags", "origin")


def test_a_push_that_is_refused_leaves_no_tag(tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "upper.git")
    author = Author(tmp_path / "upper", bare)
    author.commit(PROJECT)
    author.push("master")
    write_hook(bare, "update", "#!/bin/sh\ncase $1 in refs/tags/*) echo no tags; exit 1;; esac\n")
    author.commit({"README.md": "more"})
    said = publish(author, "--yes", expect=1)
    assert "remote: no tags" in said
    assert "error: the server did not take the push" in said
    assert tags(author) == []
    assert author.git("ls-remote", "origin", "master").split()[0] != author.git("rev-parse", "HEAD")


def test_an_interrupted_push_leaves_no_tag(tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "upper.git")
    author = Author(tmp_path / "upper", bare)
    author.commit(PROJECT)
    write_hook(bare, "pre-receive", "#!/bin/sh\nkill -INT 0\n")  # as Ctrl-C does on a terminal
    done = subprocess.run(
        command(author, "--yes"), cwd=author.folder, env=environment(author),
        start_new_session=True, check=False,
    )  # fmt: skip
    assert (done.returncode, tags(author)) == (130, [])


def test_a_server_that_is_gone_meanwhile_may_have_the_tag(tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "upper.git")
    author = Author(tmp_path / "upper", bare)
    author.commit(PROJECT)
    write_hook(bare, "post-receive", f"#!/bin/sh\nmv {bare} {bare}.away\nkill -9 $PPID\n")
    said = publish(author, "--yes", expect=1)
    assert "error: whether the server took the push cannot be told; publish/1.0.0 stays" in said
    assert tags(author) == ["publish/1.0.0"]


def test_a_connection_that_breaks_once_all_is_in_is_no_refusal(tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "upper.git")
    author = Author(tmp_path / "upper", bare)
    author.commit(PROJECT)
    write_hook(bare, "post-receive", "#!/bin/sh\nkill -9 $PPID\n")
    said = publish(author, "--yes", "--wait", "0", expect=1)
    assert "error: upper 1.0.0 is not published yet" in said
    assert tags(author) == ["publish/1.0.0"]


def test_a_signed_tag_by_the_form_of_the_site(tmp_path: Path) -> None:
    allowed = allow(tmp_path / "allowed", ada=make_key(tmp_path / "ada"))
    settings = {"signed_tags": str(allowed), "tags": ["release-{version}"]}
    site = make_site(tmp_path / "site", publish=settings)
    author = site.author(MODULE)
    author.git("config", "gpg.format", "ssh")
    author.git("config", "user.signingKey", str(tmp_path / "ada"))
    author.commit(PROJECT)
    said = publish(author, "--yes", "--sign", "--tag-pattern", "release-{version}")
    assert said.endswith("upper 1.0.0 is published\n")
    assert tags(author) == ["release-1.0.0"]


def test_a_publish_that_fails_is_told_with_its_tag(site: GitSite, author: Author) -> None:
    author.commit({"requirements.txt": "no-such-package-anywhere==1.0\n"})
    said = publish(author, "--yes", "--wait", "0", expect=1)
    assert "error: upper 1.0.0 " in said
    assert site.versions(MODULE) == []
    assert tags(author) == ["publish/1.0.0"]
    again = (
        "publish the next version; or this one: git tag -f -a publish/1.0.0 (keeps its notes),"
        " git push origin HEAD:master +publish/1.0.0"
    )
    assert again in said
    author.commit(PROJECT, "Require less")
    author.git("-c", "core.editor=true", "tag", "-f", "-a", "publish/1.0.0")  # nothing is edited
    author.push("HEAD:master", "+publish/1.0.0")
    document = site.document(MODULE)
    assert document is not None
    (version,) = document["versions"]
    assert version["notes"] == "upper 1.0.0\n\n- Change files\n- Change files"


def test_the_notes_begin_at_the_last_version_that_is_published(
    site: GitSite, author: Author
) -> None:
    publish(author, "--yes")
    author.commit({"requirements.txt": "no-such-package-anywhere==1.0\n"}, "Require more")
    publish(author, "--yes", "--wait", "0", expect=1)
    author.commit(PROJECT, "Require less")
    said = publish(author, "--yes", "--dry-run", "--index", str(site.index))
    assert "  - Require less\n  - Require more\n" in said
    assert "  - Require less\nnothing was tagged" in publish(author, "--yes", "--dry-run")


def test_the_same_commit_is_published_again_only_where_that_is_meant(
    site: GitSite, author: Author
) -> None:
    publish(author, "--yes")
    same = "nothing was committed since publish/1.0.0, which is this very commit"
    said = publish(author, "--yes", expect=1)
    assert f"error: {same}\nhint: commit what is new, or name the version: --version 1.0.1" in said
    assert site.versions(MODULE) == ["1.0.0"]
    assert f"warning: {same}\n" in publish(author, "--yes", "--version", "1.0.1")
    said = "".join(talk(author, "", ""))
    assert "nothing was committed since publish/1.0.1" in said
    assert "publish it as publish/1.0.2? [y/N]: " in said
    assert site.versions(MODULE) == ["1.0.1", "1.0.0"]


def test_one_of_several_modules_by_the_form_of_its_tags(site: GitSite) -> None:
    author = site.author("text/both")
    author.commit({**PROJECT, "mlreef.toml": TWO})
    said = publish(author, "--yes", expect=1)
    assert "error: the repository has several modules\nhint: name one by --module: one, two" in said
    notes = "# Heading\n\n  kept as it is\n"
    publish(author, "--yes", "--module", "two", "--version", "0.1", "--notes", notes)
    assert tags(author) == ["publish/two/0.1"]
    document = site.document("text/two")
    assert document is not None
    assert document["versions"][0]["notes"] == "# Heading\n\n  kept as it is"


@root_only
def test_over_ssh_the_server_is_asked_for_the_index_and_followed(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    with serve_ssh(tmp_path, site, {"ada": str(os.getuid())}) as port:
        url = f"ssh://root@127.0.0.1:{port}{site.repository(MODULE)}"
        command = ssh_command(tmp_path).replace("author_key", "ada_key")
        author = Author(tmp_path / "upper", url, environment={"GIT_SSH_COMMAND": command})
        author.git("config", "push.pushOption", "mlreef.async")
        author.commit(PROJECT)
        said = publish(author, "--yes")
        assert "remote: mlreef: job 1 goes on in the background" in said
        assert "waiting for the index, at most 300 s" in said
        assert said.endswith("upper 1.0.0 is published\n")
        site.command("yank", f"{MODULE}@1.0.0", "--reason", "seen in the index alone")
        author.commit({"upper.py": OTHER_SCRIPT})
        said = publish(author, "--yes", "--dry-run")
        assert "upper 1.1.0: what changed since 1.0.0 cannot be told" in said


def talk(author: Author, *answers: str) -> Iterator[str]:
    """What a terminal shows; each answer is typed once a question is there."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(author.folder)
        os.execve(sys.executable, command(author), environment(author))
    waiting, shown = list(answers), ""
    while True:
        try:
            piece = os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other side is gone
            break
        if not piece:
            break
        shown += piece
        yield piece
        if re.search(r"[\])]: $", shown) and waiting:
            shown = ""
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    yield f"exit {os.waitstatus_to_exitcode(status)}"


def test_a_terminal_is_asked_for_what_is_not_said(site: GitSite, author: Author) -> None:
    said = "".join(talk(author, "0.1.0", "n"))
    assert "version [1.0.0]: " in said
    assert "publish it as publish/0.1.0? [Y/n]: " in said
    assert said.endswith("exit 1")
    assert (tags(author), site.versions(MODULE)) == ([], [])
    said = "".join(talk(author, "", ""))
    assert said.endswith("exit 0")
    assert site.versions(MODULE) == ["1.0.0"]
