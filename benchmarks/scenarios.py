"""The projects that are published, what changes in them, and who takes part."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MAIN = """\
import argparse

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    print(parser.parse_args())
"""
TOML = """\
[module]
kind = "data-operation"
entry_point = "main.py"
inputs = ["ANY"]
outputs = ["ANY"]
"""
S_REQUIREMENTS = "six==1.17.0\n"
M_REQUIREMENTS = "numpy==2.1.0\npandas==2.2.2\nscikit-image==0.24.0\n"
SMALL = tuple(f"idna==3.{minor}\n" for minor in (4, 6, 7, 8, 9, 10))  # a small package, changing
L_FILES, L_BYTES = 20_000, 15_000
OURS, LOADING, FLOOR, PLAIN = "mlreef-hooks", "ours, loading", "floor", "plain push"
ENGINES = (OURS, "docker", "buildkit")
QUICK = (*ENGINES, LOADING, "repo2docker", FLOOR, PLAIN)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What one round does: `change` gives the files to commit; `first` begins with empty caches;
    `rounds` are at most so many, for those that take minutes.
    """

    title: str
    project: str
    peers: Sequence[str]
    change: Callable[[int], Mapping[str, str]]
    first: bool = False
    rounds: int = 100


def make_project(name: str) -> dict[str, str]:
    """The files of a project."""
    files = {"main.py": f"{MAIN}# {os.urandom(4).hex()}\n", "mlreef.toml": TOML}
    files["requirements.txt"] = M_REQUIREMENTS if name == "M" else S_REQUIREMENTS
    for number in range(L_FILES if name == "L" else 0):
        place = f"data/d{number % 10}/e{number // 10 % 20}/f{number // 200}.bin"
        files[place] = os.urandom(L_BYTES // 2).hex()
    return files


def changed_code(turn: int) -> Mapping[str, str]:
    """The script with another comment."""
    return {"main.py": f"{MAIN}# {turn} {os.urandom(4).hex()}\n"}


def changed_requirement(turn: int) -> Mapping[str, str]:
    """A small package more, another version each time."""
    return {"requirements.txt": M_REQUIREMENTS + SMALL[turn % len(SMALL)]}


def changed_deep(turn: int) -> Mapping[str, str]:
    """One file deep in a large tree."""
    return {"data/d7/e3/f11.bin": os.urandom(L_BYTES // 2).hex()}


SMALL_PROJECT = "One script, one small package"
SCIENCE = "numpy, pandas, scikit-image"
LARGE = "20,000 files, 300 MB"
SCENARIOS: Mapping[str, Scenario] = {
    "S-code": Scenario(
        title=f"{SMALL_PROJECT}: code changed", project="S", peers=QUICK, change=changed_code
    ),
    "S-nothing": Scenario(
        title=f"{SMALL_PROJECT}: nothing changed",
        project="S", peers=ENGINES, change=lambda turn: {},
    ),
    "M-code": Scenario(
        title=f"{SCIENCE}: code changed", project="M", peers=QUICK, change=changed_code
    ),
    "M-mlreef": Scenario(
        title=f"{SCIENCE}: code changed, against MLReef's order",
        project="M", peers=(OURS, "mlreef"), change=changed_code, rounds=3,
    ),
    "M-requirement": Scenario(
        title=f"{SCIENCE}: a requirement added",
        project="M", peers=ENGINES, change=changed_requirement, rounds=3,
    ),
    "M-first": Scenario(
        title=f"{SCIENCE}: first publish, empty caches",
        project="M", peers=ENGINES, change=changed_code, first=True, rounds=3,
    ),
    "L-code": Scenario(
        title=f"{LARGE}: the script changed",
        project="L", peers=ENGINES, change=changed_code, rounds=3,
    ),
    "L-deep": Scenario(
        title=f"{LARGE}: one file deep inside changed",
        project="L", peers=ENGINES, change=changed_deep, rounds=3,
    ),
}  # fmt: skip
