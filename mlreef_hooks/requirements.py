"""Requirements files of a pushed tree: read as pip reads them, held to what builds again the same.

The format is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/). Nothing is
resolved and no file outside the tree is opened. Constraints need no pin: they only narrow what is
pinned elsewhere. A line is taken apart in `requirement_lines.py` and read in `required_package.py`.
"""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlreef_hooks.problems import Problems
from mlreef_hooks.required_package import RequiredPackage, read_requirement
from mlreef_hooks.requirement_lines import (
    OPTIONS,
    Line,
    Refused,
    is_url,
    logical_lines,
    refuse_option,
    shorten,
    split_line,
)
from mlreef_hooks.tree import SourceTree

REQUIREMENTS, OLD_NAMES = "requirements.txt", ("requirement.txt", "reuirement.txt")
MAX_FILES = 20
MAX_LINES = 2_000  # requirements and options of all files together


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What a requirements file asks for, includes followed, in the order of the files.

    `lines` are normalised requirements with their hashes, `displayed` the same without; `names` are
    the canonical package names as far as the lines tell them; `constraints` come from `-c` files;
    `options` are those of pip's options that are allowed.
    """

    lines: tuple[str, ...] = ()
    displayed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, str]:
        """What pip is given: `requirements.txt`, and `constraints.txt` where there are any."""
        lines = (*self.options, *self.lines)
        if not self.constraints:
            return {"requirements.txt": _text(lines)}
        lines = (*lines, "--constraint constraints.txt")
        return {"requirements.txt": _text(lines), "constraints.txt": _text(self.constraints)}


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def find_requirements(tree: SourceTree, problems: Problems, *, named: str | None) -> str | None:
    """The path of the requirements file, None with a finding; `named` is `mlreef.toml`'s word."""
    if named is not None:
        return _find_named(tree, problems, named)
    there = [name for name in (REQUIREMENTS, *OLD_NAMES) if tree.get(name)]
    if not there:
        message = "is not a regular file" if REQUIREMENTS in tree else "is missing"
        hint = "write one NAME==VERSION a line; an empty file will do where nothing is needed"
        problems.add("requirements-missing", REQUIREMENTS, None, f"{REQUIREMENTS} {message}", hint)
        return None
    for old in (name for name in there if name in OLD_NAMES):
        read = "and is read all the same" if old == there[0] else f"and {there[0]} is read instead"
        message = f"this is an old name of {REQUIREMENTS}, {read}"
        hint = f"rename it to {REQUIREMENTS}" if old == there[0] else f"remove {old}"
        problems.add("requirements-name-old", old, None, message, hint)
    return there[0]


def _find_named(tree: SourceTree, problems: Problems, named: str) -> str | None:
    path = _join("", named)
    if path is not None and tree.get(path):
        return path
    message = f"the requirements file {shorten(named)} is not a file of the repository"
    hint = "commit the file, or correct its name"
    problems.add("requirements-missing", "mlreef.toml", None, message, hint)
    return None


def read_requirements(
    tree: SourceTree, path: str, problems: Problems, *, allow_index_options: bool = False
) -> Requirements:
    """The requirements in the file at `path`, with a finding for each that cannot be built on.

    `path` is a file of the tree. `allow_index_options` keeps the options that say where pip finds
    packages. A line that cannot be used is left out; an unpinned one stays, as a site may take it.
    """
    reader = _Reader(tree, problems, allow_index_options=allow_index_options)
    reader.read_file(path, constraint=False)
    required = [each for each in reader.found if not each.line.constraint]
    _check_pinned(required, problems)
    _check_repeated(required, problems)
    if "--require-hashes" in reader.options or any(each.hashes for each in reader.found):
        _check_hashed(required, problems)
    return Requirements(
        lines=tuple(each.hashed_text for each in required),
        displayed=tuple(each.text for each in required),
        names=tuple(dict.fromkeys(each.name for each in required if each.name)),
        constraints=tuple(each.hashed_text for each in reader.found if each.line.constraint),
        options=tuple(reader.options),
    )


class _Reader:
    """Follows a requirements file through its includes and keeps what it finds."""

    def __init__(self, tree: SourceTree, problems: Problems, *, allow_index_options: bool) -> None:
        self.found: list[RequiredPackage] = []
        self.options: list[str] = []
        self._tree = tree
        self._problems = problems
        self._allowed = {"always", "index"} if allow_index_options else {"always"}
        self._open: list[str] = []
        self._seen: set[tuple[str, bool]] = set()
        self._lines = 0

    def read_file(self, path: str, *, constraint: bool) -> None:
        """Read the file at `path`, which is in the tree, and whatever it includes."""
        self._seen.add((path, constraint))
        self._open.append(path)
        for number, text in logical_lines(self._decode(path)):
            self._lines += 1
            if self._lines > MAX_LINES:
                self._stop(path, number)
                break
            self._read_line(Line(path=path, number=number, text=text, constraint=constraint))
        self._open.pop()

    def _stop(self, path: str, number: int) -> None:
        if self._lines == MAX_LINES + 1:
            message = f"there are more than {MAX_LINES} requirements; the rest is not read"
            self._problems.add("requirement-invalid", path, number, message, "require fewer")

    def _decode(self, path: str) -> str:
        content = self._tree.read_source(path, self._problems) or b""
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        try:
            return content.decode("utf-16" if utf16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            number = content.count(b"\n", 0, error.start) + 1
            message, hint = "the file is not UTF-8 text", "save it as UTF-8"
            self._problems.add("requirement-invalid", path, number, message, hint)
            return ""

    def _read_line(self, line: Line) -> None:
        try:
            requirement, options = split_line(line.text)
            if requirement:
                self.found.append(read_requirement(line, requirement, options))
                return
            for name, value in options:
                self._read_option(line, name, value)
        except Refused as refused:
            rule, message, hint = refused.args
            self._problems.add(rule, line.path, line.number, message, hint)

    def _read_option(self, line: Line, name: str, value: str) -> None:
        option = OPTIONS[name]
        if option.use == "include":
            self._include(line, name, value)
            return
        if option.use not in self._allowed:
            raise refuse_option(name, value)
        if option.value is not None and not option.value.fullmatch(value):
            hint = "write an http(s) URL, a host or package names, as pip's manual says"
            raise Refused("requirement-option", f"the value of {name} cannot be used", hint)
        self.options.append(f"{name} {value}".strip())

    def _include(self, line: Line, name: str, value: str) -> None:
        path, constraint = _join(line.path, value), name == "--constraint"
        if path is None:
            problem = "leads out of the repository"
        elif not self._tree.get(path):
            problem = f"names {shorten(path)}, which is not a file of the repository"
        elif path in self._open:
            problem = f"names {shorten(path)}, which would include itself"
        elif (path, constraint) in self._seen:
            return
        elif len(self._seen) >= MAX_FILES:
            problem = f"names one file more than the {MAX_FILES} that are read"
        else:
            self.read_file(path, constraint=constraint)
            return
        hint = "name another file of the repository, relative to this one, or remove the line"
        raise Refused("requirement-include", f"{name} {problem}", hint)


def _join(path: str, target: str) -> str | None:
    """The path that `target` means in the file at `path`; None where it leads out of the tree."""
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    outside = joined == ".." or joined.startswith(("../", "/")) or is_url(target)
    return None if outside else joined


def _check_pinned(required: Sequence[RequiredPackage], problems: Problems) -> None:
    for each in required:
        if not (each.pinned or each.url or each.hashes):
            place, hint = (each.line.path, each.line.number), f"write {each}==<version>"
            problems.add("requirement-unpinned", *place, f"{each} is not pinned", hint)


def _check_repeated(required: Sequence[RequiredPackage], problems: Problems) -> None:
    """A package may stand twice only where each time another marker says when."""
    places: dict[str, dict[str, Line]] = {}
    for each in (each for each in required if each.name):
        earlier = places.setdefault(each.name, {})
        same = earlier.get(each.marker) or earlier.get("")
        if not each.marker and earlier:
            same = next(iter(earlier.values()))
        earlier.setdefault(each.marker, each.line)
        if same:
            message = f"{each} is required here and at {same.path}:{same.number}"
            hint = "keep one of the two, or give each a marker of its own"
            place = each.line.path, each.line.number
            problems.add("requirement-repeated", *place, message, hint)


def _check_hashed(required: Sequence[RequiredPackage], problems: Problems) -> None:
    """Once one requirement has a hash, pip wants one for all; of a git reference it checks none."""
    for each in (each for each in required if not each.proven):
        message = f"{each} has no hash, and all need one where one has"
        hint = "add --hash=sha256:<64 hex digits>; `pip-compile --generate-hashes` writes them"
        if each.url.startswith("git+"):
            hint = (
                "require an https archive with its hash, as pip checks no hash of a git reference"
            )
        problems.add("requirement-hash-missing", each.line.path, each.line.number, message, hint)
