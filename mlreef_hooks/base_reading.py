"""The facts of a base image, read from its layers.

Where its Python keeps packages, which C library it has, which modules and distributions are there.
"""

import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from packaging.utils import canonicalize_name

from mlreef_hooks.base_facts import BaseFacts
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.place import PythonPlace

_LIBC = re.compile(r"(?:usr/)?lib(?:64)?/(?:[\w-]+/)?libc(?:\.so\.6|-[\d.]+\.so)")
_LIBC_VERSION = re.compile(rb"GNU C Library .*? stable release version ([0-9]+)\.([0-9]+)")
_LIBC_BYTES = 16 << 20
_RECORD = re.compile(r"(.+)/([^/]+)-[^/-]+\.dist-info/RECORD")
_RECORD_BYTES = 16 << 20
_KEPT = re.compile(r"(?:.*/)?(?:bin/[^/]+|lib/python3[^/]*(?:/.*)?)")  # all that is asked below
_MODULE = re.compile(r"([A-Za-z_]\w*)(?:\.py|\.[\w-]+\.so|\.so)?")
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_PATH = "usr/local/bin:usr/bin:bin"
_HINT = "name another image as [base] image, or choose the docker builder: [builder] use"


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The paths of a root file system that matter here, and the contents that were kept of some."""

    paths: frozenset[str]
    records: Mapping[str, bytes]
    libc: tuple[int, int] | None


def read_base_facts(
    layers: Iterable[IO[bytes]], environment: Sequence[str], python: str, *, bytecode: bool
) -> BaseFacts:
    """The facts of a base of these layers (tars, gzipped or not, from the bottom).

    `environment` is the image's, `python` the version that the site says it has (`3.11`).
    PublishError where it is no base that packages can be installed into without running it.
    """
    found = _read_layers(layers)
    if found.libc is None:
        raise PublishError("the base image has no GNU C library", _HINT)
    place = replace(_find_place(found.paths, environment, python), bytecode=bytecode)
    folders = {place.site, _standard_library(place), f"{_standard_library(place)}/lib-dynload"}
    folders |= {"usr/lib/python3/dist-packages"}
    return BaseFacts(
        place=place,
        glibc=found.libc,
        python_missing=_which("python", found.paths, environment) is None,
        modules=frozenset(_modules(found.paths, folders)),
        distributions=dict(_distributions(found, place)),
    )


def _read_layers(layers: Iterable[IO[bytes]]) -> _Found:
    paths: set[str] = set()
    records: dict[str, bytes] = {}
    libc: tuple[int, int] | None = None
    for layer in layers:
        with tarfile.open(fileobj=layer, mode="r|*") as tar:
            for member in tar:
                path = posixpath.normpath(member.name).lstrip("/")
                paths = _without_hidden(paths, path)
                if _KEPT.fullmatch(path):
                    paths.add(path)
                if member.isfile() and _RECORD.fullmatch(path) and member.size <= _RECORD_BYTES:
                    records[path] = _content(tar, member)
                if member.isfile() and _LIBC.fullmatch(path) and member.size <= _LIBC_BYTES:
                    libc = _libc_version(_content(tar, member)) or libc
    records = {path: content for path, content in records.items() if path in paths}
    return _Found(paths=frozenset(paths), records=records, libc=libc)


def _without_hidden(paths: set[str], path: str) -> set[str]:
    """The paths without what a whiteout of a layer above hides."""
    folder, name = posixpath.split(path)
    if not name.startswith(_WHITEOUT):
        return paths
    hidden = folder if name == _OPAQUE else posixpath.join(folder, name.removeprefix(_WHITEOUT))
    return {each for each in paths if each != hidden and not each.startswith(f"{hidden}/")}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""


def _libc_version(content: bytes) -> tuple[int, int] | None:
    match = _LIBC_VERSION.search(content)
    return (int(match[1]), int(match[2])) if match else None


def _which(program: str, paths: frozenset[str], environment: Sequence[str]) -> str | None:
    """The path of a program on the image's PATH."""
    said = [pair.partition("=")[2] for pair in environment if pair.startswith("PATH=")]
    folders = (said[0] if said else _PATH).split(":")
    found = (posixpath.join(folder.lstrip("/"), program) for folder in folders)
    return next((path for path in found if path in paths), None)


def _find_place(paths: frozenset[str], environment: Sequence[str], python: str) -> PythonPlace:
    interpreter = _which(f"python{python}", paths, environment)
    if interpreter is None:
        raise PublishError(f"the base image has no python{python} on its PATH", _HINT)
    prefix = posixpath.dirname(posixpath.dirname(interpreter))
    site = f"{prefix}/lib/python{python}/site-packages"
    if f"{prefix}/lib/python3/dist-packages" in paths:  # Debian keeps what is not its own apart
        prefix = "usr/local"
        site = f"{prefix}/lib/python{python}/dist-packages"
    elif site not in paths:
        raise PublishError(f"the base image has no folder /{site}", _HINT)
    return PythonPlace(
        version=python, interpreter=f"/{interpreter}", site=site, prefix=prefix, bytecode=False
    )


def _standard_library(place: PythonPlace) -> str:
    prefix = posixpath.dirname(posixpath.dirname(place.interpreter)).lstrip("/")
    return f"{prefix}/lib/python{place.version}"


def _modules(paths: frozenset[str], folders: set[str]) -> Iterator[str]:
    """The names of modules and packages that stand directly in one of the folders."""
    for path in paths:
        folder, name = posixpath.split(path)
        match = _MODULE.fullmatch(name) if folder in folders else None
        if match:
            yield match[1]


def _distributions(found: _Found, place: PythonPlace) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is installed at the place: names, and files by RECORD with their bytecode."""
    for path, content in found.records.items():
        match = _RECORD.fullmatch(path)
        if match is None or match[1] != place.site:
            continue
        files: set[str] = set()
        for line in content.decode(errors="replace").splitlines():
            name = line.rpartition(",")[0].rpartition(",")[0].strip('"')
            file = posixpath.normpath(posixpath.join(place.site, name))
            files |= {file, *_bytecode_of(file, place.version)}
        yield canonicalize_name(match[2]), tuple(sorted(files & found.paths))


def _bytecode_of(file: str, python: str) -> Iterator[str]:
    folder, name = posixpath.split(file)
    if name.endswith(".py"):
        stem = name.removesuffix(".py")
        yield f"{folder}/__pycache__/{stem}.cpython-{python.replace('.', '')}.pyc"
