"""Every shape of push that has to do with publish tags, by real pushes and a real engine."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.git import Author, remote_lines
from tests.support.site import PROJECT, SCRIPT, GitSite

pytestmark = pytest.mark.engine
MakeSite = Callable[..., GitSite]


@pytest.fixture
def make_site(tmp_path: Path, engine: str, base_image: str) -> Iterator[MakeSite]:
    """Makes a site with the engine of the tests; its second push meets a process that is ready."""
    with ExitStack() as ends:

        def make(**settings: Any) -> GitSite:
            tables = {"worker": {"stay": True}, **settings}
            site = GitSite(tmp_path / "site", engine, base_image, tables)
            ends.callback(site.end_ready)
            return site

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> GitSite:
    return make_site()


@pytest.fixture
def author(site: GitSite) -> Author:
    """An author whose first commit is on the server."""
    author = site.author("text/upper")
    author.commit(PROJECT)
    author.push("master")
    return author


def said(pushed: str) -> str:
    """What the server said, in one text."""
    return "\n".join(remote_lines(pushed))


def test_a_push_without_a_publish_tag_prints_nothing(site: GitSite, author: Author) -> None:
    author.commit({"README.md": "more"})
    author.tag("v1.0")
    assert said(author.push("master", "v1.0")) == ""
    assert not site.state.joinpath("jobs.sqlite").exists()


def test_branch_and_tag_in_one_push(site: GitSite) -> None:
    author = site.author("text/upper")
    commit = author.commit(PROJECT)
    author.tag("publish/1.0.0")
    lines = remote_lines(author.push("master", "publish/1.0.0"))
    assert lines[0] == f"mlreef: publishing upper 1.0.0 (publish/1.0.0, {commit[:7]})"
    assert lines[1] == "  check   3 files, upper.py, 3 parameters, 0 requirements"
    assert any(line.startswith("success: upper 1.0.0 is published (") for line in lines)
    assert lines[-1] == "hint: mlreef-hooks run text/upper@1.0.0 --input DIR --output DIR"
    assert all(len(line) <= 72 for line in lines)
    document = site.document("text/upper")
    assert document is not None
    (version,) = document["versions"]
    assert (version["commit"], version["tag"]) == (commit, "publish/1.0.0")
    assert document["visibility"] == "private"


def test_a_tag_after_its_branch(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    assert "success: upper 1.0.0" in said(author.push("publish/1.0.0"))
    assert site.versions("text/upper") == ["1.0.0"]


def test_a_tag_before_its_branch_is_parked_and_published_with_it(
    site: GitSite, author: Author
) -> None:
    commit = author.commit({"README.md": "more"})
    author.tag("publish/1.0.0")
    parked = said(author.push("publish/1.0.0"))
    assert f"publish/1.0.0 is parked: {commit[:7]} is not on master" in parked
    assert site.versions("text/upper") == []
    author.git("branch", "other", "HEAD")
    assert said(author.push("other")) == ""  # another branch is not the main branch
    assert "success: upper 1.0.0" in said(author.push("master"))
    assert site.versions("text/upper") == ["1.0.0"]
    author.commit({"README.md": "again"})
    assert said(author.push("master")) == ""


def test_a_parked_tag_that_is_deleted_is_forgotten(site: GitSite, author: Author) -> None:
    author.commit({"README.md": "more"})
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    assert "publish/1.0.0 is deleted and will not be published" in said(
        author.push(":publish/1.0.0")
    )
    assert said(author.push("master")) == ""
    assert site.versions("text/upper") == []


def test_a_parked_tag_that_is_moved_publishes_where_it_is_now(
    site: GitSite, author: Author
) -> None:
    author.commit({"README.md": "one"})
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    moved = author.commit({"README.md": "two"})
    author.tag("publish/1.0.0", force=True)
    author.push("--force", "publish/1.0.0")
    author.push("master")
    document = site.document("text/upper")
    assert document is not None
    assert [each["commit"] for each in document["versions"]] == [moved]


def test_the_same_tag_again_is_already_published(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    before = site.document("text/upper")
    author.tag("publish/1.0.0", "now annotated", force=True)  # another object, the same commit
    assert "upper 1.0.0 is already published" in said(author.push("--force", "publish/1.0.0"))
    assert site.document("text/upper") == before


def test_a_moved_tag_of_a_published_version_is_refused(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    before = site.document("text/upper")
    author.commit({"README.md": "more"})
    author.tag("publish/1.0.0", force=True)
    refused = said(author.push("--force", "master", "publish/1.0.0"))
    assert "stays as it is" in refused
    assert "[tag-moved]" in refused
    assert "the push itself is stored" in refused
    assert site.document("text/upper") == before


def test_a_moved_tag_is_refused_under_another_name_too(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    author.commit({"mlreef.toml": '[module]\nname = "louder"\nkind = "data-operation"\n'})
    author.tag("publish/1.0.0", force=True)
    assert "[tag-moved]" in said(author.push("--force", "master", "publish/1.0.0"))
    assert site.versions("text/louder") == []


def test_a_moved_tag_of_a_version_that_failed_is_a_new_try(site: GitSite, author: Author) -> None:
    author.commit({"upper.py": SCRIPT + "def broken(:\n"})
    author.tag("publish/1.0.0")
    assert "[syntax-error]" in said(author.push("master", "publish/1.0.0"))
    assert site.versions("text/upper") == []
    author.commit({"upper.py": SCRIPT})
    author.tag("publish/1.0.0", force=True)
    assert "success: upper 1.0.0" in said(author.push("--force", "master", "publish/1.0.0"))


def test_the_same_version_from_another_tag_and_commit_is_refused(
    site: GitSite, author: Author
) -> None:
    author.tag("publish/1.2")
    author.push("publish/1.2")
    author.commit({"README.md": "more"})
    author.tag("publish/1.2.0")
    assert "[version-taken]" in said(author.push("master", "publish/1.2.0"))
    assert site.versions("text/upper") == ["1.2"]


def test_a_deleted_tag_yanks_and_the_same_tag_brings_the_version_back(
    site: GitSite, author: Author
) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    assert "upper 1.0.0 is yanked" in said(author.push(":publish/1.0.0"))
    document = site.document("text/upper")
    assert document is not None
    (version,) = document["versions"]
    assert (version["yanked"], version["yank_reason"]) == (True, "the publish tag was deleted")
    assert "no longer yanked" in said(author.push("publish/1.0.0"))
    document = site.document("text/upper")
    assert document is not None
    assert (document["versions"][0]["yanked"], document["versions"][0]["yank_reason"]) == (
        False,
        None,
    )


def test_deleting_another_tag_of_the_version_yanks_nothing(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.tag("publish/1.0")
    author.push("publish/1.0.0")
    assert "already published" in said(author.push("publish/1.0"))
    assert said(author.push(":publish/1.0")) == ""
    document = site.document("text/upper")
    assert document is not None
    assert not document["versions"][0]["yanked"]


def test_a_parked_commit_that_is_gone_holds_up_no_other(site: GitSite, author: Author) -> None:
    main = author.git("rev-parse", "HEAD")
    author.commit({"README.md": "lost"})
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    author.git("reset", "--quiet", "--hard", main)
    author.commit({"README.md": "kept"})
    author.tag("publish/2.0.0")
    author.push("publish/2.0.0")
    repository = ("--git-dir", str(site.repositories / "text" / "upper.git"))
    author.git(*repository, "update-ref", "-d", "refs/tags/publish/1.0.0")
    author.git(*repository, "gc", "--quiet", "--prune=now")
    assert "success: upper 2.0.0" in said(author.push("master"))
    assert site.versions("text/upper") == ["2.0.0"]


def test_an_annotated_tag_is_the_release_note(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0", "Louder\n\nAll letters are capitals \u2014 now.")
    author.push("publish/1.0.0")
    document = site.document("text/upper")
    assert document is not None
    assert document["versions"][0]["notes"] == "Louder\n\nAll letters are capitals \u2014 now."


def test_a_tag_of_a_tag_publishes_the_commit(site: GitSite, author: Author) -> None:
    commit = author.git("rev-parse", "HEAD")
    author.tag("inner", "inner")
    author.tag("publish/1.0.0", "outer", target="inner")
    author.push("publish/1.0.0")
    document = site.document("text/upper")
    assert document is not None
    assert (document["versions"][0]["commit"], document["versions"][0]["notes"]) == (
        commit,
        "outer",
    )


def test_tags_that_lead_to_no_commit_are_findings(site: GitSite, author: Author) -> None:
    for depth in range(20):
        author.tag(f"nested-{depth}", "again", target=f"nested-{depth - 1}" if depth else "HEAD")
    author.tag("publish/1.0.0", "deep", target="nested-19")
    author.tag("publish/2.0.0", target="HEAD^{tree}")
    author.tag("publish/3.0.0", target="HEAD:upper.py")
    pushed = said(author.push("publish/1.0.0", "publish/2.0.0", "publish/3.0.0"))
    assert "error: publish/1.0.0: more than 16 tags" in pushed
    assert "error: publish/2.0.0: the tag points to a tree" in pushed
    assert "error: publish/3.0.0: the tag points to a blob" in pushed
    assert pushed.count("[tag-target]") == 2
    assert site.versions("text/upper") == []


@pytest.mark.parametrize("tag", ["publish/first", "publish/1.0+local", "publish/a/b"])
def test_a_publish_tag_without_a_version_is_a_finding(author: Author, tag: str) -> None:
    author.tag(tag)
    assert "[tag-version-invalid]" in said(author.push(tag))


def test_several_tags_in_one_push_are_published_each(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.commit({"README.md": "more"})
    author.tag("publish/1.1.0")
    author.tag("publish/2.0.0rc1")
    pushed = said(author.push("master", "publish/1.0.0", "publish/1.1.0", "publish/2.0.0rc1"))
    assert pushed.count("success: ") == 3
    assert site.versions("text/upper") == ["2.0.0rc1", "1.1.0", "1.0.0"]
    (line,) = json.loads(site.command("list", "--format", "json").stdout)
    assert line["version"] == "1.1.0"  # a release candidate is nobody's default


def test_a_push_with_ten_mistakes_lists_all_ten(site: GitSite, author: Author) -> None:
    project = Path(__file__).parent / "projects" / "ten-mistakes"
    mistakes = {each.name: each.read_bytes() for each in project.iterdir()}
    author.commit({"upper.py": None, **mistakes})
    author.tag("publish/1.0.0")
    pushed = remote_lines(author.push("master", "publish/1.0.0"))
    found = [line for line in pushed if re.match(r"error: \S+:\d+: ", line)]
    assert len(found) == 10
    assert "error: not published because of 10 errors" in pushed
    assert site.versions("text/upper") == []


def test_several_modules_in_one_repository(make_site: MakeSite) -> None:
    site = make_site(registry={"prefix": "several"})
    author = site.author("text/case")
    table = '[[module]]\nname = "{0}"\nkind = "data-operation"\nentry_point = "{0}.py"\n'
    author.commit(
        {
            "upper.py": SCRIPT,
            "lower.py": SCRIPT.replace("upper", "lower"),
            "requirements.txt": "",
            "mlreef.toml": table.format("upper") + table.format("lower"),
        }
    )
    for tag in ("publish/upper/1.0.0", "publish/lower/0.1", "publish/1.0", "publish/uper/1.0"):
        author.tag(tag)
    assert "success: upper 1.0.0" in said(author.push("master", "publish/upper/1.0.0"))
    assert "success: lower 0.1" in said(author.push("publish/lower/0.1"))
    nameless = said(author.push("publish/1.0"))
    assert "the tag names no module" in nameless
    assert "[module-unknown]" in nameless
    assert "did you mean upper?" in said(author.push("publish/uper/1.0"))
    assert (site.versions("text/upper"), site.versions("text/lower")) == (["1.0.0"], ["0.1"])


def test_a_name_belongs_to_the_first_repository(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    other = site.author("text/other")
    toml = '[module]\nname = "upper"\nkind = "data-operation"\n'
    other.commit({**PROJECT, "mlreef.toml": toml})
    other.tag("publish/9.0.0")
    assert "[module-taken]" in said(other.push("master", "publish/9.0.0"))
    assert site.versions("text/upper") == ["1.0.0"]


def test_the_main_branch_is_a_setting_of_the_site_and_of_a_repository(
    make_site: MakeSite,
) -> None:
    site = make_site(publish={"main_branch": "main"})
    author = site.author("text/upper")
    author.commit(PROJECT)
    author.tag("publish/1.0.0")
    assert "is not on main" in said(author.push("master", "publish/1.0.0"))
    assert "success: upper 1.0.0" in said(author.push("master:main"))
    repository = site.repositories / "text" / "upper.git"
    author.git("--git-dir", str(repository), "config", "mlreef.mainBranch", "master")
    author.commit({"README.md": "more"})
    author.tag("publish/1.1.0")
    assert "success: upper 1.1.0" in said(author.push("master", "publish/1.1.0"))


def test_the_form_of_tags_is_a_setting(make_site: MakeSite) -> None:
    site = make_site(publish={"tags": ["v{version}", "{module}@v{version}"]})
    author = site.author("text/upper")
    author.commit(PROJECT)
    for tag in ("v1.0.0", "upper@v1.1.0", "publish/2.0.0", "vendor/x", "v1.x"):
        author.tag(tag)
    pushed = said(
        author.push("master", "v1.0.0", "upper@v1.1.0", "publish/2.0.0", "vendor/x", "v1.x")
    )
    assert pushed.count("success: ") == 2
    assert pushed.count("[tag-version-invalid]") == 1
    assert site.versions("text/upper") == ["1.1.0", "1.0.0"]


def test_a_sha256_repository(site: GitSite) -> None:
    author = site.author("text/upper", "sha256")
    commit = author.commit(PROJECT)
    author.tag("publish/1.0.0", "notes")
    assert "success: upper 1.0.0" in said(author.push("master", "publish/1.0.0"))
    document = site.document("text/upper")
    assert document is not None
    assert document["versions"][0]["commit"] == commit
    assert len(commit) == 64


def test_visibility_follows_the_repository_at_each_write(site: GitSite, author: Author) -> None:
    repository = site.repositories / "text" / "upper.git"

    def folder_after(visibility: str, refspec: str) -> str:
        author.git("--git-dir", str(repository), "config", "mlreef.visibility", visibility)
        author.push(refspec)
        (found,) = site.index.rglob("modules/text/upper.json")
        return str(found.relative_to(site.index).parents[2])

    for version in ("1.0", "1.1", "1.2"):
        author.tag(f"publish/{version}")
    assert folder_after("public", "publish/1.0") == "public"
    assert folder_after("private", "publish/1.1") == "private/text"
    assert folder_after("internal", "publish/1.2") == "internal"
    assert folder_after("public", ":publish/1.1") == "internal"  # a yank widens nothing
    assert folder_after("private", ":publish/1.2") == "private/text"


def test_an_engine_that_is_away_keeps_the_job_for_a_retry(
    tmp_path: Path, engine: str, base_image: str
) -> None:
    site = GitSite(tmp_path / "site")
    author = site.author("text/upper")
    author.commit(PROJECT)
    author.tag("publish/1.0.0")
    pushed = said(author.push("master", "publish/1.0.0"))
    assert "job 1 is kept" in pushed
    assert "the push itself is stored" in pushed
    author.commit({"README.md": "more"})
    author.tag("publish/2.0.0")
    author.push("publish/2.0.0")
    author.tag("publish/3.0.0")
    author.push("publish/3.0.0", ":publish/2.0.0")
    site.command("retry", "1", expect=1)
    again = site.command("retry", "2", expect=1).stdout
    assert "is cancelled: its tag was deleted" in again
    assert "is not on master" in site.command("retry", "3", expect=1).stdout
    GitSite(tmp_path / "site", engine, base_image)  # the administrator corrects the configuration
    assert "success: upper 1.0.0" in site.command("retry", "--all").stdout
    assert site.versions("text/upper") == ["1.0.0"]


# what could not be written down


def blocked(path: Path) -> Path:
    """A folder in the place of a file, which nobody can write then; where the file is meanwhile."""
    away = path.with_name("away")
    if path.exists():
        path.rename(away)
    path.mkdir()
    return away


def released(path: Path) -> None:
    """The file is back."""
    path.rmdir()
    if (away := path.with_name("away")).exists():
        away.rename(path)


def test_a_deleted_tag_yanks_once_the_index_can_be_written(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    blocked(site.index / ".lock")
    pushed = said(author.push("--delete", "publish/1.0.0"))
    assert "error: the index cannot be written" in pushed
    assert "the next push to this repository does it" in pushed.replace("\n  ", " ")
    released(site.index / ".lock")
    author.commit({"README.md": "more"})
    assert "upper 1.0.0 is yanked" in said(author.push("master"))
    assert (site.document("text/upper") or {})["versions"][0]["yanked"]
    assert said(author.push("master:other")) == ""


def test_a_tag_is_published_once_the_job_table_can_be_written(
    site: GitSite, author: Author
) -> None:
    blocked(site.state / "jobs.sqlite")
    author.tag("publish/1.0.0")
    pushed = said(author.push("publish/1.0.0")).replace("\n  ", " ")
    assert "cannot be written" in pushed
    assert "the next push to this repository does it" in pushed
    released(site.state / "jobs.sqlite")
    author.commit({"README.md": "more"})
    assert "success: upper 1.0.0" in said(author.push("master"))
    author.commit({"README.md": "and more"})
    assert said(author.push("master")) == ""


def test_a_tag_that_is_gone_by_then_is_not_published(site: GitSite, author: Author) -> None:
    blocked(site.state / "jobs.sqlite")
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    author.push("--delete", "publish/1.0.0")
    released(site.state / "jobs.sqlite")
    author.commit({"README.md": "more"})
    assert "success: " not in said(author.push("master"))
    assert site.document("text/upper") is None


def test_a_module_that_the_index_lost_comes_back_with_its_tag(
    site: GitSite, author: Author
) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    before = site.document("text/upper")
    next(site.index.rglob("modules/text/upper.json")).unlink()
    author.git("push", "origin", ":publish/1.0.0")
    assert "success: upper 1.0.0" in said(author.push("publish/1.0.0"))
    after = site.document("text/upper")
    assert before is not None
    assert after is not None
    assert after["versions"][0]["image"] == before["versions"][0]["image"]


def test_a_namespace_belongs_to_one_folder(site: GitSite, author: Author) -> None:
    author.tag("publish/1.0.0")
    author.push("publish/1.0.0")
    other = site.author("Text/lower")
    other.commit(PROJECT)
    other.tag("publish/1.0.0")
    pushed = said(other.push("master", "publish/1.0.0")).replace("\n  ", " ")
    assert "error: the namespace text belongs to another folder" in pushed
    assert "renames one of them: Text is taken for it too" in pushed
    assert site.document("text/lower") is None
