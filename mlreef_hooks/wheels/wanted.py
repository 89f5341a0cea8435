"""What the requirements files want, for a resolver that runs on the server itself.

There git references, folders and source archives are never touched: reading what they require may
run their code. So they are refused here, before anything is started.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_wheel_filename

from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.lock import SourceNeeded

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_HASH = re.compile(r" --hash=(\S+)")
_INDEX_OPTIONS = {"--index-url", "--extra-index-url", "--no-index", "--pre", "--trusted-host"}
_NOTHING: Mapping[str, PurePath] = MappingProxyType({})
_FRAGMENT = re.compile(r"sha256=([0-9A-Fa-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Requirements and constraints without their hashes, the hashes by name, and pip's options.

    `hashes` are the SHA-256 that a package may have; where there are any, `hashed` says whether
    every package needs one. `options` are pairs of an option of pip and its value.
    """

    lines: tuple[str, ...]
    constraints: tuple[str, ...]
    hashes: Mapping[str, frozenset[str]]
    hashed: bool
    options: tuple[tuple[str, str], ...]

    def values(self, option: str) -> list[str]:
        """The values that an option of pip is given, in order."""
        return [value for name, value in self.options if name == option]

    def allowed(self, name: str, said: str) -> frozenset[str] | None:
        """The SHA-256 that a package may have, None where it may have any; `said` is its version.

        PublishError where it needs one and has none.
        """
        if self.hashed and name not in self.hashes:
            raise PublishError(
                f"{said} has no hash, and all need one where one has",
                "require it too; `pip-compile --generate-hashes` writes everything needed",
            )
        return self.hashes.get(name)


def read_options(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Pairs of an option of pip and its value."""
    lines = files["requirements.txt"].splitlines()
    return tuple(_option(line) for line in lines if line.startswith("-"))


def index_options(files: Mapping[str, str]) -> tuple[str, ...]:
    """The options that say where packages come from, as lines."""
    found = (each for each in read_options(files) if each[0] in _INDEX_OPTIONS)
    return tuple(" ".join(each).strip() for each in found)


def read_wanted(files: Mapping[str, str], built: Mapping[str, PurePath] = _NOTHING) -> Wanted:
    """What the files want that pip would be given; SourceNeeded where wheels will not do.

    `built` are wheels by the references that they were built of, and that they stand in for.
    """
    lines = files["requirements.txt"].splitlines()
    constraints = files.get("constraints.txt", "").splitlines()
    options = read_options(files)
    required = [line for line in lines if line and not line.startswith("-")]
    _refuse_sources(dict(options))
    hashes: dict[str, set[str]] = {}
    for line in (*required, *constraints):
        if line in built:
            continue  # pip checked what it was built of
        name = _refuse_source(line)
        hashes.setdefault(name, set()).update(_sha256_of(name, line))
    behind = any(_HASH.search(line) for line in (*required, *constraints))
    return Wanted(
        lines=tuple(_without_hashes(required, built)),
        constraints=tuple(_without_hashes(constraints, built)),
        hashes={name: frozenset(each) for name, each in hashes.items() if each},
        hashed=behind or "--require-hashes" in dict(options),
        options=options,
    )


def _option(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _without_hashes(lines: Iterable[str], built: Mapping[str, PurePath]) -> list[str]:
    """The lines as uv is given them: a wheel that was built in the place of its reference."""
    return [_with_built(line, built.get(line)) for line in lines]


def _with_built(line: str, wheel: PurePath | None) -> str:
    if wheel is None:
        return _HASH.sub("", line)
    named, at, _ = line.partition(" @ ")
    return f"{named}{at}{wheel.as_uri()}" if at else wheel.as_uri()


def _refuse_sources(options: Mapping[str, str]) -> None:
    if "--no-binary" in options:
        packages = tuple(options["--no-binary"].split(","))
        raise SourceNeeded(packages, "--no-binary wants packages that are built")


def _refuse_source(line: str) -> str:
    """The canonical name of the package that a line wants; SourceNeeded where it is no wheel."""
    subject = _HASH.sub("", line).partition("; ")[0].strip()
    named, at, url = subject.partition(" @ ")
    if not at and "://" not in subject:
        found = _NAME.match(subject)
        return canonicalize_name(found[0] if found else subject)
    parts = urlsplit(url if at else subject)
    file = unquote(parts.path).rpartition("/")[2]
    label = named if at else file or "a reference"
    if parts.scheme not in ("http", "https") or not file.endswith(".whl"):
        # whether a marker means the base is pip's to say
        sources = () if "; " in line else (line,)
        why = f"{label} is required by a URL that is no wheel"
        raise SourceNeeded((label,), why, sources=sources)
    try:
        return canonicalize_name(parse_wheel_filename(file)[0])
    except ValueError:
        raise SourceNeeded((label,), f"{label} is required by a URL that is no wheel") from None


def _sha256_of(name: str, line: str) -> set[str]:
    """The SHA-256 that a line allows; SourceNeeded where it has other hashes only."""
    allowed = [each.partition(":") for each in _HASH.findall(line)]
    found = {digits for algorithm, _, digits in allowed if algorithm == "sha256"}
    fragment = line.partition("#")[2] if "://" in line else ""
    found |= {digits.lower() for digits in _FRAGMENT.findall(fragment)}
    if not found and (allowed or "://" in line):
        raise SourceNeeded((name,), f"the hash of {name} is no SHA-256, which a lock needs")
    return found
