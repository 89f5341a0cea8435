"""Images that the index does not name any more: out of their layouts, the engine, the registry.

The index is believed only as far as the job table agrees: what it should name and does not was
lost, and stays.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from mlreef_hooks.collection_memory import CollectionMemory
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_copies import ImageCopies
from mlreef_hooks.image_label import labels_of, read_label
from mlreef_hooks.index import Document, named
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.job import CANCELLED, FAILED, PUBLISHED, SUPERSEDED
from mlreef_hooks.module_turn import free_turn
from mlreef_hooks.oci import Descriptor, decode
from mlreef_hooks.oci_layout import MODULES, OciLayouts
from mlreef_hooks.site import Site

OVER = (FAILED, CANCELLED, SUPERSEDED)  # states of jobs that published nothing
_MODULES = f"{MODULES}/"  # before the name of a layout


@dataclass(frozen=True, kw_only=True)
class Collected:
    """One thing that is gone, or would be; of the kinds `kept` and `failed` it stays, and `note`
    says why.
    """

    kind: str
    name: str
    bytes: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageCollector:
    """Collects images; `index` checks what it reads, `delete` is false for those who only want to
    know. `gone` are versions that are as if the index did not name them (`vision/add-noise@1.0`).

    Afterwards `left_out` are the tags that are gone (layout and tag), and `kept` the versions that
    nothing but an image tells of.
    """

    site: Site
    index: IndexFiles
    layouts: OciLayouts
    copies: ImageCopies
    memory: CollectionMemory
    delete: bool
    gone: set[str] = field(default_factory=set)
    left_out: set[tuple[str, str]] = field(default_factory=set)
    kept: list[Document] = field(default_factory=list)

    def collect(self) -> Iterator[Collected]:
        """The images that go."""
        for layout in self.layouts.names():
            if not layout.startswith(_MODULES):
                continue
            named = self._named_digests(layout.removeprefix(_MODULES))
            for tag, manifest in self.layouts.tags(layout).items():
                if manifest.digest not in named:
                    yield from self._collect_one(layout, tag, manifest)

    def _collect_one(self, layout: str, tag: str, manifest: Descriptor) -> Iterator[Collected]:
        module = layout.removeprefix(_MODULES)
        label = self._label(manifest)
        note = self._why_kept(module, label)
        if note:
            self.kept.extend(label["versions"] if label else ())
            yield Collected(kind="kept", name=f"{module}:{tag}", note=note)
        else:
            yield from self._drop(layout, tag, manifest)

    def _why_kept(self, module: str, label: Document | None) -> str:
        """Why an image stays that the index does not name; empty where it may go."""
        if label is None:
            return "it is no image of a module"
        (version,) = label["versions"]
        name = f"{module}@{version['version']}"
        asked = (version["tag"], version["commit"])
        jobs = {
            (job.request.tag, job.request.commit): job.state
            for job in self.site.jobs.of_repository(label["repository"], PUBLISHED, *OVER)
        }
        if name in self.gone or self.memory.was_taken_out(name) or jobs.get(asked) in OVER:
            return ""
        if jobs.get(asked) == PUBLISHED:
            return "it was published, and the index lost it: run mlreef-hooks reindex"
        return "no job that is over tells of it"

    def _label(self, manifest: Descriptor) -> Document | None:
        try:
            config = decode(self.layouts.read(manifest.digest))["config"]["digest"]
            return read_label(labels_of(decode(self.layouts.read(config))))
        except (PublishError, LookupError, TypeError, ValueError):
            return None

    def _drop(self, layout: str, tag: str, manifest: Descriptor) -> Iterator[Collected]:
        """Take a tag away; a publish of the module that runs may be about to name its image."""
        module = layout.removeprefix(_MODULES)
        config = decode(self.layouts.read(manifest.digest))["config"]["digest"]
        prefixes = self.site.config.registry.prefixes
        with self.turn(module) as free:
            if not free or manifest.digest in self._named_digests(module):
                return
            told = [
                each
                for prefix in prefixes
                for each in self._remove_copies(f"{prefix}/{module}:{tag}", config, manifest.digest)
            ]
            yield from told
            if any(each.kind == "failed" for each in told):
                return  # by its tag, the next one will try again
            if self.delete:
                self.layouts.untag(layout, tag, manifest)
            self.left_out.add((layout, tag))
            yield Collected(kind="images", name=f"{module}:{tag}")

    def remove_unstored(self, module: str, image: Document) -> Iterator[Collected]:
        """Take an image away that was published as `image` says and is in no layout.

        One that is in a layout goes with its tag there.
        """
        reference, digest = image["reference"], image["digest"]
        stored = self.layouts.find(_MODULES + module, reference.rpartition(":")[2])
        if stored is None and digest not in self._named_digests(module):
            yield from self._remove_copies(reference, image.get("id", ""), digest)

    def _remove_copies(self, reference: str, image_id: str, digest: str) -> Iterator[Collected]:
        """Take an image away from engine and registry that no version names any more."""
        name = f"{reference}@{digest}"
        try:
            if self.delete:
                self.copies.remove(reference, image_id, digest)
        except PublishError as error:
            yield Collected(kind="failed", name=name, note=error.message)
            return
        if self.copies.open_registry is not None:
            yield Collected(kind="registry", name=name)
        elif self.site.config.registry.remote:
            note = "it could be deleted from the registry: gc.registry"
            yield Collected(kind="kept", name=name, note=note)

    def versions(self) -> Iterator[Document]:
        """The versions and channels that the index names, of all modules."""
        for document in self.index.documents():
            yield from document.get("channels", {}).values()
            for version in document["versions"]:
                if named(document, version["version"]) not in self.gone:
                    yield version

    def _named_digests(self, module: str) -> set[str]:
        namespace, _, name = module.rpartition("/")
        document = self.index.find(namespace, name) or {"versions": []}
        versions = [
            each for each in document["versions"] if f"{module}@{each['version']}" not in self.gone
        ]
        channels = document.get("channels", {}).values()
        return {each["image"]["digest"] for each in (*versions, *channels)}

    def turn(self, module: str) -> AbstractContextManager[bool]:
        """Whether nobody publishes the module; whoever wants to waits until the end of this."""
        namespace, _, name = module.rpartition("/")
        return free_turn(self.site.config.state_folder.locks, namespace, name)
