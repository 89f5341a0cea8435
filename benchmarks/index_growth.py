"""How the index grows: one version written, a search, and a module shown, by how much is there.

    .cache/test-venv/bin/python -m benchmarks.index_growth [--sizes 10 10000] [--json FILE]

Indexes of ever more modules, each of 100 versions, all in one namespace and in 100 of them. `write`
is what a publish does in its own process: it looks for the module and its neighbours, and adds a
version with two files beside it; `write first` does so for a module that is new. `search` and
`show` are the commands, from start to exit. The sizes take turns. 10,000 modules take 3 GB.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.publish_peers import write_json
from mlreef_hooks.index import Document, add_version, listing_line
from mlreef_hooks.index_audience import SCHEMAS
from mlreef_hooks.index_document import encode_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.provenance import Places
from tests.index_entries import make_entry

LAYOUTS = {"one namespace": 1, "100 namespaces": 100}
HOLDER = ("n0", "m000000")  # what stands in a template for the names
Seconds = dict[int, dict[str, list[float]]]


def main() -> int:
    """Print the tables; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    figures: dict[str, Seconds] = {}
    for layout, namespaces in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            sites = [
                Grown.make(Path(folder, str(size)), size, namespaces, options.versions)
                for size in options.sizes
            ]
            figures[layout] = measure(sites, options.rounds)
        print_times(layout, figures[layout])
    if options.json:
        write_json(options.json, {"machine": machine(), "seconds": figures})
    return 0


@dataclass(kw_only=True)
class Grown:
    """An index of so many modules, and what was written into it."""

    size: int
    names: list[tuple[str, str]]
    index: IndexFiles
    turns: int = field(default=0)

    @classmethod
    def make(cls, root: Path, size: int, namespaces: int, versions: int) -> "Grown":
        """An index with `size` modules of `versions` versions."""
        names = [(f"n{number % namespaces}", f"m{number:06}") for number in range(size)]
        write_index(root / "public", names, template(versions))
        grown = cls(size=size, names=names, index=IndexFiles(root))
        os.sync()
        grown.write()
        return grown

    def write(self) -> None:
        """Publish the next version of one of the modules, each time of another."""
        self.turns += 1
        namespace, name = self.names[self.turns * 7919 % self.size]
        self._publish(namespace, name, f"99.{self.turns}")

    def write_first(self) -> None:
        """Publish a module that is new."""
        self.turns += 1
        namespace, name = self.names[self.turns * 7919 % self.size]
        self._publish(namespace, f"{name}-{self.turns}", "1.0")

    def _publish(self, namespace: str, name: str, version: str) -> None:
        """What a publish does with the index."""
        entry = entry_of(namespace, name, version)
        files = attach(entry, version)
        if self.index.find(namespace, name) is None:
            self.index.neighbour(namespace)
        self.index.find(namespace, name)
        assert self.index.add(entry, files, lambda: "public")

    def search(self) -> None:
        """Search by a word and facts."""
        assert command(self, "search", "noise", "--input", "IMAGE", "--gpu", "--base", "default")

    def show(self) -> None:
        """Show a module."""
        namespace, name = self.names[self.turns * 7919 % self.size]
        assert command(self, "show", f"{namespace}/{name}")


WAYS: Mapping[str, Callable[[Grown], None]] = {
    "write": Grown.write,
    "write first": Grown.write_first,
    "search": Grown.search,
    "show": Grown.show,
}


def entry_of(namespace: str, name: str, version: str) -> Document:
    """An entry as large as those of real modules."""
    entry = make_entry(
        version, namespace=namespace, name=name, repository=f"{namespace}/{name}",
        notes="What is new in this version, in a sentence or two",
    )  # fmt: skip
    return entry.document()


def attach(entry: Document, version: str) -> dict[str, bytes]:
    """The two files that a version names, which it names from now on."""
    places = vars(Places.of(entry["namespace"], entry["name"], version))
    files = {places[key]: json.dumps({key: "x" * 8000}).encode() for key in ("statement", "sbom")}
    entry["versions"][0]["provenance"] = {
        key: {"path": places[key], "sha256": hashlib.sha256(files[places[key]]).hexdigest()}
        for key in ("statement", "sbom")
    }
    return files


def template(versions: int) -> tuple[bytes, bytes]:
    """The document of a module with so many versions, and its line."""
    document: Document | None = None
    for number in range(versions):
        document = add_version(document, entry_of(*HOLDER, f"{number // 10}.{number % 10}"))
    assert document
    return encode_document(document), encode_document(listing_line(document)).strip()


def write_index(audience: Path, names: list[tuple[str, str]], both: tuple[bytes, bytes]) -> None:
    """The files of an audience, as far as nothing is measured of how they come to be."""
    namespaces: dict[str, list[bytes]] = {}
    for namespace, name in names:
        document, line = (renamed(each, namespace, name) for each in both)
        path = audience / "modules" / namespace / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document)
        namespaces.setdefault(namespace, []).append(line)
    facts = dict(written_listings(audience, namespaces))
    schemas = {
        name: {"path": f"schema/{name}.json", "sha256": hashlib.sha256().hexdigest()}
        for name in SCHEMAS
    }
    entrance = {"v": 1, "schemas": schemas, "namespaces": facts}
    (audience / "index.json").write_bytes(encode_document(entrance))


def written_listings(
    audience: Path, namespaces: Mapping[str, list[bytes]]
) -> Iterator[tuple[str, Document]]:
    """What index.json says of each namespace, once its listing is written."""
    for namespace, lines in namespaces.items():
        path = audience / "listing" / f"{namespace}.json"
        path.parent.mkdir(exist_ok=True)
        head = f'{{"v": 1, "namespace": "{namespace}", "modules": [\n'.encode()
        content = head + b",\n".join(lines) + b"\n]}\n"  # as a publish leaves it
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        place = f"listing/{namespace}.json"
        yield namespace, {"path": place, "sha256": digest, "modules": len(lines)}


def renamed(content: bytes, namespace: str, name: str) -> bytes:
    """A template with these names."""
    old_namespace, old_name = (each.encode() for each in HOLDER)
    content = content.replace(b'"' + old_namespace, b'"' + namespace.encode())
    return content.replace(old_name, name.encode())


def command(grown: Grown, *words: str) -> bytes:
    """The output of a command about an index."""
    words = (*words, "--index", str(grown.index.root))
    line = [sys.executable, "-I", "-m", "mlreef_hooks", *words]
    return subprocess.run(line, capture_output=True, check=True).stdout


def measure(sites: list[Grown], rounds: int) -> Seconds:
    """Seconds of everything, by size and by what is done."""
    seconds: Seconds = {site.size: {way: [] for way in WAYS} for site in sites}
    for _ in range(rounds):
        for way, do in WAYS.items():
            for site in sites:
                began = time.perf_counter()
                do(site)
                seconds[site.size][way].append(time.perf_counter() - began)
    return seconds


def print_times(layout: str, seconds: Seconds) -> None:
    """Medians in milliseconds, and how often that of the smallest index fits into each."""
    print(f"{layout:<16}" + "".join(f"{way:>20}" for way in WAYS))
    smallest = {
        way: statistics.median(times) for way, times in next(iter(seconds.values())).items()
    }
    for size, ways in seconds.items():
        medians = {way: statistics.median(times) for way, times in ways.items()}
        cells = (
            f"{median * 1000:>10.1f} ms {median / smallest[way]:>5.2f}x"
            for way, median in medians.items()
        )
        print(f"{size:>7} modules " + "".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
