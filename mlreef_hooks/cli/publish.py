"""`mlreef-hooks publish`: the author's next release, asked for, tagged, pushed and followed."""

import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
from packaging.version import Version

from mlreef_hooks import report
from mlreef_hooks.cli import check as checks
from mlreef_hooks.cli.configuration import load_config, user_caches
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.own_clone import OwnClone
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.release import read_outcome, read_version, tag_of, write_notes
from mlreef_hooks.releasing import (
    Draft,
    choose_branch,
    choose_index,
    choose_module,
    choose_tags,
    is_published,
    refspecs,
)
from mlreef_hooks.validation import Validation
from mlreef_hooks.version_promise import PARTS, Part

_EVERY = 0.5  # seconds between two looks at the index
_SHOWN_FILES = 5


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line says; None and False is nothing."""

    version: str | None
    bump: Part | None
    module: str | None
    remote: str | None
    branch: str | None
    notes: str | None
    notes_file: Path | None
    edit: bool
    tag_pattern: str | None
    index: Path | None
    sign: bool
    wait: int
    dry_run: bool
    yes: bool

    @property
    def asks(self) -> bool:
        """True where the author can be asked."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not self.yes


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release that only has to be made."""

    draft: Draft
    version: Version
    tag: str
    notes: str


@click.command("publish")
@click.argument(
    "path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--version", metavar="VERSION", help="The version (default: proposed).")
@click.option("--bump", type=click.Choice(PARTS), help="The part of the last version to raise.")
@click.option("--module", metavar="NAME", help="The module, where the repository has several.")
@click.option("--remote", metavar="NAME", help="The remote (default: the only one, or origin).")
@click.option("--branch", metavar="NAME", help="The main branch (default: the remote's HEAD).")
@click.option("--notes", metavar="TEXT", help="The release notes (default: from the log).")
@click.option(
    "--notes-file",
    metavar="FILE",
    help="A file of release notes.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--edit", is_flag=True, help="Edit the notes in $EDITOR first.")
@click.option("--tag-pattern", metavar="FORM", help="The form of tags, such as v{version}.")
@click.option(
    "--index",
    metavar="DIR",
    help="An index to compare with.",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--sign", is_flag=True, help="Sign the tag, as git is set to.")
@click.option("--wait", default=300, metavar="SECONDS", help="How long to wait for the server.")
@click.option("--dry-run", is_flag=True, help="Show everything; tag and push nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing; take what is proposed.")
@click.pass_obj
def publish(config_file: str | None, /, path: Path | None, **said: object) -> int:
    """Publish the last commit as the next version: checks, proposes, tags and pushes.

    PATH is the clone (default: this folder). Exit status: 0 published, 1 not, 2 usage.
    """  # fmt: skip
    wishes = Wishes(**said)  # type: ignore[arg-type] # as the options above say
    if wishes.version and wishes.bump:
        raise click.UsageError("give --version or --bump, not both")
    if wishes.notes is not None and wishes.notes_file:
        raise click.UsageError("give --notes or --notes-file, not both")
    config = load_config(config_file)
    clone = OwnClone(path or Path())
    _refuse_changes(clone)
    validation = checks.validate_revision(clone.folder, "HEAD", config)
    click.echo(checks.as_text(validation))
    if not validation.publishable:
        return 1
    release = _prepare(_draft(clone, validation, wishes, config), wishes)
    if wishes.dry_run:
        click.echo("nothing was tagged or pushed (--dry-run)")
        return 0
    if wishes.asks and not click.confirm(f"publish it as {release.tag}?", default=True):
        return 1
    return _make(release, wishes)


def _refuse_changes(clone: OwnClone) -> None:
    changed, unknown = clone.changes()
    if changed:
        names = ", ".join(map(plain, changed[:_SHOWN_FILES]))
        more = f" and {len(changed) - _SHOWN_FILES} more" if len(changed) > _SHOWN_FILES else ""
        raise PublishError(
            f"there are changes that are not committed: {names}{more}",
            "what is published is the last commit: commit them, or git stash",
        )
    if unknown:
        names = ", ".join(map(plain, unknown[:_SHOWN_FILES]))
        click.echo(f"warning: not in git, so not published: {names}", err=True)


def _draft(clone: OwnClone, validation: Validation, wishes: Wishes, config: Config) -> Draft:
    manifests = validation.manifests
    manifest = choose_module(manifests, wishes.module)
    if manifest is None:
        names = [each.name for each in manifests]
        if not wishes.asks:
            hint = f"name one by --module: {', '.join(names)}"
            raise PublishError("the repository has several modules", hint)
        manifest = choose_module(manifests, click.prompt("module", type=click.Choice(names)))
    if manifest is None:
        raise PublishError("the repository has no module", "mlreef-hooks check shows why")
    remote = clone.remote(wishes.remote)
    refs = clone.ask_remote(remote)
    several = len(manifests) > 1
    return Draft(
        clone=clone,
        remote=remote,
        branch=choose_branch(clone, refs, wishes.branch, config),
        head=clone.head(),
        manifest=manifest,
        published=choose_tags(refs, manifest.name, wishes.tag_pattern, config, several=several),
        refs=refs,
        index=choose_index(wishes.index, clone.url(remote), config),
        config=config,
        caches=user_caches(),
    )


def _prepare(draft: Draft, wishes: Wishes) -> Release:
    """The release with all that was asked, shown as it will be."""
    if wishes.version is None and not wishes.asks and not (wishes.yes or wishes.bump):
        raise PublishError("nobody can be asked for the version", "give --version, --bump or --yes")
    version = _choose_version(draft, wishes)
    compared = draft.compare(version)
    if compared is None:
        click.echo(f"{draft.manifest.name} {version}: there is none before it to compare with")
    else:
        same = [f"nothing changed for users since {compared.since}"]
        click.echo("\n".join(report.changed(compared) or same))
    tag = tag_of(draft.published.pattern, draft.manifest.name, version)
    problem = compared.problem(tag, draft.config.rules) if compared else None
    if problem is not None:
        click.echo("\n".join(report.findings([problem])))
        if problem.severity == "error":
            raise PublishError(f"{version} would not be published", problem.hint)
    notes = _choose_notes(draft, version, wishes)
    targets = f"{draft.remote} {plain(draft.branch)} and {plain(tag)}"
    click.echo(f"pushing {draft.head[:7]} to {targets}, with these notes:")
    click.echo("\n".join(f"  {line}".rstrip() for line in plain_lines(notes).split("\n")))
    return Release(draft=draft, version=version, tag=tag, notes=notes)


def _choose_version(draft: Draft, wishes: Wishes) -> Version:
    if wishes.version is not None:
        return read_version(wishes.version, draft.versions)
    proposed = draft.propose(wishes.bump)
    if not wishes.asks or wishes.bump:
        return proposed
    last = max(draft.versions, default=None)
    asked = f"version (the last one is {last})" if last else "version"
    return read_version(click.prompt(asked, default=str(proposed)), draft.versions)


def _choose_notes(draft: Draft, version: Version, wishes: Wishes) -> str:
    if wishes.notes is not None:
        return wishes.notes
    if wishes.notes_file is not None:
        return wishes.notes_file.read_text(encoding="utf-8", errors="replace")
    if not wishes.asks and not wishes.yes and not wishes.dry_run:
        raise PublishError(
            "nobody can be asked for the notes", "give --notes, --notes-file or --yes"
        )
    subjects = draft.clone.subjects(draft.last_commit(version))
    notes = write_notes(draft.manifest.name, version, subjects)
    return (click.edit(notes) or notes) if wishes.edit and sys.stdin.isatty() else notes


def _make(release: Release, wishes: Wishes) -> int:
    """Tag and push; the exit status. What the server did not take leaves no tag behind."""
    draft, said = release.draft, list[str]()

    def show(line: str) -> None:
        said.append(line)
        click.echo(line)

    draft.clone.tag(release.tag, draft.head, release.notes, sign=wishes.sign)
    pushed = refspecs(draft.branch, draft.head, release.tag)
    if not draft.clone.push(draft.remote, [f"{what}:{ref}" for ref, what in pushed.items()], show):
        draft.clone.delete_tag(release.tag)
        raise PublishError(
            "the server did not take the push; nothing was published, and the tag is gone again",
            "see above; git pull first where the branch has moved on",
        )
    lines = [line.removeprefix("remote: ") for line in said if line.startswith("remote: ")]
    return _follow(release, read_outcome(lines, draft.manifest.name, release.version), wishes.wait)


def _follow(release: Release, state: str, seconds: int) -> int:
    """The exit status of a push that went in; where it goes on without us, the index is looked at
    until the version is there.
    """
    draft = release.draft
    name = f"{draft.manifest.name} {release.version}"
    if state == "failed":
        raise PublishError(
            f"{name} was not published; its tag is on the server",
            f"correct it, and take the next version, or delete the tag there: {_deletion(release)}",
        )
    if state == "silent":
        raise PublishError(
            f"the server took {plain(release.tag)} and said nothing of a publish",
            "ask its administrator for the hook and the form of publish tags, see --tag-pattern;"
            f" or take it back: {_deletion(release)}",
        )
    if state == "waits" and not _appears(release, seconds):
        raise PublishError(
            f"{name} is not published yet", "mlreef-hooks show tells once it is, or the next push"
        )
    click.echo(f"{name} is published")
    return 0


def _deletion(release: Release) -> str:
    tag = shlex.quote(plain(release.tag))
    return f"git push {shlex.quote(plain(release.draft.remote))} :{tag}; git tag --delete {tag}"


def _appears(release: Release, seconds: int) -> bool:
    """True once the index has the version, within so many seconds."""
    draft, end = release.draft, time.monotonic() + seconds
    if draft.index is None:
        return False
    click.echo(f"waiting for the index, at most {seconds} s; Ctrl-C does not stop the server")
    while not is_published(draft.look(), release.version, draft.head):
        if time.monotonic() >= end:
            return False
        time.sleep(_EVERY)
    return True
