"""The log of one try: bounded, without control characters, its owner's, read as it grows."""

import stat
from pathlib import Path

import pytest

from mlreef_hooks.job_log import (
    FILE_BYTES,
    LINES_TOLD,
    JobLog,
    LogReader,
    Told,
    log_path,
    remove_old_logs,
)


def nobody(line: str) -> None:
    """Who does not listen."""


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    path = log_path(tmp_path / "state", 1, 2)
    JobLog(path, nobody).output("  said \x1b[31mred")
    JobLog(path, nobody).say("the end")
    assert path.read_text() == "    |   said [31mred\nthe end\n"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o755]


def test_the_pusher_is_told_so_much_output_and_every_other_line(tmp_path: Path) -> None:
    told: list[str] = []
    log = JobLog(tmp_path / "logs" / "log", Told(told.append, 7))
    for number in range(LINES_TOLD + 10):
        log.output(f"line {number}")
    log.say("success: it is published")
    assert told[0] == "  build   line 0"
    assert told[-2] == "  build   ... mlreef-hooks logs 7 shows the rest"
    assert told[-1] == "success: it is published"
    assert len(told) == LINES_TOLD + 2
    assert (tmp_path / "logs" / "log").read_text().count("\n") == LINES_TOLD + 11


def test_a_log_on_disk_is_bounded_and_has_its_end(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "log"
    log = JobLog(path, nobody)
    for _ in range(9):
        log.output("x" * (1 << 20))
    log.output("too much")
    log.say("error: it failed")
    assert FILE_BYTES - (2 << 20) < path.stat().st_size < FILE_BYTES + 100
    assert path.read_text().endswith("x\nerror: it failed\n")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file, not a folder")
    told: list[str] = []
    JobLog(tmp_path / "logs" / "log", Told(told.append, 7)).output("  Collecting six\x1b[2J")
    assert told == ["  build   Collecting six[2J"]


def test_a_reader_gets_whole_lines_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = LogReader(path)
    assert [*reader.lines()] == []  # not there yet
    path.write_bytes(b"one\ntwo\xff\x0bthr")
    assert [*reader.lines()] == ["one"]
    with path.open("ab") as out:
        out.write(b"ee\n\n")
    assert [*reader.lines()] == ["two\N{REPLACEMENT CHARACTER}\x0bthree", ""]
    assert [*reader.lines()] == []


def test_a_reader_gets_all_there_is_however_much(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{number:01000}\n" for number in range(3000)) + "the end\n")
    lines = [*LogReader(path).lines()]
    assert (len(lines), lines[-1]) == (3001, "the end")
    path.write_text("x" * 2_500_000 + "\nthe end\n")
    lines = [*LogReader(path).lines()]
    assert ("".join(lines[:-1]), lines[-1]) == ("x" * 2_500_000, "the end")


@pytest.mark.parametrize("attempt", [1, 5, 9])
def test_the_logs_of_the_last_five_tries_stay(tmp_path: Path, attempt: int) -> None:
    for number in range(1, attempt + 1):
        JobLog(log_path(tmp_path, 3, number), nobody).say("said")
        remove_old_logs(tmp_path, 3, number)
    left = [number for number in range(1, attempt + 1) if log_path(tmp_path, 3, number).exists()]
    assert left == [*range(max(1, attempt - 4), attempt + 1)]
