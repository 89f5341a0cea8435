"""The gate: which publish tags of a push can never be published, told before they land.

Nothing is written here. What cannot be known before a push is in, or not by the account of the
hook, is left to what happens after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlreef_hooks import report
from mlreef_hooks.config import Config
from mlreef_hooks.contract import compare
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate_report import bad_tag, bad_tree, conflict, let_through, refused
from mlreef_hooks.index import Document, manifest_facts
from mlreef_hooks.index_claims import check_claims, check_tag, is_listed
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.intake import publish_tags, read_request
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.module_choice import choose_manifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import PublishRequest, PublishTag, PushEvent, RefUpdate
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree_listing import Recall
from mlreef_hooks.validation import Validation, validate

_ENOUGH = 20  # tags that are refused; then the push is, whatever else it holds
MISTAKE = "it failed by a mistake of its own"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known before a push: the index, the commits that a tag of a repository (its key) has
    published, and what is remembered of folders.
    """

    index: IndexFiles
    published: Callable[[str, str], Sequence[str]]
    recall: Recall


@dataclass(kw_only=True)
class Gate:
    """Looks at one push. `refused` are the names of its bad tags so far, `unseen` says of each tag
    that could not be looked at why; `say` shows a line, `keep_mistake` keeps what only a developer
    understands.
    """

    config: Config
    known: Known
    say: Callable[[str], None]
    keep_mistake: Callable[[Exception], None]
    refused: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    seen: int = 0

    def look_at(self, event: PushEvent, repository: GitRepository) -> None:
        """Look at the publish tags of a push, and tell of those that are refused."""
        look = _Look(event=event, repository=repository, config=self.config, known=self.known)
        for update, tag in publish_tags(event, self.config):
            if update.deleted:
                continue
            self._look_at_tag(update, tag, look)
            if len(self.refused) == _ENOUGH:
                break

    def _look_at_tag(self, update: RefUpdate, tag: PublishTag, look: "_Look") -> None:
        self.seen += 1
        try:
            lines = look.faults(update, tag)
        except PublishError as error:
            self.unseen.append(error.message)
        except Exception as error:
            self.keep_mistake(error)
            self.unseen.append(MISTAKE)
        else:
            if lines:
                self.refused.append(tag.tag)
                self._tell(bad_tag(tag.tag, lines))

    def end(self, reason: str = "") -> bool:
        """True where the push may go in; the last lines about it are said. `reason` is why the gate
        did not come to its end.
        """
        if self.refused:
            self._tell(refused(self.refused, self.seen))
        elif reason:
            self.say(let_through(0, reason))
        elif self.unseen:
            self.say(let_through(len(self.unseen), self.unseen[0]))
        return not self.refused

    def _tell(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.say(line)


@dataclass(kw_only=True)
class _Look:
    """What is looked into for one push; a tree is read once for all tags that lead to it."""

    event: PushEvent
    repository: GitRepository
    config: Config
    known: Known

    def faults(self, update: RefUpdate, tag: PublishTag) -> list[str]:
        """The lines about what is wrong with a tag, none where it may be published.

        PublishError where that cannot be told.
        """
        signers = self.config.publish.signed_tags
        request = read_request(update, tag, self.event, self.repository, signers)
        if isinstance(request, Problem):
            return report.findings([request])
        validation = self._validate(request)
        chosen = choose_manifest(validation, request)
        unknown = [chosen] if isinstance(chosen, Problem) else []
        problems = [*validation.problems, *unknown]
        if any(problem.severity == "error" and self._tells(problem) for problem in problems):
            return bad_tree(tag.tag, problems)
        return self._conflict(request, chosen) if isinstance(chosen, ModuleManifest) else []

    def _tells(self, problem: Problem) -> bool:
        """False for what only a service may read: what Git LFS keeps of the whole site."""
        of_service = self.config.worker.service and self.config.server.lfs
        return not (of_service and problem.rule == "tree-lfs-pointer")

    @cached_property
    def _validations(self) -> dict[tuple[str, str | None], Validation]:
        return {}

    def _validate(self, request: PublishRequest) -> Validation:
        key = request.commit, request.module
        if key not in self._validations:
            limits, lfs = self.config.limits, self.config.server.lfs
            tree = self.repository.read_tree(request.commit, limits, self.known.recall, lfs=lfs)
            name = request.repository.name
            found = validate(tree, name=name, config=self.config, module=request.module)
            self._validations[key] = found
        return self._validations[key]

    def _conflict(self, request: PublishRequest, manifest: ModuleManifest) -> list[str]:
        """What is wrong with a version of a module beside what was published before."""
        index, namespace = self.known.index, request.repository.namespace
        published = self.known.published(request.repository.key, request.tag)
        document = index.find(namespace, manifest.name)
        neighbour = None if document else index.neighbour(namespace)
        try:
            check_tag(request, published)
            check_claims(request, manifest.name, document, lambda: neighbour)
            if is_listed(request, document):
                return []
        except PublishError as error:
            return conflict(error)
        return self._breach(request, manifest, document)

    def _breach(
        self, request: PublishRequest, manifest: ModuleManifest, document: Document | None
    ) -> list[str]:
        """What a version breaks that promises to break nothing, where the site does not want it."""
        if request.version is None:
            return []
        found = compare(document, request.version, manifest.kind, manifest_facts(manifest))
        problem = found.problem(request.tag, self.config.rules) if found else None
        if found is None or problem is None or problem.severity != "error":
            return []
        return [*report.changed(found), *report.findings([problem])]
