"""The lock of a module: exactly the wheels that its requirements mean, each by its hash.

It is kept and read again without anything of packaging, so that a publish whose requirements did
not change pays nothing for them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mlreef_hooks.oci import encode, sha256

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl")
_URL = re.compile(r"(?:https?://[^@\s/]+/\S*)?")  # empty for one that no index has
_HEX = re.compile(r"[0-9a-f]{64}")


class SourceNeeded(Exception):  # noqa: N818 - not an error: another builder may do it
    """Wheels alone will not do: `packages` have to be built, and `why` says it to the pusher.

    `sources` are requirements that can be built one by one, each of which means one source
    distribution; empty where only pip can tell what has to be built.
    """

    def __init__(
        self, packages: tuple[str, ...], why: str, *, sources: tuple[str, ...] = ()
    ) -> None:
        super().__init__(why)
        self.packages = packages
        self.why = why
        self.sources = sources


@dataclass(frozen=True, kw_only=True)
class LockedWheel:
    """One wheel: canonical name, version, file name, where it is, its hash and its size in bytes.

    `url` holds no credentials and is empty for a wheel that no index has; `size` is None where the
    index does not tell it. ValueError for what is none of that.
    """

    name: str
    version: str
    file: str
    url: str
    sha256: str
    size: int | None = None

    def __post_init__(self) -> None:
        forms = {"name": _NAME, "version": _VERSION, "file": _FILE, "url": _URL, "sha256": _HEX}
        for key, form in forms.items():
            value = getattr(self, key)
            if not (isinstance(value, str) and form.fullmatch(value)):
                raise ValueError(f"the {key} of a locked wheel cannot be {value!r:.100}")
        if self.size is not None and (type(self.size) is not int or self.size < 0):
            raise ValueError(f"the size of a locked wheel cannot be {self.size!r:.100}")

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def kept_at(folder: Path, wheel: LockedWheel) -> Path:
    """Where a wheel is that was built on this server, in the folder that keeps such."""
    return folder / wheel.sha256 / wheel.file


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The wheels of a module, sorted by name."""

    wheels: tuple[LockedWheel, ...] = ()

    def __post_init__(self) -> None:
        names = [wheel.name for wheel in self.wheels]
        if names != sorted(set(names)):
            raise ValueError("the wheels of a lock stand in order, each name once")

    @property
    def names(self) -> list[str]:
        """`NAME==VERSION` of each, as the index says it."""
        return [str(wheel) for wheel in self.wheels]

    @property
    def digest(self) -> str:
        """The digest of what is installed; where it comes from does not count, as with mirrors."""
        facts = [[wheel.name, wheel.version, wheel.file, wheel.sha256] for wheel in self.wheels]
        return sha256(encode({"wheels": facts}))

    def to_json(self) -> bytes:
        """The lock as JSON whose bytes depend on nothing but what it says."""
        return encode({"v": 1, "wheels": [vars(wheel) for wheel in self.wheels]})

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The lock that `to_json` wrote; ValueError for anything else."""
        try:
            document: Mapping[str, Any] = json.loads(content)
            if document["v"] != 1:
                raise ValueError("a lock of another form")
            return cls(wheels=tuple(LockedWheel(**wheel) for wheel in document["wheels"]))
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError("not a lock") from error
