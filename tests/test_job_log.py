"""The log of a build: bounded, without control characters, and its owner's alone."""

import stat
from pathlib import Path

from mlreef_hooks.job_log import LINES_TOLD, JobLog


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "logs" / "job-1.log"
    JobLog(path, lambda line: None)("  said \x1b[31mred")
    JobLog(path, lambda line: None)("again")
    assert path.read_text() == "  said [31mred\nagain\n"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o755]


def test_the_pusher_is_told_so_much_and_no_more(tmp_path: Path) -> None:
    told: list[str] = []
    log = JobLog(tmp_path / "logs" / "job-1.log", told.append)
    for number in range(LINES_TOLD + 10):
        log(f"line {number}")
    assert told[-1] == "... the rest is in job-1.log on the server"
    assert len(told) == LINES_TOLD + 1
