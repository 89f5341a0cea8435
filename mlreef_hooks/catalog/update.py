"""The site of an index made, or what changed of it: compared by the stamps of the documents.

What a module leaves behind where it is no more goes first, then everything else is made.
"""

import hashlib
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.catalog.files import Made, SiteFiles, is_stale, mark_stale, site_folders, turn
from mlreef_hooks.catalog.pages import (
    FIRST,
    NAMESPACES,
    Shown,
    edition,
    listing_page,
    module_page,
    namespaces_page,
    search_data,
    static_files,
)
from mlreef_hooks.catalog.rows import SEARCH, Listing, Row, key_of, listings_of, row_of
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, newest
from mlreef_hooks.index_attachments import read_attached
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_document import read_if_allowed
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_scan import Found, Modules, scan_modules
from mlreef_hooks.oci import sha256
from mlreef_hooks.picture import look_at_picture
from mlreef_hooks.presentation import PICTURE, README
from mlreef_hooks.provenance import PRESENTATION, Places

_BATCH = 500  # modules in memory
Place = tuple[str, str]  # namespace and name
Fact = tuple[str, Row]  # the stamp of a document, and its row


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What became of one audience's site: how many modules it has, how many pages were made and
    modules taken out; `broken` says which documents could not be shown.
    """

    audience: str
    modules: int
    made: int
    gone: int
    broken: tuple[str, ...] = ()


def update_catalog(index: IndexFiles, output: Path) -> list[Updated]:
    """Let the sites below `output` say what the index does; one after the other process.

    What changes meanwhile is shown too. OSError or PublishError where it cannot.
    """
    with turn(output, wait=True):
        updates = _update_all(index, output)
    if is_stale(output):
        refresh_catalog(index, output)
    return updates


def refresh_catalog(index: IndexFiles, output: Path) -> None:
    """The same after a change, which another process that is at it just now takes care of."""
    mark_stale(output)
    while is_stale(output):
        try:
            with turn(output, wait=False):
                _update_all(index, output)
        except BlockingIOError:
            return


def _update_all(index: IndexFiles, output: Path) -> list[Updated]:
    index.complete_abandoned()
    found = scan_modules(index.root)
    there = site_folders(output)
    names = sorted({*found, *there}, key=lambda audience: (audience in found, audience))
    return [
        _Update(index.root / audience, output / audience, audience).run(found.get(audience, {}))
        for audience in names
        if FIRST not in audience.split("/")
    ]


class _Update:
    """The update of one audience's site."""

    def __init__(self, source: Path, output: Path, audience: str) -> None:
        self._source = source
        self._audience = audience
        self._files = SiteFiles(output, public=audience == "public")
        self._broken: list[str] = []

    def run(self, found: Modules) -> Updated:
        """Make what is other than before."""
        before = self._files.made()
        if before.edition != edition():  # all of it
            before = Made(pages=dict.fromkeys(before.pages, ""))
        places = {key_of(*place): place for place in found}
        gone = self._files.module_keys() - places.keys()
        for key in gone:
            self._files.remove_module(key)
        kept = {
            key: facts for key, facts in before.modules.items()
            if key in places and facts[0] == found[places[key]].stamp
        }  # fmt: skip
        changed = {key: place for key, place in places.items() if key not in kept}
        modules = {**kept, **self._make_changed(changed, found)}
        written = before.pages.keys() | self._files.list_pages()
        lists = self._make_lists(modules, before, written) if modules or written else 0
        return Updated(
            audience=self._audience, modules=len(modules), made=len(changed) + lists,
            gone=len(gone), broken=tuple(self._broken),
        )  # fmt: skip

    # modules

    def _make_changed(self, changed: Mapping[str, Place], found: Modules) -> dict[str, Fact]:
        """The stamps and rows of modules whose pages are written; some of them at a time."""
        modules = dict[str, Fact]()
        keys = list(changed)
        for start in range(0, len(keys), _BATCH):
            files = dict[str, Mapping[str, bytes]]()
            for key in keys[start : start + _BATCH]:
                made = self._make_module(changed[key], found[changed[key]])
                if made is not None:
                    files[key], row = made
                    modules[key] = found[changed[key]].stamp, row
            self._files.put_modules(files)
        for key in self._files.module_keys() & (changed.keys() - modules.keys()):
            self._files.remove_module(key)
        return modules

    def _read(self, place: Place, found: Found) -> Document | None:
        """A module's document; None where it has no version, or is not to be believed."""
        namespace, name = place
        try:
            document = read_if_allowed(Path(found.path))
            if document is None:
                return None
            check_document("module", document, found.path)
        except PublishError as error:
            self._broken.append(error.message)
            return None
        audience = audience_of(document["visibility"], document["namespace"])
        if (document["namespace"], document["name"], audience) != (*place, self._audience):
            self._broken.append(f"{namespace}/{name} says that it belongs elsewhere")
            return None
        return document if document["versions"] else None

    def _make_module(self, place: Place, found: Found) -> tuple[dict[str, bytes], Row] | None:
        """The files of a module, by their names, and its row; None where there is nothing to show.

        An index may have come from anybody, and one strange document must not hide the others.
        """
        document = self._read(place, found)
        try:
            return None if document is None else self._present(document)
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            self._broken.append(f"{'/'.join(place)} cannot be shown: {error!r}")
            return None

    def _present(self, document: Document) -> tuple[dict[str, bytes], Row]:
        version = newest(document["versions"])
        files = dict[str, bytes]()
        readme, picture = (self._attached(document, version, key) for key in (README, PICTURE))
        name, looked = None, look_at_picture(picture) if picture else None
        if picture and looked:
            name = f"picture.{looked.suffix}"
            files[name] = picture
        form = version.get(PRESENTATION, {}).get(README, {}).get("form", "text")
        shown = Shown(
            readme=(readme or b"").decode(errors="replace"), form=form, picture=looked,
            picture_file=name,
        )  # fmt: skip
        page = module_page(document, shown, self._audience)
        files[FIRST] = page.encode(errors="replace")
        return files, row_of(document, name)

    def _attached(self, document: Document, version: Document, key: str) -> bytes | None:
        """A file that a version names, if it is what the version says."""
        said = version.get(PRESENTATION, {}).get(key)
        place = vars(Places.of(document["namespace"], document["name"], version["version"]))[key]
        with suppress(PublishError):
            content = read_attached(self._source / place) if said else None
            if content is not None and said["sha256"] == sha256(content).partition(":")[2]:
                return content
        return None

    # lists

    def _make_lists(self, modules: Mapping[str, Fact], before: Made, written: Set[str]) -> int:
        """Write the lists and the search as far as they are others; how many pages that were. Of
        those that were `written` before, what is none of them goes.
        """
        rows = {key: row for key, (_, row) in modules.items()}
        listings = list(listings_of(rows))
        places = {
            listing.place(number): (listing, number)
            for listing in listings
            for number in range(1, len(listing.pages()) + 1)
        }
        pages = _stamps_of(modules, places)
        changed = {place for place, said in pages.items() if before.pages.get(place) != said}
        contents = {} if before.modules else static_files()
        for place in changed & places.keys():
            contents[place] = listing_page(*places[place], rows, self._audience).encode()
        if SEARCH in changed:
            contents |= self._make_whole(listings, rows)
        gone = written - pages.keys()
        if contents or gone:
            # Whoever is killed has said before which pages may be of any time.
            kept = {place: said for place, said in before.pages.items() if place not in changed}
            self._files.note(Made(edition=before.edition, modules=before.modules, pages=kept))
            self._files.put(contents)
            self._files.remove(gone)
            self._files.note(Made(edition=edition(), modules=modules, pages=pages))
        return len(changed)

    def _make_whole(self, listings: Sequence[Listing], rows: Mapping[str, Row]) -> dict[str, bytes]:
        """What follows from all modules: the namespaces, and what the search reads."""
        counts = [(each.title, len(each.keys)) for each in listings if each.of_namespace]
        return {
            NAMESPACES: namespaces_page(counts, self._audience).encode(),
            SEARCH: search_data([rows[key] for key in listings[0].keys]),
        }


def _stamps_of(
    modules: Mapping[str, Fact], places: Mapping[str, tuple[Listing, int]]
) -> dict[str, str]:
    """What each page of the lists, and the search, are made of: another stamp is another page."""
    stamps = {key: f"{key} {stamp}" for key, (stamp, _) in modules.items()}
    everything = _hash([stamps[key] for key in sorted(stamps)])
    pages = {SEARCH: everything, NAMESPACES: everything, FIRST: everything}
    for place, (listing, number) in places.items():
        keys = listing.pages()[number - 1]
        said = _hash([str(len(listing.keys)), *(stamps[key] for key in keys)])
        pages.setdefault(place, said)  # the first of all has what can be chosen from
    return pages


def _hash(words: list[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:24]
