"""Images on disk: OCI layouts that share one folder of blobs, each blob there whole or not at all.

`blobs/` holds content by digest; each name (`vision/add-noise`, `bases`) is an OCI layout of its
own whose `blobs` is a link there, so that any tool that reads layouts reads it
(https://github.com/opencontainers/image-spec/blob/main/image-layout.md). Writers need no lock but
for `index.json`: a blob is written beside its place and moved there.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from mlreef_hooks.durable_files import locked, make_folder, replace_file, sync_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import INDEX, Descriptor, HashingWriter, encode
from mlreef_hooks.process import holder, is_lost

REF = "org.opencontainers.image.ref.name"  # the annotation that names an image
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MARKER = encode({"imageLayoutVersion": "1.0.0"})
MODULES = "modules"  # the layouts of modules are below it, by namespace and name
COLLECTING = ".collecting"  # the lock of who removes blobs that no tag names
_NEW = ".new-"  # before the name of a blob that is being written, which tells by whom
_DOCUMENT_BYTES = 8 << 20  # of a manifest or a configuration


class OciLayouts:
    """The layouts below the folder `root`, which is closed to all but its account and group: the
    code of private modules is in it. OSError becomes a PublishError that may pass.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blob_folder = root / "blobs" / "sha256"

    # blobs

    def blob_path(self, digest: str) -> Path:
        """Where the blob of a digest is, or would be; ValueError for what is no SHA-256 digest."""
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise ValueError(f"{digest!r} is no digest")
        return self.blob_folder / match[1]

    def size_of(self, digest: str) -> int | None:
        """The size of a blob in bytes, None where it is not there for this process."""
        try:
            return self.blob_path(digest).stat().st_size
        except (FileNotFoundError, PermissionError):
            return None

    def has(self, blob: Descriptor) -> bool:
        """True where the blob is there; one of another size was cut by a loss of power."""
        return self.size_of(blob.digest) == blob.size

    def read(self, digest: str) -> bytes:
        """The content of a manifest or configuration; PublishError where it is not there."""
        with _translated(self.root), self.blob_path(digest).open("rb") as blob:
            return blob.read(_DOCUMENT_BYTES)

    def put(self, content: bytes) -> str:
        """The digest of some content, which is there now."""
        return self.write(lambda out: out.write(content)).digest

    def write(self, write: Callable[[IO[bytes]], object]) -> HashingWriter:
        """The digest and size of what `write` wrote, which is a blob now."""
        with _translated(self.root), self._new_blob() as (path, file):
            writer = HashingWriter(file)
            write(cast("IO[bytes]", writer))
            file.flush()
            with self._uncollected():
                path.replace(self.blob_path(writer.digest))
        return writer

    def keep(self, blobs: Iterable[Descriptor]) -> set[str]:
        """The digests of those of the blobs that are there; they count as new from now on.

        Whoever wants to use a blob asks by this, so that it is not collected until a tag names it.
        """
        kept = set()
        with _translated(self.root), self._uncollected():
            for blob in blobs:
                if self.has(blob):
                    with suppress(PermissionError):  # another account's
                        os.utime(self.blob_path(blob.digest))
                    kept.add(blob.digest)
        return kept

    @contextmanager
    def _uncollected(self) -> Iterator[None]:
        """Hold off whoever collects blobs: it looks at them anew each time it may go on."""
        self._make_root()
        with locked(self.root / COLLECTING, together=True):
            yield

    def _make_root(self) -> None:
        """Make the folder of images, which is closed; that around it holds the index too."""
        make_folder(self.root.parent, 0o755)
        make_folder(self.root, 0o750)

    @contextmanager
    def _new_blob(self) -> Iterator[tuple[Path, IO[bytes]]]:
        self._make_root()
        make_folder(self.blob_folder, 0o755)
        name = f"{_NEW}{holder().replace('/', ',')},{os.urandom(8).hex()}"
        path = self.blob_folder / name
        try:
            with path.open("xb") as file:
                os.fchmod(file.fileno(), 0o644)
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what writers left behind that were killed."""
        with suppress(OSError):
            for path in self.blob_folder.glob(f"{_NEW}*"):
                held = path.name.removeprefix(_NEW).rpartition(",")[0].replace(",", "/")
                if is_lost(held):
                    path.unlink(missing_ok=True)

    def sync(self, digests: Iterable[str]) -> None:
        """Return when the blobs outlast a loss of power."""
        with _translated(self.root):
            for digest in digests:
                descriptor = os.open(self.blob_path(digest), os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            sync_folder(self.blob_folder)

    # names

    def find(self, name: str, tag: str) -> Descriptor | None:
        """The manifest that a layout has under a tag, None where it has none."""
        with _translated(self.root):
            for each in _read_index(self.root / name / "index.json")["manifests"]:
                if each.get("annotations", {}).get(REF) == tag:
                    return Descriptor.read(each)
        return None

    def names(self) -> list[str]:
        """The layouts that are there."""
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != "blobs"]
            if "oci-layout" in files:
                found.append(Path(folder).relative_to(self.root).as_posix())
        return sorted(found)

    def tags(self, name: str) -> dict[str, Descriptor]:
        """The manifests of a layout by their tags."""
        with _translated(self.root):
            manifests = _read_index(self.root / name / "index.json")["manifests"]
        return {
            each["annotations"][REF]: Descriptor.read(each)
            for each in manifests
            if REF in each.get("annotations", {})
        }

    def tag(
        self, name: str, tag: str, manifest: Descriptor, blobs: Iterable[Descriptor] = ()
    ) -> None:
        """Let a layout have the manifest under a tag; PublishError where one of `blobs`, which it
        needs, was collected.
        """
        folder = self.root / name
        with _translated(self.root), self._uncollected():
            if not all(map(self.has, blobs)):
                message = "a layer of the image was collected while the image was made"
                raise PublishError(message, "push the tag again", passing=True)
            make_folder(folder, 0o755)
            with locked(folder / ".lock"):
                _complete_layout(folder, self.blob_folder.parent)
                entry = {**manifest.to_json(), "annotations": {REF: tag}}
                self._write_index(folder, tag, [entry])

    def untag(self, name: str, tag: str, manifest: Descriptor) -> None:
        """Take a tag from a layout, unless it stands for another manifest by now."""
        folder = self.root / name
        with _translated(self.root), locked(folder / ".lock"):
            if self.find(name, tag) == manifest:
                self._write_index(folder, tag, [])

    def _write_index(self, folder: Path, tag: str, instead: list[dict[str, Any]]) -> None:
        index = _read_index(folder / "index.json")
        others = [
            each for each in index["manifests"] if each.get("annotations", {}).get(REF) != tag
        ]
        index["manifests"] = [*others, *instead]
        replace_file(folder / "index.json", encode(index), 0o644)


def _complete_layout(folder: Path, blobs: Path) -> None:
    if not (folder / "oci-layout").exists():
        replace_file(folder / "oci-layout", _MARKER, 0o644)
    if not os.path.lexists(folder / "blobs"):
        (folder / "blobs").symlink_to(os.path.relpath(blobs, folder))


def _read_index(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    return document


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PublishError(
            f"the images in {root} cannot be written or read: {error.strerror}",
            "the job is kept; the administrator makes room or mends the permissions",
            passing=True,
        ) from error
