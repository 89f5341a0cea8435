"""How long `check --watch` takes from a save until what it says can be read.

    .cache/test-venv/bin/python -m benchmarks.watch [--saves 20] [--files 20000] [--are untracked]

Every other save is by rename, as editors do it, the others write into the file.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SCRIPT = """\
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--angle-{number}", type=int)
"""
_STATES = ("committed", "untracked", "without git")


def main() -> None:
    """Print the median and the worst of the saves, in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--saves", type=int, default=20)
    parser.add_argument("--files", type=int, default=200, help="other files of the repository")
    parser.add_argument("--are", choices=_STATES, default="committed", help="what those files are")
    parser.add_argument("--flat", action="store_true", help="all beside the module, in one folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        taken = sorted(1000 * each for each in _reactions(Path(folder), options))
    print(f"{options.saves} saves beside {options.files} files, {options.are}: median "
          f"{statistics.median(taken):.0f} ms, worst {taken[-1]:.0f} ms")  # fmt: skip


def _reactions(folder: Path, options: argparse.Namespace) -> Iterator[float]:
    """Seconds from each save until the last line of what is said of it can be read."""
    _make_project(folder, options)
    command = [sys.executable, "-m", "mlreef_hooks", "check", "--watch", str(folder)]
    environment = {**os.environ, "MLREEF_HOOKS_CONFIG": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as watching:
        assert watching.stdout
        _read_until_summary(watching.stdout.fileno())
        for number in range(options.saves):
            time.sleep(0.3)
            begin = time.perf_counter()
            _save(folder / "turn.py", SCRIPT.format(number=number), by_rename=number % 2 == 0)
            _read_until_summary(watching.stdout.fileno())
            yield time.perf_counter() - begin
        watching.terminate()


def _make_project(folder: Path, options: argparse.Namespace) -> None:
    (folder / "turn.py").write_text(SCRIPT.format(number=0))
    (folder / "requirements.txt").write_text("numpy==2.4.6\n")
    if options.are == "untracked":
        _commit(folder)
    for number in range(options.files):
        place = folder if options.flat else folder / "data" / f"part{number // 200}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file{number}.txt").write_text(str(number))
    if options.are == "committed":
        _commit(folder)


def _commit(folder: Path) -> None:
    name = ("-c", "user.name=ada", "-c", "user.email=ada@example")
    for words in (("init", "-q"), ("add", "."), (*name, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


def _save(path: Path, text: str, *, by_rename: bool) -> None:
    """Write a file as editors do: beside it and then in its place, or into it."""
    if by_rename:
        beside = path.with_name(f".{path.name}.swp")
        beside.write_text(text)
        beside.replace(path)
    else:
        path.write_text(text)


def _read_until_summary(descriptor: int) -> None:
    said = b""
    while b"publishable: " not in said:
        more = os.read(descriptor, 1 << 16)
        if not more:
            sys.exit("check --watch ended early, see above")
        said += more


if __name__ == "__main__":
    main()
