"""Requirements pinned to the versions that are installed: the text of a file with these lines."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mlreef_hooks.required_package import RequiredPackage, read_requirement
from mlreef_hooks.requirement_lines import Line, Refused, logical_lines, split_line

_PARTS = re.compile(
    r"(?P<name>\s*[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\s*\[[^\]]*\])?)"
    r"(?P<versions>(?:[^;#\\]*[^;#\\\s])?)"
    r"(?P<rest>\s*(?:;.*|#.*|\\.*)?)",
    re.DOTALL,
)
_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An installed package: its version, and from where, if not from a package index."""

    version: str
    elsewhere: str = ""


@dataclass(frozen=True, kw_only=True)
class Pinning:
    """A requirements file as it should be; what was pinned, and what could not be, by line."""

    content: bytes
    pinned: Mapping[int, str]
    left: Mapping[int, str]


def pin_requirements(
    content: bytes, numbers: Collection[int], installed: Mapping[str, Installed]
) -> Pinning:
    """The file with the requirements that begin on these lines (from 1) pinned.

    `installed` is by canonical name. All but the versions of these requirements stays byte for
    byte. A file that is not UTF-8 is left as it is.
    """
    pinned: dict[int, str] = {}
    left: dict[int, str] = {}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Pinning(content=content, pinned={}, left=dict.fromkeys(numbers, "it is not UTF-8"))
    mark = _MARK if text.startswith(_MARK) else ""
    lines = text.removeprefix(_MARK).splitlines(keepends=True)
    for number in sorted(numbers):
        try:
            lines[number - 1], pinned[number] = _pin(lines, number, installed)
        except Refused as refused:
            left[number] = str(refused.args[1])
    return Pinning(content=(mark + "".join(lines)).encode(), pinned=pinned, left=left)


def _pin(lines: Sequence[str], number: int, installed: Mapping[str, Installed]) -> tuple[str, str]:
    """The line with a pin, and what is said of it; `Refused` where that is not sure."""
    required, line = _read(lines, number), lines[number - 1]
    version = _version(required, installed)
    parts = _PARTS.fullmatch(line)
    with suppress(Refused):  # such as versions that go on in the next line
        written = f"{parts['name']}=={version}{parts['rest']}" if parts else ""
        again = _read([*lines[: number - 1], written, *lines[number:]], number)
        if again.pinned and _all_but_version(again) == _all_but_version(required):
            return written, f"{required} is pinned to {version}, which is installed"
    raise _refused(f"{required} has to be pinned by hand")


def _version(required: RequiredPackage, installed: Mapping[str, Installed]) -> str:
    """The version that is installed, as an index has it; `Refused` where it cannot be taken."""
    from packaging.requirements import Requirement

    if required.pinned or required.url or required.hashes:
        raise _refused(f"{required} was changed meanwhile")
    found = installed.get(required.name)
    if found is None:
        raise _refused(f"{required} is not installed in your Python; --python names another")
    if found.elsewhere:
        raise _refused(f"{required} is installed from {found.elsewhere}, not from an index")
    allowed = Requirement(required.subject).specifier
    if not allowed.contains(found.version, prereleases=True):
        raise _refused(f"{required} {found.version} is installed, and the line wants {allowed}")
    return found.version.partition("+")[0]  # an index has no local versions


def _read(lines: Sequence[str], number: int) -> RequiredPackage:
    """The requirement that begins on a line."""
    logical = dict(logical_lines("".join(lines))).get(number, "")
    requirement, options = split_line(logical)
    line = Line(path="", number=number, text=logical, constraint=False)
    return read_requirement(line, requirement, options)


def _all_but_version(required: RequiredPackage) -> tuple[object, ...]:
    from packaging.requirements import Requirement

    extras = Requirement(required.subject).extras
    return required.label, extras, required.marker, required.hashes, required.url


def _refused(said: str) -> Refused:
    return Refused("requirement-unpinned", said, "")
