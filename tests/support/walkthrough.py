"""A tutorial as a script for bash: its files and commands in their order, and what it shows."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.pages import TEXTS, blocks
from tests.support.processes import PATH

SECONDS = 600
_LEFT_OUT = "..."
# What is another one each time: ids, hashes, times, sizes, seconds.
_CHANGING = (
    (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RUN"), (r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME"),
    (r"\d\d-\d\d \d\d:\d\d:\d\d", "TIME"), (r"\b[0-9a-f]{7,64}\b", "HASH"),
    (r"\b[\d.]+ (B|kB|MB|s)\b", r"SIZE \1"),
    (r"\bdone +[\d.]+$", "done SECONDS"), (r"[ \t]+", " "),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command, or a file that is saved, with the lines that the page shows below it."""

    text: str
    file: str = ""
    shown: tuple[str, ...] = ()


def steps(page: str) -> Iterator[Step]:
    """The steps of a page: the commands of its `console` blocks, and its blocks with a file."""
    for block in blocks(TEXTS[page]):
        if block.file:
            yield Step(text=block.text, file=block.file)
        elif block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, *shown = part.rstrip("\n").split("\n")
                yield Step(text=command, shown=tuple(shown))


def preparations(page: str) -> Iterator[Step]:
    """What a page asks for beforehand: the lines of its `sh` blocks, whatever they print."""
    for block in blocks(TEXTS[page]):
        if block.language == "sh":
            yield from (must_succeed(line) for line in block.text.splitlines())


def must_succeed(command: str) -> Step:
    """A command whose exit status must be 0, whatever it prints."""
    return Step(text=f"{command} && echo succeeded", shown=(_LEFT_OUT, "succeeded"))


def play(
    found: Sequence[Step],
    folder: Path,
    environment: Mapping[str, str],
    other: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> list[tuple[Step, list[str]]]:
    """Each step and the lines that it printed, in one bash that begins in `folder`.

    The environment is nothing but PATH and what is given. `other` are words in place of the steps',
    `within` those before bash, which enter another machine.
    """
    script = "".join(f"printf '\\n\\036\\n'\n{_as_bash(step)}\n" for step in found)
    for word, instead in (other or {}).items():
        script = script.replace(word, instead)
    done = subprocess.run(
        [*within, "bash", "--norc", "--noprofile", "-c", f"exec 2>&1\n{script}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder,
        env={"PATH": PATH, "LC_ALL": "C.UTF-8", **environment}, timeout=SECONDS,
    )  # fmt: skip
    printed = [part.strip("\n").split("\n") for part in done.stdout.split("\x1e\n")[1:]]
    said = [[line.rstrip() for line in lines if line.strip()] for lines in printed]
    return list(zip(found, said, strict=True))


def differences(step: Step, said: list[str]) -> list[str]:
    """The lines that a page shows and that were not printed there, or were and are not shown."""
    shown, rest = [_steady(line) for line in step.shown if line.strip()], [*map(_steady, said)]
    missing, gap = [], False
    for line in shown:
        if line == _LEFT_OUT:
            gap = True
        elif line in rest and (gap or rest[0] == line):
            rest, gap = rest[rest.index(line) + 1 :], False
        else:
            missing.append(f"not printed: {line}")
            gap = True  # or all that follows would be told as well
    return missing + ([] if gap else [f"not shown: {line}" for line in rest])


def _steady(line: str) -> str:
    for pattern, word in _CHANGING:
        line = re.sub(pattern, word, line)
    return line.strip()


def _as_bash(step: Step) -> str:
    if not step.file:
        return step.text
    return f"cat > {step.file} <<'END_OF_FILE'\n{step.text}END_OF_FILE"
