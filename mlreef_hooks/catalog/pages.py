"""The pages of a site as HTML, by Jinja2: every text is escaped, and cleaned of control characters.

A template never joins texts by a filter, for that would go round the cleaning.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from mlreef_hooks import __version__
from mlreef_hooks.catalog.form import fields_of, job_of, run_line
from mlreef_hooks.catalog.readme import readme_html
from mlreef_hooks.catalog.rows import (
    KIND_TITLES,
    PAGE,
    Listing,
    Row,
    choices_of,
    key_of,
    row_of,
)
from mlreef_hooks.change import Change
from mlreef_hooks.columns import size
from mlreef_hooks.index import Document, deprecation, newest
from mlreef_hooks.picture import Picture
from mlreef_hooks.plain_text import plain_lines
from mlreef_hooks.version_changes import changes_between

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
STATIC = ("catalog.css", "catalog.js", "icon.svg")
FIRST = "index.html"
NAMESPACES = "-/namespaces.html"
_VERSIONS = 200  # on a page, the newest ones


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a module's newest version brings along: a README's text and form, a picture's file."""

    readme: str = ""
    form: str = "text"
    picture: Picture | None = None
    picture_file: str | None = None


def module_place(key: str) -> str:
    """The file of a module's page."""
    return f"-/module/{key}/index.html"


def module_page(document: Document, shown: Shown, audience: str) -> str:
    """The page of a module that has a version."""
    version = newest(document["versions"])
    key = key_of(document["namespace"], document["name"])
    return _render(
        "module.html", module_place(key), audience,
        module=document,
        row=row_of(document, shown.picture_file),
        version=version,
        deprecated=deprecation(document, version),
        fields=fields_of(version),
        run=run_line(document, version),
        job=job_of(version),
        readme=Markup(readme_html(shown.readme, shown.form)),  # noqa: S704 # it has escaped all
        shown=shown,
        versions=_with_changes(document["versions"][: _VERSIONS + 1])[:_VERSIONS],
        older=max(len(document["versions"]) - _VERSIONS, 0),
    )  # fmt: skip


def _with_changes(versions: Sequence[Document]) -> list[tuple[Document, Sequence[Change]]]:
    """Versions, the highest first, each with what changed since the one below it."""
    below: list[Document | None] = [*versions[1:], None]
    return [
        (version, changes_between(before, version) if before else ())
        for version, before in zip(versions, below, strict=True)
    ]


def listing_page(listing: Listing, number: int, rows: Mapping[str, Row], audience: str) -> str:
    """One page of a list of modules; the first of all modules has the search."""
    pages = listing.pages()
    keys = pages[number - 1]
    searches = listing.first == FIRST and number == 1
    return _render(
        "listing.html", listing.place(number), audience,
        listing=listing,
        number=number,
        pages=len(pages),
        total=len(listing.keys),
        start=(number - 1) * PAGE + 1,
        rows=[rows[key] for key in keys],
        choices=choices_of(rows.values()) if searches else None,
    )  # fmt: skip


def namespaces_page(counts: Sequence[tuple[str, int]], audience: str) -> str:
    """The namespaces of a site, and how many modules each has."""
    return _render("namespaces.html", NAMESPACES, audience, counts=counts)


def search_data(rows: Sequence[Row]) -> bytes:
    """What the search of the overview reads."""
    return json.dumps(rows, ensure_ascii=True, separators=(",", ":")).encode()


def static_files() -> dict[str, bytes]:
    """Style and script of a site, by their places."""
    folder = resources.files("mlreef_hooks.catalog").joinpath("static")
    return {f"-/static/{name}": folder.joinpath(name).read_bytes() for name in STATIC}


@cache
def edition() -> str:
    """What pages are made with: another one, and all of them are made anew."""
    templates = resources.files("mlreef_hooks.catalog").joinpath("templates")
    parts = [each.read_bytes() for each in sorted(templates.iterdir(), key=str)]
    content = b"\0".join([__version__.encode(), *parts, *static_files().values()])
    return hashlib.sha256(content).hexdigest()[:16]


def _render(template: str, place: str, audience: str, **values: Any) -> str:
    root = "../" * place.count("/")
    page = _environment().get_template(template)
    return page.render(root=root, audience=audience, edition=edition(), policy=POLICY, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mlreef_hooks.catalog"),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=size, web=_web_url, key=key_of, json=_as_json, module_place=module_place
    )
    environment.globals.update(kind_titles=KIND_TITLES)
    return environment


def _shown(value: object) -> object:
    """A value as a page shows it; what is HTML already, or no text, stays as it is."""
    if type(value) is not str or (value.isascii() and value.isprintable()):
        return value
    return plain_lines(value)


def _web_url(url: str | None) -> str:
    """An address of the web, empty for any other."""
    try:
        fits = url and urlsplit(url).scheme in ("http", "https") and not urlsplit(url).username
    except ValueError:
        return ""
    return str(url) if fits else ""


def _as_json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:1000]
