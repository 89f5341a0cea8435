"""Asks package indexes for the source distribution that a requirement means."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlreef_hooks.config_images import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.access import INDEX_HINT, Access, index_urls, read_pages
from mlreef_hooks.wheels.lock import SourceNeeded
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.sources import IndexFile, Source, choose_source, read_page
from mlreef_hooks.wheels.wanted import Wanted


def find_source(text: str, wanted: Wanted, platform: Platform, pip: Pip) -> Source:
    """The source distribution that `text` means, such as `docopt>=0.6`.

    PublishError where no index has one, SourceNeeded where `text` is none of that.
    """
    try:
        required = Requirement(text)
    except InvalidRequirement:
        raise SourceNeeded((text,), f"{text} has no wheel for {platform}") from None
    name = canonicalize_name(required.name)
    allowed = wanted.allowed(name, text)
    source = choose_source(required, _files(name, wanted, pip), platform.python, allowed)
    if source is None:
        raise PublishError(
            f"{text} has neither a wheel for {platform} nor a source distribution",
            "require another version of it",
        )
    return source


def _files(name: str, wanted: Wanted, pip: Pip) -> list[IndexFile]:
    """The files that the indexes have of a package."""
    pages = read_pages(Access(pip), index_urls(pip, wanted.options), name)
    try:
        return [file for url, page in pages for file in read_page(page, url)]
    except ValueError as error:
        message = f"the package index has no proper page of {name}"
        raise PublishError(message, INDEX_HINT, passing=True) from error
