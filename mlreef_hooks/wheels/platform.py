"""Where wheels shall run: a Python, a machine and its C library, and which wheels fit them.

Tags: https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from mlreef_hooks.errors import PublishError

# the minor releases of glibc 2 that uv has words for
_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
_GLIBC_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}


@dataclass(frozen=True)
class Platform:
    """A Python (`3.11` or `3.11.2`), a machine (`x86_64`) and its C library (`glibc`, (2, 36))."""

    python: str
    machine: str
    libc: str
    libc_version: tuple[int, int]

    def __str__(self) -> str:
        major, minor = self.libc_version
        return f"Python {self.python} on {self.machine} with {self.libc} {major}.{minor}"

    @property
    def uv_word(self) -> str:
        """What uv calls it (`--python-platform`); PublishError where there is no word for it."""
        major, minor = self.libc_version
        known = [each for each in _GLIBC if each <= minor]
        if self.machine in _OLDEST_GLIBC and self.libc == "musl" and self.libc_version >= (1, 2):
            return f"{self.machine}-unknown-linux-musl"
        if self.machine in _OLDEST_GLIBC and self.libc == "glibc" and major == 2 and known:
            return f"{self.machine}-manylinux_2_{known[-1]}"
        raise PublishError(
            f"no wheels are known for {self}",
            "the administrator corrects [base] in the configuration",
            passing=True,
        )

    def rank(self, file: str) -> tuple[int, tuple[int, str]] | None:
        """How well a wheel fits by its file name, the least is best; None where it does not.

        As pip chooses: by the first tag that fits, then by the highest build number.
        """
        _, _, build, tags = parse_wheel_filename(file)
        places = [self._places[tag] for tag in tags if tag in self._places]
        number, rest = build or (-1, "")
        return (min(places), (-number, rest)) if places else None

    @cached_property
    def _places(self) -> dict[Tag, int]:
        return {tag: place for place, tag in reversed([*enumerate(self._tags())])}

    def _tags(self) -> Iterator[Tag]:
        version = tuple(map(int, self.python.split(".")[:2]))
        interpreter, platforms = f"cp{version[0]}{version[1]}", [*self._platforms()]
        yield from cpython_tags(version, [interpreter], platforms)
        yield from compatible_tags(version, interpreter, platforms)

    def _platforms(self) -> Iterator[str]:
        """The platform tags, the newest first."""
        major, minor = self.libc_version
        if self.libc == "musl":
            yield from (f"musllinux_{major}_{each}_{self.machine}" for each in range(minor, -1, -1))
        else:
            for each in range(minor, _OLDEST_GLIBC[self.machine] - 1, -1):
                yield f"manylinux_2_{each}_{self.machine}"
                if each in _GLIBC_ALIASES:
                    yield f"{_GLIBC_ALIASES[each]}_{self.machine}"
        yield f"linux_{self.machine}"
