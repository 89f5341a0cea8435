"""The symbolic links of a tree, followed part by part; bounded, whatever was pushed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_STEPS = 5_000_000  # parts of paths, of all links together: two seconds
_LINKS = 40  # followed on the way to a file, as Linux does


@dataclass(slots=True)
class _Place:
    """A place on the way to some link, or a link."""

    inside: "dict[str, _Place]" = field(default_factory=dict)
    target: str | None = None


class LinkMap:
    """The targets of links by their paths; `steps` counts what following them has cost."""

    def __init__(self, links: Mapping[str, str]) -> None:
        self.steps = 0
        self._links = links
        self._root = _Place()
        for path, target in links.items():
            place = self._root
            for part in path.split("/"):
                place = place.inside.setdefault(part, _Place())
            place.target = target

    def __iter__(self) -> Iterator[str]:
        """The paths of the links."""
        return iter(self._links)

    def fault_of(self, path: str) -> str | None:
        """Where a link leads that it must not; None where it stays in the tree."""
        here: list[_Place] = [self._root]
        waiting, followed = path.split("/")[::-1], 0
        while waiting:
            part = waiting.pop()
            self.steps += 1
            if self.steps > MOST_STEPS:
                return "is one of more than can be followed"
            if part == "..":
                if len(here) == 1:
                    return "leads out of the repository"
                here.pop()
            elif part not in ("", "."):
                place = here[-1].inside.get(part, _NOWHERE)
                if place.target is None:
                    here.append(place)
                    continue
                followed += 1
                fault = _fault_of_target(place.target, followed)
                if fault:
                    return fault
                waiting += place.target.split("/")[::-1]
        return None


def _fault_of_target(target: str, followed: int) -> str | None:
    if followed > _LINKS:
        return "leads in a circle"
    if not target:
        return "leads nowhere"
    return "leads out of the repository" if "\0" in target or target.startswith("/") else None


_NOWHERE = _Place()  # what is no link, and on the way to none
