"""Who may read a repository: what each source says of that, and what follows from all of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlreef_hooks.manifest import VISIBILITIES

PRIVATE, INTERNAL, PUBLIC = VISIBILITIES


def narrowest(*visibilities: str) -> str:
    """The one of these that the fewest may read."""
    return min(visibilities, key=VISIBILITIES.index)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one source says of a repository: who may read it (`claim`, None where it cannot tell),
    and who may at most.
    """

    claim: str | None = None
    at_most: str = PUBLIC

    @classmethod
    def of(cls, visibility: str) -> "Said":
        """What a source says that knows."""
        return cls(claim=visibility, at_most=visibility)


NOTHING = Said()


@dataclass(frozen=True, kw_only=True)
class Visibility:
    """Who may read a repository. `why` says which source could not tell, else it is empty. Where
    one is `away` just now, `word` is what the others say, and no more than a bound.
    """

    word: str
    why: str = ""
    away: bool = False

    def kept(self, before: str | None) -> str:
        """What counts for a module that was `before` (None: there was none): as long as a source
        is away, a module is not taken out of an audience, and comes into no wider one.
        """
        return narrowest(self.word, before or PRIVATE) if self.away else self.word


def decide(
    said: Iterable[Said], *, unknown: Iterable[str] = (), away: Iterable[str] = ()
) -> Visibility:
    """The narrowest of what is claimed, where nothing forbids it; private else.

    `unknown` are the reasons why some sources could not tell, `away` those that time will mend.
    """
    answers, absent, faults = [*said], [*away], [*unknown]
    claims = [each.claim for each in answers if each.claim is not None]
    bound = narrowest(PUBLIC, *(each.at_most for each in answers))
    if faults:
        return Visibility(word=PRIVATE, why=faults[0])
    if absent:
        return Visibility(word=narrowest(bound, *claims), why=absent[0], away=True)
    claimed = narrowest(*claims) if claims else PRIVATE
    return Visibility(word=claimed if narrowest(claimed, bound) == claimed else PRIVATE)
