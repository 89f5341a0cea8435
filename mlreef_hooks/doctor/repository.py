"""What is wrong with a repository besides its hook: settings, refs, owner, what git left there."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mlreef_hooks.alternates import object_folders
from mlreef_hooks.doctor.finding import Finding, Visit, fault
from mlreef_hooks.edge_mark import is_edge_marked
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import ask_git, first_line, run_git
from mlreef_hooks.git_settings import Setting, last_of, read_settings
from mlreef_hooks.intake import edge_branch, main_branch_by
from mlreef_hooks.manifest import VISIBILITIES
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.push_option_setting import SETTING
from mlreef_hooks.servers.table import kind_by_traces, open_server
from mlreef_hooks.servers.visibility import SETTING as VISIBILITY
from mlreef_hooks.waiting_room import MARK

_OLD_SECONDS = 3600  # git's own locks live for moments


def look_at_repositories(visit: Visit) -> Iterator[Finding]:
    """What is wrong with each repository; one that git does not read is told of by its hook."""
    state = visit.config.state_path
    home = state.stat().st_uid if os.path.isdir(state) else 0
    for git_dir in visit.git_dirs:
        with suppress(OSError, PublishError):  # told of by the check of its hook
            yield from _faults(git_dir, visit, read_settings(git_dir))
        owner = git_dir.stat().st_uid
        if not visit.config.worker.service and home not in (0, owner):
            said = f"it belongs to uid {owner}, and {state} to uid {home}"
            yield fault("repository-owner", git_dir, said)


def _faults(git_dir: Path, visit: Visit, settings: Sequence[Setting]) -> Iterator[Finding]:
    refused = run_git("-C", str(git_dir), "rev-parse", "--git-dir")
    if b"dubious ownership" in refused.stderr and os.geteuid() == visit.account.user:
        yield fault("repository-owner", git_dir, f"git says: {first_line(refused.stderr)}")
    option = last_of(settings, SETTING.lower())
    if option is None or not option.on:
        yield fault("push-options-off", git_dir, f"it takes no push options: {SETTING} is not true")
    for folder in object_folders(git_dir / "objects").missing:
        said = f"it shares the objects in {plain(str(folder))}, which is not there"
        yield fault("alternate-missing", git_dir, said)
    by_name = {each.name: each.value for each in settings}
    yield from _faults_of_refs(git_dir, main_branch_by(by_name, visit.config))
    if not is_edge_marked(git_dir, edge_branch(by_name, visit.config)):
        yield fault("edge-mark", git_dir, "the hook does not know which pushes are to be published")
    visibility = by_name.get(VISIBILITY)
    if visibility is not None and visibility.strip().lower() not in VISIBILITIES:
        said = f"its visibility is {plain(visibility)!r}, which counts as private"
        yield fault("visibility-unknown", git_dir, said)
    yield from _faults_of_server(git_dir, visit)
    yield from _old_locks(git_dir, visit.now)


def _faults_of_refs(git_dir: Path, branch: str) -> Iterator[Finding]:
    words = ("for-each-ref", "--format=%(refname)", "refs/heads/", "refs/replace/")
    refs = os.fsdecode(ask_git(git_dir, *words).stdout).splitlines()
    replaced = [ref for ref in refs if ref.startswith("refs/replace/")]
    if replaced:
        yield fault("refs-replaced", git_dir, f"{plain(replaced[0])} shows an object as another")
    if len(refs) > len(replaced) and f"refs/heads/{branch}" not in refs:
        said = f"it has no branch {plain(branch)}, which published commits must be on"
        yield fault("branch-missing", git_dir, said)


def _faults_of_server(git_dir: Path, visit: Visit) -> Iterator[Finding]:
    """Where another server keeps it than the configuration says, or none says what it is called."""
    said, traced = visit.config.server.kind, kind_by_traces(git_dir)
    if said not in ("auto", traced) and traced != "plain":
        yield fault("server-kind", git_dir, f"{traced} keeps it, and the configuration says {said}")
    try:
        open_server(visit.config, visit.account.user).repository_name(git_dir, {})
    except PublishError as error:
        yield fault("name-unknown", git_dir, error.message).but(hint=error.hint)


def _old_locks(git_dir: Path, now: float) -> Iterator[Finding]:
    """The locks of git that are too old to be held: git makes them anew each time."""
    found = [*git_dir.glob("*.lock"), *(git_dir / "refs").rglob("*.lock")]
    old = [
        path
        for path in found
        if path.name != f"{MARK}.lock" and now - path.lstat().st_mtime > _OLD_SECONDS
    ]
    if old:
        said = f"{old[0].relative_to(git_dir)} is left of a git that was killed"
        more = f", and {counted(len(old) - 1, 'other')}" if len(old) > 1 else ""
        yield fault("git-lock", git_dir, said + more)
