"""The edge of a module: each push of the main branch published, where that is wanted."""

import json
import os
import signal
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.edge_mark import MARK
from mlreef_hooks.oci import MANIFEST
from mlreef_hooks.process import process_of
from tests.support.doctor import look
from tests.support.git import Author, remote_lines
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.processes import find_program, wait_until
from tests.support.publishing import project
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import make_site

MODULE = "text/upper"
SEVERAL = """\
[[module]]
name = "upper"
kind = "data-operation"
entry_point = "upper.py"
inputs = ["TEXT"]
outputs = ["TEXT"]
[[module]]
name = "lower"
kind = "data-operation"
entry_point = "lower.py"
inputs = ["TEXT"]
outputs = ["TEXT"]
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index that keeps all who ask waiting while it is not `awake`."""
    with package_index() as found:
        for number in range(6):
            found.add(make_wheel(f"six{number}", "1.0", {f"six{number}.py": ""}))
        yield found


@pytest.fixture
def site(tmp_path: Path, index: PackageIndex, request: pytest.FixtureRequest) -> Iterator[GitSite]:
    """A site without an engine; with a parameter that is true, one whose worker stays."""
    site = make_site(
        tmp_path / "site", pip={"index_url": index.url}, images={"path": ""},
        builder={"layers": {"start": "never"}}, worker={"stay": getattr(request, "param", False)},
    )  # fmt: skip
    yield site
    index.awake.set()
    site.end_ready()


@pytest.fixture
def author(site: GitSite) -> Author:
    """The author of a repository whose pushes are published."""
    author = site.author(MODULE)
    site.install(site.repositories / f"{MODULE}.git", "--publish-on", "push")
    return author


def edge(site: GitSite, module: str = MODULE) -> dict[str, Any]:
    """The edge of a module; empty where it has none."""
    found: dict[str, Any] = (site.document(module) or {}).get("channels", {}).get("edge", {})
    return found


def jobs(site: GitSite) -> list[tuple[str, str, str, int]]:
    """Tag or branch, commit, state and tries of each job, oldest first."""
    if not (site.state / "jobs.sqlite").exists():
        return []
    said = json.loads(site.command("status", "-n", "99", "--format", "json").stdout)
    return [
        (job["tag"] or job["branch"], job["commit"], job["state"], job["tries"]) for job in said
    ]


def push_branch(author: Author, *words: str) -> "subprocess.Popen[str]":
    """A push of the branch that goes on."""
    return subprocess.Popen(
        [find_program("git"), "push", *words, "origin", "master"], cwd=author.folder,
        env=author.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def change(author: Author, number: int) -> str:
    """A commit of a change that needs a package of its own."""
    return author.commit(project(f"six{number}==1.0\n", **{"README.md": str(number)}))


def test_each_push_of_the_main_branch_moves_the_edge(site: GitSite, author: Author) -> None:
    first = author.commit(PROJECT)
    said = remote_lines(author.push("master"))
    assert said[0] == f"mlreef: publishing upper edge (master, {first[:7]})"
    assert said[1].startswith(f"success: edge of upper is {first[:7]} (")
    assert len(said) == 2
    found = edge(site)
    assert found["commit"] == first
    assert found["branch"] == "master"
    assert found["image"]["reference"] == "mlreef/text/upper:edge"
    assert {"version", "tag", "yanked"} & {*found} == set()
    second = author.commit({"README.md": "more"})
    author.push("master")
    assert edge(site)["commit"] == second
    assert edge(site)["image"]["digest"] != found["image"]["digest"]
    assert layout(site) == {"edge": edge(site)["image"]["digest"]}
    assert jobs(site) == [
        ("master", first, "published", 1),
        ("master", second, "published", 1),
    ]


def layout(site: GitSite) -> dict[str, str]:
    """The digests in the module's folder of images, by their tags."""
    document = json.loads((site.state / f"images/modules/{MODULE}/index.json").read_bytes())
    name = "org.opencontainers.image.ref.name"
    return {each["annotations"][name]: each["digest"] for each in document["manifests"]}


def test_other_branches_and_repositories_are_left_alone(site: GitSite, author: Author) -> None:
    author.commit(PROJECT)
    assert remote_lines(author.push("master:other", "master:refs/heads/x/master")) == []
    other = site.author("text/other")
    other.commit(PROJECT)
    assert remote_lines(other.push("master")) == []
    assert jobs(site) == []


def test_the_same_commit_again_is_not_published_again(site: GitSite, author: Author) -> None:
    first = author.commit(PROJECT)
    author.push("master")
    second = author.commit({"README.md": "more"})
    author.push("master")
    image, published = edge(site)["image"], edge(site)["published_at"]
    author.push(f"+{first}:refs/heads/master")
    assert edge(site)["commit"] == first
    assert "success: edge of upper" in author.push("master")
    assert edge(site)["commit"] == second
    assert edge(site)["image"] == image
    line = f"{first} {second} refs/heads/master\n".encode()
    said = hook(site, line)
    assert said == f"mlreef: edge of upper is already {second[:7]}\n"
    assert edge(site)["published_at"] >= published
    assert [tries for *_, tries in jobs(site)] == [2, 2]


def hook(site: GitSite, stdin: bytes, module: str = MODULE) -> str:
    """What the hook says to a push, run as git runs it."""
    repository = site.repositories / f"{module}.git"
    done = subprocess.run(
        ["hooks/post-receive"], cwd=repository, env={"GIT_DIR": ".", "PATH": os.environ["PATH"]},
        input=stdin, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode()


def test_the_branch_goes_where_it_is_forced(site: GitSite, author: Author) -> None:
    base = author.commit(PROJECT)
    author.commit({"README.md": "a mistake"})
    author.push("master")
    author.git("reset", "--quiet", "--hard", base)
    other = author.commit({"README.md": "instead"})
    author.push("+master")
    assert edge(site)["commit"] == other


@pytest.mark.parametrize("site", [False, True], ids=["loading", "staying"], indirect=True)
def test_of_many_pushes_the_last_is_published(
    site: GitSite, author: Author, index: PackageIndex
) -> None:
    base = author.commit(PROJECT)
    author.push("master")
    index.awake.clear()
    commits, pushes = [], []
    for number in range(5):
        commits.append(change(author, number))
        pushes.append(push_branch(author))
        asked = commits[-1]
        wait_until(lambda: any(job[1] == asked for job in jobs(site)))  # noqa: B023
        if not number:
            wait_until(lambda: jobs(site)[1][2] == "building")
    index.awake.set()
    said = [push.communicate()[1] for push in pushes]
    wait_until(lambda: edge(site).get("commit") == commits[-1])
    assert jobs(site)[0] == ("master", base, "published", 1)
    assert [job[2:] for job in jobs(site)[1:]] == [
        ("published", 1), ("superseded", 0), ("superseded", 0), ("superseded", 0), ("published", 1),
    ]  # fmt: skip
    assert f"edge of upper is {commits[0][:7]} (" in said[0]
    assert f"edge of upper is {commits[-1][:7]} (" in said[-1]
    assert "mlreef: master is superseded: a newer push took its place" in said[2]


def test_hooks_in_any_order_publish_the_newest_commit(site: GitSite, author: Author) -> None:
    first = author.commit(PROJECT)
    author.push("master")
    (site.repositories / f"{MODULE}.git/hooks/post-receive").rename(site.folder / "hook")
    commits = [first, *(author.commit({"README.md": str(number)}) for number in range(2))]
    author.push("master")
    (site.folder / "hook").rename(site.repositories / f"{MODULE}.git/hooks/post-receive")
    said = hook(site, f"{commits[0]} {commits[1]} refs/heads/master\n".encode())
    assert f"edge of upper is {commits[2][:7]} (" in said
    said = hook(site, f"{commits[1]} {commits[2]} refs/heads/master\n".encode())
    assert "edge of upper is already" in said


def test_what_is_built_does_not_take_the_place_of_what_was_forced(
    site: GitSite, author: Author, index: PackageIndex
) -> None:
    base = author.commit(PROJECT)
    author.push("master")
    index.awake.clear()
    left = change(author, 1)
    push = push_branch(author)
    wait_until(lambda: ("master", left, "building", 1) in jobs(site))
    author.git("reset", "--quiet", "--hard", base)
    back = push_branch(author, "--force")
    wait_until(lambda: ("master", base, "queued", 1) in jobs(site))
    index.awake.set()
    said = push.communicate()[1]
    assert f"mlreef: edge does not become {left[:7]}: master does not have it any more" in said
    assert f"mlreef: edge of upper is already {base[:7]}" in back.communicate()[1]
    assert edge(site)["commit"] == base
    assert [job[1:3] for job in jobs(site)] == [(base, "published"), (left, "superseded")]


def test_a_killed_build_is_gone_on_with_or_overtaken(
    site: GitSite, author: Author, index: PackageIndex
) -> None:
    index.awake.clear()
    first = change(author, 1)
    pushes = [push_branch(author)]
    kill_builder(site)
    wait_until(lambda: ("master", first, "building", 2) in jobs(site))
    second = change(author, 2)
    pushes.append(push_branch(author))
    wait_until(lambda: ("master", second, "queued", 0) in jobs(site))
    kill_builder(site)
    wait_until(lambda: ("master", second, "building", 1) in jobs(site))
    index.awake.set()
    for push in pushes:
        push.communicate()
    assert jobs(site) == [("master", first, "superseded", 2), ("master", second, "published", 1)]
    assert edge(site)["commit"] == second


def kill_builder(site: GitSite) -> None:
    """Kill the process that builds, once one does."""
    wait_until(lambda: any(job[2] == "building" for job in jobs(site)))
    with closing(sqlite3.connect(site.state / "jobs.sqlite")) as connection:
        (holder,) = connection.execute(
            "SELECT holder FROM jobs WHERE state = 'building'"
        ).fetchone()
    process = process_of(holder)
    assert process is not None
    os.kill(process, signal.SIGKILL)


def test_an_old_job_is_not_tried_again(site: GitSite, author: Author, index: PackageIndex) -> None:
    old = author.commit(project("numpy\n"))
    assert "error: edge stays where it is because of 1 error" in author.push("master")
    author.commit(PROJECT)
    author.push("master")
    said = site.command("retry", "1", expect=1).stdout
    assert "numpy is not pinned" in said
    author.git("commit", "--quiet", "--allow-empty", "-m", "more")
    author.push("master")
    with closing(sqlite3.connect(site.state / "jobs.sqlite")) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'failed' WHERE id = 2")
    newest = edge(site)["commit"]
    said = site.command("retry", "2", expect=1).stdout
    assert f": it is at {newest[:7]} already" in said
    assert [state for _, _, state, _ in jobs(site)] == ["failed", "superseded", "published"]
    assert edge(site)["commit"] == newest != old


def test_tag_and_branch_in_one_push(site: GitSite, author: Author) -> None:
    commit = author.commit(project("six1==1.0\n"))
    author.tag("publish/1.0")
    said = remote_lines(author.push("master", "publish/1.0"))
    assert "success: upper 1.0 is published" in "\n".join(said)
    assert said[-1].startswith(f"success: edge of upper is {commit[:7]} (0.")
    document = site.document(MODULE)
    assert document
    (version,) = document["versions"]
    differ = {name for name in edge(site) if edge(site)[name] != version.get(name)}
    assert differ <= {"branch", "image", "published_at"}
    assert layers(site, version) == layers(site, edge(site))
    blobs = [path for path in (site.state / "images/blobs/sha256").iterdir() if path.is_file()]
    assert len(blobs) == len(layers(site, version)) + 2 * 2 + base_documents(site)


def layers(site: GitSite, release: Mapping[str, Any]) -> list[str]:
    """The digests of the layers of an image in the folder of images."""
    manifest = blob(site, release["image"]["digest"])
    return [layer["digest"] for layer in manifest["layers"]]


def base_documents(site: GitSite) -> int:
    """How many blobs the base has that are no layers: its configuration and its manifest."""
    return len(json.loads((site.state / "images/bases/index.json").read_bytes())["manifests"]) * 2


def blob(site: GitSite, digest: str) -> Any:
    return json.loads((site.state / "images/blobs" / digest.replace(":", "/")).read_bytes())


def test_the_image_says_that_it_is_the_edge(site: GitSite, author: Author) -> None:
    commit = author.commit(PROJECT)
    author.push("master")
    manifest = blob(site, edge(site)["image"]["digest"])
    labels = blob(site, manifest["config"]["digest"])["config"]["Labels"]
    module = json.loads(labels["io.mlreef.module"])
    assert module["versions"] == []
    assert module["channels"]["edge"]["commit"] == commit
    assert module["channels"]["edge"]["image"] is None
    assert labels["org.opencontainers.image.version"] == "edge"


def test_a_module_with_an_edge_alone_is_not_listed(site: GitSite, author: Author) -> None:
    commit = author.commit(PROJECT)
    author.push("master")
    assert json.loads(site.command("list", "--format", "json").stdout) == []
    assert [path.name for path in site.index.rglob("*.json")].count("upper.json") == 1
    said = site.command("show", MODULE, expect=1).stderr
    assert "upper has no version yet" in said
    assert f"name its edge: {MODULE}@edge" in said
    page = site.command("show", f"{MODULE}@edge").stdout
    assert "  version     edge of master\n" in page
    assert f"  channels    edge ({commit[:7]} of master, " in page
    document = json.loads(site.command("show", f"{MODULE}@edge", "--format", "json").stdout)
    assert document["channels"]["edge"] == edge(site)
    assert f"the same: {edge(site)['image']['digest']}" in verify(site, "edge")
    words = ("--input", site.folder, "--output", site.folder / "out")
    said = site.command("run", f"{MODULE}@edge", *words, expect=1).stderr
    assert "the container engine at unix:///nowhere failed" in said
    (found,) = look(site, "index")
    assert (found.state, found.message) == ("ok", "the index holds 1 module")
    assert "it has edge" in site.command("run", f"{MODULE}@1.0", expect=1).stderr


def verify(site: GitSite, release: str) -> str:
    return site.command("verify", f"{MODULE}@{release}").stdout


def test_versions_and_the_listing_stay_as_they_are(site: GitSite, author: Author) -> None:
    first = author.commit(PROJECT)
    author.tag("publish/1.0")
    author.push("master", "publish/1.0")
    before = json.loads(site.command("list", "--format", "json").stdout)
    (version,) = (site.document(MODULE) or {})["versions"]
    other = PROJECT["mlreef.toml"].replace("data-operation", "data-visualization")
    second = author.commit({"mlreef.toml": f'{other}title = "Another"\n'})
    author.push("master")
    document = site.document(MODULE)
    assert document
    assert document["versions"] == [version]
    assert (version["commit"], document["channels"]["edge"]["commit"]) == (first, second)
    assert document["title"] != "Another"
    assert json.loads(site.command("list", "--format", "json").stdout) == before
    assert "the same: " in verify(site, "1.0")
    author.tag("publish/2.0")
    author.push("publish/2.0")
    document = site.document(MODULE)
    assert document
    assert document["title"] == "Another"
    assert document["channels"]["edge"]["commit"] == second
    author.push(":publish/2.0")
    assert edge(site)["commit"] == second


def test_each_module_of_a_repository_has_an_edge(site: GitSite, author: Author) -> None:
    commit = author.commit({**PROJECT, "lower.py": PROJECT["upper.py"], "mlreef.toml": SEVERAL})
    said = author.push("master")
    for name in ("upper", "lower"):
        assert f"success: edge of {name} is {commit[:7]} (" in said
        assert edge(site, f"text/{name}")["commit"] == commit
    assert len(jobs(site)) == 1
    said = hook(site, f"{'0' * 40} {commit} refs/heads/master\n".encode())
    assert said == f"mlreef: edge of upper, lower is already {commit[:7]}\n"


def test_findings_are_told_briefly_and_the_edge_stays(site: GitSite, author: Author) -> None:
    first = author.commit(PROJECT)
    author.push("master")
    author.commit(project("".join(f"package{number}\n" for number in range(9))))
    said = remote_lines(author.push("master"))
    assert sum(line.startswith("error: requirements.txt:") for line in said) == 5
    assert "hint: and 4 more; mlreef-hooks check shows all of them" in said
    assert "error: edge stays where it is because of 9 errors" in said
    assert edge(site)["commit"] == first


def test_the_branch_that_is_deleted_leaves_its_edge(site: GitSite, author: Author) -> None:
    commit = author.commit(PROJECT)
    author.push("master", "master:other")
    author.git("--git-dir", str(site.repositories / f"{MODULE}.git"), "symbolic-ref", "HEAD",
               "refs/heads/other")  # fmt: skip
    said = remote_lines(author.push(":master"))
    assert said == ["mlreef: master is deleted; edge stays at its last commit"]
    assert edge(site)["commit"] == commit


def test_the_pusher_may_want_no_edge_or_not_wait(site: GitSite, author: Author) -> None:
    author.commit(PROJECT)
    said = author.push("master", options=["mlreef.skip"])
    assert "mlreef: master is not published, as you asked" in said
    assert "0 jobs to build" in site.command("sweep").stdout
    assert edge(site) == {}
    commit = author.commit({"README.md": "more"})
    assert "goes on in the background" in author.push("master", options=["mlreef.async"])
    wait_until(lambda: edge(site).get("commit") == commit)
    author.commit({"README.md": "even more"})
    said = author.push("master", options=["mlreef.plan"])
    assert "mlreef: upper edge could be published; it was not" in said
    assert "mlreef/text/upper:edge" in said
    assert edge(site)["commit"] == commit


def test_the_word_of_the_repository_counts(tmp_path: Path) -> None:
    site = make_site(
        tmp_path / "site", images={"path": ""}, builder={"layers": {"start": "never"}},
        publish={"publish_on": "push", "main_branch": "main"},
    )  # fmt: skip
    author = site.author(MODULE)
    repository = site.repositories / f"{MODULE}.git"
    assert (repository / MARK).read_text() == "refs/heads/main\n"
    author.commit(PROJECT)
    assert "success: edge of upper is" in author.push("master:main")
    site.command("install", "--publish-on", "tag", "--repo", repository)
    assert not (repository / MARK).exists()
    author.commit({"README.md": "more"})
    assert remote_lines(author.push("master:main")) == []
    site.command("install", "--publish-on", "push", "--repo", repository)
    author.git("--git-dir", str(repository), "config", "mlreef.mainBranch", "trunk")
    assert "0 jobs to build" in site.command("sweep").stdout
    assert (repository / MARK).read_text() == "refs/heads/trunk\n"
    commit = author.commit({"README.md": "even more"})
    assert "success: edge of upper is" in author.push("master:trunk")
    assert (edge(site)["commit"], edge(site)["branch"]) == (commit, "trunk")


def test_a_push_that_no_hook_saw_is_found(site: GitSite, author: Author) -> None:
    author.commit(PROJECT)
    author.push("master")
    hook = site.repositories / f"{MODULE}.git/hooks/post-receive"
    hook.rename(site.folder / "hook")
    commit = author.commit({"README.md": "more"})
    author.push("master")
    assert "1 jobs to build" in site.command("sweep").stdout
    assert (edge(site)["commit"], edge(site)["published_by"]) == (commit, "sweep")
    assert "0 jobs to build" in site.command("sweep").stdout


def test_who_may_read_an_edge(site: GitSite, author: Author) -> None:
    repository = site.repositories / f"{MODULE}.git"

    def audience(visibility: str, text: str) -> str:
        author.git("--git-dir", str(repository), "config", "mlreef.visibility", visibility)
        author.commit({**PROJECT, "README.md": text})
        author.push("master")
        (path,) = site.index.rglob("upper.json")
        return str(path.relative_to(site.index).parent)

    assert audience("public", "1") == "public/modules/text"
    assert audience("private", "2") == "private/text/modules/text"
    assert audience("internal", "3") == "internal/modules/text"


def test_a_namespace_with_an_edge_alone_is_taken(site: GitSite, author: Author) -> None:
    author.commit(PROJECT)
    author.push("master")
    other = site.author("Text/other")
    other.commit(PROJECT)
    other.tag("publish/1.0")
    assert "error: the namespace text belongs to another folder" in other.push(
        "master", "publish/1.0"
    )


def test_a_registry_has_the_newest_edge(tmp_path: Path, registry: str) -> None:
    site = make_site(
        tmp_path / "site", images={"path": ""}, builder={"layers": {"start": "never"}},
        registry={"prefix": f"{registry}/edges"}, publish={"publish_on": "push"},
    )  # fmt: skip
    author = site.author(MODULE)
    for number in range(2):
        author.commit({**PROJECT, "README.md": str(number)})
        author.push("master")
        url = f"http://{registry}/v2/edges/{MODULE}/manifests/edge"
        question = urllib.request.Request(url, method="HEAD", headers={"Accept": MANIFEST})
        with urllib.request.urlopen(question) as answer:
            assert answer.headers["Docker-Content-Digest"] == edge(site)["image"]["digest"]


def test_where_tags_must_be_signed_no_push_of_a_branch_is_published(
    site: GitSite, author: Author
) -> None:
    signers = f'[publish]\nsigned_tags = "{site.folder}/signers"\n'
    site.config.write_text(site.config.read_text() + signers)
    (site.folder / "signers").write_text("")
    author.commit(PROJECT)
    assert remote_lines(author.push("master")) == []
    assert edge(site) == {}
    assert jobs(site) == []
