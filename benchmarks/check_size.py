"""How long `check` takes on a large repository, against a small one in the same run.

    .cache/test-venv/bin/python -m benchmarks.check_size [--files 20000] [--rounds 9] [--json FILE]

Both have the same module (and ten mistakes in it, so that every finding is made); the large one has
that many more files: data, texts and Python sources, in folders of 200. Each is checked as a bare
repository and as the folder of a clone of it in which nothing changed, or one file (`edited`).
`first` is with an empty folder of caches, `again` with what the checks before it left there. `git
status` of the folders is the floor: no check of a clone can know sooner what changed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.git import Author, make_bare

PROJECT = Path(__file__).resolve().parent.parent / "tests" / "projects" / "ten-mistakes"
SMALL = 20
Case = tuple[str, str]  # what is checked, and whether it was checked before


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    seconds: dict[int, dict[Case, list[float]]] = {SMALL: {}, options.files: {}}
    with tempfile.TemporaryDirectory() as folder:
        places = {size: make_places(Path(folder, str(size)), size) for size in seconds}
        for _ in range(options.rounds):
            for size in seconds:
                for case, taken in measure(places[size], Path(folder)).items():
                    seconds[size].setdefault(case, []).append(taken)
    for case, larges in seconds[options.files].items():
        small, large = statistics.median(seconds[SMALL][case]), statistics.median(larges)
        print(
            f"{' '.join(case):18} {SMALL} files: {small * 1000:4.0f} ms,"
            f" {options.files} files: {large * 1000:4.0f} ms, ratio {large / small:.2f}"
        )
    if options.json:
        named = {
            size: {" ".join(case): taken for case, taken in cases.items()}
            for size, cases in seconds.items()
        }
        options.json.write_text(json.dumps(named, indent=1) + "\n")
    return 0


def make_places(folder: Path, size: int) -> Mapping[str, list[str]]:
    """The arguments of `check` for a repository with the project and other files, `size` in all."""
    repository = make_bare(folder / "bare.git")
    author = Author(folder / "author", repository)
    files = {path.name: path.read_bytes() for path in PROJECT.iterdir() if path.is_file()}
    contents = (("csv", "1,2,3\n" * 50), ("txt", "words\n" * 50), ("py", "VALUE = [1, 2]\n" * 20))
    for number in range(size - len(files)):
        ending, content = contents[number % 3]
        name = f"part{number // 200}/file{number}.{ending}"
        files[name] = f"# {number}\n{content}".encode()
    author.commit(files)
    author.push("master")
    author.git("--git-dir", str(repository), "repack", "-adq")
    for name in ("clone", "edited"):
        author.git("clone", "--quiet", "--branch", "master", f"file://{repository}", f"../{name}")
    (folder / "edited" / "part0" / "file0.csv").write_text("another\n")
    return {
        "bare": ["--git-dir", str(repository), "--rev", "master"],
        "clone": [str(folder / "clone")],
        "edited": [str(folder / "edited")],
    }


def measure(places: Mapping[str, list[str]], folder: Path) -> dict[Case, float]:
    """Seconds of one check of every place, first and again."""
    seconds = {}
    for place, words in places.items():
        with tempfile.TemporaryDirectory(dir=folder) as caches:
            for time_ in ("first", "again"):
                seconds[place, time_] = seconds_of_check(words, caches)
        if place != "bare":
            seconds[place, "git status"] = seconds_of(["git", "-C", *words, "status"], 0)
    return seconds


def seconds_of_check(words: list[str], caches: str) -> float:
    """Seconds of one check, from start to exit."""
    command = [sys.executable, "-I", "-m", "mlreef_hooks", "check", *words]
    return seconds_of(command, 1, XDG_CACHE_HOME=caches)


def seconds_of(command: list[str], status: int, **variables: str) -> float:
    """Seconds of a command, which ends with an exit status."""
    began = time.perf_counter()
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == status, done.stderr
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
