"""`mlreef-hooks publish`: the author's next release, asked for, tagged, pushed and followed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from packaging.version import Version

from mlreef_hooks import report
from mlreef_hooks.cli import check as checks
from mlreef_hooks.cli.configuration import load_config, user_caches
from mlreef_hooks.cli.formats.found import Found
from mlreef_hooks.cli.formats.text import as_text
from mlreef_hooks.cli.options import index_option
from mlreef_hooks.cli.release_push import Release, make_release
from mlreef_hooks.cli.user import reader_of
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.own_clone import OwnClone
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.release import read_version, refuse_long, tag_of, write_notes
from mlreef_hooks.releasing import (
    Draft,
    choose_branch,
    choose_index,
    choose_module,
    choose_tags,
)
from mlreef_hooks.validation import Validation
from mlreef_hooks.version_promise import PARTS, Part

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
    index: str | None
    sign: bool
    wait: int
    dry_run: bool
    yes: bool

    @property
    def asks(self) -> bool:
        """True where the author can be asked."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not self.takes

    @property
    def takes(self) -> bool:
        """True where what is not said is taken as it is proposed."""
        return self.yes or self.dry_run


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
@index_option
@click.option("--sign", is_flag=True, help="Sign the tag, as git is set to.")
@click.option(
    "--wait",
    default=300,
    type=click.IntRange(min=0),
    metavar="SECONDS",
    help="How long to wait for the server.",
)
@click.option("--dry-run", is_flag=True, help="Show everything; tag and push nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing; take what is proposed.")
@click.pass_obj
def publish(config_file: str | None, /, path: Path | None, **said: Any) -> int:
    """Publish the last commit as the next version: checks, proposes, tags and pushes.

    PATH is the clone (default: this folder). Exit status: 0 published, 1 not, 2 usage.
    """  # fmt: skip
    wishes = Wishes(**said)
    if wishes.version and wishes.bump:
        raise click.UsageError("give --version or --bump, not both")
    if wishes.notes is not None and wishes.notes_file:
        raise click.UsageError("give --notes or --notes-file, not both")
    config, clone = load_config(config_file), OwnClone(path or Path())
    _refuse_changes(clone)
    remote = clone.remote(wishes.remote)
    url = clone.url(remote)
    validation = checks.validate_revision(clone.folder, clone.head(), config, url=url)
    click.echo(as_text(Found(validation=validation)))
    if not validation.publishable:
        return 1
    release = _prepare(_draft(clone, remote, validation, wishes, config), wishes)
    if wishes.dry_run:
        click.echo("nothing was tagged or pushed (--dry-run)")
        return 0
    new = not release.draft.same
    if wishes.asks and not click.confirm(f"publish it as {release.tag}?", default=new):
        return 1
    return make_release(release, sign=wishes.sign, seconds=wishes.wait)


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


def _choose_manifest(manifests: Sequence[ModuleManifest], wishes: Wishes) -> ModuleManifest:
    manifest = choose_module(manifests, wishes.module)
    if manifest is None:
        names = [each.name for each in manifests]
        if not wishes.asks:
            hint = f"name one by --module: {', '.join(names)}"
            raise PublishError("the repository has several modules", hint)
        manifest = choose_module(manifests, click.prompt("module", type=click.Choice(names)))
    if manifest is None:
        raise PublishError("the repository has no module", "mlreef-hooks check shows why")
    return manifest


def _draft(
    clone: OwnClone, remote: str, validation: Validation, wishes: Wishes, config: Config
) -> Draft:
    manifest = _choose_manifest(validation.manifests, wishes)
    refs = clone.ask_remote(remote)
    several = len(validation.manifests) > 1
    return Draft(
        clone=clone,
        remote=remote,
        branch=choose_branch(clone, refs, wishes.branch, config),
        head=clone.head(),
        manifest=manifest,
        published=choose_tags(refs, manifest.name, wishes.tag_pattern, config, several=several),
        refs=refs,
        index=choose_index(wishes.index, clone.url(remote), config, reader_of(config)),
        config=config,
        caches=user_caches(),
    )


def _prepare(draft: Draft, wishes: Wishes) -> Release:
    """The release with all that was asked, shown as it will be."""
    version = _choose_version(draft, wishes)
    tag = tag_of(draft.published.pattern, draft.manifest.name, version)
    compared = draft.compare(version)
    problem = compared.problem(tag, draft.config.rules) if compared else None
    if problem is not None:
        click.echo("\n".join(report.findings([problem])))
        if problem.severity == "error":
            raise PublishError(f"{version} would not be published", problem.hint)
    notes = _choose_notes(draft, version, wishes)
    refuse_long(notes)
    targets = f"{draft.remote} {plain(draft.branch)} and {plain(tag)}"
    click.echo(f"pushing {draft.head[:7]} to {targets}, with these notes:")
    click.echo("\n".join(f"  {line}".rstrip() for line in plain_lines(notes).split("\n")))
    return Release(draft=draft, version=version, tag=tag, notes=notes)


def _choose_version(draft: Draft, wishes: Wishes) -> Version:
    """The version, once it is shown what changed."""
    if wishes.version is None and not (wishes.asks or wishes.takes or wishes.bump):
        raise PublishError("nobody can be asked for the version", "give --version, --bump or --yes")
    if wishes.version is not None:
        version = read_version(wishes.version, draft.versions)
    else:
        version = draft.propose(wishes.bump)
    if draft.same:
        _tell_same(draft.same, version, wishes)
    click.echo(_changes(draft, version))
    if not wishes.asks or wishes.version or wishes.bump:
        return version
    last = max(draft.versions, default=None)
    asked = f"version (the last one is {last})" if last else "version"
    return read_version(click.prompt(asked, default=str(version)), draft.versions)


def _tell_same(tag: str, version: Version, wishes: Wishes) -> None:
    """Tell that there is nothing new; PublishError where nobody wants it published again."""
    said = f"nothing was committed since {plain(tag)}, which is this very commit"
    if not (wishes.asks or wishes.version or wishes.bump):
        raise PublishError(said, f"commit what is new, or name the version: --version {version}")
    click.echo(f"warning: {said}")


def _changes(draft: Draft, version: Version) -> str:
    compared = draft.compare(version)
    if compared is None:
        last = max(draft.versions, default=None)
        told = f"what changed since {last} cannot be told" if last else "it is the first version"
        return f"{draft.manifest.name} {version}: {told}"
    same = [f"nothing changed for users since {compared.since}"]
    return "\n".join(report.changed(compared) or same)


def _choose_notes(draft: Draft, version: Version, wishes: Wishes) -> str:
    if wishes.notes is not None:
        return wishes.notes
    if wishes.notes_file is not None:
        return wishes.notes_file.read_text(encoding="utf-8", errors="replace")
    if not (wishes.asks or wishes.takes):
        raise PublishError(
            "nobody can be asked for the notes", "give --notes, --notes-file or --yes"
        )
    subjects = draft.clone.subjects(draft.last_commit(version))
    notes = write_notes(draft.manifest.name, version, subjects)
    return (click.edit(notes) or notes) if wishes.edit and sys.stdin.isatty() else notes
