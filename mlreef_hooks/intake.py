"""From a tag in a repository to a publish request, or to the finding why it is none."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import RULES, Problem
from mlreef_hooks.push import PublishRequest, PublishTag, PushEvent, RefUpdate, read_tag
from mlreef_hooks.repository import TAG_DEPTH, GitRepository, PeeledTag

_SHOWN = 120  # characters of a name that is not the tag's


def main_branch(repository: GitRepository, config: Config) -> str:
    """The branch that published commits must be on; a repository may have its own."""
    return main_branch_by(repository.settings(anew=True), config)


def main_branch_by(settings: Mapping[str, str], config: Config) -> str:
    """The same, by the repository's `settings`, whose names are in lower case."""
    return settings.get("mlreef.mainbranch") or config.publish.main_branch


def edge_branch(settings: Mapping[str, str], config: Config) -> str | None:
    """The main branch where each push of it is to be published; None where only tags are.
    `settings` as above.
    """
    if config.publish.signed_tags:
        return None  # nobody signs a push of a branch
    said = settings.get("mlreef.publishon", "").strip().lower()
    if (said or config.publish.publish_on) != "push":
        return None
    return main_branch_by(settings, config)


def publish_tags(event: PushEvent, config: Config) -> list[tuple[RefUpdate, PublishTag]]:
    """The publish tags among the ref updates of a push."""
    found = (
        (update, read_tag(update.tag, config.publish.patterns))
        for update in event.updates
        if update.tag is not None
    )
    return [(update, tag) for update, tag in found if tag]


def read_request(
    update: RefUpdate, tag: PublishTag, event: PushEvent, repository: GitRepository, signers: str
) -> PublishRequest | Problem:
    """The request of a tag that was made or moved, or what is wrong with the tag.

    Where `signers` names a file, the tag must be signed by one of those whom it allows.
    """
    if tag.version is None:
        return _problem(
            "tag-version-invalid", tag, "the tag does not end with a version",
            "tag it as in publish/1.2.0: https://peps.python.org/pep-0440, without a + part",
        )  # fmt: skip
    if not tag.tag.isprintable():
        message = "the module's name holds characters that no module's name can"
        return _problem("module-unknown", tag, message, "delete the tag and write another")
    peeled = _peel(update.new, tag, repository)
    if isinstance(peeled, Problem):
        return peeled
    fault = _signature_fault(update.new, tag, peeled, repository, signers) if signers else None
    if fault is not None:
        again = f"git tag --force --sign {shlex.quote(plain(tag.tag))} {peeled.id[:12]}"
        return _problem("tag-signature", tag, fault, f"{again}, and push it with --force")
    return PublishRequest(
        repository=event.repository,
        tag=tag.tag,
        module=tag.module,
        version=tag.version,
        commit=peeled.id,
        pusher=event.pusher,
        notes=peeled.message,
    )


def _peel(object_id: str, tag: PublishTag, repository: GitRepository) -> PeeledTag | Problem:
    """The commit that the tag leads to, or why it leads to none."""
    again = f"git tag -f {shlex.quote(plain(tag.tag))} COMMIT, and push it with --force"
    try:
        peeled = repository.peel(object_id)
    except PublishError as error:
        if error.passing:
            raise
        return _problem("tag-target", tag, error.message, f"{error.hint}, or {again}")
    if peeled.type == "tag":
        message = f"more than {TAG_DEPTH} tags point to each other"
        return _problem("tag-nested", tag, message, again)
    if peeled.type != "commit":
        message = f"the tag points to a {peeled.type}, not a commit"
        return _problem("tag-target", tag, message, again)
    return peeled


def _signature_fault(
    object_id: str, tag: PublishTag, peeled: PeeledTag, repository: GitRepository, signers: str
) -> str | None:
    """Why the tag is not one that somebody whom the site allows has signed."""
    from mlreef_hooks.git_signature import signature_fault  # most sites want none

    if peeled.name is None:
        return "the tag is not signed: there is only a name"
    if peeled.name != tag.tag:
        return f"the tag was signed as {plain(peeled.name)[:_SHOWN]}"
    fault = signature_fault(repository.git_dir, object_id, Path(signers))
    return None if fault is None else f"the tag is not signed as the site wants: {plain(fault)}"


def _problem(rule: str, tag: PublishTag, message: str, hint: str) -> Problem:
    severity = RULES[rule].severity
    return Problem(
        rule=rule, severity=severity, path=plain(tag.tag), line=None, message=message, hint=hint
    )
