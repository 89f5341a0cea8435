"""The blobs of OCI layouts that nothing names any more, found and removed.

A publish may use any blob until its image has a tag. It asks for what it uses, by which the blob is
as if it were new, and nothing new is removed; and whoever removes looks once more at all tags while
no tag can be written.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mlreef_hooks.durable_files import locked, make_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import decode
from mlreef_hooks.oci_layout import COLLECTING, OciLayouts

_AT_ONCE = 200  # blobs, while publishes wait


@dataclass(frozen=True, kw_only=True)
class BlobCollection:
    """What may go of the blobs of layouts: what is older than `before` (seconds since 1970) and
    reached from no tag but those `left_out` (layout and tag), nor from the manifests `named`.
    """

    layouts: OciLayouts
    before: float
    named: Collection[str]
    left_out: Collection[tuple[str, str]]
    _reached: dict[str, frozenset[str]] = field(default_factory=dict)

    def find(self) -> dict[str, int]:
        """The digests and the sizes of the blobs that may go."""
        live, found = self._live(), dict[str, int]()
        with suppress(FileNotFoundError), os.scandir(self.layouts.blob_folder) as blobs:
            for blob in blobs:
                digest = f"sha256:{blob.name}"
                if not blob.name.startswith(".") and digest not in live:
                    facts = blob.stat(follow_symlinks=False)
                    if facts.st_mtime < self.before:
                        found[digest] = facts.st_size
        return dict(sorted(found.items()))

    def remove(self, digests: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Remove those of the blobs that still may go, and say which and how large they were."""
        make_folder(self.layouts.root, 0o750)
        self.layouts.sweep()
        for start in range(0, len(digests), _AT_ONCE):
            with locked(self.layouts.root / COLLECTING):
                live = self._live()
                removed = [*self._remove(set(digests[start : start + _AT_ONCE]) - live)]
            yield from removed

    def _remove(self, digests: Collection[str]) -> Iterator[tuple[str, int]]:
        for digest in sorted(digests):
            path = self.layouts.blob_path(digest)
            with suppress(FileNotFoundError):
                facts = path.stat()
                if facts.st_mtime < self.before:
                    path.unlink()
                    yield digest, facts.st_size

    def _live(self) -> set[str]:
        manifests = {*self.named}
        for layout in self.layouts.names():
            tags = self.layouts.tags(layout)
            manifests |= {
                each.digest for tag, each in tags.items() if (layout, tag) not in self.left_out
            }
        return {blob for digest in manifests for blob in self._reach(digest)}

    def _reach(self, digest: str) -> frozenset[str]:
        """A manifest, its configuration and its layers; PublishError where that cannot be told."""
        if digest not in self._reached:
            if self.layouts.size_of(digest) is None:
                return frozenset({digest})
            manifest = decode(self.layouts.read(digest))
            try:
                blobs = (manifest["config"], *manifest["layers"])
                self._reached[digest] = frozenset({digest, *(each["digest"] for each in blobs)})
            except (KeyError, TypeError):
                message = f"the manifest {digest} in {self.layouts.root} is none"
                raise PublishError(message, "restore it, or take its tag away") from None
        return self._reached[digest]
