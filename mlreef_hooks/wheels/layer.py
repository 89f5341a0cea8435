"""The image layer that one wheel becomes: installed as pip would, and nothing of it executed.

Format of wheels: https://packaging.python.org/en/latest/specifications/binary-distribution-format/.
The same wheel at the same place gives the same bytes on any machine.
"""

import configparser
import csv
import hashlib
import io
import posixpath
import re
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, Any, cast

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, InvalidRecordEntry, RecordEntry
from installer.scripts import Script
from installer.sources import WheelFile
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlreef_hooks.code_layers import TIME
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import HashingWriter
from mlreef_hooks.problems import printable
from mlreef_hooks.wheels.bytecode import BytecodeCompiler
from mlreef_hooks.wheels.facts import WheelFacts
from mlreef_hooks.wheels.place import PythonPlace
from mlreef_hooks.wheels.wheel_file import CheckedMember, CheckedWheel, check_path, encoded, fits

_SCRIPT_BYTES = 16 << 20
_METADATA = {"INSTALLER": b"mlreef-hooks\n"}
# Nobody imports tests when a program starts, and they are nearly half of what there is to compile.
_TESTS = frozenset({"test", "tests", "testing_data"})
_MODULE = re.compile(r"((?:[^/.]+/)*[^/.]+)(?:\.py|\.[\w-]*\.so|\.abi3\.so|\.so|\.pyi?)")
# What zipfile and installer raise on a broken wheel; installer asserts where it should refuse.
_BROKEN = (
    InstallerError, zipfile.BadZipFile, zlib.error, ValueError, LookupError, EOFError, RuntimeError,
    AssertionError, TypeError, InvalidRecordEntry, csv.Error, configparser.Error,
)  # fmt: skip


def write_wheel_layer(wheel: Path, name: str, place: PythonPlace, out: IO[bytes]) -> WheelFacts:
    """What is known of the layer of a wheel, which was written to `out` as an uncompressed tar.

    `wheel` is the file, `name` its file name. PublishError where it is broken or hostile.
    """
    writer = HashingWriter(out)
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            BytecodeCompiler(place.version if place.bytecode else "") as compiler,
        ):
            source = CheckedWheel(archive, name)
            facts = HeaderParser().parsestr(source.read_dist_info("METADATA"))
            _check_same(source, facts["Name"] or "", facts["Version"] or "")
            layer = _Layer(cast("IO[bytes]", writer), place, source, compiler)
            there = {*source.dist_info_filenames}
            added = {key: text for key, text in _METADATA.items() if key not in there}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # bytecode in a wheel is left out, as it should be
                install(source, layer, added)
    except _BROKEN as error:
        raise _refusal(name, str(error) or type(error).__name__) from error
    return WheelFacts(
        name=canonicalize_name(source.distribution),
        version=source.version,
        digest=writer.digest,
        size=writer.size,
        files=layer.files,
        modules=tuple(sorted(layer.modules)),
        requires=tuple(facts.get_all("Requires-Dist") or ()),
    )


def _check_same(wheel: WheelFile, name: str, version: str) -> None:
    """ValueError where METADATA tells of another package or version than the file name."""
    same = canonicalize_name(name) == canonicalize_name(wheel.distribution)
    if not same or Version(version) != Version(wheel.version):
        raise ValueError(f"its METADATA is that of {name} {version}")


def _refusal(name: str, why: str) -> PublishError:
    return PublishError(
        f"{printable(name)} cannot be installed: {printable(why)[:200]}",
        "require another version of it",
    )


class _Layer(WheelDestination):
    """Writes what is installed as members of a tar."""

    def __init__(
        self, out: IO[bytes], place: PythonPlace, wheel: CheckedWheel, compiler: BytecodeCompiler
    ) -> None:
        self.modules: set[str] = set()
        self._out = out
        self._place = place
        self._compiler = compiler
        self._folders: set[str] = set()
        self._written: dict[str, RecordEntry] = {}
        headers = f"{place.prefix}/include/python{place.version}/{wheel.distribution}"
        self._schemes = {
            "purelib": place.site, "platlib": place.site, "data": place.prefix,
            "scripts": f"{place.prefix}/bin", "headers": headers,
        }  # fmt: skip

    @property
    def files(self) -> int:
        """How many files were written."""
        return len(self._written)

    def write_script(self, name: str, module: str, attr: str, section: Any) -> RecordEntry:
        script = Script(name, module, attr, section)
        script_name, content = script.generate(self._place.interpreter, "posix")
        target = self._target("scripts", script_name)
        return self._write(target, len(content), iter([content]), executable=True)

    def write_file(self, scheme: str, path: Any, stream: Any, is_executable: bool) -> RecordEntry:
        target = self._target(scheme, str(path))
        if not isinstance(stream, CheckedMember):
            content = stream.read()
            return self._write(target, len(content), iter([content]), executable=False)
        if scheme == "scripts":
            if stream.size > _SCRIPT_BYTES:
                raise ValueError(f"the script {path} is too large")
            content = _with_interpreter(b"".join(stream.chunks()), self._place.interpreter)
            return self._write(target, len(content), iter([content]), executable=True)
        if target.endswith(".py") and self._is_compiled(target, stream.size):
            return self._write_source(target, b"".join(stream.chunks()), is_executable)
        self._note_module(target)
        return self._write(target, stream.size, stream.chunks(), executable=is_executable)

    def _is_compiled(self, target: str, size: int) -> bool:
        folders = target.removeprefix(f"{self._place.site}/").split("/")[:-1]
        small = size <= _SCRIPT_BYTES
        return target.startswith(f"{self._place.site}/") and small and not _TESTS & {*folders}

    def _write_source(self, target: str, source: bytes, executable: bool) -> RecordEntry:
        self._note_module(target)
        entry = self._write(target, len(source), iter([source]), executable=executable)
        bytecode = self._compiler.compile(f"/{target}", source)
        if bytecode:
            folder, name = posixpath.split(target)
            version = self._place.version.replace(".", "")
            stem = name.removesuffix(".py")
            compiled = f"{stem}.cpython-{version}.pyc"
            path = f"{folder}/__pycache__/{compiled}"
            if fits(path):
                self._write(path, len(bytecode), iter([bytecode]), executable=False)
        return entry

    def _note_module(self, target: str) -> None:
        match = _MODULE.fullmatch(target.removeprefix(f"{self._place.site}/"))
        if match and target.startswith(f"{self._place.site}/"):
            parts = match[1].split("/")
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            names = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
            self.modules.update(names)

    def finalize_installation(self, scheme: str, record_file_path: Any, records: Any) -> None:
        target = self._target(scheme, str(record_file_path))
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        for path, entry in sorted(self._written.items()):
            hash_ = f"{entry.hash_.name}={entry.hash_.value}" if entry.hash_ else ""
            rows.writerow([posixpath.relpath(path, self._place.site), hash_, entry.size])
        rows.writerow([posixpath.relpath(target, self._place.site), "", ""])
        content = text.getvalue().encode()
        self._write(target, len(content), iter([content]), executable=False)
        self._out.write(bytes(2 * tarfile.BLOCKSIZE))

    def _target(self, scheme: str, path: str) -> str:
        """Where a file goes, relative to the root; ValueError where that is not its place."""
        check_path(path)
        folder = self._schemes[scheme]
        target = posixpath.normpath(posixpath.join(folder, path))
        inside = target.startswith(f"{folder}/") and target == f"{folder}/{path}"
        if not inside or not path.isprintable() or target in self._written:
            raise ValueError(f"{path!a} is no place for a file")
        check_path(target)
        return target

    def _write(
        self, target: str, size: int, chunks: Iterator[bytes], *, executable: bool
    ) -> RecordEntry:
        for folder in self._new_folders(posixpath.dirname(target)):
            self._out.write(_header(folder, tarfile.DIRTYPE, 0o755, 0))
        self._out.write(_header(target, tarfile.REGTYPE, 0o755 if executable else 0o644, size))
        hashed = hashlib.sha256()
        for chunk in chunks:
            hashed.update(chunk)
            self._out.write(chunk)
        self._out.write(bytes(-size % tarfile.BLOCKSIZE))
        entry = RecordEntry(target, Hash("sha256", encoded(hashed.digest())), size)
        self._written[target] = entry
        return entry

    def _new_folders(self, folder: str) -> list[str]:
        found = []
        while folder and folder not in self._folders:
            if folder in self._written:
                raise ValueError(f"{folder!a} is a file and a folder")
            self._folders.add(folder)
            found.append(folder)
            folder = posixpath.dirname(folder)
        return found[::-1]


def _with_interpreter(script: bytes, interpreter: str) -> bytes:
    """The script, its `#!python` line naming the image's Python."""
    first, newline, rest = script.partition(b"\n")
    if re.match(rb"#!\s*python", first):
        return f"#!{interpreter}".encode() + newline + rest
    return script


def _header(path: str, kind: bytes, mode: int, size: int) -> bytes:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.size, member.mtime = kind, mode, size, TIME
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
