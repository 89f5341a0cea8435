"""Which versions of a module go, by how many are kept and which are yanked for long."""

import pytest

from mlreef_hooks.index import Document, add_version, set_yanked
from mlreef_hooks.retention import outlived
from tests.index_entries import make_entry


def document_of(versions: str, yanked: str) -> Document:
    """A module with these versions, some of them yanked."""
    document = None
    for version in versions.split():
        document = add_version(document, make_entry(version).document())
    assert document is not None
    for version in yanked.split():
        document = set_yanked(document, version, yanked=True, reason="broken")
    return document


@pytest.mark.parametrize(
    ("versions", "yanked", "keep", "long", "expected"),
    [
        ("1 2 3", "", 0, "", ""),
        ("1 2 3", "", 2, "", "1"),
        ("1 2 3", "", 9, "", ""),
        ("1.9 1.10 1.11", "", 2, "", "1.9"),  # by number, not by text
        ("1 2 3", "3", 1, "", "1"),  # a yanked one counts as none of those kept, and stays
        ("1 2 3", "3", 1, "3", "3 1"),
        ("1 2 3", "2", 0, "2", "2"),
        ("1 2", "1 2", 1, "1 2", "1"),  # who names no version still gets one
        ("1", "1", 1, "1", ""),
        ("1 2rc1", "", 1, "", ""),  # the highest is a release candidate, users get the final one
        ("1 2rc1 2rc2", "", 1, "", "2rc1"),
    ],
)
def test_versions_that_go(versions: str, yanked: str, keep: int, long: str, expected: str) -> None:
    found = outlived(document_of(versions, yanked), keep=keep, yanked=long.split())
    assert found == expected.split()
