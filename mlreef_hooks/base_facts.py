"""What must be known of a base image to install into it without running it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from mlreef_hooks.wheels.place import PythonPlace


@dataclass(frozen=True, kw_only=True)
class BaseFacts:
    """`place` is where packages go and `glibc` the version of its C library, as (2, 36).

    `python_missing` is true where the PATH has `python3.11` and no `python`. `modules` are the
    names that can be imported from it at the top. `distributions` maps the canonical names of what
    is installed at `place` already to its files, relative to the root.
    """

    place: PythonPlace
    glibc: tuple[int, int]
    python_missing: bool
    modules: frozenset[str]
    distributions: Mapping[str, tuple[str, ...]]

    def to_json(self) -> bytes:
        """The facts as a JSON document."""
        return json.dumps({**asdict(self), "modules": sorted(self.modules)}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The facts that `to_json` wrote."""
        facts = json.loads(content)
        return cls(
            place=PythonPlace(**facts["place"]),
            glibc=tuple(facts["glibc"]),
            python_missing=facts["python_missing"],
            modules=frozenset(facts["modules"]),
            distributions={name: tuple(files) for name, files in facts["distributions"].items()},
        )
