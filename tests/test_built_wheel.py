"""A wheel out of a container: one proper file is taken, all else is refused."""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from mlreef_hooks.base_facts import BaseFacts
from mlreef_hooks.bases import BaseImage
from mlreef_hooks.builders.built_wheel import BuildPlace, take_wheel
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import CONFIG, Descriptor
from mlreef_hooks.wheels.place import PythonPlace
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.sources import Source
from tests.support.package_index import make_wheel

SITE = "usr/local/lib/python3.11/dist-packages"
PYTHON = PythonPlace(
    version="3.11", interpreter="/usr/bin/python3", site=SITE, prefix="usr/local", bytecode=True
)
FACTS = BaseFacts(
    place=PYTHON, glibc=(2, 36), python_missing=False, modules=frozenset(), distributions={}
)
IMAGE = BaseImage(
    config=Descriptor.of(CONFIG, b"{}"), layers=(), digest="sha256:0", environment=(),
    architecture="amd64", facts=FACTS,
)  # fmt: skip
PLACE = BuildPlace(IMAGE, Platform("3.11", "x86_64", "glibc", (2, 36)), ())
TINY = Source(name="tiny", version="1.0", requirement="tiny @ https://x/y", proof="z")
NAME, CONTENT = make_wheel("tiny", "1.0", {"tiny.py": ""})
FOLDER = tarfile.TarInfo("wheels")
FOLDER.type = tarfile.DIRTYPE


def member(name: str, size: int = len(CONTENT)) -> tarfile.TarInfo:
    found = tarfile.TarInfo(f"wheels/{name}")
    found.size = size
    return found


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    found = member(name, 0)
    found.type, found.linkname = kind, "/etc/passwd"
    return found


def tar(*members: tarfile.TarInfo, content: bytes = CONTENT) -> bytes:
    """The tar of a folder, where each file has the same content."""
    out = io.BytesIO()
    for each in (FOLDER, *members):
        out.write(each.tobuf())
        if each.size:
            out.write(content + bytes(-len(content) % tarfile.BLOCKSIZE))
    return out.getvalue() + bytes(2 * tarfile.BLOCKSIZE)


def in_chunks(content: bytes) -> Iterable[bytes]:
    return (content[start : start + 1000] for start in range(0, len(content), 1000))


@pytest.mark.parametrize("source", [TINY, Source.of_reference("https://a.example/x.zip")])
def test_the_wheel_of_a_source_is_taken(tmp_path: Path, source: Source) -> None:
    path = tmp_path / "wheel"
    wheel = take_wheel(in_chunks(tar(member(NAME))), source, PLACE, path)
    assert (str(wheel), wheel.file, wheel.url) == ("tiny==1.0", NAME, "")
    assert (wheel.sha256, wheel.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (tar(), "it left none"),
        (tar(member(NAME), member("other-1.0-py3-none-any.whl")), "something else than one wheel"),
        (tar(member(NAME), FOLDER), "something else than one wheel"),
        (tar(link(NAME, tarfile.SYMTYPE)), "something else than one wheel"),
        (tar(link(NAME, tarfile.LNKTYPE)), "something else than one wheel"),
        (tar(link(NAME, tarfile.FIFOTYPE)), "something else than one wheel"),
        (tar(member(NAME, (1 << 30) + 1)), "it is larger than 1024 MiB"),
        (tar(member("numpy-1.0-py3-none-any.whl")), "numpy-1.0-py3-none-any.whl is another pack"),
        (tar(member("tiny-2.0-py3-none-any.whl")), "tiny-2.0-py3-none-any.whl is another version"),
        (tar(member("tiny-1.0-cp311-cp311-win_amd64.whl")), "does not fit Python 3.11 on x86_64"),
        (tar(member("tiny-1.0.tar.gz")), "tiny-1.0.tar.gz is no wheel"),
        (tar(member("\x1b[2J.whl")), r"\[2J.whl is no wheel"),
        (tar(member(NAME))[: 3 * tarfile.BLOCKSIZE - 100], "is refused: "),
        (b"\xff" * 2048, "is refused: "),
    ],
)
def test_all_else_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(PublishError, match=why) as caught:
        take_wheel(in_chunks(content), TINY, PLACE, tmp_path / "wheel")
    assert caught.value.message.isprintable()
    assert not caught.value.passing


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    junk = tar(member(NAME), content=bytes(len(CONTENT)))
    with pytest.raises(PublishError, match="cannot be installed"):
        take_wheel(in_chunks(junk), TINY, PLACE, tmp_path / "wheel")
