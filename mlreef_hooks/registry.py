"""A registry of images, by the OCI distribution protocol: blobs and manifests, there and back.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md (v1.1).
"""

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import DIGEST, REFERENCE, REPOSITORY
from mlreef_hooks.oci import INDEX, MANIFEST, Descriptor, sha256
from mlreef_hooks.registry_blobs import BlobDownload, BlobUpload, check_digest, place_of
from mlreef_hooks.registry_http import Answer, Body, Connections, text
from mlreef_hooks.registry_session import ImageRepository, Session
from mlreef_hooks.registry_url import Url

# What `get_manifest` can give; those of docker are of the same form.
MANIFESTS = (
    MANIFEST,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
LARGEST_MANIFEST = 4 << 20  # bytes; what the specification asks of registries
_CHUNK = 64 << 20  # bytes that one request sends; a blob up to this size is one request


class MissingBlobs(PublishError):  # noqa: N818 - the caller brings them and tries again
    """The registry lacks blobs that a manifest names."""


class Registry:
    """One registry, over a connection that stays open; of one thread."""

    def __init__(
        self,
        host: str,
        *,
        docker_config: Path | None = None,
        ca_bundle: str = "",
        anonymous: bool = False,
        timeout: float = 60,
        chunk: int = _CHUNK,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked yet. `host` may have a port; `docker.io` is docker's own registry.

        Without `docker_config` it is the account's own; one who is `anonymous` reads none.
        `timeout` is the registry's longest
        silence in seconds, `wait` what passes the time between two tries.
        """
        self._connections = Connections(ca_bundle=ca_bundle, timeout=timeout)
        self._session = Session(
            host, self._connections, docker_config=docker_config, wait=wait, anonymous=anonymous
        )
        self._chunk = chunk
        self._begun: dict[tuple[str, str], Url] = {}  # uploads that came instead of a mount

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take back what was begun and not used, and close the connections."""
        for (repository, digest), place in self._begun.items():
            with contextlib.suppress(PublishError):
                self._at(repository, "pull,push").request(
                    "DELETE", place, f"blob {digest[:19]}", expect=(204,)
                )
        self._begun.clear()
        self._connections.close()

    def answers(self, repository: str) -> bool:
        """True where the registry lets one read who asks for the tags of a repository as we do,
        though it has none; False where it wants to know who that is, or refuses.
        """
        place = self._at(repository, "pull")
        url = place.url("tags/list")
        expect = (200, 401, 403, 404)
        answer = self._session.persist(
            lambda: place.request("GET", url, "the list of tags", expect=expect)
        )
        answer.drain()
        return answer.status in (200, 404)

    def has_blob(self, repository: str, digest: str) -> bool:
        """True where the repository has the blob; that another one has it does not count."""
        place = self._at(repository, "pull,push")
        return self._session.persist(lambda: place.has_blob(_checked(DIGEST, digest)))

    def mount_blob(self, repository: str, digest: str, origin: str) -> bool:
        """True where the repository has the blob now, because the repository `origin` has it.

        Where it has not, the upload that the registry offers instead is kept for `upload_blob`.
        """
        source = self._at(origin, "pull").scopes
        place = self._at(repository, "pull,push", *source)
        url = place.url("blobs/uploads/").asking(
            {"mount": _checked(DIGEST, digest), "from": origin}
        )
        answer = self._session.persist(
            lambda: place.request(
                "POST",
                url,
                f"blob {digest[:19]}",
                expect=(201, 202, 400, 401, 403, 404, 405),
                headers={"Content-Length": "0"},
            )
        )
        if answer.status == 202:
            self._begun[repository, digest] = place_of(answer)
        return answer.status == 201

    def upload_blob(
        self, repository: str, blob: Descriptor, open_: Callable[[], IO[bytes]]
    ) -> None:
        """Bring a blob to the repository; `open_` opens its content, once for each request."""
        upload = BlobUpload(
            self._at(repository, "pull,push"),
            blob,
            open_,
            chunk=self._chunk,
            place=self._begun.pop((repository, _checked(DIGEST, blob.digest)), None),
        )
        self._session.persist(upload.attempt)

    def fetch_blob(self, repository: str, blob: Descriptor, out: IO[bytes]) -> None:
        """Write a blob to `out`; PublishError where it is not of its digest and its size.

        What was written by then is to be thrown away.
        """
        _checked(DIGEST, blob.digest)
        self._session.persist(BlobDownload(self._at(repository, "pull"), blob, out).attempt)

    def put_manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """The digest of a manifest that the repository has now, by a tag or by its digest.

        MissingBlobs where the repository lacks some that it names.
        """
        self._put_manifest(repository, reference, content, media_type)
        return sha256(content)

    def put_referrer(self, repository: str, content: bytes) -> bool:
        """Bring a manifest that has a `subject`; True where the registry lists it as one of that's.

        Where it does not, the client keeps the list (distribution-spec, "Pushing Manifests with
        Subject").
        """
        answer = self._put_manifest(repository, sha256(content), content, MANIFEST)
        return "OCI-Subject" in answer.headers

    def _put_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str
    ) -> Answer:
        place = self._at(repository, "pull,push")
        url = place.url(f"manifests/{_checked(REFERENCE, reference)}")
        answer = self._session.persist(
            lambda: place.request(
                "PUT",
                url,
                f"manifest {reference}",
                expect=(201, 400, 404),
                headers={"Content-Type": media_type},
                body=Body.of(content),
            )
        )
        if answer.status != 201:
            hint = "the administrator finds out what the registry cannot take"
            raise MissingBlobs(f"{url.address} does not take manifest {reference}", hint)
        check_digest(answer, sha256(content))
        return answer

    def get_manifest(self, repository: str, reference: str) -> tuple[bytes, str] | None:
        """A manifest or an index of manifests with its media type, None where there is none."""
        place = self._at(repository, "pull")
        return self._session.persist(lambda: _read_manifest(place, reference))

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """True where a manifest is gone, under whatever tags; False where the registry deletes
        nothing.
        """
        place = self._at(repository, "delete", f"repository:{repository}:pull")
        url = place.url(f"manifests/{_checked(DIGEST, digest)}")
        answer = self._session.persist(
            lambda: place.request("DELETE", url, f"manifest {digest[:19]}", expect=(202, 404, 405))
        )
        return answer.status in (202, 404)

    def _at(self, repository: str, actions: str, *scopes: str) -> ImageRepository:
        own = f"repository:{_checked(REPOSITORY, repository)}:{actions}"
        return ImageRepository(session=self._session, name=repository, scopes=(own, *scopes))


def _read_manifest(place: ImageRepository, reference: str) -> tuple[bytes, str] | None:
    url = place.url(f"manifests/{_checked(REFERENCE, reference)}")
    what = f"manifest {reference}"
    accept = {"Accept": ", ".join(MANIFESTS)}
    answer = place.request("GET", url, what, expect=(200, 404), headers=accept)
    if answer.status == 404:
        answer.drain()
        return None
    content = answer.read(LARGEST_MANIFEST)
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    wrong = reference.startswith("sha256:") and sha256(content) != reference
    if wrong or media_type not in MANIFESTS:
        how = "is not what its digest says" if wrong else f"is of the type {text(media_type)!r}"
        raise PublishError(
            f"{what} of {place.name} at {answer.url.address} {how}",
            "choose another image, or ask the administrator what answers there",
        )
    return content, media_type


def _checked(form: "re.Pattern[str]", name: str) -> str:
    """The name; PublishError where it is none, for a manifest of somebody else may hold it."""
    if not form.fullmatch(name):
        raise PublishError(
            f"{text(name)!a} is not a name or a digest in a registry", "choose another image"
        )
    return name
