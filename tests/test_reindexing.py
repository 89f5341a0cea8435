"""`mlreef-hooks reindex`: what comes back of an index that was lost or damaged, what may not."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.bases import store_manifest
from mlreef_hooks.image_plan import MODULE_LABEL
from mlreef_hooks.oci import decode, encode
from mlreef_hooks.oci_layout import OciLayouts
from tests.support.git import Author, remote_lines
from tests.support.package_index import PackageIndex, make_wheel, package_index
from tests.support.publishing import entry, project, publish, push_without_hook
from tests.support.site import PROJECT, GitSite
from tests.support.tiny_site import MODULE, make_site
from tests.support.wholeness import check_whole, finished_jobs
from tests.test_collection import files_of

OTHER = "text/lower"
DELETED = "the publish tag was deleted"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index() as found:
        found.add(make_wheel("apple", "1.0", {"apple.py": ""}))
        yield found


def make(folder: Path, index: PackageIndex, **settings: Any) -> GitSite:
    pip, builder = {"index_url": index.url}, {"layers": {"start": "never"}}
    return make_site(folder / "site", pip=pip, builder=builder, **settings)


def reindex(site: GitSite, *words: str, expect: int = 0) -> dict[str, tuple[str, str]]:
    """What became of each thing, and why."""
    done = site.command("reindex", "--format", "json", *words, expect=expect)
    return {each["name"]: (each["kind"], each["note"]) for each in json.loads(done.stdout)}


def kinds(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: kind for name, (kind, _) in found.items()}


def documents(site: GitSite) -> dict[str, Any]:
    """The documents of an index by their places; statements about versions are none."""
    found = {}
    for path in sorted(site.index.rglob("*.json")):
        if path.parent.name != "schema" and "@" not in path.name:
            found[str(path.relative_to(site.index))] = json.loads(path.read_bytes())
    return found


def without_moments(value: Any) -> Any:
    """A document without what depends on the second in which a job ended, or on the run, or on
    what was yanked by then.
    """
    if isinstance(value, list):
        return [without_moments(each) for each in value]
    if isinstance(value, dict):
        passing = ("published_at", "updated_at", "sha256", "provenance", "since", "changes")
        return {key: without_moments(each) for key, each in value.items() if key not in passing}
    return value


def pushed(author: Author, *refs: str) -> str:
    return "\n".join(remote_lines(author.push(*refs)))


def publish_all(site: GitSite) -> tuple[Author, Author]:
    """Publish two modules: several versions, one of them yanked, one of them for everybody."""
    author, other = site.author(MODULE), site.author(OTHER)
    repository = site.repositories / f"{OTHER}.git"
    other.git("config", "--file", str(repository / "config"), "mlreef.visibility", "public")
    for number, requirements in enumerate(("", "apple==1.0\n", "apple==1.0\n")):
        files = project(requirements, **{"note.txt": str(number)})
        assert "is published (" in publish(author, files, f"1.{number}")
        assert "is published (" in publish(other, files, f"2.{number}")
    author.git("tag", "publish/1.2.0", "publish/1.2^{commit}")  # the same by another name
    assert "already published" in pushed(author, "publish/1.2.0")
    assert "is yanked" in pushed(author, ":publish/1.0")
    other.git("tag", "-f", "publish/2.0", "HEAD")
    assert "tag-moved" in pushed(other, "+publish/2.0")  # and stays so on the server
    return author, other


@pytest.mark.parametrize("goal", ["layout", "registry"])
def test_a_lost_index_comes_back(
    tmp_path: Path, index: PackageIndex, request: pytest.FixtureRequest, goal: str
) -> None:
    registry = request.getfixturevalue("registry") if goal == "registry" else ""
    prefix = f"{registry}/reindexed" if registry else "mlreef"
    site = make(tmp_path, index, registry={"prefix": prefix})
    author, other = publish_all(site)
    before, jobs = documents(site), finished_jobs(site)
    site.index.rename(site.folder / "lost")
    if registry:
        (site.state / "images").rename(site.folder / "images")

    planned = reindex(site, "--dry-run")
    assert not site.index.exists()
    found = reindex(site)

    assert found == planned
    expected = {f"{MODULE}@1.{n}": "added" for n in range(3)}
    expected |= {f"{OTHER}@2.{n}": "added" for n in range(3)}
    assert {name: kind for name, kind in kinds(found).items() if kind == "added"} == expected
    after = documents(site)
    assert without_moments(after) == without_moments(before)
    assert changes_of(after, OTHER) == changes_of(before, OTHER)  # of which nothing was yanked
    for place, document in after.items():
        for one, two in zip(
            before[place].get("versions", ()), document.get("versions", ()), strict=True
        ):
            moments = [datetime.fromisoformat(each["published_at"]) for each in (one, two)]
            assert abs((moments[1] - moments[0]).total_seconds()) <= 2
    assert finished_jobs(site) == jobs
    if registry:
        shutil.rmtree(site.state / "images", ignore_errors=True)
        (site.folder / "images").rename(site.state / "images")
    check_whole(site)
    assert entry_of(site, MODULE, "1.0")["yank_reason"] == DELETED
    assert "no longer yanked" in pushed(author, "publish/1.0")
    assert "tag-moved" in publish_again(other, "publish/2.1")
    assert "the same" in site.command("verify", f"{MODULE}@1.1").stdout
    assert set(kinds(reindex(site)).values()) == {"there", "unpublished"}  # moved tags
    assert "is published (" in publish(author, {"note.txt": "next"}, "1.3")


def changes_of(found: dict[str, Any], module: str) -> list[tuple[str | None, list[str]]]:
    """With what each version of a module was compared, and what was found."""
    (document,) = (found[place] for place in found if place.endswith(f"modules/{module}.json"))
    versions = document["versions"]
    told = [(each.get("since"), [c["what"] for c in each.get("changes", ())]) for each in versions]
    assert [since for since, _ in told] == ["2.1", "2.0", None]
    assert "requirement-added" in told[1][1]
    return told


def entry_of(site: GitSite, module: str, version: str) -> Any:
    found = (site.document(module) or {})["versions"]
    (each,) = [each for each in found if each["version"] == version]
    return each


def publish_again(author: Author, tag: str) -> str:
    """What is said of a tag that is moved."""
    author.commit({"note.txt": "moved"})
    author.git("tag", "-f", tag, "HEAD")
    return pushed(author, "master", f"+{tag}")


def test_without_a_job_table_the_tags_decide(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    author, other = publish_all(site)
    before = without_moments(documents(site))
    shutil.rmtree(site.index)
    for path in site.state.glob("jobs.sqlite*"):
        path.unlink()

    found = reindex(site, expect=1)

    assert found[f"{OTHER}@2.0"][0] == "refused"  # its tag leads elsewhere
    assert "commit" in found[f"{OTHER}@2.0"][1]
    assert site.versions(MODULE) == ["1.2", "1.1"]  # of 1.0 nothing tells any more
    assert site.versions(OTHER) == ["2.2", "2.1"]
    for module in (MODULE, OTHER):
        (place,) = [place for place in before if place.endswith(f"modules/{module}.json")]
        old = {each["version"]: each for each in before[place]["versions"]}
        for each in without_moments(site.document(module))["versions"]:
            assert each == {**old[each["version"]], "published_by": each["published_by"]}
            assert each["published_by"] == author.git("log", "-1", "--format=%cn")
    assert "already published" in pushed(author, ":publish/1.2.0") + pushed(author, "publish/1.2.0")
    assert "tag-moved" in publish_again(author, "publish/1.1")
    assert "is yanked" in pushed(other, ":publish/2.2")
    assert entry_of(site, OTHER, "2.2")["yanked"]


def test_a_damaged_index_is_mended(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    publish_all(site)
    before = without_moments(documents(site))
    place = "private/text/modules/text/upper.json"
    listing, entrance = "public/listing/text.json", "private/text/index.json"
    listed = json.loads((site.index / listing).read_text())
    lines = listed["modules"]
    damages: list[tuple[str, bytes | None]] = [
        (place, b"{"), (place, b"[]"), (place, b'{"v": 1}'), (place, None),
        (listing, b"\xff"), (listing, b'{"v": 1}'), (listing, None), (entrance, b""),
        (entrance, None), (".pending", b"?"),
        (listing, encode({**listed, "modules": [*lines, {**lines[0], "name": "gone"}]})),
    ]  # fmt: skip
    for path, content in damages:
        if content is None:
            (site.index / path).unlink()
        else:
            (site.index / path).write_bytes(content)
        found = reindex(site)
        assert without_moments(documents(site)) == before, (path, content)
        assert ("broken" in kinds(found).values()) == (
            content is not None and b"gone" not in content
        )
        assert not (site.index / ".pending").exists()
    check_whole(site)
    assert (site.index / f"{place}.broken").read_bytes() == b'{"v": 1}'
    assert "2 modules" in site.command("doctor", expect=None).stdout


def test_a_dry_run_changes_nothing(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    publish_all(site)
    (site.index / "private/text/modules/text/upper.json").write_text("{")
    before, jobs = files_of(site), finished_jobs(site)
    found = kinds(reindex(site, "--dry-run"))
    assert found["private/text/modules/text/upper.json"] == "broken"
    assert (found[f"{MODULE}@1.2"], found[f"{OTHER}@2.2"]) == ("added", "there")
    assert (files_of(site), finished_jobs(site)) == (before, jobs)


def test_what_a_command_said_of_a_version_is_lost(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    publish(site.author(MODULE), PROJECT)
    site.command("yank", f"{MODULE}@1.0.0", "--reason", "broken")
    site.command("deprecate", MODULE, "--reason", "old")
    shutil.rmtree(site.index)
    reindex(site)
    version = entry(site, MODULE)
    assert (version["yanked"], "deprecated" in (site.document(MODULE) or {})) == (False, False)


def test_an_author_s_wish_makes_a_module_no_more_visible(
    tmp_path: Path, index: PackageIndex
) -> None:
    site = make(tmp_path, index)
    author = site.author(MODULE)
    config = str(site.repositories / f"{MODULE}.git" / "config")
    author.git("config", "--file", config, "mlreef.visibility", "public")
    publish(author, PROJECT, "1.0")
    toml = PROJECT["mlreef.toml"] + 'visibility = "internal"\n'
    publish(author, {"mlreef.toml": toml}, "1.1")
    author.commit(PROJECT)
    author.git("tag", "-f", "publish/1.0", "HEAD")  # moved to where nothing is narrowed
    assert "tag-moved" in pushed(author, "master", "+publish/1.0")
    shutil.rmtree(site.index)
    assert set(kinds(reindex(site)).values()) == {"added", "unpublished"}
    assert (site.document(MODULE) or {})["visibility"] == "internal"
    assert not (site.index / "public").exists()  # not even for the first version


def test_a_version_without_an_image_is_told(tmp_path: Path, index: PackageIndex) -> None:
    site = make(tmp_path, index)
    publish(site.author(MODULE), PROJECT)
    push_without_hook(site, OTHER, PROJECT)
    shutil.rmtree(site.index)
    shutil.rmtree(site.state / "images" / "modules")
    found = kinds(reindex(site, expect=1))
    assert found == {f"{MODULE}@1.0.0": "lost", f"{OTHER}@1.0.0": "unpublished"}
    assert site.command("list").stdout == "no modules\n"


# -- what others may have written ----------------------------------------------------------------


def version_with(**changes: Any) -> Callable[[Any], Any]:
    """A change of the version in a label."""
    return lambda label: {**label, "versions": [{**label["versions"][0], **changes}]}


def with_(**changes: Any) -> Callable[[Any], Any]:
    """A change of a label."""
    return lambda label: {**label, **changes}


FORGED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "repository": (with_(repository=OTHER), "repository"),
    "namespace": (with_(namespace="vision"), "namespace"),
    "name": (with_(name="lower"), "name"),
    "kind": (with_(kind="model"), "kind"),
    "commit": (version_with(commit="4" * 40), "commit"),
    "tag": (version_with(tag="publish/2.0"), "tag"),
    "version": (version_with(version="2.0"), "version"),
    "entry point": (version_with(entry_point="../x.py"), "command"),
    "parameters": (
        lambda label: version_with(parameters=label["versions"][0]["parameters"][1:])(label),
        "parameters",
    ),
    "no text": (with_(repository=["text/upper"]), "says nothing of a module"),
    "two versions": (lambda label: {**label, "versions": label["versions"] * 2}, "says nothing"),
    "no version": (with_(versions=[]), "says nothing of a module"),
    "a list": (lambda label: [label], "says nothing of a module"),
    "no JSON": (lambda label: None, "says nothing of a module"),
    "newer": (with_(v=2), "newer format"),
    "schema": (version_with(parameters=[{"name": "x"}]), "no module document"),
    "title": (with_(title="\x1b"), "no module document"),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> GitSite:
    """A site with one version and no index."""
    site = make(tmp_path_factory.mktemp("published"), index)
    publish(site.author(MODULE), PROJECT)
    site.index.rename(site.folder / "lost")
    return site


@pytest.mark.parametrize("forged", FORGED)
def test_an_image_that_says_something_else_is_refused(published: GitSite, forged: str) -> None:
    change, said = FORGED[forged]
    layouts = OciLayouts(published.state / "images")
    place = (f"modules/{MODULE}", "1.0.0")
    real = layouts.find(*place)
    assert real is not None
    config = decode(layouts.read(decode(layouts.read(real.digest))["config"]["digest"]))
    label = change(json.loads(config["config"]["Labels"][MODULE_LABEL]))
    config["config"]["Labels"][MODULE_LABEL] = json.dumps(label) if label else "{" * 9999
    layouts.tag(*place, store_manifest(layouts, encode(config), []))
    try:
        kind, note = reindex(published, expect=1)[f"{MODULE}@1.0.0"]
        assert (kind, said in note) == ("refused", True), note
        assert published.command("list", expect=None).stdout in ("", "no modules\n")
    finally:
        layouts.tag(*place, real)


def test_what_is_no_image_at_all_is_none(published: GitSite) -> None:
    layouts = OciLayouts(published.state / "images")
    place = (f"modules/{MODULE}", "1.0.0")
    real = layouts.find(*place)
    assert real is not None
    for content in (b"", b"[]", b"{}", b'{"config": {"digest": 3}}', b'{"config": 1, "layers": 2}'):
        layouts.tag(*place, type(real).of(real.media_type, layouts.read(layouts.put(content))))
        assert reindex(published, expect=1)[f"{MODULE}@1.0.0"][0] == "lost"
    layouts.tag(*place, real)


def test_a_name_is_whose_it_was_first(tmp_path: Path, index: PackageIndex) -> None:
    """Two repositories with one module name; the second never got it, and does not get it now."""
    site = make(tmp_path, index)
    named = {"mlreef.toml": PROJECT["mlreef.toml"] + 'name = "shared"\n'}
    assert "is published (" in publish(site.author("text/one"), {**PROJECT, **named}, "1.0")
    assert "module-taken" in publish(site.author("text/another"), {**PROJECT, **named}, "1.0")
    shutil.rmtree(site.index)
    for path in site.state.glob("jobs.sqlite*"):
        path.unlink()
    done = site.command("reindex", "--format", "json", expect=None)
    told = sorted((each["kind"], each["note"]) for each in json.loads(done.stdout))
    assert [kind for kind, _ in told] == ["added", "refused"], told
    assert (site.document("text/shared") or {})["repository"] == "text/one"


@pytest.mark.engine
@pytest.mark.parametrize("goal", ["engine", "registry"])
def test_images_of_the_docker_builder(
    tmp_path: Path, engine: str, base_image: str, request: pytest.FixtureRequest, goal: str
) -> None:
    registry = request.getfixturevalue("registry") if goal == "registry" else ""
    prefix = f"{registry}/reindexed-docker" if registry else "reindexed"
    site = GitSite(tmp_path / "site", engine, base_image, {"registry": {"prefix": prefix}})
    author = site.author(MODULE)
    publish(author, PROJECT, "1.0")
    publish(author, {"note.txt": "more"}, "1.1")
    before = without_moments(documents(site))
    shutil.rmtree(site.index)
    assert set(kinds(reindex(site)).values()) == {"added"}
    assert without_moments(documents(site)) == before
