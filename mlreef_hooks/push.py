"""What a push says: ref updates, and which of them are about publish tags."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from packaging.version import InvalidVersion, Version

from mlreef_hooks.errors import PublishError

TAGS = "refs/tags/"
HEADS = "refs/heads/"
EDGE = "edge"  # the channel that moves with each push of the main branch; no version is so named
# Folders of the index; no namespace may be named so.
RESERVED = ("listing", "modules", "provenance", "schema")
_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")  # git-check-ref-format(1)
_TAG_LENGTH = 1000  # no publish tag is longer
VERSION_LENGTH = 128  # of a docker tag, which the version becomes
_VERSION = re.compile(rf"[!-~]{{1,{VERSION_LENGTH}}}")
_REF_UPDATE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S.*)")


@dataclass(frozen=True, kw_only=True)
class RefUpdate:
    """One line of a receive hook's input: object ids in hex before and after, full ref name.

    Bytes of the name that are not UTF-8 are kept as surrogates (git hooks, githooks(5)).
    """

    old: str
    new: str
    ref: str

    @property
    def deleted(self) -> bool:
        """True where the ref is gone after the push."""
        return not self.new.strip("0")

    @property
    def tag(self) -> str | None:
        """The tag's name, None for any other ref."""
        return self.ref.removeprefix(TAGS) if self.ref.startswith(TAGS) else None


def parse_ref_updates(stdin: bytes) -> tuple[RefUpdate, ...]:
    """The ref updates that git wrote to a hook's standard input; lines of another form are none."""
    found = (_REF_UPDATE.fullmatch(line) for line in stdin.split(b"\n"))
    return tuple(
        RefUpdate(
            old=match[1].decode(),
            new=match[2].decode(),
            ref=match[3].decode(errors="surrogateescape"),
        )
        for match in found
        if match
    )


@dataclass(frozen=True, kw_only=True)
class RepositoryName:
    """What the server calls a repository.

    `key` tells it apart from every other repository of the server; `namespace` and `name` are its
    place in the index and fit into an image reference.
    """

    key: str
    namespace: str
    name: str


OPTIONS = ("mlreef.async", "mlreef.plan", "mlreef.skip")


@dataclass(frozen=True, kw_only=True)
class PushEvent:
    """One push: to which repository, by whom, what it changed, and its push options."""

    repository: RepositoryName
    pusher: str
    updates: tuple[RefUpdate, ...]
    options: frozenset[str] = frozenset()

    @property
    def strange_options(self) -> list[str]:
        """The push options that begin as ours do and mean nothing; others are for other hooks."""
        ours = (option for option in self.options if option.lower().startswith("mlreef."))
        return sorted(option for option in ours if option not in OPTIONS)

    @property
    def skip(self) -> bool:
        """True where what was pushed is not to be published (`git push -o mlreef.skip`)."""
        return "mlreef.skip" in self.options

    @property
    def plan(self) -> bool:
        """True where the pusher only wants to know what would be published."""
        return "mlreef.plan" in self.options

    @property
    def without_following(self) -> bool:
        """True where the pusher does not want to wait for the build."""
        return "mlreef.async" in self.options


@dataclass(frozen=True, kw_only=True)
class PublishTag:
    """A tag that asks for publishing; `version` is None where it is no public PEP 440 version."""

    tag: str
    module: str | None
    version: Version | None


@dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """One thing to publish: a version of a module at a commit, asked for by a tag.

    `module` is the name in the tag, None where the tag has only a version; `commit` is in hex.
    Without a version it is the edge of all modules of the repository, and `tag` the full name of
    the branch that was pushed.
    """

    repository: RepositoryName
    tag: str
    module: str | None
    version: Version | None
    commit: str
    pusher: str
    notes: str

    @property
    def release(self) -> str:
        """What users write behind the module's name: its version, or `edge`."""
        return EDGE if self.version is None else str(self.version)

    @property
    def asked_by(self) -> str:
        """The short name of the tag or branch."""
        return self.tag if self.version else self.tag.removeprefix(HEADS)


def grep_literal(text: str) -> str:
    """A basic regular expression for this very text, as grep takes it."""
    return re.sub(r"([.*[^$\\])", r"\\\1", text)


@dataclass(frozen=True, kw_only=True)
class TagPattern:
    """A form of publish tags such as `publish/{version}` or `{module}@v{version}`.

    `literals` are the texts before, between and behind the placeholders, `names` the placeholders.
    """

    text: str
    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern written as `text`; PublishError where it is not one."""
        parts = re.split(r"\{(\w+)\}", text)
        literals, names = tuple(parts[::2]), tuple(parts[1::2])
        if names not in (("version",), ("module", "version"), ("version", "module")):
            raise PublishError(
                f"{text!r} is not a tag pattern",
                "write {version} once and {module} at most once, as in publish/{module}/{version}",
            )
        if not all(literals[1:-1]):
            raise PublishError(
                f"{text!r} has nothing between module and version", "write {module}@v{version}"
            )
        if _NO_REF.search(TAGS + "-".join(literals)):
            raise PublishError(f"{text!r} holds what no tag can", "see git help check-ref-format")
        return cls(text=text, literals=literals, names=names)

    def grep_expression(self) -> str:
        """A basic regular expression for the full refs that `read` or `claims` takes.

        The shell hook greps them, so that other pushes cost nothing.
        """
        literals = self.literals[:1] if self.literals[0].endswith("/") else self.literals
        return TAGS + ".*".join(map(grep_literal, literals)).removesuffix(".*")

    def read(self, tag: str) -> PublishTag | None:
        """What a tag of this form asks to publish, None where it is of another form.

        Of several ways to read it that with the longest version counts: `add-noise-1.0-1` is
        version `1.0-1` of `add-noise` for the pattern `{module}-{version}`.
        """
        for values in self._splits(tag):
            version = _public_version(values["version"])
            module = values.get("module")
            if version is not None and module != "" and "/" not in (module or ""):
                return PublishTag(tag=tag, module=module, version=version)
        return None

    def claims(self, tag: str) -> bool:
        """True where a tag that is no valid publish tag was still meant to be one.

        Everything below a folder such as `publish/` was; of another form such as `v{version}` only
        what has a digit where the version begins, for `vendor/x` is somebody else's.
        """
        if self.literals[0].endswith("/"):
            return tag.startswith(self.literals[0])
        return any(values["version"][:1].isdigit() for values in self._splits(tag))

    def _splits(self, tag: str) -> Iterator[dict[str, str]]:
        """The ways in which a tag can be of this form, those with the longest version first."""
        before, *between, behind = self.literals
        fits = tag.startswith(before) and tag.endswith(behind)
        if not fits or len(tag) < len(before) + len(behind):
            return
        middle = tag[len(before) : len(tag) - len(behind)]
        if not between:
            yield {"version": middle}
            return
        separator, module_first = between[0], self.names[0] == "module"
        places = [found.start() for found in re.finditer(f"(?={re.escape(separator)})", middle)]
        for place in places if module_first else reversed(places):
            values = (middle[:place], middle[place + len(separator) :])
            yield dict(zip(self.names, values, strict=True))


def read_tag(tag: str, patterns: Sequence[TagPattern]) -> PublishTag | None:
    """What a tag asks to publish, None where it is no publish tag.

    Versions are those of PEP 440 without a local part.
    """
    if len(tag) > _TAG_LENGTH:
        return None
    for pattern in patterns:
        found = pattern.read(tag)
        if found is not None:
            return found
    if any(pattern.claims(tag) for pattern in patterns):
        return PublishTag(tag=tag, module=None, version=None)
    return None


def _public_version(text: str) -> Version | None:
    # Version() takes surrounding white space too, and digits that int() refuses to read.
    if not _VERSION.fullmatch(text):
        return None
    try:
        version = Version(text)
    except InvalidVersion:
        return None
    return None if version.local or len(str(version)) > VERSION_LENGTH else version
