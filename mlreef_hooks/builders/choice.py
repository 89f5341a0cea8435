"""Which builder makes an image: layers where wheels will do, else a Docker engine, which builds."""

from collections.abc import Callable
from typing import TypeVar

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder
from mlreef_hooks.wheels.lock import SourceNeeded

_Result = TypeVar("_Result")


def build_by_choice(
    work: Callable[[Builder], _Result],
    layers: Builder,
    in_engine: Callable[[], _Result] | None,
    say: Callable[[str], None],
) -> _Result:
    """What `work` gives with `layers` unless a requirement has to be built, then what `in_engine`
    gives, if the site has that. `say` tells the pusher which and why.
    """
    try:
        return work(layers)
    except SourceNeeded as error:
        if in_engine is None:
            hint = "require what has a wheel; this site builds nothing from source"
            raise PublishError(error.why, hint) from error
        say(f"by the Docker engine: {error.why}")
    return in_engine()
