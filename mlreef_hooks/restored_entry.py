"""An entry of the index made of an image's label, where that agrees with what was published."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import entry_command, timestamp
from mlreef_hooks.image_search import FoundImage
from mlreef_hooks.index import Document
from mlreef_hooks.index_check import check_document
from mlreef_hooks.job import Job
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.receive import TAG_DELETED

_OF_THE_SITE = ("deprecated", "since", "changes")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A version that was published, as far as a repository and the job table tell: by `by`, `at`
    (seconds since 1970), with `job` where the table knows it. `name` is the module's.
    """

    request: PublishRequest
    name: str
    at: float
    by: str
    git_dir: Path
    job: Job | None
    tag_deleted: bool

    def __str__(self) -> str:
        return f"{self.request.repository.namespace}/{self.name}@{self.request.version}"


def restored_entry(
    claim: Claim, found: FoundImage, manifest: ModuleManifest | None, facts: Document
) -> Document:
    """The entry of the index that an image's label becomes, with `facts` of the site; PublishError
    where it is not to be believed.
    """
    label = found.label
    if label is None:
        raise PublishError("its image says nothing of a module", "push the tag again")
    entry = {
        **_shown(label, title=plain, description=plain_lines),
        **facts,
        "versions": [_version(claim, found, label["versions"][0])],
    }
    check_document("module", entry, f"the label of {found.image.reference}")
    wrong = _disagreement(claim, found.command, manifest, entry)
    if wrong:
        raise PublishError(f"its image is not what its commit says: {wrong}", "push the tag again")
    return entry


def _version(claim: Claim, found: FoundImage, said: Document) -> Document:
    """The version that a label tells of, with what an image cannot know."""
    return {
        **_shown(said, notes=plain_lines),
        "published_at": timestamp(int(claim.at)),
        "published_by": plain(claim.by),
        "yanked": claim.tag_deleted,
        "yank_reason": TAG_DELETED if claim.tag_deleted else None,
        "image": found.image.to_json(),
    }


def _shown(said: Document, **texts: Callable[[str], str]) -> Document:
    """What was said, without what only the site says, its texts without what no reader expects."""
    kept = {name: value for name, value in said.items() if name not in _OF_THE_SITE}
    return kept | {name: clean(str(said.get(name, ""))) for name, clean in texts.items()}


def _disagreement(
    claim: Claim, command: tuple[str, ...], manifest: ModuleManifest | None, entry: Document
) -> str | None:
    """In what an entry is not about the version that was published."""
    request, (version,) = claim.request, entry["versions"]
    pairs: dict[str, tuple[object, object]] = {
        "namespace": (entry["namespace"], request.repository.namespace),
        "repository": (entry["repository"], request.repository.key),
        "name": (entry["name"], claim.name),
        "version": (Version(version["version"]), request.version),
        "commit": (version["commit"], request.commit),
        "tag": (version["tag"], request.tag),
        "command": (command, entry_command(version["entry_point"])),
    }
    if manifest is not None:
        names = [parameter["name"] for parameter in version["parameters"]]
        pairs |= {
            "name of the module": (entry["name"], manifest.name),
            "kind": (entry["kind"], manifest.kind),
            "entry point": (version["entry_point"], manifest.entry_point),
            "parameters": (names, [parameter.name for parameter in manifest.parameters]),
        }
    return next((word for word, (one, other) in pairs.items() if one != other), None)
