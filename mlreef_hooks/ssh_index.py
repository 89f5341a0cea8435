"""The document of one module, asked from a git server by `ssh HOST modules show`."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence

from mlreef_hooks.index import Document

_SECONDS = 20
_URL = re.compile(
    r"ssh://(?P<one>[^/:]+)(?::(?P<port>[0-9]+))?/.*|(?P<other>[^/:]+):(?!//).*", re.DOTALL
)


def ssh_words(url: str) -> list[str] | None:
    """The words that reach the host of a remote by ssh; None where it is no ssh remote."""
    match = _URL.fullmatch(url)
    host = (match["one"] or match["other"]) if match else ""
    if not match or host.startswith("-"):
        return None
    program = shlex.split(os.environ.get("GIT_SSH_COMMAND", "")) or ["ssh"]
    port = ["-p", match["port"]] if match["port"] else []
    return [*program, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", *port, "--", host]


def ask_module(words: Sequence[str], place: str) -> Document | None:
    """The document of a module (`vision/add-noise`), None where the host does not show it."""
    question = shlex.join(["modules", "show", place, "--format", "json"])
    try:
        done = subprocess.run(
            [*words, question],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) else None
