"""What is known of the layer that a wheel became."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class WheelFacts:
    """A layer made of a wheel: its digest and size in bytes, how many files it holds, and the
    dotted names of the modules that can be imported from it. `name` is canonical.
    """

    name: str
    version: str
    digest: str
    size: int
    files: int
    modules: tuple[str, ...]
    requires: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The facts as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """The facts that `to_json` gave."""
        lists = {key: tuple(facts[key]) for key in ("modules", "requires")}
        return cls(**{**facts, **lists})
