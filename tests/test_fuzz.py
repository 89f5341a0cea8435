"""Every parser of pushed bytes, for seconds: what hypothesis makes of the seeds of `fuzz/`.

The same examples each time. `python -m fuzz.run` looks for more, for as long as one likes.
"""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.harness import Harness
from fuzz.table import HARNESSES

EXAMPLES = 60
_HARNESSES = pytest.mark.parametrize("harness", HARNESSES.values(), ids=HARNESSES)


def spoilt(seed: bytes, edits: Sequence[tuple[float, int, bytes]]) -> bytes:
    """The seed, at some places of which (from 0 to 1) so many bytes are replaced by others."""
    for place, removed, put in edits:
        start = round(place * len(seed))
        seed = seed[:start] + put + seed[start + removed :]
    return seed


@_HARNESSES
def test_the_first_seed_is_taken(harness: Harness) -> None:
    assert harness.check(harness.seeds[0])


@_HARNESSES
def test_nothing_that_is_pushed_does_harm(harness: Harness) -> None:
    words = st.sampled_from(harness.words) | st.binary(max_size=8)
    edits = st.tuples(st.floats(0, 1), st.integers(0, 20), words)
    seeds = st.sampled_from(harness.seeds)
    mixed = st.lists(words, max_size=12).map(b"".join)

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(st.builds(spoilt, seeds, st.lists(edits, min_size=1, max_size=6)) | mixed)
    def check(data: bytes) -> None:
        harness.check(data)

    check()
