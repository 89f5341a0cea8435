"""What the number of a version promises, and which number comes next.

The release segments of PEP 440 are read as Semantic Versioning (https://semver.org): only a new
first number may break what worked, and before 1.0 a new second one too.
"""

from collections.abc import Collection, Iterable
from typing import Literal

from packaging.version import Version

Part = Literal["major", "minor", "patch"]
PARTS: tuple[Part, ...] = ("major", "minor", "patch")
FIRST = Version("1.0.0")


def may_break(before: Version, after: Version) -> bool:
    """True where `after` promises nothing to whoever used `before`.

    A pre-release is looked at by its numbers, as the release that it leads to; one that came
    before has promised nothing itself.
    """
    if before.is_prerelease or before.epoch != after.epoch:
        return True
    numbers = 2 if before.major == 0 else 1
    return _padded(before)[:numbers] != _padded(after)[:numbers]


def raised(version: Version, part: Part) -> Version:
    """The version with a part raised, and what follows it 0.

    A pre-release of just that becomes it: 2.0rc1 with its major part raised is 2.0.0.
    """
    place = PARTS.index(part)
    numbers = [*_padded(version)[: place + 1], 0, 0][:3]
    if not (version.is_prerelease and not any(_padded(version)[place + 1 :])):
        numbers[place] += 1
    epoch = f"{version.epoch}!" if version.epoch else ""
    return Version(epoch + ".".join(map(str, numbers)))


def needed_part(version: Version, *, breaking: bool, adding: bool) -> Part:
    """The part to be raised after `version` for changes of this kind."""
    if breaking:
        return "minor" if version.major == 0 else "major"
    return "minor" if adding and version.major > 0 else "patch"


def next_version(published: Collection[Version], part: Part) -> Version:
    """The version after all that were published; 1.0.0 where none was."""
    return raised(max(published), part) if published else FIRST


def last_before(version: Version, published: Iterable[Version]) -> Version | None:
    """What users of `version` had before: the highest lower version that is final, or where there
    is none the highest lower one; None for a first version.
    """
    lower = [each for each in published if each < version]
    return max(lower, key=lambda each: (not each.is_prerelease, each), default=None)


def _padded(version: Version) -> tuple[int, ...]:
    return (*version.release, 0, 0, 0)[: max(3, len(version.release))]
