"""Coverage-guided fuzzing by atheris: `python -m fuzz.run --minutes 60`.

Each harness runs in a process of its own, in short turns, so that all are reached early and what
was mended meanwhile is taken up. What was learnt is kept below `.cache/fuzz`.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz.table import HARNESSES

FOLDER = Path(".cache/fuzz")
_ONE_INPUT_SECONDS = 10
_MEMORY_MIB = 2048
_INPUT_BYTES = 4096
_STATUS = re.compile(rb"^#(\d+)\s+\S+\s+cov: (\d+) ft: (\d+)", re.MULTILINE)


@dataclass
class Turns:
    """What came of all turns of a harness: `coverage` counts edges of the instrumented code."""

    executions: int = 0
    seconds: float = 0
    coverage: int = 0
    findings: list[str] = field(default_factory=list)


def main() -> int:
    """Fuzz for the time that is given; exit status 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="of all harnesses together")
    parser.add_argument("--turn", type=float, default=30, help="seconds of one turn of a harness")
    parser.add_argument("--json", type=Path, default=FOLDER / "run.json", help="the record")
    parser.add_argument("names", nargs="*", metavar="HARNESS", help=" ".join(HARNESSES))
    arguments = parser.parse_args()
    names = arguments.names or [*HARNESSES]
    if unknown := {*names} - {*HARNESSES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    turns = {name: Turns() for name in names}
    end = time.monotonic() + 60 * arguments.minutes
    while time.monotonic() < end:
        for name in names:
            if time.monotonic() < end:
                _take_turn(name, arguments.turn, turns[name])
                _record(turns, arguments.json)
    print(_table(turns))
    return 1 if any(each.findings for each in turns.values()) else 0


def _take_turn(name: str, seconds: float, turns: Turns) -> None:
    """Run a harness for some seconds, or until it finds something."""
    begin = time.monotonic()
    said = _run(name, seconds)
    turns.seconds += time.monotonic() - begin
    statuses = _STATUS.findall(said)
    turns.executions += int(statuses[-1][0]) if statuses else 0
    turns.coverage = max([turns.coverage, *(int(coverage) for _, coverage, _ in statuses)])
    if b"SUMMARY: libFuzzer" in said or b"Uncaught Python exception" in said or not statuses:
        finding = _explain(said)
        print(f"{name}: {finding}", flush=True)
        if finding not in turns.findings:
            turns.findings.append(finding)


def _run(name: str, seconds: float) -> bytes:
    corpus, found = FOLDER / name / "corpus", FOLDER / name / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={int(seconds)}", f"-timeout={_ONE_INPUT_SECONDS}", "-print_final_stats=1",
        f"-rss_limit_mb={_MEMORY_MIB}", f"-max_len={_INPUT_BYTES}", f"-artifact_prefix={found}/",
        f"-dict={_write_words(name)}", str(corpus),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.run_one", name, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    (FOLDER / name / "log").write_bytes(done.stdout)
    return done.stdout


def _write_words(name: str) -> Path:
    """The words as libFuzzer's dictionary."""
    path = FOLDER / name / "words"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in HARNESSES[name].words)
    path.write_text("".join(f'"{word}"\n' for word in quoted))
    return path


def _explain(said: bytes) -> str:
    """The exception and the place of a finding, or what libFuzzer says of it."""
    lines = said.decode(errors="replace").splitlines()
    places = [
        each.strip() for each in lines if re.match(r'\s+File ".*(?:fuzz|mlreef_hooks)/', each)
    ]
    begin = next((i for i, line in enumerate(lines) if "Uncaught Python exception" in line), None)
    if begin is not None:
        place = re.sub(r'File ".*/(\w+/\w+\.py)"', r"\1", places[-1]) if places else ""
        return f"{' '.join(lines[begin + 1 : begin + 2])[:200]} ({place})"
    summaries = [each for each in lines if each.startswith(("SUMMARY:", "==")) and "ERROR" in each]
    return (summaries or lines[-1:] or ["nothing said"])[0][:200]


def _record(turns: dict[str, Turns], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: asdict(each) for name, each in turns.items()}, indent=1))


def _table(turns: dict[str, Turns]) -> str:
    rows: Sequence[str] = [
        f"| {name} | {each.executions:,} | {each.seconds:.0f} | {each.coverage:,} |"
        f" {len(each.findings)} |"
        for name, each in turns.items()
    ]
    head = ("| harness | executions | seconds | coverage | findings |", "|---|---|---|---|---|")
    return "\n".join((*head, *rows))


if __name__ == "__main__":
    sys.exit(main())
