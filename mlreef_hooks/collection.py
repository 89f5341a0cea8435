"""`gc`: what nothing needs any more, kind by kind, the index first and the blobs last.

What is found is told, and deleted where that is wanted. Whenever it is killed, what is left is
whole: nothing is removed before everything that names it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mlreef_hooks.bases import BASES
from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.config import GarbageCollection
from mlreef_hooks.durable_files import turn_taken
from mlreef_hooks.engine_collection import unused_images
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_collection import OVER, Collected, ImageCollector
from mlreef_hooks.index import Document, named
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.layout_collection import BlobCollection
from mlreef_hooks.retention import outlived
from mlreef_hooks.state_files import Ages, Needs, StateFile, remove_unfinished, unused_files

_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Collects what a site has too much of, its images by `images`; `now` is in seconds since
    1970.
    """

    images: ImageCollector
    cache: BuildCache
    settings: GarbageCollection
    now: float

    def collect(self) -> Iterator[Collected]:
        """Everything that goes; PublishError, before anything does, where the index is broken."""
        state = self.images.site.config.state_folder
        with turn_taken(state.locks, "gc", lambda: None):
            documents = [*self.images.index.documents()]
            yield from self._versions(documents)
            yield from self.images.collect()
            yield from self._blobs()
            for file in unused_files(state, self._needs(), self._ages()):
                yield from self._file(file)
            yield from self._engine()
            if self.images.delete:
                remove_unfinished(state)

    # versions that the site no longer keeps

    def _versions(self, documents: list[Document]) -> Iterator[Collected]:
        memory = self.images.memory
        memory.note(documents, self.now)
        if self.images.delete:
            memory.write()
        for document in documents:
            names = [named(document, each) for each in self._outlived(document)]
            if names and self.images.delete:
                yield from self._take_out(document["namespace"], document["name"])
            else:
                self.images.gone.update(names)
                yield from (Collected(kind="versions", name=name) for name in names)

    def _outlived(self, document: Document) -> list[str]:
        days = self.settings.yanked_days
        known = self.images.memory.yanked_before(self.now - days * _DAY) if days else ()
        yanked = [
            each["version"]
            for each in document["versions"]
            if each["yanked"] and named(document, each["version"]) in known
        ]
        return outlived(document, keep=self.settings.keep_versions, yanked=yanked)

    def _take_out(self, namespace: str, name: str) -> Iterator[Collected]:
        module = f"{namespace}/{name}"
        with self.images.turn(module) as free:
            gone = self.images.index.take_out(namespace, name, self._choose) if free else []
            for version in gone:
                yield Collected(kind="versions", name=f"{module}@{version['version']}")
                yield from self.images.remove_unstored(module, version["image"])

    def _choose(self, document: Document) -> list[str]:
        """The versions that go, noted first: who comes after a kill must know them."""
        names = self._outlived(document)
        self.images.memory.note_taken_out(named(document, name) for name in names)
        self.images.memory.write()
        return names

    # blobs, files, and images that are no module's

    def _blobs(self) -> Iterator[Collected]:
        blobs = BlobCollection(
            layouts=self.images.layouts,
            before=self.now - self.settings.grace_seconds,
            named=[version["image"]["digest"] for version in self.images.versions()],
            left_out=self.images.left_out,
        )
        found = blobs.find()
        if self.images.delete:
            self.cache.forget_layers(found.keys())
        removed = blobs.remove([*found]) if self.images.delete else found.items()
        for digest, size in removed:
            yield Collected(kind="layers", name=digest, bytes=size)

    def _needs(self) -> Needs:
        versions = (*self.images.versions(), *self.images.kept)
        bases = {manifest.digest for manifest in self.images.layouts.tags(BASES).values()}
        return Needs(
            wheels=frozenset(_wheels_of(version) for version in versions),
            bases=frozenset(bases),
            is_over=self._is_over,
        )

    def _ages(self) -> Ages:
        return Ages(
            files=self.now - self.settings.grace_seconds,
            logs=self.now - self.settings.log_days * _DAY,
            package_bytes=self.settings.package_bytes,
        )

    def _is_over(self, number: int) -> bool:
        job = self.images.site.jobs.get(number)
        return job is None or job.state in (PUBLISHED, *OVER)

    def _file(self, file: StateFile) -> Iterator[Collected]:
        name = file.path.name
        if not self.images.delete or file.remove():
            yield Collected(kind=file.kind, name=name, bytes=file.bytes)
        else:
            yield Collected(kind="kept", name=name, note="it is in use")

    def _engine(self) -> Iterator[Collected]:
        engine = self.images.copies.engine
        if engine is None:
            return
        references = {version["image"]["reference"] for version in self.images.versions()}
        before = self.now - self.settings.grace_seconds
        for name, size in [*unused_images(engine, references, before)]:
            try:
                if self.images.delete:
                    engine.untag(name)
                yield Collected(kind="engine", name=name, bytes=size)
            except PublishError as error:  # a container of somebody's uses it
                yield Collected(kind="failed", name=name, note=error.message)


def _wheels_of(version: Document) -> frozenset[str]:
    """The hashes of the wheels of a version, which an image's label may tell of in any way."""
    wheels = version.get("wheels")
    found = wheels if isinstance(wheels, list) else []
    hashes = (wheel.get("sha256") for wheel in found if isinstance(wheel, dict))
    return frozenset(each for each in hashes if isinstance(each, str))
