"""The lines of a requirements file: joined as by pip, and split into requirement and options.

A line is refused for what may stand nowhere in it before any part of it is quoted: no message
holds a URL, because a URL may hold a password.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_LINE = 1 << 16  # characters of a logical line; a hundred hashes are 8,000


class Refused(Exception):  # noqa: N818 - it ends as a finding, not as an error
    """A line that cannot be used; `args` are rule, message and hint."""

    def __init__(self, rule: str, message: str, hint: str) -> None:
        super().__init__(rule, message, hint)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A logical line: continuations joined, comment gone; `number` is that of its first line."""

    path: str
    number: int
    text: str
    constraint: bool


def shorten(text: str) -> str:
    """The text as a message may quote it."""
    return text if len(text) <= 60 else f"{text[:57]}..."


# -- lines -----------------------------------------------------------------------------------------

_COMMENT = re.compile(r"(?:^|\s)#")
_OPTION_START = re.compile(r"(?:^| )-")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_USER = re.compile(r"(?<!ssh)://[^/\s?#@]*@|://[^/\s?#@:]*:[^/\s?#@]*@")  # ssh://git@ is no secret
_QUERY_KEY = re.compile(r"[?&]([^?&=\s#]{1,64})=")
_SECRET = re.compile(r"token|passw|secret|api_?key|signature|credential|^sig$", re.IGNORECASE)
_SCHEME = re.compile(r"(?:git|hg|svn|bzr)\+|[a-z][a-z0-9+.-]*://|(?:file|https?):", re.IGNORECASE)


def is_url(text: str) -> bool:
    """True where `text` begins like a URL, a broken one included."""
    return bool(_SCHEME.match(text))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with the number of its first line, joined as by pip."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate((*text.splitlines(), ""), start=1):
        start = line.lstrip()[:1]
        if not parts and start in ("", "#"):
            first = number + 1
            continue
        comment = start == "#"
        if line.endswith("\\") and not comment:
            parts.append(line.rstrip("\\"))
            continue
        # A comment ends the line that is continued into it; the space keeps it a comment.
        joined = "".join([*parts, " " if comment else "", line])
        end = _COMMENT.search(joined)
        stripped = joined[: end.start() if end else None].replace("\t", " ").strip()
        if stripped:
            yield first, stripped
        parts, first = [], number + 1


def split_line(text: str) -> tuple[str, Iterator[tuple[str, str]]]:
    """The requirement of a line, empty where it has none, and its options with their values."""
    _check_text(text)
    behind = _OPTION_START.search(text)
    end = behind.start() if behind else len(text)
    return text[:end].rstrip(), _split_options(text[end:])


def _check_text(text: str) -> None:
    """Refuse a line for what may stand nowhere in it, before any part of it is quoted."""
    if len(text) > MAX_LINE:
        hint = f"keep it below {MAX_LINE}"
        raise Refused("requirement-invalid", f"the line has {len(text)} characters", hint)
    if variable := _VARIABLE.search(text):
        message = f"the line holds the variable {shorten(variable[0])}"
        raise Refused("requirement-variable", message, "write its value instead")
    keys = _QUERY_KEY.findall(text) if "://" in text else []
    if _USER.search(text) or any(_SECRET.search(key) for key in keys):
        hint = "remove it, it would stay in the image; the site's configuration keeps credentials"
        raise Refused("requirement-credentials", "a URL holds a user, password or token", hint)
    if hidden := next((each for each in text if not each.isprintable()), None):
        message = f"the line holds the invisible character U+{ord(hidden):04X}"
        raise Refused("requirement-invalid", message, "remove it, or type the line anew")
    if "\\" in text:
        hint = "a backslash continues a line only as its very last character"
        raise Refused("requirement-invalid", "a backslash stands within the line", hint)


# -- options ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One of pip's options: what becomes of it, and what its value looks like (None: a flag)."""

    use: str
    value: re.Pattern[str] | None = None


_ANY = re.compile(r".+")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_NAMES = re.compile(r"[A-Za-z0-9._,:-]+")  # also `:all:` and `:none:`
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_OPTION_NAME = re.compile(r"-[A-Za-z-]*")
_WORD = re.compile(r"""(?:[^\s"']+|"[^"]*"|'[^']*')+""")

OPTIONS: Mapping[str, Option] = {
    "--requirement": Option("include", _ANY),
    "--constraint": Option("include", _ANY),
    "--editable": Option("editable", _ANY),
    "--hash": Option("hash", _ANY),
    "--require-hashes": Option("always"),
    "--prefer-binary": Option("always"),
    "--index-url": Option("index", _URL),
    "--extra-index-url": Option("index", _URL),
    "--no-index": Option("index"),
    "--pre": Option("index"),
    "--no-binary": Option("index", _NAMES),
    "--only-binary": Option("index", _NAMES),
    "--trusted-host": Option("index", _HOST),
    "--find-links": Option("never", _ANY),
    "--use-feature": Option("never", _ANY),
    "--config-settings": Option("never", _ANY),
    "--global-option": Option("never", _ANY),
    "--install-option": Option("never", _ANY),
    "--all-releases": Option("never", _ANY),
    "--only-final": Option("never", _ANY),
    "--no-require-hashes": Option("never"),
}
_SHORT = {
    "-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url",
    "-f": "--find-links", "-C": "--config-settings",
}  # fmt: skip


def _split_options(text: str) -> Iterator[tuple[str, str]]:
    """The options of a line in pip's full spelling, each with its value, empty for a flag."""
    if _WORD.sub("", text).strip():
        raise Refused("requirement-invalid", "a quotation mark is not closed", "close it")
    words = iter([re.sub(r"[\"']", "", word) for word in _WORD.findall(text)])
    for word in words:
        name, value = _split_option(word)
        flag = OPTIONS[name].value is None
        if value is None and not flag:
            value = next(words, None)
        if (value is None) != flag:
            message = f"{name} takes no value" if flag else f"{name} lacks its value"
            raise Refused("requirement-invalid", message, "correct the line, see pip's manual")
        yield name, value or ""


def _split_option(word: str) -> tuple[str, str | None]:
    """The full name of an option, and the value where it stands in the same word."""
    written, equals, value = word.partition("=")
    if not word.startswith("--"):
        written, equals, value = _SHORT.get(word[:2], word[:2]), word[2:], word[2:]
    # optparse, which pip reads with, takes any beginning that fits only one option.
    fitting = [name for name in OPTIONS if name.startswith(written)]
    name = written if written in OPTIONS else fitting[0] if len(fitting) == 1 else None
    if name is not None:
        return name, value if equals else None
    quoted = _OPTION_NAME.match(written)  # not more of it: a URL may be glued to it
    message = f"{shorten(quoted[0]) if quoted else 'a word'} is no option of a requirements file"
    raise Refused("requirement-option", message, "remove it, or correct it by pip's manual")


def refuse_option(name: str, value: str) -> Refused:
    """The finding for an option that is not taken."""
    use = OPTIONS[name].use
    if use == "hash":
        hint = "write it behind its requirement, or end the line above with a backslash"
        return Refused("requirement-invalid", "--hash stands without a requirement", hint)
    if use == "editable" and (not is_url(value) or value.startswith("file:")):
        return refuse_path("the editable requirement")
    hint = "write the requirement without it" if use == "editable" else "remove it"
    message = f"the option {name} is not allowed; how pip runs is up to the site"
    return Refused("requirement-option", message, hint)


def refuse_path(what: str) -> Refused:
    """The finding for a requirement that is a folder or file of one machine."""
    message = f"{what} is a local path, which no image has"
    hint = "import the code from the repository itself, or require a published NAME==VERSION"
    return Refused("requirement-local", message, hint)
