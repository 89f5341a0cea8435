"""What the requirements files want, for a resolver that runs on the server itself.

There git references, folders and source archives are never touched: reading what they require may
run their code. So they are refused here, before anything is started.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_wheel_filename

from mlreef_hooks.wheels.lock import SourceNeeded

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_HASH = re.compile(r" --hash=(\S+)")
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


def read_wanted(files: Mapping[str, str]) -> Wanted:
    """What the files want that pip would be given; SourceNeeded where wheels will not do."""
    lines = files["requirements.txt"].splitlines()
    constraints = files.get("constraints.txt", "").splitlines()
    options = [_option(line) for line in lines if line.startswith("-")]
    required = [line for line in lines if line and not line.startswith("-")]
    _refuse_sources(dict(options))
    hashes: dict[str, set[str]] = {}
    for line in (*required, *constraints):
        name = _refuse_source(line)
        hashes.setdefault(name, set()).update(_sha256_of(name, line))
    behind = any(_HASH.search(line) for line in (*required, *constraints))
    return Wanted(
        lines=tuple(_without_hashes(required)),
        constraints=tuple(_without_hashes(constraints)),
        hashes={name: frozenset(each) for name, each in hashes.items() if each},
        hashed=behind or "--require-hashes" in dict(options),
        options=tuple(options),
    )


def _option(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def _without_hashes(lines: Iterable[str]) -> Iterator[str]:
    return (_HASH.sub("", line) for line in lines)


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
        raise SourceNeeded((label,), f"{label} is required by a URL that is no wheel")
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
