"""What is on the network: the registry of images and the index of packages, asked for nothing."""

from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.builders.pip_install import without_credentials
from mlreef_hooks.config_images import Registry as Settings
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import sha256
from mlreef_hooks.registry import Registry
from mlreef_hooks.visibility import PRIVATE
from mlreef_hooks.wheels.access import Access, index_urls, read_pages

_ANSWER_SECONDS = 10
_REPOSITORY = "mlreef-hooks-doctor"  # it need not exist
_PACKAGE = "pip"


def look_at_registry(visit: Visit) -> Iterator[Finding]:
    """Whether the registry lets the account in, where the site has one."""
    settings = visit.config.registry
    if not settings.remote:
        return
    host, _, folder = settings.prefix.partition("/")
    try:
        with _open(settings, host) as registry:
            registry.has_blob(f"{folder}/{_REPOSITORY}".strip("/"), sha256(b""))
        yield from _open_to_all(settings, host)
    except PublishError as error:
        yield fault("registry-away", host, error.message).but(hint=error.hint)
    else:
        yield fine(host, "the registry lets us in")


def _open(settings: Settings, host: str, *, anonymous: bool = False) -> Registry:
    return Registry(
        host,
        docker_config=Path(settings.docker_config) if settings.docker_config else None,
        ca_bundle=settings.ca_bundle,
        anonymous=anonymous,
        timeout=_ANSWER_SECONDS,
        wait=lambda seconds: None,
    )


def _open_to_all(settings: Settings, host: str) -> Iterator[Finding]:
    """Whether images of private modules would be everybody's."""
    if settings.private_images != "closed":
        return
    prefix = settings.prefix_for(PRIVATE)
    folder = prefix.partition("/")[2]
    with _open(settings, host, anonymous=True) as registry:
        if registry.answers(f"{folder}/{_REPOSITORY}".strip("/")):
            said = f"everybody may fetch images from {prefix}: private modules are refused"
            yield fault("registry-open", host, said)


def look_at_packages(visit: Visit) -> Iterator[Finding]:
    """Whether each package index answers."""
    if visit.config.builder.use == "docker":
        return  # pip asks, in a container of the engine
    for url in index_urls(visit.config.pip, ()):
        about = without_credentials(url)
        try:
            [*read_pages(Access(visit.config.pip), [url], _PACKAGE)]
        except PublishError as error:
            yield fault("packages-away", about, error.message)
        else:
            yield fine(about, "the package index answers")
