"""What a push says: ref updates, and which of them are about publish tags."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from packaging.version import InvalidVersion, Version

from mlreef_hooks.errors import PublishError

TAGS = "refs/tags/"
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
            old=match[1].decode(), new=match[2].decode(), ref=match[3].decode(errors="surrogateescape")
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


@dataclass(frozen=True, kw_only=True)
class PushEvent:
    """One push: to which repository, by whom, and what it changed."""

    repository: RepositoryName
    pusher: str
    updates: tuple[RefUpdate, ...]


@dataclass(frozen=True, kw_only=True)
class PublishTag:
    """A tag that asks for publishing. `version` is None where it is not a public PEP 440 version."""

    tag: str
    module: str | None
    version: Version | None


@dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """One thing to publish: a version of a module at a commit, asked for by a tag.

    `module` is the name in the tag, None where the tag has only a version; `commit` is in hex.
    """

    repository: RepositoryName
    tag: str
    module: str | None
    version: Version
    commit: str
    pusher: str
    notes: str


@dataclass(frozen=True, kw_only=True)
class TagPattern:
    """A form of publish tags such as `publish/{version}` or `{module}@v{version}`."""

    text: str
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern written as `text`; PublishError where it is not one."""
        parts = re.split(r"\{(\w+)\}", text)
        names = parts[1::2]
        if names not in (["version"], ["module", "version"], ["version", "module"]):
            raise PublishError(
                f"{text!r} is not a tag pattern",
                "write {version} once and {module} at most once, as in publish/{module}/{version}",
            )
        groups = {"module": r"(?P<module>[^/]+)", "version": r"(?P<version>.+)"}
        expression = "".join(
            groups[part] if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        return cls(text=text, expression=re.compile(expression, re.DOTALL))

    @property
    def prefix(self) -> str:
        """What every tag of this form begins with; may be empty."""
        return self.text.partition("{")[0]

    def grep_expression(self) -> str:
        """A basic regular expression for the full refs of this form, as the shell hook greps them."""
        literals = re.split(r"\{\w+\}", self.text)
        escaped = (re.sub(r"([.\[\]*^$\\])", r"\\\1", literal) for literal in literals)
        return TAGS + ".*".join(escaped).removesuffix(".*")

    def claims(self, tag: str) -> bool:
        """True where a tag that is no valid publish tag was still meant to be one.

        Everything below a folder such as `publish/` was; after a shorter prefix such as `v` only
        what goes on with a digit, for `vendor/x` is somebody else's.
        """
        rest = tag.removeprefix(self.prefix)
        if not self.prefix or rest == tag:
            return False
        return self.prefix.endswith("/") or rest[:1].isdigit()


def read_tag(tag: str, patterns: Sequence[TagPattern]) -> PublishTag | None:
    """What a tag asks to publish, None where it is no publish tag.

    Versions are those of PEP 440 without a local part.
    """
    for pattern in patterns:
        match = pattern.expression.fullmatch(tag)
        version = _public_version(match["version"]) if match else None
        if match and version:
            return PublishTag(tag=tag, module=match.groupdict().get("module"), version=version)
    if any(pattern.claims(tag) for pattern in patterns):
        return PublishTag(tag=tag, module=None, version=None)
    return None


def _public_version(text: str) -> Version | None:
    try:
        version = Version(text)
    except InvalidVersion:
        return None
    # Version() takes surrounding white space; a ref name cannot hold it, a pattern's rest could.
    return None if version.local or text != text.strip() or not text.isascii() else version
