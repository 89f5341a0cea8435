"""A blob on its way to a registry or from it; what has arrived is not sent again."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import IO

from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import Descriptor
from mlreef_hooks.registry_http import PIECE, Answer, Body, UnavailableError
from mlreef_hooks.registry_session import ImageRepository
from mlreef_hooks.registry_url import Url

_DONE = {"PATCH": (202,), "PUT": (201, 204)}
_LOST = (404, 416)  # the registry knows no such upload, or another end of it
_HOSTILE = "the administrator finds out what answers there"


class BlobUpload:
    """One blob that goes to a repository."""

    def __init__(
        self,
        repository: ImageRepository,
        blob: Descriptor,
        open_: Callable[[], IO[bytes]],
        *,
        chunk: int,
        place: Url | None,
    ) -> None:
        """`chunk` is the most that one request sends; `place` an upload that has begun already."""
        self._repository = repository
        self._blob = blob
        self._open = open_
        self._chunk = chunk
        self._place = place
        self._what = f"blob {blob.digest[:19]}"
        self._broken = False

    def attempt(self) -> None:
        """Bring the blob to its end; after `UnavailableError` the next one goes on from there."""
        if self._broken and self._repository.has_blob(self._blob.digest):
            return
        offset = self._resume() if self._broken else 0
        self._place = self._place or self._begin()
        self._broken = True  # unless it comes to the end
        while self._blob.size - offset > self._chunk:
            offset = self._append(self._place, offset)
        url = self._place.asking({"digest": self._blob.digest})
        answer = self._send("PUT", url, offset, self._blob.size - offset)
        check_digest(answer, self._blob.digest)

    def _begin(self) -> Url:
        url = self._repository.url("blobs/uploads/")
        headers = {"Content-Length": "0"}
        answer = self._repository.request("POST", url, self._what, expect=(202,), headers=headers)
        return place_of(answer)

    def _resume(self) -> int:
        """How much of the blob the registry has; without any, the upload begins anew.

        A range of `0-0` may be one byte or none, so that it is no place to go on from.
        """
        place, self._place = self._place, None
        if place is None:
            return 0
        answer = self._repository.request(
            "GET", place, self._what, expect=(200, 202, 204, *range(400, 500))
        )
        answer.drain()
        end = _end_of_range(answer)
        if answer.status >= 400 or not 0 < end < self._blob.size:
            return 0
        self._place = place_of(answer, place)
        return end + 1

    def _append(self, place: Url, offset: int) -> int:
        """How much of the blob the registry has after one more chunk."""
        answer = self._send("PATCH", place, offset, self._chunk)
        if _end_of_range(answer) + 1 != offset + self._chunk:
            raise UnavailableError(f"{answer.url.address} took only a part of {self._what}")
        self._place = place_of(answer, place)
        return offset + self._chunk

    def _send(self, method: str, url: Url, offset: int, size: int) -> Answer:
        part = {"Content-Range": f"{offset}-{offset + size - 1}"} if method == "PATCH" else {}
        answer = self._repository.request(
            method,
            url,
            self._what,
            expect=(*_DONE[method], *_LOST),
            headers={"Content-Type": "application/octet-stream", **part},
            body=Body(size=size, pieces=lambda: self._pieces(offset, size)),
        )
        if answer.status in _LOST:
            raise UnavailableError(f"{answer.url.address} lost the upload of {self._what}")
        return answer

    def _pieces(self, offset: int, size: int) -> Iterator[bytes]:
        with self._open() as content:
            content.seek(offset)
            while size:
                piece = content.read(min(PIECE, size))
                if not piece:
                    raise PublishError(
                        f"{self._what} is shorter than {self._blob.size} bytes", "publish it again"
                    )
                size -= len(piece)
                yield piece


class BlobDownload:
    """One blob that comes from a repository."""

    def __init__(self, repository: ImageRepository, blob: Descriptor, out: IO[bytes]) -> None:
        """Nothing is written to `out` twice, and never more than the blob's size."""
        self._repository = repository
        self._blob = blob
        self._out = out
        self._received = 0
        self._hash = hashlib.sha256()
        self._what = f"blob {blob.digest[:19]}"

    def attempt(self) -> None:
        """Bring what is missing; after `UnavailableError` the next attempt goes on from there."""
        if self._received < self._blob.size:
            self._receive()
        if f"sha256:{self._hash.hexdigest()}" != self._blob.digest:
            raise self._wrong("is not what its digest says")

    def _receive(self) -> None:
        headers = {"Range": f"bytes={self._received}-"} if self._received else {}
        url = self._repository.url(f"blobs/{self._blob.digest}")
        answer = self._repository.request(
            "GET", url, self._what, expect=(200, 206), headers=headers
        )
        known = self._received if answer.status == 200 else 0  # it begins at the beginning
        for piece in answer.pieces():
            self._take(piece[known:])
            known = max(0, known - len(piece))
        if self._received < self._blob.size:
            raise self._wrong(f"is smaller than {self._blob.size} bytes")

    def _take(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._received > self._blob.size:
            raise self._wrong(f"is larger than {self._blob.size} bytes")
        self._hash.update(piece)
        self._out.write(piece)

    def _wrong(self, how: str) -> PublishError:
        host = self._repository.session.root.address
        return PublishError(f"{self._what} of {self._repository.name} at {host} {how}", _HOSTILE)


def place_of(answer: Answer, known: Url | None = None) -> Url:
    """Where an upload goes on; where it was, unless the registry says something else."""
    location = answer.headers.get("Location", "")
    if known and not location:
        return known
    return answer.url.follow(location)


def check_digest(answer: Answer, digest: str) -> None:
    """PublishError where the registry stored something under another digest."""
    if answer.headers.get("Docker-Content-Digest", digest) != digest:
        raise PublishError(
            f"{answer.url.address} stored {digest[:19]} under another digest", _HOSTILE
        )


def _end_of_range(answer: Answer) -> int:
    """The last byte that the registry has, by the header `Range: 0-LAST`; -1 where it is silent."""
    found = re.fullmatch(r"(?:bytes=)?0-([0-9]{1,15})", answer.headers.get("Range", ""))
    return int(found[1]) if found else -1
