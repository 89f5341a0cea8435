"""One entry of a file changes, and no other is read."""

import json
import random
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_lines import Form, change_line, count_lines, write_lines
from tests.index_entries import make_entry

FORM = Form(head=b'{"v": 1, "all": [', begin=b'{"name": "', tail=b"]}")


def entry(name: str, value: int = 0) -> bytes:
    """An entry that says its name in its value as well."""
    return json.dumps({"name": name, "value": value, "text": f'{{"name": "{name}"'}).encode()


def test_a_file_is_what_its_entries_are_after_any_changes() -> None:
    chance = random.Random(1)
    names = ["a", "a-b", "a.b", "ab", "b", "b0", "z"]
    content, expected = b"", dict[str, bytes]()
    for value in range(500):
        name, removes = chance.choice(names), chance.random() < 0.4
        line = b"" if removes else entry(name, value)
        changed = change_line(FORM, content, name, line)
        assert changed is not None
        content = changed
        expected |= {name: line}
        expected = {key: each for key, each in expected.items() if each}
        assert bool(content) == bool(expected)
        if content:
            assert content == write_lines(FORM, (expected[key] for key in sorted(expected)))
            assert count_lines(FORM, content) == len(json.loads(content)["all"]) == len(expected)


@pytest.mark.parametrize(
    "content",
    [
        b'{"v": 1, "all": [{"name": "a"}]}\n',  # on one line
        b'{"v": 2, "all": [\n{"name": "a"}\n]}\n',
        b'{"v": 1, "all": [\n{"name": "a"}\n]}',
        b'{"v": 1, "all": [\n{"name": "a"}',
        b'{"v": 1, "all": [\n',
        b'{"v": 1, "all": [\n{"name": "b"},\n{"name": "c"},\n{"name": "a"}\n]}\n',
        b'{"v": 1, "all": [\n{"name": "a"},\n{"name": "a"},\n{"name": "b"}\n]}\n',
        b"\n",
        b"[]",
    ],
)
def test_a_file_of_another_form_is_not_guessed_at(content: bytes) -> None:
    assert change_line(FORM, content, "a", entry("a")) is None


def test_a_file_without_entries_is_json() -> None:
    empty = write_lines(FORM, ())
    assert json.loads(empty) == {"v": 1, "all": []}
    assert change_line(FORM, empty, "a", b"") == b""
    assert change_line(FORM, empty, "a", entry("a")) == write_lines(FORM, [entry("a")])


def test_a_publish_reads_no_line_of_another_module(tmp_path: Path) -> None:
    index = IndexFiles(tmp_path)
    for name in "abcdefg":
        index.add(make_entry("1.0", name=name).document())
    listing, entrance = tmp_path / "public/listing/vision.json", tmp_path / "public/index.json"
    lines = listing.read_bytes().split(b"\n")
    assert [json.loads(line.rstrip(b","))["name"] for line in lines[1:-2]] == [*"abcdefg"]
    unread = lines[2].partition(b', "kind"')[0] + b" unread,"
    listing.write_bytes(b"\n".join([lines[0], lines[1], unread, *lines[3:]]))
    document = tmp_path / "public/modules/vision/b.json"
    whole = document.read_bytes()
    document.write_bytes(b"unread")
    index.add(make_entry("2.0", name="g").document())
    assert listing.read_bytes().split(b"\n")[2] == unread
    assert b'"version": "2.0"' in listing.read_bytes().split(b"\n")[7]
    assert json.loads(entrance.read_bytes())["namespaces"]["vision"]["modules"] == 7
    listing.write_bytes(listing.read_bytes().replace(unread, b"no entry,"))
    with pytest.raises(PublishError, match=r"vision\.json is not JSON"):
        index.add(make_entry("2.0", name="a").document())
    document.write_bytes(whole)
    listing.write_bytes(listing.read_bytes().replace(b"no entry,\n", b""))
    index.mend("vision", "b")
    assert [line["name"] for line in index.lines()] == [*"abcdefg"]


def test_who_leaves_a_listing_that_was_edited_by_hand_leaves_all_of_it(tmp_path: Path) -> None:
    index = IndexFiles(tmp_path)
    for name in "abcde":
        index.add(make_entry("1.0", name=name).document())
    listing = tmp_path / "public/listing/vision.json"
    head, *lines, tail, end = listing.read_bytes().split(b"\n")
    moved = b",\n".join(line.rstrip(b",") for line in (lines[2], *lines[:2], *lines[2:]))
    listing.write_bytes(b"\n".join([head, moved, tail, end]))
    index.set_visibility("vision", "c", lambda before: "private")
    assert b'"c"' not in listing.read_bytes()
    assert [line["name"] for line in index.lines()] == [*"abcde"]
    listing.write_bytes(b"")
    with pytest.raises(PublishError, match=r"vision\.json is not JSON"):
        index.add(make_entry("2.0", name="a").document())


def test_a_namespace_is_known_by_one_line_of_it(tmp_path: Path) -> None:
    index = IndexFiles(tmp_path)
    assert index.neighbour("vision") is None
    for name in "ab":
        index.add(make_entry("1.0", name=name).document())
    document, listing = (tmp_path / "public" / each for each in ("modules/vision", "listing"))
    whole = (document / "a.json").read_bytes()
    for path in document.iterdir():
        path.write_bytes(b"unread")
    found = index.neighbour("vision")
    assert found is not None
    assert found["repository"] == json.loads(whole)["repository"]
    (document / "a.json").write_bytes(whole)
    (document / "b.json").unlink()
    for content in (b"", b"[]", b'{"v": 1,\n{"namespace": "vision"', None):
        path = listing / "vision.json"
        path.unlink() if content is None else path.write_bytes(content)
        assert index.neighbour("vision") == json.loads(whole)


def test_an_index_of_an_older_program_goes_on(tmp_path: Path) -> None:
    index = IndexFiles(tmp_path)
    for name in ("a", "b"):
        index.add(make_entry("1.0", name=name).document())
    for path in (tmp_path / "public/listing/vision.json", tmp_path / "public/index.json"):
        path.write_text(json.dumps(json.loads(path.read_bytes())) + "\n")
    index.add(make_entry("1.0", name="c").document())
    index.add(make_entry("1.0", name="d", namespace="text").document())
    assert [line["name"] for line in index.lines()] == ["d", "a", "b", "c"]
    entrance = json.loads((tmp_path / "public/index.json").read_bytes())
    assert [*entrance["namespaces"]] == ["text", "vision"]
