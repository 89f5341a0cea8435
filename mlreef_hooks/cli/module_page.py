"""What people see of one module."""

import json
from collections.abc import Iterator, Sequence

from mlreef_hooks.columns import size
from mlreef_hooks.index import Document, deprecation
from mlreef_hooks.plain_text import plain
from mlreef_hooks.published_changes import published_changes

_MOST_CHANGES = 20
_COLUMNS = 100


def marks(version: Document, deprecated: str | None) -> str:
    """What a user should know of a version before anything else."""
    return (" yanked" if version["yanked"] else "") + (" deprecated" if deprecated else "")


def page_of(document: Document, version: Document) -> str:
    """What people see of a module and one of its versions."""
    facts = _facts(document, version)
    lines = [f"{document['namespace']}/{document['name']}"]
    lines += [f"  {word:<12}{plain(text)}" for word, text in facts.items() if text]
    lines += _changes(document, version)
    return "\n".join([*lines, "parameters", *map(_parameter_line, version["parameters"])])


def _facts(document: Document, version: Document) -> dict[str, str]:
    """A word and a line each; what is empty is not shown."""
    image, base = version["image"], version["base"]
    channel = version.get("channel")
    yanked = f" (yanked: {version['yank_reason']})" if version.get("yanked") else ""
    called = f"{channel} of {version['branch']}" if channel else version["version"] + yanked
    return {
        "title": document["title"],
        "description": document["description"],
        "kind": f"{document['kind']}, {_words(version['inputs'])} to {_words(version['outputs'])}",
        "version": called,
        "deprecated": deprecation(document, version) or "",
        "published": f"{version['published_at']} by {version['published_by']}",
        "source": f"{document['source'] or document['repository']} at {version['commit']}",
        "image": f"{image['reference']} ({size(image['size'])}, {image['platform']})",
        "digest": image["digest"],
        "base": f"{base['name']} ({base['digest']})",
        "requires": ", ".join(version["requirements"]),
        "needs": _resources(version["resources"]),
        "tags": ", ".join(version.get("tags", ())),
        "author": version.get("author") or "",
        "licenses": version.get("licenses") or "",
        "provenance": version.get("provenance", {}).get("statement", {}).get("path", ""),
        "notes": version.get("notes", ""),
        "versions": ", ".join(map(_with_marks, document["versions"])),
        "channels": ", ".join(_channels(document)),
    }  # fmt: skip


def _changes(document: Document, version: Document) -> Iterator[str]:
    """What changed since the version before, a change a line, below which version that is."""
    found = published_changes(document, version)
    if found is None:
        return
    since, changes = found
    yield f"since {since}"
    yield from (f"  {change.line(_COLUMNS)}" for change in changes[:_MOST_CHANGES])
    if len(changes) > _MOST_CHANGES:
        yield f"  and {len(changes) - _MOST_CHANGES} more"
    if not changes:
        yield "  nothing but the code"


def _resources(resources: Document) -> str:
    needs = [*(["a GPU"] if resources["gpu"] else []), resources.get("memory")]
    return ", ".join(filter(None, needs))


def _with_marks(version: Document) -> str:
    said = ", ".join(marks(version, version.get("deprecated")).split())
    return f"{version['version']} ({said})" if said else str(version["version"])


def _channels(document: Document) -> Iterator[str]:
    for name, channel in document.get("channels", {}).items():
        yield f"{name} ({channel['commit'][:7]} of {channel['branch']}, {channel['published_at']})"


def _words(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"


def _parameter_line(parameter: Document) -> str:
    facts = [parameter["type"]]
    if parameter["required"]:
        facts.append("required")
    if parameter["default"] is not None:
        facts.append(f"default {json.dumps(parameter['default'])}")
    if parameter["choices"] is not None:
        facts.append("one of " + ", ".join(map(str, parameter["choices"])))
    said = f"{parameter['name']} ({', '.join(facts)})  {parameter['description']}"
    return f"  {plain(said)}"
