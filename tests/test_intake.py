"""From tags in a repository to requests, or to findings that say why there is none."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlreef_hooks.config import Config, Publish
from mlreef_hooks.intake import main_branch, publish_tags, read_request
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import PublishRequest, PushEvent, RefUpdate, RepositoryName
from mlreef_hooks.repository import GitRepository
from tests.support.git import Author

NAME = RepositoryName(key="vision/x", namespace="vision", name="x")
OLD = "0" * 40


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """An author with a commit."""
    author = Author(tmp_path / "clone", "nowhere")
    author.commit({"x.py": "x = 1\n"})
    return author


@pytest.fixture
def repository(author: Author, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitRepository]:
    """The author's repository."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    with closing(GitRepository(author.folder)) as opened:
        yield opened


def read(repository: GitRepository, tag: str, object_id: str) -> PublishRequest | Problem:
    """What becomes of a tag that was pushed."""
    update = RefUpdate(old=OLD, new=object_id, ref=f"refs/tags/{tag}")
    event = PushEvent(repository=NAME, pusher="ada", updates=(update,))
    ((found, publish_tag),) = publish_tags(event, Config())
    assert found == update
    return read_request(update, publish_tag, event, repository, "")


def test_a_tag_becomes_a_request(author: Author, repository: GitRepository) -> None:
    commit = author.git("rev-parse", "HEAD")
    light = read(repository, "publish/1.0", author.tag("publish/1.0"))
    annotated = read(repository, "publish/edges/2.0", author.tag("publish/edges/2.0", "notes"))
    assert isinstance(light, PublishRequest)
    assert isinstance(annotated, PublishRequest)
    assert (light.commit, light.module, light.notes) == (commit, None, "")
    assert (annotated.commit, annotated.module, annotated.notes) == (commit, "edges", "notes")
    assert (annotated.repository, annotated.pusher, str(annotated.version)) == (NAME, "ada", "2.0")


def test_only_publish_tags_count() -> None:
    refs = (
        "refs/tags/publish/1.0", "refs/tags/v1.0", "refs/heads/publish/1.0", "refs/heads/master",
        "refs/heads/refs/tags/publish/1.0", "refs/tags/publish/x",
    )  # fmt: skip
    updates = tuple(RefUpdate(old=OLD, new="1" * 40, ref=ref) for ref in refs)
    found = publish_tags(PushEvent(repository=NAME, pusher="ada", updates=updates), Config())
    assert [(update.ref, tag.version is None) for update, tag in found] == [
        ("refs/tags/publish/1.0", False), ("refs/tags/publish/x", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "target", "rule", "said"),
    [
        ("publish/first", "HEAD", "tag-version-invalid", "does not end with a version"),
        ("publish/1.0+local", "HEAD", "tag-version-invalid", "does not end with a version"),
        ("publish/1." + "1" * 127, "HEAD", "tag-version-invalid", "does not end with a version"),
        ("publish/caf\udce9/1.0", "HEAD", "module-unknown", "no module's name can"),
        ("publish/\u202e/1.0", "HEAD", "module-unknown", "no module's name can"),
        ("publish/1.0", "HEAD^{tree}", "tag-target", "points to a tree"),
        ("publish/1.0", "HEAD:x.py", "tag-target", "points to a blob"),
    ],
    ids=ascii,
)
def test_what_is_wrong_with_a_tag(
    author: Author, repository: GitRepository, tag: str, target: str, rule: str, said: str
) -> None:
    problem = read(repository, tag, author.git("rev-parse", target))
    assert isinstance(problem, Problem)
    assert (problem.rule, problem.severity, problem.line) == (rule, "error", None)
    assert said in problem.message
    assert problem.path.isprintable()


def test_an_object_that_cannot_be_read_is_a_finding(
    author: Author, repository: GitRepository
) -> None:
    long = author.tag("long", "x" * 70_000)
    for object_id, said in (("1" * 40, "missing"), (long, "bytes")):
        problem = read(repository, "publish/1.0", object_id)
        assert isinstance(problem, Problem)
        assert problem.rule == "tag-target"
        assert said in problem.message


def test_a_hint_can_be_pasted_into_a_shell(author: Author, repository: GitRepository) -> None:
    tree = author.git("rev-parse", "HEAD^{tree}")
    problem = read(repository, "publish/$(x);'/1.0", tree)
    assert isinstance(problem, Problem)
    assert """git tag -f 'publish/$(x);'"'"'/1.0' COMMIT""" in problem.hint


def test_the_main_branch(author: Author, repository: GitRepository) -> None:
    config = Config(publish=Publish(main_branch="trunk"))
    assert main_branch(repository, Config()) == "master"
    assert main_branch(repository, config) == "trunk"
    author.git("config", "mlreef.mainBranch", "main")
    assert main_branch(repository, config) == "main"
