"""`reindex`: the index made again, of publish tags, images and the job table.

What an image says of itself is believed where the repository agrees: its tag leads to that commit,
or the job table knows that it was published from it; and where the commit is of the same module.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import Version

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import entry_command, timestamp
from mlreef_hooks.image_search import FoundImage, ImageSearch
from mlreef_hooks.index import Document, find_version
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_repair import set_aside_broken
from mlreef_hooks.intake import publish_tags, read_request
from mlreef_hooks.jobs import PUBLISHED, QUEUED, Job
from mlreef_hooks.manifest import VISIBILITIES, ModuleManifest
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.problems import Problem
from mlreef_hooks.publish import choose_manifest, visibility_of
from mlreef_hooks.push import TAGS, PublishRequest, PushEvent, RefUpdate
from mlreef_hooks.receive import TAG_DELETED
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.tree_summary import recall_from
from mlreef_hooks.validation import validate


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """What became of one thing: `added`, `there` already, `refused`, `lost`, never `published`, or
    a file that was `broken`; `note` says why.
    """

    kind: str
    name: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A version that was published, as far as a repository and the job table tell: by `by`, `at`
    (seconds since 1970), with `job` where the table knows it. `manifest` is what its commit says.
    """

    request: PublishRequest
    name: str
    at: float
    by: str
    visibility: str
    git_dir: Path
    job: Job | None
    manifest: ModuleManifest | None
    tag_deleted: bool

    def __str__(self) -> str:
        return f"{self.request.repository.namespace}/{self.name}@{self.request.version}"


@dataclass(frozen=True, kw_only=True)
class Reindexer:
    """Makes the index again. `index` checks what it reads; with `record`, the job table is told."""

    site: Site
    index: IndexFiles
    search: ImageSearch
    record: bool

    def reindex(self, git_dirs: Iterable[Path]) -> Iterator[Reindexed]:
        """What became of everything that should be in the index."""
        for path in set_aside_broken(self.index.root, check_document):
            yield Reindexed(kind="broken", name=str(path.relative_to(self.index.root)))
        modules: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        for git_dir in git_dirs:
            try:
                for claim in self._claims(git_dir):
                    modules[claim.request.repository.namespace, claim.name].append(claim)
            except PublishError as error:
                yield Reindexed(kind="refused", name=str(git_dir), note=error.message)
        # Whoever came first has the name, so what came first is added first.
        for claims in sorted(modules.values(), key=lambda each: min(claim.at for claim in each)):
            # What only a tag tells of may be a tag that was moved, and is not to be believed first.
            yield from self._restore(sorted(claims, key=lambda each: (each.job is None, each.at)))
        self._mend()

    # what was published

    def _claims(self, git_dir: Path) -> Iterator[Claim]:
        name = self.site.server.repository_name(git_dir, {})
        jobs = {
            (job.request.tag, job.request.commit): job
            for job in self.site.jobs.of_repository(name.key, PUBLISHED)
        }
        with contextlib.closing(GitRepository(git_dir)) as repository:
            ids, made = repository.refs(TAGS), repository.makers(TAGS)
            updates = tuple(RefUpdate(old="0" * len(i), new=i, ref=ref) for ref, i in ids.items())
            event = PushEvent(repository=name, pusher="", updates=updates)
            for update, tag in publish_tags(event, self.site.config):
                request = read_request(update, tag, event, repository)
                if not isinstance(request, Problem):
                    job = jobs.pop((request.tag, request.commit), None)
                    at, by = made.get(update.ref, (0, ""))
                    yield self._claim(request, job, at, by, repository)
            for job in jobs.values():  # their tags were deleted or moved
                gone = TAGS + job.request.tag not in ids
                claim = self._claim(job.request, job, 0, "", repository)
                yield replace(claim, tag_deleted=gone)

    def _claim(
        self, request: PublishRequest, job: Job | None, at: int, by: str, repository: GitRepository
    ) -> Claim:
        manifest = self._manifest(request, repository)
        known = job.module_name if job else manifest.name if manifest else request.module
        return Claim(
            request=request,
            name=known or request.repository.name,
            at=job.updated_at if job else at,
            by=job.request.pusher if job else by,
            visibility=visibility_of(manifest, repository.settings(), self.site)
            if manifest
            else VISIBILITIES[0],  # its author may have narrowed it
            git_dir=repository.git_dir,
            job=job,
            manifest=manifest,
            tag_deleted=False,
        )

    def _manifest(
        self, request: PublishRequest, repository: GitRepository
    ) -> ModuleManifest | None:
        """The module of a commit, None where it is gone or cannot be read any more."""
        config, recall = self.site.config, recall_from(self.site.cache.folders)
        try:
            tree = repository.read_tree(request.commit, config.limits, recall)
        except PublishError:
            return None
        name = request.repository.name
        validation = validate(tree, name=name, config=config, module=request.module)
        chosen = choose_manifest(validation, request)
        return None if isinstance(chosen, Problem) else chosen

    # what the index gets

    def _restore(self, claims: list[Claim]) -> Iterator[Reindexed]:
        """The versions of one module, the first published one first."""
        namespace, name = claims[0].request.repository.namespace, claims[0].name
        document = self.index.find(namespace, name)
        # Between its versions the module must not be more visible than it will be.
        visibilities = [claims[-1].visibility, *([document["visibility"]] if document else [])]
        visibility = min(visibilities, key=VISIBILITIES.index)
        refused = []
        for claim in claims:
            try:
                yield self._restore_version(claim, visibility)
            except PublishError:
                refused.append(claim)
        for claim in refused:  # unless it is another tag of what is there by now
            try:
                yield self._restore_version(claim, visibility)
            except PublishError as error:
                yield Reindexed(kind="refused", name=str(claim), note=error.message)

    def _restore_version(self, claim: Claim, visibility: str) -> Reindexed:
        document = self.index.find(claim.request.repository.namespace, claim.name)
        version = find_version(document, str(claim.request.version)) if document else None
        if document and version and document["repository"] == claim.request.repository.key:
            if version["commit"] != claim.request.commit:
                note = f"the index has it from {version['commit'][:7]}"
                return Reindexed(
                    kind="unpublished", name=f"{claim} ({claim.request.tag})", note=note
                )
            self._record(claim)
            return Reindexed(kind="there", name=str(claim))
        found = self.search.find(
            claim.request.repository.namespace, claim.name, claim.request.version
        )
        if found is None:
            kind = "lost" if claim.job else "unpublished"
            return Reindexed(kind=kind, name=str(claim), note="its image is nowhere")
        self.index.add(_entry(claim, found, visibility))
        self._record(claim)
        return Reindexed(kind="added", name=str(claim), note=found.image.digest)

    def _record(self, claim: Claim) -> None:
        """Let the job table know that the version is published."""
        if self.record and claim.job is None:
            job = self.site.jobs.submit(claim.request, claim.git_dir, QUEUED)
            if self.site.jobs.claim(job.id):
                self.site.jobs.end(job.id, PUBLISHED, name=claim.name)

    def _mend(self) -> None:
        """Let listings and entrances say what the documents say."""
        modules = [*self.index.documents(), *self.index.lines()]
        for namespace, name in dict.fromkeys((each["namespace"], each["name"]) for each in modules):
            self.index.mend(namespace, name)


def _entry(claim: Claim, found: FoundImage, visibility: str) -> Document:
    """The entry of the index that an image's label becomes; PublishError where it is not to be
    believed.
    """
    label = found.label
    if label is None:
        raise PublishError("its image says nothing of a module", "push the tag again")
    wrong = _disagreement(claim, found, label)
    if wrong:
        raise PublishError(f"its image is not what its commit says: {wrong}", "push the tag again")
    entry = {
        **_shown(label, title=plain, description=plain_lines),
        "visibility": visibility,
        "versions": [_version(claim, found, label["versions"][0])],
    }
    return check_document("module", entry, f"the label of {found.image.reference}")


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
    kept = {name: value for name, value in said.items() if name != "deprecated"}
    return kept | {name: clean(str(said.get(name, ""))) for name, clean in texts.items()}


def _disagreement(claim: Claim, found: FoundImage, label: Document) -> str | None:
    """In what an image's label is not about the version that was published."""
    request, manifest = claim.request, claim.manifest
    (version,) = label["versions"]
    entry_point = str(version.get("entry_point"))
    pairs = {
        "namespace": (label["namespace"], request.repository.namespace),
        "repository": (label["repository"], request.repository.key),
        "name": (label["name"], claim.name),
        "version": (Version(version["version"]), request.version),
        "commit": (version["commit"], request.commit),
        "tag": (version["tag"], request.tag),
        "command": (found.command, entry_command(entry_point)),
        "name of the commit": (claim.name, manifest.name if manifest else claim.name),
        "kind": (label.get("kind"), manifest.kind if manifest else label.get("kind")),
        "entry point": (entry_point, manifest.entry_point if manifest else entry_point),
    }
    return next((word for word, (one, other) in pairs.items() if one != other), None)
