"""What is wrong with the hook in a repository: each fault that git passes over in silence."""

import os
import shlex
import subprocess
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, Account
from mlreef_hooks.config import Config
from mlreef_hooks.hook_files import HOOK, PROGRAM, hook_text, read_hook

_TRIAL = "import sys, mlreef_hooks.cli.post_receive; [open(path).close() for path in sys.argv[1:]]"
_TRIAL_SECONDS = 60


def hook_fault(git_dir: Path, config: Config, config_file: Path) -> str:
    """Why the hook would not do its work for the repository's owner; empty where it would."""
    hook, state = git_dir / "hooks" / HOOK, read_hook(git_dir)
    account = Account.of(git_dir.stat().st_uid)
    if state.kind != "ours":
        dangling = hook.is_symlink() and not hook.exists()
        return "the hook is a dangling link" if dangling else "the hook is not installed"
    if "\r" in state.text:
        return "the hook has Windows line ends"
    if account.obstacle(hook, READ | EXECUTE):
        return "the hook is not executable"
    python, named = _value(state.text, "python"), Path(_value(state.text, "config"))
    fault = _fault_of_program(Path(python), named, account)
    if fault:
        return fault
    expected = hook_text(Path(python), named, config)
    if state.text != expected or named.resolve() != config_file.resolve():
        return "the hook is of another version or configuration"
    return ""


def _value(text: str, name: str) -> str:
    """What the shell would set the variable to; empty where the hook does not set it."""
    found = [line for line in text.splitlines() if line.startswith(f"{name}=")]
    try:
        return "".join(shlex.split(found[0].partition("=")[2])) if found else ""
    except ValueError:
        return ""


def _fault_of_program(python: Path, config: Path, account: Account) -> str:
    """Why the account could not run the hook's program; empty where it can.

    Modes tell which folder is closed; whether it all works is told best by trying it.
    """
    for what, path, wanted in (
        ("interpreter", python, READ | EXECUTE),
        ("configuration", config, READ),
    ):
        try:
            obstacle = account.obstacle(path, wanted)
        except FileNotFoundError:
            return f"the {what} {path} is not there"
        except OSError as error:
            return f"the {what} {path} cannot be looked at: {error.strerror}"
        if obstacle is not None:
            return f"the repository's owner may not reach the {what}: {obstacle}"
    return _trial(python, config, account)


def _trial(python: Path, config: Path, account: Account) -> str:
    """What keeps the program from starting as the account, where this process may try that."""
    if os.geteuid() not in (0, account.user):
        return ""
    switched = os.geteuid() != account.user
    try:
        done = subprocess.run(
            [python, "-I", "-c", _TRIAL, config, PROGRAM],
            env={"PATH": os.defpath},
            cwd="/",
            user=account.user if switched else None,
            group=account.group if switched else None,
            extra_groups=account.groups if switched else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the interpreter {python} does not start: {error}"
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return f"the interpreter does not start mlreef-hooks: {last}" if done.returncode else ""
