"""How long `check` takes on a large repository, against a small one in the same run.

    .cache/test-venv/bin/python -m benchmarks.check_size [--files 20000] [--rounds 9] [--json FILE]

Both are bare repositories with the same module (and ten mistakes in it, so that every finding is
made); the large one has that many more files: data, texts and Python sources, in folders of 200.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.git import Author, make_bare

PROJECT = Path(__file__).resolve().parent.parent / "tests" / "projects" / "ten-mistakes"
SMALL = 20


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = {SMALL: [], options.files: []}  # type: dict[int, list[float]]
        repositories = {size: make_repository(Path(folder, str(size)), size) for size in sizes}
        for _ in range(options.rounds):
            for size, repository in repositories.items():
                sizes[size].append(seconds_of_check(repository))
    small, large = (statistics.median(seconds) for seconds in sizes.values())
    print(f"check, {SMALL} files: {small * 1000:.0f} ms")
    print(f"check, {options.files} files: {large * 1000:.0f} ms (ratio {large / small:.2f})")
    if options.json:
        options.json.write_text(json.dumps(sizes, indent=1) + "\n")
    return 0


def make_repository(folder: Path, size: int) -> Path:
    """A bare repository with the project and other files, `size` in all."""
    repository = make_bare(folder / "bare.git")
    author = Author(folder / "clone", repository)
    files = {path.name: path.read_bytes() for path in PROJECT.iterdir() if path.is_file()}
    contents = (("csv", "1,2,3\n" * 50), ("txt", "words\n" * 50), ("py", "VALUE = [1, 2]\n" * 20))
    for number in range(size - len(files)):
        ending, content = contents[number % 3]
        name = f"part{number // 200}/file{number}.{ending}"
        files[name] = f"# {number}\n{content}".encode()
    author.commit(files)
    author.push("master")
    author.git("--git-dir", str(repository), "repack", "-adq")
    return repository


def seconds_of_check(repository: Path) -> float:
    """Seconds of one `check` of the repository's main branch, from start to exit."""
    command = [sys.executable, "-I", "-m", "mlreef_hooks", "check"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--git-dir", repository, "--rev", "master"], capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
