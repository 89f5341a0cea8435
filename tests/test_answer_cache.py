"""What web servers answered: kept up to a bound, whoever reads or is killed meanwhile."""

import hashlib
import os
import random
from functools import partial
from pathlib import Path

import pytest

from mlreef_hooks.answer_cache import AnswerCache, Kept
from tests.forks import child, ends_within, run_all

BLOCK = 4096
MOST = 20 * BLOCK
OLD = 1_700_000_000  # seconds
NOT_ANSWERS = (".lock", ".size")


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    """An empty cache of 20 blocks in the folder `answers`."""
    return AnswerCache(tmp_path / "answers", MOST)


def address(number: int) -> str:
    return f"https://modules.example/{number}"


def answer(number: int, blocks: int = 1) -> Kept:
    """An answer that takes so many blocks with what is written before it."""
    return Kept(content=b"%d" % number + b"." * (blocks * BLOCK - 512))


def path_of(folder: Path, number: int) -> Path:
    return folder / "answers" / hashlib.sha256(address(number).encode()).hexdigest()


def taken(folder: Path) -> int:
    """The bytes of all files, in whole blocks, without the lock and the note of their size."""
    paths = {*(folder / "answers").iterdir()} - {folder / "answers" / name for name in NOT_ANSWERS}
    return sum(-(-path.stat().st_size // BLOCK) * BLOCK for path in paths)


def test_what_nobody_has_read_for_longest_goes(cache: AnswerCache, tmp_path: Path) -> None:
    for number in range(20):
        cache.keep(address(number), answer(number))
        os.utime(path_of(tmp_path, number), (OLD + number, OLD + number))
    assert taken(tmp_path) == MOST
    os.utime(path_of(tmp_path, 1), (OLD + 100, OLD))  # it was read
    cache.confirm(address(3))
    cache.keep(address(20), answer(20))
    left = [number for number in range(21) if cache.find(address(number)) is not None]
    assert left == [1, 3, *range(7, 21)]
    assert taken(tmp_path) == len(left) * BLOCK


def test_one_answer_is_replaced_as_often_as_one_likes(cache: AnswerCache, tmp_path: Path) -> None:
    cache.keep(address(0), answer(0))
    for round_ in range(1, 100):
        cache.keep(address(1), answer(round_, blocks=3))
    assert cache.find(address(0)) is not None
    assert (cache.find(address(1)) or answer(0)).content == answer(99, blocks=3).content
    assert taken(tmp_path) == 4 * BLOCK


def test_an_answer_that_is_too_large_by_itself_is_not_kept(
    cache: AnswerCache, tmp_path: Path
) -> None:
    cache.keep(address(0), answer(0, blocks=20))
    cache.keep(address(1), answer(1, blocks=21))
    assert (cache.find(address(0)) is None, cache.find(address(1))) == (False, None)
    assert taken(tmp_path) == MOST


@pytest.mark.parametrize("note", [None, b"", b"many", b"9" * 10_000])
def test_where_the_note_of_the_size_is_lost_the_answers_are_counted(
    cache: AnswerCache, tmp_path: Path, note: bytes | None
) -> None:
    place = tmp_path / "answers" / ".size"
    for number in range(60):
        cache.keep(address(number), answer(number))
        if note is None:
            place.unlink()
        else:
            place.write_bytes(note)
        assert taken(tmp_path) <= MOST
    assert cache.find(address(59)) is not None


def keep_on_and_on(cache: AnswerCache, seed: int, rounds: int = 1_000_000) -> None:
    """Keep answers of many sizes."""
    chance = random.Random(seed)
    for _ in range(rounds):
        number = chance.randrange(40)
        cache.keep(address(number), answer(number, chance.randrange(1, 6)))


def read_on_and_on(cache: AnswerCache) -> None:
    """What is found is whole, at any moment."""
    while True:
        for number in range(40):
            kept = cache.find(address(number))
            assert kept is None or kept.content.strip(b".") == b"%d" % number


def test_writers_that_are_killed_leave_no_more_than_the_bound(
    cache: AnswerCache, tmp_path: Path
) -> None:
    chance = random.Random(1)
    with child(partial(read_on_and_on, cache)) as reader:
        assert run_all(*(partial(keep_on_and_on, cache, seed, 20) for seed in range(4))) == [0] * 4
        for seed in range(20):
            with child(partial(keep_on_and_on, cache, seed)) as writer:
                assert not ends_within(writer, chance.uniform(0.001, 0.03))
            assert taken(tmp_path) <= MOST
        assert not ends_within(reader, 0)
    cache.keep(address(50), answer(50))
    assert cache.find(address(50)) is not None
