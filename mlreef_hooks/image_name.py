"""Names of images, by docker's own rules: which registry, which repository, which image there."""

import re
from dataclasses import dataclass
from typing import Self

from mlreef_hooks.config_images import is_host
from mlreef_hooks.errors import PublishError

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"(?=.{{1,255}}\Z){_PART}(?:/{_PART})*")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64}")
HOST = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, kw_only=True)
class ImageName:
    """An image by its registry's host, its repository there, and its tag or digest."""

    host: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name as people write it: `debian` is docker.io's `library/debian`, at `latest`.

        A digest has the last word, whatever tag stands before it. PublishError where it is none.
        """
        name, _, digest = text.partition("@")
        head, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            head, tag = name, "latest"
        host, repository = _split_host(head)
        reference = digest or tag
        if not (
            HOST.fullmatch(host)
            and REPOSITORY.fullmatch(repository)
            and REFERENCE.fullmatch(reference)
            and ("@" in text) == reference.startswith("sha256:")
        ):
            raise PublishError(
                f"{text[:200]!a} is not the name of an image",
                "write it as in registry.example/vision/add-noise:1.0",
            )
        return cls(host=host, repository=repository, reference=reference)


def _split_host(name: str) -> tuple[str, str]:
    """The registry's host and the repository; one part alone is a repository of docker.io."""
    host, slash, rest = name.partition("/")
    if not slash or not is_host(host):
        host, rest = DOCKER_HUB, name
    if host == "index.docker.io":
        host = DOCKER_HUB
    if host == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return host, rest
