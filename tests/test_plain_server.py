"""Plain folders of repositories: what a hook's environment and the folders' names say."""

import os
import string
from pathlib import Path
from random import Random

import pytest

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import MODULE_NAME
from mlreef_hooks.push import RESERVED, RepositoryName
from mlreef_hooks.servers.plain import PlainServer
from tests.support.git import Author, make_bare


def name_of(path: Path, root: Path | str = "") -> RepositoryName:
    """What the server calls a repository, which need not exist."""
    server = PlainServer(settings=Server(root=str(root)), user_id=os.getuid())
    return server.repository_name(path, {})


@pytest.mark.parametrize(
    ("place", "key", "namespace", "name"),
    [
        ("vision/add-noise.git", "vision/add-noise", "vision", "add-noise"),
        ("vision/add-noise", "vision/add-noise/", "vision", "add-noise"),
        ("vision/add-noise/.git", "vision/add-noise/", "vision", "add-noise"),
        ("a/b/c/d.git", "a/b/c/d", "a/b/c", "d"),
        ("add-noise.git", "add-noise", "srv-git", "add-noise"),
        ("Vision/Add Noise.git", "Vision/Add Noise", "vision", "add-noise"),
        ("x.git/y.git", "x.git/y", "x.git", "y"),
        ("x.json/y.git", "x.json/y", "x.json-folder", "y"),
        ("X.JSON/y.git", "X.JSON/y", "x.json-folder", "y"),
        ("index.json/y.git", "index.json/y", "index.json-folder", "y"),
        ("modules/modules.git", "modules/modules", "modules-folder", "modules"),
        ("Schema_/y.git", "Schema_/y", "schema-folder", "y"),
        ("a/listing/y.git", "a/listing/y", "a/listing-folder", "y"),
        ("a@b/x.git", "a@b/x", "a-b", "x"),
        ("a/.git.git", "a/.git", "a", "git"),
        ("a/b_-c..d.git", "a/b_-c..d", "a", "b-c-d"),
        ("a/_x_.git", "a/_x_", "a", "x"),
        ("\u96ea/\u2603.git", "\u96ea/\u2603", "unnamed", "unnamed"),
        ("\u0130/gr\xfc\xdfe.git", "\u0130/gr\xfc\xdfe", "i", "gr-e"),
        ("a/back\\slash.git", "a/back\\\\slash", "a", "back-slash"),
        (os.fsdecode(b"a/caf\xe9.git"), "a/caf\\xe9", "a", "caf"),
        ("a/" + "x" * 300 + ".git", "a/" + "x" * 300, "a", "x" * 100),
        ("a/" + "x" * 99 + "--y.git", "a/" + "x" * 99 + "--y", "a", "x" * 99),
    ],
)
def test_names_below_a_root(place: str, key: str, namespace: str, name: str) -> None:
    root = Path("/srv-git")
    found = name_of(root / place, root)
    assert found == RepositoryName(key=key, namespace=namespace, name=name)


@pytest.mark.parametrize(
    ("path", "namespace", "name"),
    [
        ("/srv/git/vision/add-noise.git", "vision", "add-noise"),
        ("/srv/git/vision/add-noise/.git", "vision", "add-noise"),
        ("/srv/modules/x", "modules-folder", "x"),
        ("/x.git", "unnamed", "x"),
        ("/", "unnamed", "unnamed"),
        ("/.git", "unnamed", "unnamed"),
    ],
)
def test_names_without_a_root(path: str, namespace: str, name: str) -> None:
    found = name_of(Path(path))
    assert (found.namespace, found.name) == (namespace, name)
    assert found.key.rpartition("@")[2].isalnum()


ODD = string.ascii_letters + "0._-- @\\\n\u2603\xe9\u0130\udcff" + "\u202e/"


def _odd_places(count: int) -> set[str]:
    chance = Random(1)
    texts = ("".join(chance.choices(ODD, k=chance.randrange(1, 12))) for _ in range(count))
    ended = (
        text + chance.choice(["", ".git", "/.git", ".json", "\\xff", "\udcff"]) for text in texts
    )
    return {os.path.normpath(text.strip("/")) for text in ended} - {".", ".git"}


def test_any_folder_has_a_name_that_fits_and_a_key_of_its_own(tmp_path: Path) -> None:
    places = {place for place in _odd_places(3000) if not place.startswith("..")}
    for root in (tmp_path, Path()):
        keys: dict[str, str] = {}
        for place in places:
            found = name_of(tmp_path / place, root if root.name else "")
            for part in (*found.namespace.split("/"), found.name):
                assert MODULE_NAME.fullmatch(part), (place, part)
                assert len(part) <= 110
            assert not {*found.namespace.split("/")} & {*RESERVED}
            assert not any(part.endswith(".json") for part in found.namespace.split("/"))
            found.key.encode()  # the table of jobs holds text
            repository = place.removesuffix("/.git")
            assert keys.setdefault(found.key, repository) == repository
    assert len(keys) > 2000


def test_repositories_side_by_side_are_different_ones(tmp_path: Path) -> None:
    paths = [make_bare(tmp_path / "a" / "x.git"), make_bare(tmp_path / "a" / "x")]
    working = Author(tmp_path / "a" / "y", "nowhere")
    paths += [working.folder, make_bare(tmp_path / "a" / "y.git")]
    for root in (tmp_path, ""):
        assert len({name_of(path, root).key for path in paths}) == 4
        assert name_of(working.folder / ".git", root) == name_of(working.folder, root)


def test_links_lead_to_one_repository(tmp_path: Path) -> None:
    repository = make_bare(tmp_path / "real" / "vision" / "x.git")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "vision" / "alias.git").symlink_to("x.git")
    expected = RepositoryName(key="vision/x", namespace="vision", name="x")
    for root in (tmp_path / "real", tmp_path / "root"):
        for path in (
            repository,
            tmp_path / "root/vision/x.git",
            tmp_path / "real/vision/alias.git",
        ):
            assert name_of(path, root) == expected


@pytest.mark.parametrize("place", ["../x.git", ".", ".git", "../root-2/x.git"])
def test_what_is_not_below_the_root_is_an_error_for_people(tmp_path: Path, place: str) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(PublishError, match="is not below"):
        name_of(tmp_path / "root" / place, tmp_path / "root")


def test_a_namespace_that_fits_into_no_image_reference_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="too long"):
        name_of(tmp_path / ("a" * 80) / ("b" * 80) / "x.git", tmp_path)


def test_who_pushed() -> None:
    server = PlainServer(settings=Server(), user_id=0)
    assert server.pusher(Path("/x"), {}) == "root"
    assert server.pusher(Path("/x"), {"REMOTE_USER": ""}) == "root"
    assert server.pusher(Path("/x"), {"REMOTE_USER": "ada"}) == "ada"
    assert (
        server.pusher(Path("/x"), {"REMOTE_USER": os.fsdecode(b"\xff\xe2\x98\x83")})
        == "\ufffd\u2603"
    )
    nobody = PlainServer(settings=Server(), user_id=987_654)
    assert nobody.pusher(Path("/x"), {"USER": "eve"}) == "987654"


@pytest.mark.parametrize(
    ("root", "url", "path", "source"),
    [
        ("/srv", "https://g.example/{repository}.git", "/srv/a/x.git", "https://g.example/a/x.git"),
        ("/srv", "ssh://g.example/{repository}", "/srv/a@b/x", "ssh://g.example/a@b/x"),
        ("", "ssh://g.example/{repository}", "/srv/a@b/x.git", "ssh://g.example/a@b/x"),
        ("/srv", "", "/srv/a/x.git", None),
    ],
)
def test_where_the_code_is(root: str, url: str, path: str, source: str | None) -> None:
    server = PlainServer(settings=Server(root=root, url=url), user_id=0)
    assert server.source(server.repository_name(Path(path), {})) == source
