"""Files for the owner of their folder: what root must not be led to."""

import os
from pathlib import Path

import pytest

from mlreef_hooks.durable_files import appended, locked, open_own, replace_file

SECRET = "of another account"


def no_file_of_its_own() -> "pytest.RaisesExc[OSError]":
    return pytest.raises(OSError, match=r"not a file of its own|symbolic links")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that is none of the folder's."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_is_neither_followed_nor_changed(tmp_path: Path, secret: Path, link: object) -> None:
    assert callable(link)
    folder = tmp_path / "state" / "logs"
    folder.mkdir(parents=True)
    for name in ("a", ".a.new", "a.log"):
        link(secret, folder / name)
    with no_file_of_its_own(), locked(folder / "a"):
        pass
    with no_file_of_its_own():
        open_own(folder / "a", os.O_RDWR, 0o666)
    with no_file_of_its_own(), appended(folder / "a.log"):
        pass
    with no_file_of_its_own():
        replace_file(folder / "a", b"new", 0o644)
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == (SECRET, 0o600)


def test_a_dangling_link_makes_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "made")
    with no_file_of_its_own():
        open_own(tmp_path / "a", os.O_RDWR, 0o600)
    assert not (tmp_path / "made").exists()


def test_a_file_gets_its_mode_and_keeps_it(tmp_path: Path) -> None:
    os.close(open_own(tmp_path / "a", os.O_RDWR, 0o660))
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o660
