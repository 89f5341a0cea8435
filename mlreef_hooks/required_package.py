"""One required package: what a line of a requirements file asks for, in one spelling.

The grammar is that of `packaging`. A git reference needs a full commit id and an archive a hash;
then http does as well as https, since the content proves itself. Other schemes are refused: a build
has neither an ssh key nor svn, hg or bzr.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from mlreef_hooks.requirement_lines import (
    OPTIONS,
    Line,
    Refused,
    is_url,
    refuse_option,
    refuse_path,
    shorten,
)

DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}  # what pip takes: hash -> hex digits

Parsed = TypeVar("Parsed")

_ARCHIVES = (".whl", ".zip", ".tar", ".tgz", ".tar.gz", ".tbz", ".tar.bz2", ".txz", ".tar.xz")
_COMMIT = re.compile(r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})")
_HEX = re.compile(r"[0-9a-fA-F]+")
_EGG = re.compile(r"(?:^|&)egg=([^&]*)")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# What most lines are, and packaging (10 ms to import) reads the same.
_PIN = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==([0-9]+(?:\.[0-9]+)*)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NESTED = 100  # parentheses; packaging reads them by recursion


@dataclass(frozen=True, kw_only=True)
class RequiredPackage:
    """One requirement and the line it stands on.

    `label` is the name as written, empty where a URL does not tell it; `subject` is all but marker
    and hashes; `pinned` says that the version is exact.
    """

    line: Line
    label: str
    subject: str
    marker: str
    url: str = ""
    pinned: bool = False
    hashes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The canonical name, empty where a URL does not tell it."""
        return _canonical(self.label)

    @property
    def text(self) -> str:
        """The requirement in one spelling, without its hashes."""
        before = " ; " if self.url else "; "
        return self.subject + before + self.marker if self.marker else self.subject

    @property
    def hashed_text(self) -> str:
        """The requirement in one spelling, with its hashes in order."""
        return " ".join([self.text, *(f"--hash={each}" for each in self.hashes)])

    @property
    def proven(self) -> bool:
        """True where pip can check a hash, behind the requirement or in an archive's URL."""
        if self.url.lower().startswith("git+"):
            return False
        items = (item.partition("=") for item in urlsplit(self.url).fragment.split("&"))
        hashes = [(key, value) for key, _, value in items if re.fullmatch(r"sha\d+|md5", key)]
        return bool(self.hashes) or (bool(hashes) and all(_is_digest(*each) for each in hashes))

    def __str__(self) -> str:
        return shorten(self.label) or "the reference"


def read_requirement(line: Line, text: str, options: Iterator[tuple[str, str]]) -> RequiredPackage:
    """The requirement that `text` states, the hashes from the options behind it; or `Refused`."""
    hashes = tuple(sorted({_read_hash(name, value) for name, value in options}))
    if _is_path(text):
        raise refuse_path("the requirement")
    read = _read_bare_url if is_url(text) else _read_named
    found = read(line, text, hashes)
    if line.constraint and not found.name:
        hint = "write NAME @ URL"
        raise Refused("requirement-invalid", "a constraint has to name its package", hint)
    if found.url:
        _check_reference(found)
    return found


def _read_hash(name: str, value: str) -> str:
    """The value of `--hash` in one spelling, lower-case."""
    if OPTIONS[name].use == "never":
        raise refuse_option(name, value)
    if name != "--hash":
        message = f"the option {name} stands behind a requirement, where pip ignores it"
        raise Refused("requirement-option", message, "write it on a line of its own")
    algorithm, _, digits = value.partition(":")
    if not _is_digest(algorithm, digits):
        hint = "write --hash=sha256:<64 hex digits>, or sha384, sha512"
        raise Refused("requirement-invalid", "a --hash cannot be read", hint)
    return f"{algorithm}:{digits.lower()}"


def _canonical(name: str) -> str:
    """The name as package indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_digest(algorithm: str, digits: str) -> bool:
    return DIGESTS.get(algorithm) == len(digits) and bool(_HEX.fullmatch(digits))


def _is_path(text: str) -> bool:
    path = re.split(r"[;\[]", text, maxsplit=1)[0].strip().lower()
    pathlike = "/" in path or path.endswith(_ARCHIVES)
    return path.startswith((".", "/", "~", "file:")) or (
        pathlike and "@" not in path and not is_url(path)
    )


def _read_named(line: Line, text: str, hashes: tuple[str, ...]) -> RequiredPackage:
    """A requirement of the form `NAME[EXTRAS]==VERSION; MARKER` or `NAME @ URL ; MARKER`."""
    if plain := _PIN.fullmatch(text):
        return _read_pin(line, plain[1], plain[2], hashes)
    from packaging.requirements import Requirement

    requirement = _parse(Requirement, text)
    if not _NAME.fullmatch(requirement.name):  # packaging lets `name_` pass
        raise Refused("requirement-invalid", "a name ends in a letter or digit", "correct it")
    url = requirement.url or ""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if extras and line.constraint:
        raise Refused("requirement-invalid", "a constraint cannot have extras", "remove them")
    exact = (
        each.operator == "===" or (each.operator == "==" and not each.version.endswith(".*"))
        for each in requirement.specifier
    )
    where = f" @ {url}" if url else str(requirement.specifier)
    return RequiredPackage(
        line=line,
        label=requirement.name,
        subject=_canonical(requirement.name) + extras + where,
        marker=_read_marker(text.partition(";")[2]),
        url=url,
        pinned=any(exact),
        hashes=hashes,
    )


def _read_pin(line: Line, name: str, version: str, hashes: tuple[str, ...]) -> RequiredPackage:
    return RequiredPackage(
        line=line, label=name, subject=f"{_canonical(name)}=={version}", marker="", pinned=True,
        hashes=hashes,
    )  # fmt: skip


def _read_bare_url(line: Line, text: str, hashes: tuple[str, ...]) -> RequiredPackage:
    """A requirement that is only a URL; its name is in `#egg=NAME` or in the name of a wheel."""
    url, _, marker = text.partition("; ")
    url = url.strip()
    return RequiredPackage(
        line=line,
        label=_name_in_url(_split_url(url)),
        subject=url,
        marker=_read_marker(marker),
        url=url,
        hashes=hashes,
    )


def _name_in_url(parts: SplitResult) -> str:
    """The package that a URL names as pip reads it, empty where only the content tells it."""
    egg, file = _EGG.search(parts.fragment), posixpath.basename(unquote(parts.path))
    if egg and not _NAME.fullmatch(egg[1]):
        hint = "write NAME[EXTRA] @ URL instead"
        raise Refused("requirement-invalid", "what stands behind #egg= is not a name", hint)
    if egg or not file.endswith(".whl"):
        return egg[1] if egg else ""
    from packaging.utils import parse_wheel_filename

    try:
        name: str = parse_wheel_filename(file)[0]
    except ValueError:
        name = ""
    if _NAME.fullmatch(name):
        return name
    hint = "write the URL as the index gives it"
    raise Refused("requirement-invalid", "the URL ends in no valid name of a wheel", hint)


def _read_marker(text: str) -> str:
    """The marker in one spelling."""
    if not text.strip():
        return ""
    if any(quoted[0] == "'" and '"' in quoted for quoted in _QUOTED.findall(text)):
        # Some releases of packaging write such a value so that it ends too early.
        raise Refused("requirement-invalid", "a marker's value holds a quote", "remove it")
    from packaging.markers import Marker

    return _parse(lambda marker: str(Marker(marker)), text)


def _parse(parse: Callable[[str], Parsed], text: str) -> Parsed:
    """What packaging makes of `text`; refused in packaging's words."""
    if text.count("(") > _NESTED:
        raise Refused("requirement-invalid", "the marker is nested too deep", "write it shorter")
    try:
        return parse(text)
    except (ValueError, SyntaxError, KeyError) as error:
        explanation = str(error).partition("\n")[0][:200] or "it has another form"
    explanation = f"this cannot be read as a requirement: {explanation}"
    hint = "write NAME==VERSION, or NAME==VERSION; MARKER"
    raise Refused("requirement-invalid", explanation, hint)


def _split_url(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise Refused("requirement-invalid", "a URL cannot be read", "correct it") from None


def _check_reference(found: RequiredPackage) -> None:
    """Refuse a direct reference that may be something else tomorrow, or that no build can fetch."""
    if re.search(r"[ ;]", found.url):
        # pip would end the URL there; packaging would not.
        hint = "write `URL ; MARKER` with spaces, and %20 and %3B within the URL"
        raise Refused("requirement-invalid", "a URL holds a space or a semicolon", hint)
    parts = _split_url(found.url)
    if parts.scheme in ("file", "git+file") or not (parts.scheme or "@" in parts.path):
        raise refuse_path(str(found))
    transport, _, kind = parts.scheme.rpartition("+")
    if kind not in ("https", "http") or transport not in ("", "git") or not parts.netloc:
        hint = "write git+https://HOST/PATH@COMMIT, or an https archive and its hash"
        raise Refused("requirement-reference", f"{found} is not fetched by git or https", hint)
    if not transport and not found.proven:
        hint = "write #sha256=<64 hex digits> behind the URL"
        raise Refused("requirement-reference", f"{found} is an archive without a hash", hint)
    path, _, commit = parts.path.rpartition("@")
    if transport and not (path and _COMMIT.fullmatch(commit)):
        hint = "write @ and all 40 hex digits of the commit behind the URL"
        raise Refused("requirement-reference", f"{found} names no full commit id", hint)
    _name_in_url(parts)
