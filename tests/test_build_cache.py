"""The cache of builds: what it remembers, and that nothing happens where it is broken or gone."""

from pathlib import Path

import pytest

from mlreef_hooks.build_cache import BuildCache


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    """An empty cache."""
    return BuildCache(tmp_path / "state" / "cache.sqlite")


def test_layers_and_folders_are_found_by_their_keys(cache: BuildCache) -> None:
    many = {f"key-{number}": {"size": number} for number in range(1200)}
    cache.add_layers(many)
    cache.add_folders({"key-1": ["other"]})
    assert cache.layers([*many, "unknown"]) == many
    assert cache.folders(["key-1", "key-2"]) == {"key-1": ["other"]}
    cache.add_layers({"key-1": None})
    assert cache.layers(["key-1"]) == {"key-1": None}


def test_uploads_are_known_by_repository_and_blob(cache: BuildCache) -> None:
    cache.add_uploads("host/a", ["1", "2"])
    cache.add_uploads("host/b", ["2", "3"])
    assert cache.uploaded("host/a") == {"1", "2"}
    assert cache.origins(["1", "3", "4"]) == {"1": "host/a", "3": "host/b"}
    cache.forget_uploads("host/a")
    assert cache.uploaded("host/a") == set()
    assert cache.origins(["2"]) == {"2": "host/b"}


def test_another_process_sees_it(cache: BuildCache, tmp_path: Path) -> None:
    cache.add_layers({"key": 1})
    assert BuildCache(tmp_path / "state" / "cache.sqlite").layers(["key"]) == {"key": 1}
    assert (tmp_path / "state" / "cache.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_broken_file_is_forgotten(cache: BuildCache, tmp_path: Path) -> None:
    path = tmp_path / "state" / "cache.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)
    assert cache.layers(["key"]) == {}
    cache.add_layers({"key": 1})
    assert cache.layers(["key"]) == {"key": 1}


def test_a_cache_that_cannot_be_written_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = BuildCache(tmp_path / "file" / "cache.sqlite")
    cache.add_layers({"key": 1})
    cache.add_uploads("host/a", ["1"])
    assert cache.layers(["key"]) == {}
    assert cache.uploaded("host/a") == set()
