"""What an author's next release is, from their clone, its remote and what was published before."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from packaging.version import Version

from mlreef_hooks.checking import check_commit
from mlreef_hooks.config import Config
from mlreef_hooks.contract import Comparison, compare
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document, find_version, manifest_facts
from mlreef_hooks.index_sources import Reader, open_index, open_indexes
from mlreef_hooks.manifest import ModuleManifest, are_names
from mlreef_hooks.own_clone import OwnClone, RemoteRefs
from mlreef_hooks.push import TagPattern
from mlreef_hooks.reader_index import Modules
from mlreef_hooks.release import Published, find_published, places_of, propose, ssh_place
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.version_promise import Part, last_before, next_version

_TAGS = 5  # tags that are looked at for a version that can be compared with
_PLACES = 4  # names that a module may have, by the URL of its repository
Look = Callable[[str], Document | None]  # the document of `vision/add-noise`


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A release that is not named yet: the module at the `head` of a clone, the remote it goes to
    and what that has. `index` finds documents of modules, where one can be read.
    """

    clone: OwnClone
    remote: str
    branch: str
    head: str
    manifest: ModuleManifest
    published: Published
    refs: RemoteRefs
    index: Look | None
    config: Config
    caches: Path

    @cached_property
    def document(self) -> Document | None:
        """The module's document in the index, None where it cannot be read or has none."""
        return self.look()

    def look(self) -> Document | None:
        """The module's document in the index as it is now.

        Another module may have that name: ours has a version of a commit that the remote has.
        """
        commits = {commit for _, commit in self.published.tags.values()} | {self.head}
        for place in places_of(self.clone.url(self.remote), self.manifest.name)[:_PLACES]:
            found = self.index(place) if self.index else None
            if found and any(each["commit"] in commits for each in found["versions"]):
                return found
        return None

    @cached_property
    def versions(self) -> frozenset[Version]:
        """All versions that are published, or were tried."""
        listed = self.document["versions"] if self.document else ()
        return frozenset({*self.published.tags, *(Version(each["version"]) for each in listed)})

    def propose(self, part: Part | None) -> Version:
        """The next version: a part raised, or as the changes since the last one want it."""
        if not self.versions or part:
            return propose(self.versions, None, part)
        compared = self.compare(next_version(self.versions, "major"))
        return propose(self.versions, compared.changes if compared else None, None)

    def compare(self, version: Version) -> Comparison | None:
        """What changed since the version before; None where there is none, or nobody can tell."""
        document = self.document or self._of_tags(version)
        return compare(document, version, self.manifest.kind, manifest_facts(self.manifest))

    def last_commit(self, version: Version) -> str | None:
        """The commit of the version before, None where there is none in the clone."""
        before = last_before(version, self.known)
        _, commit = self.known[before] if before else ("", "")
        return commit if commit and self.clone.has(commit) else None

    @cached_property
    def known(self) -> Mapping[Version, tuple[str, str]]:
        """The tags whose versions are published, with their commits; where no index can be read,
        those that were tried are among them.
        """
        tags, document = self.published.tags, self.document
        if document is None:
            return tags
        listed = {Version(each["version"]) for each in document["versions"]}
        return {version: tags[version] for version in tags if version in listed}

    @property
    def same(self) -> str:
        """The tag of the last version that is of this very commit, empty where none is."""
        same = [version for version, (_, commit) in self.known.items() if commit == self.head]
        return self.known[max(same)][0] if same else ""

    def _of_tags(self, version: Version) -> Document | None:
        """What the index may say of the version before, read from the commit that was tagged.

        One that cannot be read there was never published, and the one before that counts.
        """
        left = dict(self.published.tags)
        for _ in range(_TAGS):
            before = last_before(version, left)
            manifest = self._tagged_manifest(*left.pop(before)) if before else None
            if before and manifest:
                others = {*self.published.tags} - {before}
                facts = {**manifest_facts(manifest), "version": str(before), "yanked": False}
                rest = [{"version": str(each), "yanked": each not in left} for each in others]
                return {"kind": manifest.kind, "versions": [facts, *rest]}
        return None

    def _tagged_manifest(self, tag: str, commit: str) -> ModuleManifest | None:
        """The module at a tag of the remote, None where it cannot be read there any more."""
        if not self.clone.has(commit):
            self.clone.fetch(self.remote, tag)
        with closing(GitRepository(self.clone.folder)) as repository:
            name = self.manifest.name
            found = check_commit(repository, commit, name, self.config, self.caches).manifests
        return next((each for each in found if each.name == name), None)


def is_published(document: Document | None, version: Version, commit: str) -> bool:
    """True where a module's document has this version of this commit."""
    found = find_version(document, str(version)) if document else None
    return found is not None and found["commit"] == commit


def choose_module(manifests: Sequence[ModuleManifest], wanted: str | None) -> ModuleManifest | None:
    """The module that is wanted, or the only one; None where that is to be asked."""
    if wanted is None:
        return manifests[0] if len(manifests) == 1 else None
    names = [each.name for each in manifests]
    if wanted not in names:
        raise PublishError(f"there is no module {wanted}", f"name one of {', '.join(names)}")
    return manifests[names.index(wanted)]


def choose_branch(clone: OwnClone, refs: RemoteRefs, wanted: str | None, config: Config) -> str:
    """The branch that the release goes to. PublishError where it is not the one checked out and
    the author has not named it.
    """
    branch = wanted or refs.head or config.publish.main_branch
    here = clone.branch()
    if wanted is None and here != branch:
        raise PublishError(
            f"versions are published from {branch}, and you are on {here or 'no branch'}",
            f"git switch {branch}, or name another by --branch",
        )
    return branch


def choose_tags(
    refs: RemoteRefs, module: str, pattern: str | None, config: Config, *, several: bool
) -> Published:
    """The tags of a module on the remote, and the form of the next one."""
    patterns = (TagPattern.parse(pattern),) if pattern else config.publish.patterns
    return find_published(refs.tags, patterns, module, several=several)


def choose_index(place: str | None, url: str, config: Config, reader: Reader) -> Look | None:
    """What finds documents of modules: the index at a place, else those that the author reads, else
    the remote's host over ssh, as far as it answers; None where there is none of these.
    """
    own = [str(config.index_path)] if config.index_path.is_dir() else []
    places = [place] if place else [*config.index.read] or own
    if places:
        return partial(_find_in, open_indexes(places, reader))
    host = ssh_place(url)
    return partial(_ask_host, open_index(host, reader)) if host else None


def _ask_host(index: Modules, place: str) -> Document | None:
    with suppress(PublishError):
        return _find_in(index, place)
    return None


def _find_in(index: Modules, place: str) -> Document | None:
    namespace, _, name = place.rpartition("/")
    return index.find(namespace, name) if are_names(namespace, name) else None


def refspecs(branch: str, commit: str, tag: str) -> list[str]:
    """What is pushed where."""
    return [f"{commit}:refs/heads/{branch}", f"refs/tags/{tag}:refs/tags/{tag}"]
