"""What an ssh does that answers a reader of an index: shell scripts in its place."""

import os
import signal
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_ssh import SshIndex


def ssh(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a shell script be what is run as ssh."""
    monkeypatch.setenv("GIT_SSH_COMMAND", f"sh -c '{script}' ssh")


def test_what_it_leaves_behind_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the master of a shared connection (ControlPersist), which keeps all that it was given."""
    ssh(monkeypatch, f'sleep 600 & echo $! >"{tmp_path}/pid"; echo "[]"')
    assert SshIndex("git@git.example", 300).lines() == []
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)  # it is there


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exec sleep 600", "does not answer within 0.2 s"),
        ("exec sleep 600 >&-", "does not answer within 0.2 s"),
        ("echo away >&2; exit 255", "does not answer: away"),
        ("echo x", "does not answer with JSON"),
        ("exit 3", "does not answer: exit status 3"),
    ],
)
def test_an_answer_that_is_none_is_an_error(
    monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    ssh(monkeypatch, script)
    with pytest.raises(PublishError, match=said):
        SshIndex("git@git.example", 0.2 if "sleep" in script else 300).lines()
