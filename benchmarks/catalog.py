"""How long the catalogue takes after one publish, against all of it, by the number of modules.

    .cache/test-venv/bin/python -m benchmarks.catalog [--sizes 100 10000] [--rounds 9] [--json FILE]

Each module has three versions. The documents are put where the index has them; then
all pages are made once, and again and again those that follow from one more version of one module.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from mlreef_hooks.catalog.update import update_catalog
from mlreef_hooks.index import add_version
from mlreef_hooks.index_files import IndexFiles
from tests.index_entries import make_entry

NAMESPACES = 50
KINDS = ("model", "data-operation", "data-visualization")


def main() -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    figures = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            figures[size] = measure(Path(folder), size, options.rounds)
        print("\n".join(lines(size, figures[size])))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "seconds": figures}) + "\n")
    return 0


def lines(size: int, found: dict[str, Any]) -> Iterator[str]:
    """What was found, by the clock and by the processor."""
    for number, what in enumerate(("clock", "processor")):
        full = found["full"][number]
        one = statistics.median(each[number] for each in found["one"])
        yield (
            f"{size:6} modules, {what:9}: all of it {full:6.2f} s, after one publish"
            f" {one * 1000:5.0f} ms, 1/{full / one:.0f}"
        )
    yield f"{size:6} modules: the search has {found['search'] / 1e6:.2f} MB"


def measure(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Seconds of the whole site, and of each round, by the clock and by the processor."""
    index, site = IndexFiles(folder / "index"), folder / "site"
    for number in range(size):
        write(index.root, number, ("0.9", "1.0", "1.1"))
    full = timed(index, site)
    one = []
    for turn in range(rounds):
        write(index.root, size // 2, ("0.9", "1.0", "1.1", f"2.{turn}"))
        one.append(timed(index, site))
    search = (site / "public" / "-" / "search.json").stat().st_size
    return {"full": full, "one": one, "search": search}


def timed(index: IndexFiles, site: Path) -> tuple[float, float]:
    """Seconds of one update, by the clock and by the processor."""
    began, busy = time.perf_counter(), time.process_time()
    update_catalog(index, site)
    return time.perf_counter() - began, time.process_time() - busy


def write(root: Path, number: int, versions: tuple[str, ...]) -> None:
    """Put a module's document where the index has it, in the place of what was there."""
    document: dict[str, Any] | None = None
    for entry in entries(number, versions):
        document = add_version(document, entry)
    path = root / "public" / "modules" / f"space-{number % NAMESPACES}" / f"module-{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(document))
    path.with_suffix(".new").replace(path)


def entries(number: int, versions: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The entries of a module's versions."""
    name, space = f"module-{number}", f"space-{number % NAMESPACES}"
    for version in versions:
        yield make_entry(
            version, name=name, namespace=space, repository=f"{space}/{name}",
            kind=KINDS[number % 3], title=f"Module {number}",
            description="Turns what it is given into what somebody wanted it to be, for once",
        ).document()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
