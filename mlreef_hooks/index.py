"""What the index says: the document of a module, its versions, the listing of a namespace.

Formats are fixed by `schemas/*.json` (JSON Schema 2020-12), which every index carries along.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.version import Version

from mlreef_hooks.image import BuiltImage, Dependencies, entry_command
from mlreef_hooks.manifest import VISIBILITIES, ModuleManifest, Parameter
from mlreef_hooks.parameters_schema import parameters_schema
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.push import EDGE, PublishRequest

V = 1  # changes only when an old reader would be wrong
Document = dict[str, Any]

LISTING_FIELDS = (
    "namespace", "name", "kind", "version", "title", "description", "inputs", "outputs",
    "visibility", "yanked", "updated_at",
)  # fmt: skip
# What a search asks for as well; lines of older programs have none of them.
_FOUND_BY = ("repository", "author", "tags")
# Of a version; all others never change.
LATER_FIELDS = ("yanked", "yank_reason", "deprecated", "provenance")
_HEADER_FIELDS = ("kind", "title", "description")
_MOVING_FIELDS = ("visibility", "source", "repository")
LIMIT = "visibility_limit"  # as wide as the author lets the module be


@dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """One published version or edge of a module and where it came from.

    `image` is None in the label of the image itself, which cannot know its own digest;
    `published_at` (RFC 3339) and `published_by` are empty there, for they are no part of the bytes.
    Nor is `compared`: what it says of the version before depends on what was published.
    """

    request: PublishRequest
    manifest: ModuleManifest
    dependencies: Dependencies
    visibility: str
    source: str | None
    image: BuiltImage | None = None
    published_at: str | None = None
    published_by: str | None = None
    compared: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> Document:
        """The module's document with this one version, or this edge."""
        header = {
            "v": V,
            "name": self.manifest.name,
            "namespace": self.request.repository.namespace,
            "kind": self.manifest.kind,
            "title": plain(self.manifest.title),
            "description": plain_lines(self.manifest.description),
            "visibility": self.visibility,
            LIMIT: self.manifest.visibility or VISIBILITIES[-1],
            "source": self.source,
            "repository": self.request.repository.key,
        }
        if self.request.version is None:
            channel = {"branch": self.request.asked_by, **self._release()}
            return {**header, "versions": [], "channels": {EDGE: channel}}
        version = {
            "version": str(self.request.version),
            "tag": self.request.tag,
            "notes": plain_lines(self.request.notes),
            "yanked": False,
            "yank_reason": None,
            **self._release(),
            **self.compared,
        }
        return {**header, "versions": [version]}

    def _release(self) -> Document:
        """What the index says of a version and of an edge."""
        return {
            "commit": self.request.commit,
            "published_at": self.published_at,
            "published_by": self.published_by,
            "image": self.image.to_json() if self.image else None,
            **manifest_facts(self.manifest),
            "locked": list(self.dependencies.locked),
            "wheels": [dict(wheel) for wheel in self.dependencies.wheels],
            "base": {"name": self.dependencies.base_name, "digest": self.dependencies.base_digest},
        }


def manifest_facts(manifest: ModuleManifest) -> Document:
    """What a version says that its commit alone tells."""
    parameters = [_shown(parameter) for parameter in manifest.parameters]
    return {
        "entry_point": manifest.entry_point,
        "command": list(entry_command(manifest.entry_point)),
        "author": plain(manifest.author or "") or None,
        "licenses": plain(manifest.licenses or "") or None,
        # Without any there is no such key: an image that was made before there were tags is made
        # again bit for bit.
        **({"tags": list(manifest.tags)} if manifest.tags else {}),
        "inputs": list(manifest.inputs),
        "outputs": list(manifest.outputs),
        "parameters": [parameter.to_json() for parameter in parameters],
        "parameters_schema": parameters_schema(parameters),
        "metrics": [vars(metric) for metric in manifest.metrics],
        "requirements": list(manifest.requirements),
        "environment": dict(manifest.environment),
        "resources": manifest.resources.to_json(),
    }


def _shown(parameter: Parameter) -> Parameter:
    return replace(parameter, description=plain_lines(parameter.description))


def named(document: Document, version: str) -> str:
    """A version as users name it, such as `vision/add-noise@1.2.0`."""
    return f"{document['namespace']}/{document['name']}@{version}"


def newest(versions: Iterable[Document]) -> Document:
    """The version that a user gets who names none: the highest that is final and not yanked.

    Where there is none such, the highest that is not yanked, else the highest.
    """

    def rank(version: Document) -> tuple[bool, bool, Version]:
        number = Version(version["version"])
        return not version["yanked"], not number.is_prerelease, number

    return max(versions, key=rank)


def find_version(document: Document, version: str) -> Document | None:
    """The version of a module that equals `version` by PEP 440 (`1.2` is `1.2.0`), else None."""
    wanted = Version(version)
    return next((each for each in document["versions"] if Version(each["version"]) == wanted), None)


def add_version(document: Document | None, entry: Document) -> Document:
    """The document with the entry's version; what it held before stays as it was.

    Title, description and kind are those of the version that a user gets who names none.
    """
    if document is None:
        return entry
    (version,) = entry["versions"]
    versions = sorted(
        [*document["versions"], version], key=lambda each: Version(each["version"]), reverse=True
    )
    header = entry if newest(versions) is version else document
    return {
        **document,
        **{field_: header[field_] for field_ in _HEADER_FIELDS},
        **_moving(entry),
        "versions": versions,
    }


def set_channels(document: Document | None, entry: Document) -> Document:
    """The document with the entry's channels in the place of those of these names.

    Versions stay as they are, and what they say of the module.
    """
    if document is None:
        return entry
    header = document if document["versions"] else entry
    return {
        **document,
        **{field_: header[field_] for field_ in _HEADER_FIELDS},
        **_moving(entry),
        "channels": {**document.get("channels", {}), **entry["channels"]},
    }


def _moving(entry: Document) -> Document:
    """What a module's document says as its last publish does."""
    return {name: entry[name] for name in (*_MOVING_FIELDS, LIMIT) if name in entry}


def limit_of(document: Document) -> str:
    """As wide as a module may be by its author; where nothing is known of that, as it is."""
    return str(document.get(LIMIT, document["visibility"]))


def set_yanked(document: Document, version: str, *, yanked: bool, reason: str | None) -> Document:
    """The document with one version yanked, or not."""
    wanted = Version(version)
    return {
        **document,
        "versions": [
            {**each, "yanked": yanked, "yank_reason": reason}
            if Version(each["version"]) == wanted
            else each
            for each in document["versions"]
        ],
    }


def set_deprecated(document: Document, version: str | None, reason: str | None) -> Document:
    """The document with a version (None: the module) deprecated, or no longer without a reason."""
    said = {} if reason is None else {"deprecated": reason}
    if version is None:
        return _without_deprecated(document) | said
    wanted = Version(version)
    return {
        **document,
        "versions": [
            _without_deprecated(each) | said if Version(each["version"]) == wanted else each
            for each in document["versions"]
        ],
    }


def _without_deprecated(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "deprecated"}


def deprecation(document: Document, version: Document) -> str | None:
    """Why a version is deprecated, by itself or with its whole module; None where it is not."""
    return version.get("deprecated") or document.get("deprecated")


def listing_line(document: Document) -> Document:
    """The one line of facts about a module that has a version, and why it is deprecated, if so."""
    version = newest(document["versions"])
    updated_at = max(each["published_at"] for each in document["versions"])
    facts = {**document, **version, "updated_at": updated_at}
    reason = deprecation(document, version)
    said = {name: facts[name] for name in _FOUND_BY if facts.get(name)}
    said |= {"base": facts["base"]["name"], "gpu": facts["resources"]["gpu"]}
    if reason:
        said["deprecated"] = reason
    return {name: facts[name] for name in LISTING_FIELDS} | said


def change_listing(
    listing: Document | None, namespace: str, name: str, line: Document | None
) -> Document:
    """The namespace's listing with a module's line replaced, added, or (None) taken out."""
    lines = [] if listing is None else [each for each in listing["modules"] if each["name"] != name]
    lines += [line] if line else []
    lines.sort(key=lambda each: str(each["name"]))
    return {"v": V, "namespace": namespace, "modules": lines}
