"""The catalogue's files: what is made anew, what goes, READMEs and pictures as values."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.catalog.files import LOCK, STALE, SiteFiles
from mlreef_hooks.catalog.readme import readme_html
from mlreef_hooks.catalog.rows import key_of
from mlreef_hooks.catalog.update import Updated, refresh_catalog, update_catalog
from mlreef_hooks.durable_files import locked
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.picture import PICTURE_BYTES, look_at_picture
from mlreef_hooks.picture_rule import check_picture
from mlreef_hooks.presentation import README_BYTES, read_presentation
from mlreef_hooks.problems import Problems
from tests.index_entries import MANIFEST
from tests.support.catalogue import add_module, fill_index
from tests.support.publishing import publish, unwrapped
from tests.support.site import PROJECT
from tests.support.tiny_site import make_site
from tests.support.trees import memory_tree, png

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0001108001000200301220002110103")

# -- READMEs and pictures ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("# One\n#### Two", "<h3>One</h3>\n<h4>Two</h4>"),
        ("#", "<p></p>"),
        ("[x](javascript:a)", "<p><span>x</span></p>"),
        ("[x](docs/x.md)", "<p><span>x</span></p>"),
        ("[x](//x.example)", "<p><span>x</span></p>"),
        ("![x](https://x.example/x.png)", '<p><span class="no-picture">[picture: x]</span></p>'),
        ("a&#x202e;b\u202ec\x1b", "<p>abc</p>"),
        ("{{ 7 }}", "<p>{{ 7 }}</p>"),
    ],
)
def test_a_readme_is_text_with_links_to_the_web(text: str, expected: str) -> None:
    assert readme_html(text, "markdown") == expected


def test_a_link_to_the_web_says_where_it_leads() -> None:
    said = readme_html('[](https://x.example/"&<)', "markdown")
    assert said == (
        '<p><a href="https://x.example/%22&amp;%3C" rel="nofollow noopener noreferrer">'
        "https://x.example/%22&amp;%3C</a></p>"
    )


def test_a_readme_that_is_no_markdown_is_shown_as_it_is() -> None:
    assert readme_html("a <b>\n# c", "text") == '<pre tabindex="0">a &lt;b&gt;\n# c</pre>'


@pytest.mark.parametrize("part", ["[", "![", "*a ", "> ", "- ", "[a](", "`", "\n|-", "a\n- "])
def test_no_readme_takes_for_ever(part: str) -> None:
    """The time of a text twice as long is not many times as much."""
    size = README_BYTES // 4
    times = []
    for length in (size, 2 * size):
        began = time.process_time()
        readme_html((part * length)[:length], "markdown")
        times.append(time.process_time() - began)
    assert times[1] < 8 * times[0] + 1


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (png(3, 5), ("png", 3, 5)),
        (JPEG, ("jpg", 32, 16)),
        (png(9000, 1), None),
        (png(0, 1), None),
        (png(3, 5) + b"\0" * PICTURE_BYTES, None),
        (png(3, 5)[:20], None),
        (b"<svg onload='x'/>", None),
        (b"GIF89a" + bytes(50), None),
        (JPEG[:20], None),
        (b"\xff\xd8\xff\xe0\0\0" * 20, None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_bytes(
    content: bytes, found: tuple[str, int, int] | None
) -> None:
    looked = look_at_picture(content)
    assert (looked and (looked.suffix, looked.width, looked.height)) == found


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("docs/p.png", ""),
        ("./docs/p.png", ""),
        ("docs/q.png", "is not a file of the repository"),
        ("../docs/p.png", "is not a file of the repository"),
        ("/etc/passwd", "is not a file of the repository"),
        ("docs/p.svg", "is no PNG or JPEG to show"),
        ("docs/large.png", f"has {PICTURE_BYTES + 1} bytes"),
    ],
)
def test_the_picture_of_mlreef_toml_is_one_of_the_tree(path: str, said: str) -> None:
    large = b"\0" * (PICTURE_BYTES + 1)
    tree = memory_tree({"docs/p.png": png(), "docs/p.svg": "<svg/>", "docs/large.png": large})
    problems = Problems()
    assert check_picture(path, 3, tree, problems) == (None if said else "docs/p.png")
    assert [(each.rule, each.line) for each in problems] == [("toml-value-invalid", 3)] * bool(said)
    assert all(said in each.message for each in problems)


def manifest(**changes: Any) -> ModuleManifest:
    """A manifest of a module in the folder `src`."""
    return ModuleManifest(**{**vars(MANIFEST), **changes})


@pytest.mark.parametrize(
    ("files", "readme", "form"),
    [
        ({"README.md": "root", "src/README.md": "own"}, b"own", "markdown"),
        ({"README.md": "root", "README": "other"}, b"root", "markdown"),
        ({"src/README.rst": "own"}, b"own", "text"),
        ({"README.md": b"\xef\xbb\xbf\xffx\xc3"}, b"x", "markdown"),
        ({"README.md": "x" * 20 * README_BYTES}, None, "text"),
        ({"READYOU.md": "x"}, None, "text"),
    ],
)
def test_a_readme_is_found_beside_the_entry_point_or_at_the_root(
    files: dict[str, str | bytes], readme: bytes | None, form: str
) -> None:
    shown = read_presentation(memory_tree(files), manifest())
    assert (shown.files.get("readme"), shown.form) == (readme, form)


def test_a_long_readme_is_cut() -> None:
    text = "\N{SNOWMAN}" * README_BYTES
    shown = read_presentation(memory_tree({"README.md": text}), manifest())
    said = shown.files["readme"].decode()
    assert said.endswith("\N{SNOWMAN}\n\n[...]\n")
    assert README_BYTES - 3 <= len(said.encode()) <= README_BYTES + 10


def test_no_two_modules_have_the_same_key() -> None:
    names = ["a/b", "a-b", "a.b", "a_b", "a", "a/b/c", "a/" + "b" * 300, "a/" + "b" * 301]
    keys = [key_of(*name.split("/")) for name in names]
    assert len({*keys}) == len(names)
    assert all(len(key) < 200 and "/" not in key for key in keys)
    assert key_of("a/b", "c") == key_of("a", "b", "c") == "a--b--c"


# -- what is made anew ---------------------------------------------------------------------------

Catalogue = Callable[[], dict[str, Updated]]


@pytest.fixture
def index(tmp_path: Path) -> IndexFiles:
    return fill_index(tmp_path / "index")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def update(index: IndexFiles, site: Path) -> dict[str, tuple[int, int, int]]:
    """How many modules each audience has, how many pages were made and modules taken out."""
    found = update_catalog(index, site)
    assert [each.broken for each in found if each.broken] == []
    return {each.audience: (each.modules, each.made, each.gone) for each in found}


def stamps(site: Path) -> dict[str, int]:
    """The files of a site, and which they are."""
    files = (path for path in site.rglob("*") if path.is_file())
    return {str(path.relative_to(site)): path.stat().st_ino for path in files}


def test_only_what_changed_is_made_again(index: IndexFiles, site: Path) -> None:
    assert update(index, site)["public"][0] == 4
    before = stamps(site)
    assert update(index, site) == {"public": (4, 0, 0)}
    assert stamps(site) == before
    index.yank("tables", "wine", "2.0", reason="Wrong", visibility="public")
    assert update(index, site)["public"][0] == 4
    after = stamps(site)
    assert {place for place in after if after[place] != before.get(place)} == {
        f"public/{place}"
        for place in (
            ".catalog.json", "index.html", "-/namespaces.html", "-/search.json",
            "-/kind/model/index.html", "-/namespace/tables/index.html",
            "-/module/tables--wine/index.html",
        )
    }  # fmt: skip
    assert "Wrong" in (site / "public/-/module/tables--wine/index.html").read_text()


def test_who_leaves_an_audience_leaves_its_site(index: IndexFiles, site: Path) -> None:
    update(index, site)
    index.set_visibility("vision", "add-noise", lambda before: "private")
    assert update(index, site) == {"private/vision": (1, 8, 0), "public": (3, 5, 1)}
    left = [path for path in (site / "public").rglob("*") if path.is_file()]
    assert [path for path in left if b"vision--add-noise" in path.read_bytes()] == []
    assert {*(site / "public/-/module").iterdir()} == {
        site / "public/-/module" / key
        for key in ("tables--wine", "vision--iris-plots", "zoo--evil")
    }
    own = site / "private/vision/-/module/vision--add-noise"
    assert {path.name for path in own.iterdir()} == {"index.html", "picture.png"}
    modes = {path.stat().st_mode & 0o777 for path in (own.parent, own, own / "picture.png")}
    assert modes == {0o750, 0o640}
    assert (site / "public/index.html").stat().st_mode & 0o777 == 0o644
    index.set_visibility("vision", "add-noise", lambda before: "internal")
    assert update(index, site)["private/vision"] == (0, 4, 1)
    assert "add-noise" not in (site / "private/vision/-/search.json").read_text()


def test_what_a_killed_update_left_goes_too(index: IndexFiles, site: Path) -> None:
    """Its note does not tell of what it had begun."""
    update(index, site)
    add_module(index, version="1.0", name="late", readme="x")
    note = (site / "public/.catalog.json").read_bytes()
    update(index, site)
    (site / "public/.catalog.json").write_bytes(note)
    index.set_visibility("vision", "late", lambda before: "internal")
    assert update(index, site)["public"][2] == 1
    assert not (site / "public/-/module/vision--late").exists()


def test_a_list_that_a_killed_update_left_goes_too(
    index: IndexFiles, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had written the pages, and half of one that comes later, but not what they are."""
    update(index, site)
    for namespace, visibility in (("open", "public"), ("half", "internal")):
        add_module(index, version="1.0", namespace=namespace, name="tardy", visibility=visibility)
        child = os.fork()
        if child == 0:
            monkeypatch.setattr(SiteFiles, "remove", lambda *_: os._exit(9))
            with suppress(BaseException):
                update_catalog(index, site)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    page = site / "public/-/namespace/open/index.html"
    page.with_name(".index.html.new").write_bytes(page.read_bytes())
    for namespace in ("open", "half"):
        index.set_visibility(namespace, "tardy", lambda before: "private")
    update(index, site)
    for audience in ("public", "internal"):
        files = [path for path in (site / audience).rglob("*") if path.is_file()]
        assert [path for path in files if b"tardy" in path.read_bytes()] == []


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"edition": "x"}', b'{"modules": []}'])
def test_a_note_that_is_broken_is_made_anew(index: IndexFiles, site: Path, note: bytes) -> None:
    made = update(index, site)
    (site / "public/.catalog.json").write_bytes(note)
    assert update(index, site) == made


def test_a_note_chooses_nothing_that_is_not_of_the_site(index: IndexFiles, site: Path) -> None:
    update(index, site)
    note, search = site / "public/.catalog.json", site / "public/-/search.json"
    said = json.loads(note.read_bytes())
    others = {"../victim": "", str(site / "victim"): "", "": "", "-/../../victim": "", "-/": ""}
    note.write_text(json.dumps({**said, "pages": {**said["pages"], **others}}))
    (site / "victim").write_text("mine")
    rows = json.loads(search.read_bytes())
    update(index, site)
    assert (site / "victim").read_text() == "mine"
    del rows[0]["tags"]
    search.write_text(json.dumps(rows))
    add_module(index, version="3.0")
    assert update(index, site)["public"][0] == 4


def test_a_picture_that_a_version_has_no_more_goes(index: IndexFiles, site: Path) -> None:
    update(index, site)
    add_module(index, version="3.0")
    update(index, site)
    folder = site / "public/-/module/vision--add-noise"
    assert [path.name for path in folder.iterdir()] == ["index.html"]


def test_an_attachment_that_is_not_what_the_entry_says_is_not_shown(
    index: IndexFiles, site: Path
) -> None:
    for path in index.root.rglob("*.readme"):
        path.write_bytes(path.read_bytes() + b"forged")
    for path in index.root.rglob("*.picture"):
        path.write_bytes(b"<svg/>")
    update(index, site)
    assert "forged" not in (site / "public/-/module/vision--add-noise/index.html").read_text()
    assert not list(site.rglob("picture.*"))


def test_a_strange_document_hides_no_other(index: IndexFiles, site: Path) -> None:
    """One says that it is private, one is no JSON, one lacks what its schema does not ask for, and
    one has an image of a size that is none.
    """
    folder = index.root / "public/modules/vision"
    document = json.loads((folder / "add-noise.json").read_bytes())
    strange = {
        "a": {**document, "name": "a", "visibility": "private"},
        "b": {**document, "name": "elsewhere"},
        "c": {**document, "name": "c", "versions": [
            {**version, "metrics": [{}]} for version in document["versions"]
        ]},
        "e": {**document, "name": "e", "versions": [
            {**version, "image": {**version["image"], "size": 10**400}}
            for version in document["versions"]
        ]},
    }  # fmt: skip
    for name, each in strange.items():
        (folder / f"{name}.json").write_text(json.dumps(each))
    (folder / "d.json").write_text("{")
    (found,) = update_catalog(index, site)
    assert found.modules == 4
    assert len(found.broken) == 5
    assert update_catalog(index, site)[0].made == 5  # they are looked at again


def test_a_namespace_is_no_file_of_another_site(tmp_path: Path, site: Path) -> None:
    index = IndexFiles(tmp_path / "other")
    for namespace in ("a", "a/index.html", "a/b"):
        add_module(index, version="1.0", name="x", namespace=namespace, visibility="private")
    assert {*update(index, site)} == {"private/a", "private/a/b"}
    assert (site / "private/a/index.html").is_file()


def test_who_comes_while_another_is_at_it_leaves_it_to_that_one(
    index: IndexFiles, site: Path
) -> None:
    site.mkdir()
    with locked(site / LOCK):
        refresh_catalog(index, site)
        assert [path.name for path in sorted(site.iterdir())] == [LOCK, STALE]
    refresh_catalog(index, site)
    assert (site / "public/index.html").is_file()
    assert not (site / STALE).exists()


def test_what_comes_while_it_is_made_is_shown_too(index: IndexFiles, site: Path) -> None:
    class Changing(IndexFiles):
        """An index of which somebody tells while its site is made."""

        read = 0

        def complete_abandoned(self) -> None:
            super().complete_abandoned()
            self.read += 1
            if self.read == 1:
                refresh_catalog(index, site)  # leaves it to who is at it
                assert (site / STALE).exists()

    changing = Changing(index.root)
    update_catalog(changing, site)
    assert changing.read == 2
    assert not (site / STALE).exists()


def test_what_is_not_of_the_catalogue_stays(index: IndexFiles, site: Path) -> None:
    """Another catalogue below the folder, and what others put among the files of this one."""
    update(index, site / "srv")
    before = stamps(site / "srv")
    update(index, site)
    assert stamps(site / "srv") == before
    modules = site / "public/-/module"
    foreign = [site / "public/robots.txt", modules / ".htaccess", modules / "vision--add-noise/a/b"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    add_module(index, version="3.0")
    assert update(index, site)["public"][0] == 4
    assert all(path.is_file() for path in foreign)
    index.set_visibility("vision", "add-noise", lambda before: "private")
    update(index, site)
    assert [path.is_file() for path in foreign] == [True, True, False]


# -- real pushes ---------------------------------------------------------------------------------


def test_a_push_a_flip_and_a_yank_are_shown_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    site = make_site(
        tmp_path / "site", builder={"layers": {"start": "never"}}, catalog={"path": str(folder)}
    )
    author, repository = site.author("text/upper"), site.repositories / "text/upper.git"
    set_own(repository, "mlreef.visibility", "internal")
    toml = PROJECT["mlreef.toml"] + 'picture = "p.png"\n'
    files: dict[str, str | bytes] = {**PROJECT}
    files |= {"README.md": "# Loud\n", "p.png": png(), "mlreef.toml": toml}
    assert "success:" in publish(author, files)
    page = folder / "internal/-/module/text--upper/index.html"
    assert "<h3>Loud</h3>" in page.read_text()
    assert page.with_name("picture.png").read_bytes() == png()
    site.command("yank", "text/upper@1.0.0", "--reason", "too loud")
    assert "too loud" in page.read_text()
    site.command("visibility", repository, "private")
    assert not page.exists()
    assert (folder / "private/text/-/module/text--upper/picture.png").is_file()
    assert "private/text: 1 module, 0 pages made" in site.command("catalog").stdout
    assert [path.name for path in site.index.rglob("*.readme")] == ["upper@1.0.0.readme"]


def test_a_catalogue_that_cannot_be_written_holds_up_no_push(tmp_path: Path) -> None:
    site = make_site(
        tmp_path / "site", builder={"layers": {"start": "never"}},
        catalog={"path": str(tmp_path / "file")},
    )  # fmt: skip
    author = site.author("text/upper")
    (tmp_path / "file").rmdir()
    (tmp_path / "file").write_text("")
    said = unwrapped(publish(author, PROJECT))
    assert "success:" in said
    yank = ("yank", "text/upper@1.0.0", "--reason", "too loud")
    assert "warning: the catalogue does not show this yet" in site.command(*yank).stdout
    assert site.versions("text/upper") == ["1.0.0"]
    assert "FileExistsError" in (site.state / "logs/errors.log").read_text()
    done = site.command("catalog", expect=1)
    assert "error: the catalogue cannot be written" in done.stderr
    (tmp_path / "file").unlink()
    site.command("sweep")
    assert list((tmp_path / "file").rglob("text--upper"))
