"""Source distributions of package indexes: pages are read, and the one that is meant is chosen."""

import json
from typing import Any

import pytest
from packaging.requirements import Requirement

from mlreef_hooks.wheels.sources import IndexFile, Source, choose_source, read_page

PAGE = "https://index.example/simple/x/"
A, B = "a" * 64, "b" * 64


def file(name: str, sha256: str = A, *, python: str = "", yanked: bool = False) -> IndexFile:
    url = f"https://index.example/files/{name}"
    return IndexFile(url=url, sha256=sha256, python=python, yanked=yanked)


def chosen(text: str, *files: IndexFile, allowed: set[str] | None = None) -> Source | None:
    return choose_source(Requirement(text), files, "3.11", allowed)


# pages


def test_a_page_is_read_in_both_forms() -> None:
    document = {
        "files": [
            {"url": "../../files/x-1.0.tar.gz#sha256=00", "hashes": {"sha256": A.upper()}},
            {"url": "https://index.example/files/x-2.0.zip", "hashes": {},
             "requires-python": ">=3.12", "yanked": "broken"},
        ]
    }  # fmt: skip
    html = (
        f'<html><a href="../../files/x-1.0.tar.gz#sha256={A}">x</a><a name="top"></a>'
        '<A HREF="https://index.example/files/x-2.0.zip" data-requires-python="&gt;=3.12"'
        ' data-yanked="broken">y</a><a href="file:///etc/passwd">z</a>'
    )
    expected = [file("x-1.0.tar.gz"), file("x-2.0.zip", "", python=">=3.12", yanked=True)]
    assert read_page(json.dumps(document), PAGE) == expected
    found = [each for each in read_page(html, PAGE) if each.name != "x"]
    assert [each for each in found if each.url != PAGE] == expected


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"files": 1},
        {"files": [1]},
        {"files": [{"url": 1}]},
        {"files": [{"hashes": {}}]},
        {"files": [{"url": "x-1.0.tar.gz", "requires-python": 5}]},
        {"files": [{"url": "x-1.0.tar.gz", "requires-python": ["x"]}]},
    ],
)
def test_what_is_no_page_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="not a page"):
        read_page(json.dumps(document), PAGE)


@pytest.mark.parametrize("page", ["<![x[", "<a href=x><![CDATAx[y"])
def test_html_that_python_does_not_read_is_no_page(page: str) -> None:
    with pytest.raises(ValueError, match="not a page"):
        read_page(page, PAGE)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "https://user:secret@index.example/x-1.0.tar.gz",
        "https://index.example/x-1.0.tar.gz --hash=sha256:1",
        "https://index.example/x-1.0.tar.gz\u2028--index-url=https://theirs.example/",
    ],
)
def test_a_file_whose_url_says_more_than_where_it_is_is_left_out(url: str) -> None:
    assert read_page(json.dumps({"files": [{"url": url}]}), PAGE) == []


# choosing


@pytest.mark.parametrize(
    ("requirement", "version"),
    [
        ("x==1.0", "1.0"),
        ("x>=1.0,<2", "1.10"),
        ("x", "2.0"),
        ("X>2", "3.0rc1"),
        ("x==4.0", "4.0"),
        ("x>9", None),
        ("y", None),
    ],
)
def test_the_newest_that_is_wanted_is_chosen(requirement: str, version: str | None) -> None:
    files = [
        *(file(f"x-{each}.tar.gz") for each in ("1.0", "1.10", "1.9", "2.0", "3.0rc1")),
        file("x-4.0.tar.gz", yanked=True),
        file("x-2.1.tar.gz", python=">=3.12"),
        file("x-2.2-py3-none-any.whl"),
        file("x-2.3.tar.bz2"),
        file("x_y-9.9.tar.gz"),
    ]
    source = chosen(requirement, *files)
    assert (source and source.version) == version


def test_only_an_allowed_hash_is_chosen() -> None:
    files = [file("x-1.0.zip", A), file("x-1.0.tar.gz", B), file("x-2.0.tar.gz", "")]
    source = chosen("x", *files, allowed={B})
    assert source is not None
    assert source.requirement == f"x @ https://index.example/files/x-1.0.tar.gz#sha256={B}"
    assert chosen("x", *files, allowed={"c" * 64}) is None


def test_a_key_is_that_of_the_content_and_not_of_where_it_is() -> None:
    mirrored = IndexFile(
        url="https://mirror.example/x-1.0.tar.gz", sha256=A, python="", yanked=False
    )
    keys = [
        source.key([place])
        for source, place in (
            (chosen("x", file("x-1.0.tar.gz")), "base"),
            (chosen("x", mirrored), "base"),
            (chosen("x", file("x-1.0.tar.gz", B)), "base"),
            (chosen("x", file("x-1.0.tar.gz")), "other base"),
        )
        if source
    ]
    assert keys[0] == keys[1]
    assert len({*keys}) == 3


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("X.y[z] @ git+https://a.example/x.git@1", "x-y", "x-y"),
        (f"https://a.example/x-1.0.zip#sha256={A}", "", "x-1.0.zip"),
        (f"https://a.example/x-1.0.zip --hash=sha256:{A}", "", "x-1.0.zip"),
    ],
)
def test_a_reference_is_a_source(text: str, name: str, said: str) -> None:
    source = Source.of_reference(text)
    assert (source.name, source.version, source.requirement) == (name, "", text)
    assert str(source) == said
