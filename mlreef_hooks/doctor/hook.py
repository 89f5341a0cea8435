"""What is wrong with the hook in a repository: each fault that git passes over in silence."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, Account
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate_setting import wants_gate
from mlreef_hooks.git import ask_git, git_version
from mlreef_hooks.git_settings import Setting, last_of, read_settings
from mlreef_hooks.hook_files import GATE, HOOK, PROGRAM, HookState, hook_text, read_hook
from mlreef_hooks.hook_place import HookPlace, hook_place, other_places, own_place
from mlreef_hooks.hook_setting import CONFIG_HOOKS
from mlreef_hooks.servers.gitea import hooks_of

_TRIAL = """\
import sys, mlreef_hooks.cli.post_receive, mlreef_hooks.builders.layers, mlreef_hooks.registry
import mlreef_hooks.cli.pre_receive
[open(path).close() for path in sys.argv[1:]]
"""
_TRIAL_SECONDS = 20
_REFUSING = ("hook-interpreter", "hook-line-ends")  # as a gate
Trial = Callable[[str, str, Account], str]


def look_at_hooks(visit: Visit) -> Iterator[Finding]:
    """Of each repository what is wrong with its hook."""
    if not visit.git_dirs:
        yield fault("repositories-none", "repositories", "none was looked at")
    version, trial = git_version(), cache(_trial)
    for git_dir in visit.git_dirs:
        try:
            found = [*_faults(git_dir, visit, version, trial)]
        except (OSError, PublishError) as error:
            said = error.message if isinstance(error, PublishError) else str(error)
            found = [fault("repository-unreadable", git_dir, said)]
        yield from found or [fine(git_dir, _what_is_there(git_dir, visit))]


def _what_is_there(git_dir: Path, visit: Visit) -> str:
    place = own_place(GATE, git_dir, visit.config.server)
    gate = read_hook(git_dir, place.path).kind == "ours"
    return "the hook and the gate are installed" if gate else "the hook is installed"


def _faults(git_dir: Path, visit: Visit, version: Sequence[int], trial: Trial) -> Iterator[Finding]:
    closed = visit.account.obstacle(git_dir, READ | EXECUTE)
    if closed:
        said = f"uid {visit.account.user} cannot use it: {closed} is closed"
        yield fault("repository-unreadable", git_dir, said)
        return
    ask_git(git_dir, "rev-parse", "--git-dir")
    settings = read_settings(git_dir)
    yield from _faults_of_gate(git_dir, settings, visit, trial)
    elsewhere = last_of(settings, "core.hookspath")
    if elsewhere and Path(elsewhere.value) != hooks_of(git_dir):
        said = f"git looks for hooks in {elsewhere.value}, by {elsewhere.origin}"
        yield fault("hooks-path", git_dir, said)
    try:
        place = hook_place(HOOK, git_dir, visit.config.server)
    except PublishError as error:
        yield fault("hook-missing", git_dir, error.message).but(hint=error.hint)
        return
    yield from _faults_at(place, git_dir, visit, version, trial, _configured(settings))


def _faults_at(
    place: HookPlace,
    git_dir: Path,
    visit: Visit,
    version: Sequence[int],
    trial: Trial,
    named: str,
) -> Iterator[Finding]:
    """What is wrong with the hook in its place; `named` as below."""
    state = read_hook(git_dir, place.seen)
    if named:
        twice = not place.setting and state.kind == "ours"
        for name, said in config_hook_fault(named, version, installed=twice):
            yield fault(name, git_dir, said)
        if state.kind != "ours":
            return
    found = place_fault(state, place, named) or hook_fault(state, visit, trial)
    if found:
        yield fault(found[0], git_dir, found[1])


def _faults_of_gate(
    git_dir: Path, settings: Sequence[Setting], visit: Visit, trial: Trial
) -> Iterator[Finding]:
    """What is wrong with the gate, where there is one or is to be one; git lets nothing in where a
    pre-receive hook does not run.
    """
    place = own_place(GATE, git_dir, visit.config.server)
    state = read_hook(git_dir, place.path)
    if state.kind == "ours" or wants_gate(settings):
        found = hook_fault(state, visit, trial, GATE)
        if not found and place.runner and not os.access(place.runner, os.X_OK):
            found = "hook-runner", f"the server's own {place.runner} does not run the gate"
        if found:
            name, said = found
            refuses = "; git refuses every push" if name in _REFUSING else ""
            yield fault(name, git_dir, said.replace("the hook", "the gate") + refuses)


def place_fault(state: HookState, place: HookPlace, named: str) -> tuple[str, str] | None:
    """Why the server does not run the hook, or soon will not; None where its place is right.

    `named` is what git's configuration calls it, where it runs it.
    """
    git_dir, ours = state.git_dir, state.kind == "ours"
    left = [each.path for each in other_places(HOOK, git_dir, place) if _is_ours(git_dir, each)]
    if not ours and left:
        return "hook-place", f"the hook is in {left[0]}, and its place is {place.path}"
    if not ours:
        return None
    if left:
        return "hook-twice", f"the hook is in {left[0]} as well as in its place {place.path}"
    if place.setting and not named:
        return "hook-missing", "git's configuration does not name the hook"
    if place.seen != place.path and read_hook(git_dir, place.path).kind != "ours":
        return "hook-place", f"the hook is not in {place.path}, by which new repositories get it"
    if place.runner and not os.access(place.runner, os.X_OK):
        return "hook-runner", f"the server's own {place.runner} does not run it"
    return None


def _is_ours(git_dir: Path, place: HookPlace) -> bool:
    return read_hook(git_dir, place.path).kind == "ours"


def _configured(settings: Sequence[Setting]) -> str:
    """The name of a hook of git's configuration that runs this program, empty where none does."""
    for setting in settings:
        form = re.fullmatch(r"hook\.(.+)\.command", setting.name, re.DOTALL)
        if form and "mlreef" in setting.value:
            return form[1]
    return ""


def config_hook_fault(
    name: str, version: Sequence[int], *, installed: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong with a hook of git's configuration that runs this program."""
    if tuple(version) < CONFIG_HOOKS:
        shown = ".".join(map(str, version))
        yield "config-hook", f"git {shown} does not know hooks of its configuration, as hook.{name}"
    elif installed:
        yield "hook-twice", f"git runs hook.{name} of its configuration beside the repository's own"


def hook_fault(
    state: HookState, visit: Visit, trial: Trial, name: str = HOOK
) -> tuple[str, str] | None:
    """Why the hook would not do its work for the repository's owner, None where it would."""
    hook, account = state.hook, Account.of(state.git_dir.stat().st_uid)
    if state.kind != "ours":
        return _absence(state, hook)
    if "\r" in state.text:
        return "hook-line-ends", "the hook has Windows line ends"
    shell = re.match(r"#!\s*(\S+)", state.text)
    said = _fault_at(Path(shell[1]), account) if shell else "it names no interpreter"
    if said:
        return "hook-interpreter", f"the hook's first line is wrong: {said}"
    if account.obstacle(hook, READ | EXECUTE):
        return "hook-closed", "the hook is not executable"
    if os.statvfs(hook).f_flag & os.ST_NOEXEC:
        return "hook-no-exec", "the file system lets nothing be executed"
    return _fault_of_values(state, visit, account, trial, name)


def _absence(state: HookState, hook: Path) -> tuple[str, str]:
    if hook.is_symlink() and not hook.exists():
        return "hook-dangling", "the hook is a dangling link"
    if state.kind == "foreign":
        return "hook-replaced", "another hook stands in its place"
    return "hook-missing", "the hook is not installed"


def _fault_of_values(
    state: HookState, visit: Visit, account: Account, trial: Trial, hook: str
) -> tuple[str, str] | None:
    """What is wrong with the program and the configuration that the hook names."""
    python, named = _value(state.text, "python"), _value(state.text, "config")
    for name, what, path, wanted in (
        ("hook-program", "interpreter", python, READ | EXECUTE),
        ("hook-config", "configuration", named, READ),
    ):
        said = _fault_at(Path(path), account, wanted)
        if said:
            return name, f"the {what} {said}"
    said = trial(python, named, account)
    if said:
        return "hook-program", said
    expected = hook_text(Path(python), Path(named), visit.config, name=hook)
    if state.text != expected or Path(named).resolve() != visit.config_file.resolve():
        return "hook-outdated", "the hook is of another version or configuration"
    return None


def _value(text: str, name: str) -> str:
    """What the shell would set the variable to; empty where the hook does not set it."""
    found = [line for line in text.splitlines() if line.startswith(f"{name}=")]
    try:
        return "".join(shlex.split(found[0].partition("=")[2])) if found else ""
    except ValueError:
        return ""


def _fault_at(path: Path, account: Account, wanted: int = READ | EXECUTE) -> str:
    """Why the account cannot use the file; empty where it can."""
    try:
        obstacle = account.obstacle(path, wanted)
    except FileNotFoundError:
        return f"{path} is not there"
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}"
    if obstacle is not None:
        return f"{path} cannot be used by uid {account.user}: {obstacle} is closed"
    return ""


def _trial(python: str, config: str, account: Account) -> str:
    """What keeps the program from starting as the account, where this process may try that.

    Modes tell which folder is closed; whether it all works is told best by trying it.
    """
    if os.geteuid() not in (0, account.user):
        return ""
    options = {"cwd": "/", **account.for_process()}
    try:
        done = subprocess.run(
            [python, "-I", "-c", _TRIAL, config, PROGRAM],
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
            **options,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the interpreter {python} does not start: {error}"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    last = said[-1] if said else f"exit status {done.returncode}"
    return f"the interpreter does not start mlreef-hooks: {last}" if done.returncode else ""
