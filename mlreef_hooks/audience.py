"""Who may read a module: what its repository is now, and what its author says of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_dirs import git_dir_of
from mlreef_hooks.index import Document
from mlreef_hooks.job import PUBLISHED
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.push import PublishRequest
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.folders import folder_of
from mlreef_hooks.site import Site
from mlreef_hooks.visibility import PRIVATE, Visibility, narrowest


@dataclass(frozen=True, kw_only=True)
class Move:
    """A module whose audience was asked for: who could read it before, who can now."""

    namespace: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ModuleAudience:
    """Asks who may read a module that is to be published."""

    request: PublishRequest
    manifest: ModuleManifest
    repository: GitRepository
    site: Site

    def ask(self, *, anew: bool = True) -> Visibility:
        """Who may read it now; `why` is of its repository."""
        found = repository_visibility(self.repository, self.site, anew=anew)
        namespace = self.request.repository.namespace
        word = visibility_of(self.manifest, namespace, found, self.site)
        return replace(found, word=word)


def repository_visibility(
    repository: GitRepository, site: Site, *, anew: bool = True
) -> Visibility:
    """Who may read a repository now; its settings are read once, or `anew`."""
    return site.visibility(repository.git_dir, repository.settings(anew=anew))


def visibility_of(manifest: ModuleManifest, namespace: str, found: Visibility, site: Site) -> str:
    """The repository's visibility, which the author of a module may narrow and never widen."""
    document = site.index.find(namespace, manifest.name) if found.away else None
    widest = found.kept(document["visibility"] if document else None)
    return narrowest(widest, manifest.visibility or widest)


def rewrite(
    modules: list[Document], repository: GitRepository, site: Site
) -> tuple[Visibility, list[Move]]:
    """Ask who may read a repository, and let the index say so of its `modules`.

    What their authors have narrowed stays so. Who moves a module asks again, for another may have
    moved it just before.
    """
    found = repository_visibility(repository, site)

    def choose(before: str) -> str:
        if found.kept(before) == before:
            return before
        return repository_visibility(repository, site).kept(before)

    moves = []
    for document in modules:
        place = (document["namespace"], document["name"])
        before, after = site.index.set_visibility(*place, choose)
        moves.append(Move(namespace=place[0], name=place[1], before=before, after=after))
    return found, moves


def modules_by_repository(site: Site) -> dict[str, list[Document]]:
    """The documents of the index by the key of the repository that each is of."""
    found: dict[str, list[Document]] = {}
    for document in site.index.documents():
        found.setdefault(document["repository"], []).append(document)
    return found


def rewrite_all(
    site: Site, chosen: set[Path] | None
) -> Iterator[tuple[str, Visibility, list[Move]] | PublishError]:
    """The same of every repository that has modules, or of the `chosen` ones alone.

    Modules of one that is gone stay where they are. Once a source is away, nothing more is asked,
    and of the others only those are told whose own settings have closed them.
    """
    try:
        repositories = modules_by_repository(site)
    except PublishError as error:  # a document is broken
        yield error
        return
    for key, modules in repositories.items():
        git_dir = find_repository(key, site)
        if git_dir is None or (chosen is not None and git_dir.resolve() not in chosen):
            continue
        try:
            with closing(GitRepository(git_dir)) as repository:
                found, moves = rewrite(modules, repository, site)
        except PublishError as error:
            yield error
            continue
        if not site.visibility.absent or any(move.before != move.after for move in moves):
            yield key, found, moves
        if found.away:
            site = replace(site, visibility=replace(site.visibility, absent=found.why))


def left_open(moves: Sequence[Move], site: Site) -> list[str]:
    """The modules that became private, whose images stay where everybody may have fetched them."""
    if not site.config.registry.remote:
        return []
    return [
        f"{move.namespace}/{move.name}" for move in moves if move.before != PRIVATE == move.after
    ]


def find_repository(key: str, site: Site) -> Path | None:
    """The git directory of a repository by its key, below the root or where a push was last seen;
    None where it is gone.
    """
    below = [folder_of(key, Path(site.config.server.root))] if site.config.server.root else []
    seen = [job.git_dir for job in reversed(site.jobs.of_repository(key, PUBLISHED))]
    for path in [*below, *seen]:
        try:
            git_dir = git_dir_of(path)
            if site.server.repository_name(git_dir, {}).key == key:
                return git_dir
        except PublishError:
            continue
    return None
