"""A wheel as a file from a stranger: bounded, checked against its RECORD, read in a fixed order.

Format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/.
"""

import base64
import hashlib
import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from installer.records import parse_record_file
from installer.sources import WheelFile

_BYTES = 16 << 30  # of a wheel, unpacked
_MEMBERS = 300_000
_READ_BYTES = {"RECORD": 16 << 20, "METADATA": 4 << 20}  # of what is read whole; PyTorch's: 1.5 MB
_READ_BYTES_OTHER = 1 << 20
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # as str.splitlines() sees them
_NAME_BYTES = 255
_PATH_BYTES = 4000  # PATH_MAX of Linux is 4096, and the image is unpacked in a folder
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # LZMA may ask for 4 GiB of memory
_LONG_GAP = re.compile(r"\s{1000}")  # in entry_points.txt; installer takes the square of its length
_CHUNK = 1 << 20


class CheckedWheel(WheelFile):
    """A wheel whose members come in the order of their names, each checked against RECORD."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        archive.filename = name
        super().__init__(archive)
        members = archive.infolist()
        if len(members) > _MEMBERS or sum(each.file_size for each in members) > _BYTES:
            raise ValueError("it holds more than any wheel does")
        if len({each.filename for each in members}) < len(members):
            raise ValueError("it holds a name twice")
        if any(each.external_attr >> 28 == 0o12 for each in members):
            raise ValueError("it holds a symbolic link")
        if any(each.compress_type not in _PACKED for each in members):
            raise ValueError("it is packed in another way than wheels are")
        for each in members:
            check_path(each.orig_filename)
        archive.filelist.sort(key=lambda each: each.filename)
        self._sizes = {each.filename: each.file_size for each in members}
        lines = self._read_record().splitlines()
        self._hashes = {path: hash_ for path, hash_, _ in parse_record_file(lines)}
        has_scripts = "entry_points.txt" in self.dist_info_filenames
        if has_scripts and _LONG_GAP.search(self.read_dist_info("entry_points.txt")):
            raise ValueError("entry_points.txt has a long gap")

    def read_dist_info(self, filename: str) -> str:
        """The text of a file of the wheel's .dist-info, for installer too; ValueError if large."""
        most = _READ_BYTES.get(filename, _READ_BYTES_OTHER)
        with self._zipfile.open(posixpath.join(self.dist_info_dir, filename)) as stream:
            content = stream.read(most + 1)  # the size that the wheel tells may be a lie
        if len(content) > most:
            raise ValueError(f"its {filename} is too large")
        return content.decode("utf-8")

    def _read_record(self) -> str:
        """RECORD, which every line makes larger in memory than it is."""
        text = self.read_dist_info("RECORD")
        if sum(map(text.count, _LINE_ENDS)) > 2 * _MEMBERS:
            raise ValueError("its RECORD tells of more files than any wheel has")
        return text

    def get_contents(self) -> Iterator[Any]:
        """The members, each with a `CheckedMember` as its stream."""
        for elements, stream, executable in super().get_contents():
            path = elements[0]
            checked = CheckedMember(stream, path, self._sizes[path], self._hashes.get(path, ""))
            yield elements, checked, executable


def fits(path: str) -> bool:
    """True where a path can be unpacked."""
    longest = max(map(_length, path.split("/")))
    return longest <= _NAME_BYTES and _length(path) <= _PATH_BYTES


def check_path(path: str) -> None:
    """ValueError where a path leads out, or means something else to installer or in an image."""
    parts = path.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or any(part.startswith(".wh.") for part in parts):
        raise ValueError(f"{path!a} is no place for a file")
    if not fits(path.removesuffix("/")):
        raise ValueError(f"{path[:40]!a}... is longer than a path may be")


def _length(path: str) -> int:
    return len(path.encode(errors="surrogateescape"))


class CheckedMember:
    """A member of a wheel that is read to its end, and is what its size and RECORD say."""

    def __init__(self, stream: IO[bytes], path: str, size: int, expected: str) -> None:
        self.size = size
        self._stream = stream
        self._path = path
        self._hash = hashlib.sha256() if expected.startswith("sha256=") else None
        self._expected = expected.removeprefix("sha256=")

    def chunks(self) -> Iterator[bytes]:
        """The content; ValueError at its end where it is not what it should be."""
        left = self.size
        while chunk := self._stream.read(_CHUNK):
            left -= len(chunk)
            if self._hash:
                self._hash.update(chunk)
            yield chunk
        if left or (self._hash and encoded(self._hash.digest()) != self._expected):
            raise ValueError(f"{self._path} is not what its RECORD says")


def encoded(digest: bytes) -> str:
    """A digest as RECORD writes it."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
