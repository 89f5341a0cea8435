"""Modules are found by their listing lines, and shown with what changed between versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.cli.module_page import page_of
from mlreef_hooks.cli.user import find_in
from mlreef_hooks.contract import with_comparison
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import LISTING_FIELDS, Document, add_version, listing_line
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_search import Query, known, matching
from mlreef_hooks.manifest import KIND_WORDS, TYPE_WORDS, Resources
from mlreef_hooks.reader_index import Documents
from tests.index_entries import PARAMETERS, make_entry
from tests.support.site import GitSite

MODULES: dict[str, dict[str, Any]] = {
    "noise": {"tags": ("noise", "augmentation"), "author": "Ada Lovelace"},
    "train": {
        "kind": "model", "inputs": ("IMAGE", "TABULAR"), "outputs": ("MODEL",), "author": None,
        "title": "Train a Straße classifier", "tags": ("augmentation",),
        "resources": Resources(gpu=False),
    },
    "plot": {
        "kind": "data-visualization", "inputs": ("ANY",), "description": "Draws TABULAR data",
        "author": "Grace", "namespace": "text", "title": "Plot",
    },
}  # fmt: skip
LINES = [listing_line(make_entry(name=name, **facts).document()) for name, facts in MODULES.items()]
OLD = {name: value for name, value in LINES[0].items() if name in LISTING_FIELDS} | {"name": "old"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), {"noise", "train", "plot", "old"}),
        (Query(words=["NOISE"]), {"noise", "train", "old"}),  # by a name, or a description
        (Query(words=["text/plot"]), {"plot"}),
        (Query(words=["strasse", "Train"]), {"train"}),
        (Query(words=["lovelace"]), {"noise"}),
        (Query(words=["augment"]), {"noise", "train"}),
        (Query(words=["tabular"]), {"train", "plot"}),
        (Query(words=["tabular", "nothing"]), set()),
        (Query(kind="model"), {"train"}),
        (Query(inputs=["IMAGE"]), {"noise", "train", "old"}),
        (Query(inputs=["IMAGE", "TABULAR"]), {"train"}),
        (Query(outputs=["MODEL"], inputs=["IMAGE"]), {"train"}),
        (Query(inputs=["VIDEO"]), set()),
        (Query(author="ada"), {"noise"}),
        (Query(tags=["Augmentation"]), {"noise", "train"}),
        (Query(tags=["augmentation", "noise"]), {"noise"}),
        (Query(tags=["augment"]), set()),
        (Query(base="default"), {"noise", "train", "plot"}),
        (Query(base="defaul"), set()),
        (Query(gpu=True), {"noise", "plot"}),
        (Query(gpu=False), {"train"}),
        (Query(gpu=False, kind="model", words=["classifier"]), {"train"}),
    ],
)
def test_what_a_query_means(query: Query, found: set[str]) -> None:
    lines = [*LINES, OLD]
    assert {line["name"] for line in matching(lines, query)} == found


def test_lines_of_older_programs_are_lines() -> None:
    for lines in (LINES, [OLD]):
        check_document("listing", {"v": 1, "namespace": "vision", "modules": lines}, "here")


@pytest.mark.parametrize(
    ("word", "words", "said"),
    [
        ("modle", KIND_WORDS, "did you mean model?"),
        ("IMGE", TYPE_WORDS, "did you mean IMAGE?"),
        ("", TYPE_WORDS, "write one of ANY"),
    ],
)
def test_a_word_that_is_none(word: str, words: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        known(word, words)


def test_words_in_any_case() -> None:
    assert known("Operation", KIND_WORDS) == "data-operation"
    assert known("time_series", TYPE_WORDS) == "TIME_SERIES"


def test_the_command(tmp_path: Path) -> None:
    site = GitSite(tmp_path)
    index = IndexFiles(site.index)
    for name, facts in MODULES.items():
        namespace = facts.get("namespace", "vision")
        entry = make_entry(name=name, repository=f"{namespace}/{name}", **facts)
        index.add(entry.document())
    for path in (site.index / "public" / "modules").rglob("*.json"):
        path.write_text("unread")
    words = ["--kind", "algorithm", "--input", "image", "--no-gpu", "--tag", "augmentation"]
    (line,) = json.loads(site.command("search", "train", *words, "--format", "json").stdout)
    assert (line["name"], line["tags"]) == ("train", ["augmentation"])
    said = site.command("search", "--output", "MODL", expect=2).stderr
    assert "Invalid value for '--output': did you mean MODEL?" in said


class NoListing:
    """An index of one module, of which no listing is read."""

    def lines(self) -> list[Document]:
        """Never."""
        raise PublishError("the listing was read", "")

    def find(self, namespace: str, name: str) -> Document | None:
        """The module."""
        return make_entry().document() if (namespace, name) == ("vision", "add-noise") else None


def test_a_module_by_its_whole_name_is_found_without_a_listing() -> None:
    assert find_in(NoListing(), "vision/add-noise@1.2")[1]["version"] == "1.2.0"
    for name in ("add-noise", "vision/other"):
        with pytest.raises(PublishError, match="the listing was read"):
            find_in(NoListing(), name)


def test_a_short_name_and_a_wrong_one() -> None:
    entries = [make_entry(name="a"), make_entry(name="a", namespace="text"), make_entry(name="bc")]
    index = Documents([entry.document() for entry in entries])
    assert find_in(index, "bc")[0]["namespace"] == "vision"
    for name, hint in (("vision/bd", "did you mean vision/bc?"), ("a", "write one of text/a")):
        with pytest.raises(PublishError, match=f"there is no module {name}") as refused:
            find_in(index, name)
        assert refused.value.hint.startswith(hint)


def published(*versions: Document, compared: bool) -> Document:
    """The document of a module; with what each version said of that before, or without."""
    document: Document | None = None
    for entry in versions:
        document = add_version(document, with_comparison(entry, document) if compared else entry)
    assert document
    return document


@pytest.mark.parametrize("compared", [True, False])
def test_a_page_says_what_changed_since_the_version_before(compared: bool) -> None:
    document = published(
        make_entry("1.0").document(),
        make_entry(
            "1.1", parameters=PARAMETERS[:-1], outputs=("TEXT",), tags=("a", "b")
        ).document(),
        make_entry("1.2", parameters=PARAMETERS[:-1], outputs=("TEXT",)).document(),
        compared=compared,
    )
    last, middle, first = (page_of(document, each) for each in document["versions"])
    assert "\nsince 1.1\n  nothing but the code\nparameters\n" in last
    assert "\nsince 1.0\n  breaking: parameter shuffle is gone\n" in middle
    assert "\n  breaking: gives TEXT, was IMAGE, ANY\n" in middle
    assert "\n  tags        a, b\n" in middle
    assert "since" not in first
    assert "\n  needs       a GPU, 4g\n" in first


def test_a_page_of_very_many_changes_is_short() -> None:
    many = tuple(f"package-{number}==1" for number in range(100))
    document = published(
        make_entry("1.0").document(), make_entry("1.1", requirements=many).document(), compared=True
    )
    page = page_of(document, document["versions"][0])
    assert "\n  and 81 more\nparameters\n" in page
