"""A container engine on another machine by the program `ssh`, which never asks anybody anything.

Each connection is an `ssh` of its own that runs `docker system dial-stdio` there, as docker's own
client does. It speaks through a pair of sockets, so that nothing is left where one end dies.
"""

import errno
import os
import shlex
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from docker.transport.unixconn import (
    UnixHTTPAdapter,
    UnixHTTPConnection,
    UnixHTTPConnectionPool,
)

from mlreef_hooks.plain_text import plain

_SECONDS = 5  # until the other machine must have answered
_OPTIONS = {
    "BatchMode": "yes",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": str(_SECONDS),
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
}
_VARIABLES = ("HOME", "PATH", "SSH_AUTH_SOCK", "USER")
_SAID = 1 << 16  # bytes that are read of what ssh wrote


def _environment() -> dict[str, str]:
    """What `ssh` needs of the environment, which may hold the password of whoever pushed."""
    return {name: value for name, value in os.environ.items() if name in _VARIABLES}


def ssh_command(url: str) -> list[str]:
    """The command whose input and output are a connection to the engine at a `ssh://` URL.

    A path in it is that of the engine's socket there. ValueError for a port that is none.
    """
    parts = urlsplit(url)
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    engine = ["--host", f"unix://{parts.path}"] if parts.path.strip("/") else []
    remote = shlex.join(["docker", *engine, "system", "dial-stdio"])
    return ["ssh", "-T", *options, *user, *port, "--", parts.hostname or "", remote]


class SshAdapter(UnixHTTPAdapter):
    """How the SDK speaks through programs that a command starts, one for each connection."""

    def __init__(self, command: list[str], timeout: float) -> None:
        """`timeout` is the longest silence, in seconds."""
        super().__init__("http+unix:///", timeout=int(timeout))
        self._held = ExitStack()
        self._connections = _Connections(command, self._held, self.timeout)

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        """The connections for all requests: what opens one takes far longer than the request."""
        return self._connections

    def close(self) -> None:
        """End every connection, and the program that is behind it."""
        super().close()
        self._connections.close()
        self._held.close()


class _Connections(UnixHTTPConnectionPool):
    def __init__(self, command: list[str], held: ExitStack, timeout: Any) -> None:
        super().__init__("", "/", timeout=timeout)
        self._command, self._held = command, held

    def _new_conn(self) -> Any:
        return _Connection(self._command, self._held, self.timeout)


class _Connection(UnixHTTPConnection):
    def __init__(self, command: list[str], held: ExitStack, timeout: Any) -> None:
        super().__init__("", "/", timeout=timeout)
        self._command, self._held = command, held

    def connect(self) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(self.timeout)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with all others
        self._held.callback(self._said.close)
        with theirs:
            end = theirs.fileno()
            program = subprocess.Popen(
                self._command, stdin=end, stdout=end, stderr=self._said, env=_environment()
            )
        self._held.enter_context(program)
        self._held.callback(program.kill)

    def getresponse(self) -> Any:
        try:
            return super().getresponse()
        except ConnectionError as error:
            why = self._why() or str(error)
        raise ConnectionResetError(errno.ECONNRESET, why)  # outside: that it was reset says nothing

    def _why(self) -> str:
        """What the program wrote last, for it knows best why it ended."""
        self._said.seek(0)
        lines = self._said.read(_SAID).decode(errors="replace").splitlines()
        return plain(lines[-1])[:300] if lines else ""
