"""`reindex`: the index made again, of publish tags, images and the job table.

What an image says of itself is believed where the repository agrees: its tag leads to that commit,
or the job table knows that it was published from it; and where the commit is of the same module.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.audience import repository_visibility, visibility_of
from mlreef_hooks.contract import with_comparison
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_search import ImageSearch
from mlreef_hooks.index import LIMIT, Document, find_version
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_repair import set_aside_broken
from mlreef_hooks.intake import publish_tags, read_request
from mlreef_hooks.job import PARKED, PUBLISHED, Job
from mlreef_hooks.manifest import VISIBILITIES, ModuleManifest
from mlreef_hooks.module_choice import choose_manifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import TAGS, PublishRequest, PushEvent, RefUpdate
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.restored_entry import Claim, restored_entry
from mlreef_hooks.site import Site
from mlreef_hooks.tree_summary import recall_from
from mlreef_hooks.validation import validate


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """What became of one thing: `added`, `there` already, `refused`, `lost`, `unpublished` so far,
    or a file that was `broken`; `note` says why.
    """

    kind: str
    name: str
    note: str = ""


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
            yield from self._restore(sorted(claims, key=lambda claim: claim.at))
        self._mend()

    # what was published

    def _claims(self, git_dir: Path) -> Iterator[Claim]:
        name = self.site.server.repository_name(git_dir, {})
        jobs = {
            (job.request.tag, job.request.commit): job
            for job in self.site.jobs.of_repository(name.key, PUBLISHED)
            if job.request.version is not None  # the next push makes an edge again
        }
        with contextlib.closing(GitRepository(git_dir)) as repository:
            ids, made = repository.refs(TAGS), repository.makers(TAGS)
            updates = tuple(RefUpdate(old="0" * len(i), new=i, ref=ref) for ref, i in ids.items())
            event = PushEvent(repository=name, pusher="", updates=updates)
            for update, tag in publish_tags(event, self.site.config):
                request = read_request(update, tag, event, repository, signers="")
                if isinstance(request, Problem):
                    continue
                job = jobs.pop((request.tag, request.commit), None)
                yield (
                    _known(job, git_dir)
                    if job
                    else self._told(request, repository, *made[update.ref])
                )
            for job in jobs.values():  # their tags were deleted or moved
                yield _known(job, git_dir, tag_deleted=TAGS + job.request.tag not in ids)

    def _told(self, request: PublishRequest, repository: GitRepository, at: int, by: str) -> Claim:
        """What only a tag tells of: `by` made it, `at`."""
        manifest = self._manifest(request, repository)
        name = manifest.name if manifest else request.module or request.repository.name
        return Claim(
            request=request, name=name, at=at, by=by, git_dir=repository.git_dir, job=None,
            tag_deleted=False,
        )  # fmt: skip

    def _manifest(
        self, request: PublishRequest, repository: GitRepository
    ) -> ModuleManifest | None:
        """The module of a commit, None where it is gone or cannot be read any more."""
        config, recall = self.site.config, recall_from(self.site.cache.folders)
        try:
            lfs = config.server.lfs
            tree = repository.read_tree(request.commit, config.limits, recall, lfs=lfs)
            name = request.repository.name
            validation = validate(tree, name=name, config=config, module=request.module)
        except PublishError:
            return None
        chosen = choose_manifest(validation, request)
        return None if isinstance(chosen, Problem) else chosen

    # what the index gets

    def _restore(self, claims: list[Claim]) -> Iterator[Reindexed]:
        """The versions of one module, the first published one first.

        What has no image to be believed may be another tag of what is there in the end.
        """
        ready: list[tuple[Claim, Document]] = []
        for claim in claims:
            with contextlib.suppress(PublishError):
                found = self._find(claim)
                if not isinstance(found, Reindexed):
                    ready.append((claim, found))
        yield from self._add(ready)
        entries = {claim for claim, _ in ready}
        for claim in claims:
            if claim not in entries:
                yield self._told_why(claim)

    def _told_why(self, claim: Claim) -> Reindexed:
        """What became of a version that was not added."""
        try:
            found = self._find(claim)
        except PublishError as error:
            return _refused(claim, error.message)
        return found if isinstance(found, Reindexed) else _refused(claim, "it came up meanwhile")

    def _find(self, claim: Claim) -> Document | Reindexed:
        """The entry of a version, or why there is none to add; PublishError where its image is not
        to be believed.
        """
        there = self._look_up(claim)
        if there is not None:
            return there
        namespace = claim.request.repository.namespace
        image = self.search.find(namespace, claim.name, str(claim.request.version))
        if image is None:
            kind = "lost" if claim.job else "unpublished"
            return Reindexed(kind=kind, name=str(claim), note="its image is nowhere")
        with contextlib.closing(GitRepository(claim.git_dir)) as repository:
            manifest = self._manifest(claim.request, repository)
            # Without a manifest nobody knows whether its author has narrowed it.
            visibility = limit = VISIBILITIES[0]
            if manifest is not None:
                found = repository_visibility(repository, self.site)
                visibility = visibility_of(manifest, namespace, found, self.site)
                limit = manifest.visibility or VISIBILITIES[-1]
        source = self.site.server.source(claim.request.repository)
        facts = {"visibility": visibility, LIMIT: limit, "source": source}
        return restored_entry(claim, image, manifest, facts)

    def _look_up(self, claim: Claim) -> Reindexed | None:
        """What the index has of a version already, which is recorded then; None where nothing."""
        repository = claim.request.repository
        document = self.index.find(repository.namespace, claim.name)
        there = find_version(document, str(claim.request.version)) if document else None
        if not document or not there or document["repository"] != repository.key:
            return None
        if there["commit"] != claim.request.commit:
            name, note = f"{claim} of {claim.request.commit[:7]}", "another commit has the version"
            return Reindexed(kind="unpublished", name=name, note=note)
        self._record(claim)
        return Reindexed(kind="there", name=str(claim))

    def _add(self, ready: list[tuple[Claim, Document]]) -> Iterator[Reindexed]:
        """Add entries; between them the module is never more visible than it is in the end."""
        for claim, entry in ready:
            document = self.index.find(entry["namespace"], entry["name"])
            last = [ready[-1][1], *([document] if document else [])]
            visibility = min((each["visibility"] for each in last), key=VISIBILITIES.index)
            try:
                self.index.add({**with_comparison(entry, document), "visibility": visibility})
            except PublishError as error:
                yield _refused(claim, error.message)
                continue
            self._record(claim)
            (version,) = entry["versions"]
            yield Reindexed(kind="added", name=str(claim), note=version["image"]["digest"])

    def _record(self, claim: Claim) -> None:
        """Let the job table know that the version is published."""
        if self.record and claim.job is None:
            job = self.site.jobs.submit(claim.request, claim.git_dir, PARKED)  # not to be built
            self.site.jobs.end(job.id, PUBLISHED, name=claim.name)

    def _mend(self) -> None:
        """Let listings and entrances say what the documents say."""
        modules = [*self.index.documents(), *self.index.lines()]
        for namespace, name in dict.fromkeys((each["namespace"], each["name"]) for each in modules):
            self.index.mend(namespace, name)


def _known(job: Job, git_dir: Path, *, tag_deleted: bool = False) -> Claim:
    """What the job table tells of."""
    request, at = job.request, job.updated_at
    return Claim(
        request=request, name=job.module_name, at=at, by=request.pusher, git_dir=git_dir,
        job=job, tag_deleted=tag_deleted,
    )  # fmt: skip


def _refused(claim: Claim, note: str) -> Reindexed:
    return Reindexed(kind="refused", name=str(claim), note=note)
