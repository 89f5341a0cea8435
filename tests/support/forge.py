"""A stand-in for the APIs of Gitea, Forgejo and GitLab, by their published descriptions.

Gitea: `/api/swagger`, "repoGet". GitLab: docs.gitlab.com/api/projects, "Retrieve a project".
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.support.certificates import Certificate

TOKEN = "s3cret-token"


@dataclass
class ForgeServer:
    """The forge: its projects by their paths, and what it answers in place of them, if anything."""

    port: int = 0
    scheme: str = "http"
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    instead: tuple[int, dict[str, str], bytes] | None = None
    hang: threading.Event | None = None  # what an answer's second half waits for
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        host = "localhost" if self.scheme == "https" else "127.0.0.1"
        return f"{self.scheme}://{host}:{self.port}"

    def gitea(self, path: str, *, private: bool = False, owner: str = "public") -> None:
        """Let a repository of Gitea be so."""
        name = path.partition("/")[2]
        self.projects[path] = {
            "id": 7, "name": name, "full_name": path, "private": private,
            "internal": not private and owner == "private",
            "owner": {"id": 3, "login": path.partition("/")[0], "visibility": owner},
        }  # fmt: skip

    def gitlab(self, path: str, visibility: str, **more: str) -> None:
        """Let a project of GitLab be so."""
        self.projects[path] = {
            "id": 7, "path_with_namespace": path, "visibility": visibility, **more,
        }  # fmt: skip

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """What is said to one request."""
        self.asked.append(handler.path)
        if self.instead is not None:
            return self.instead
        tokens = (
            handler.headers.get("Authorization", "").removeprefix("token "),
            handler.headers.get("PRIVATE-TOKEN", ""),
        )
        if TOKEN not in tokens:
            return 401, {}, b'{"message":"401 Unauthorized"}'
        for start in ("/api/v1/repos/", "/api/v4/projects/"):
            found = self.projects.get(unquote(handler.path.removeprefix(start)))
            if handler.path.startswith(start) and found:
                return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()
        return 404, {}, b'{"message":"404 Not Found"}'


@contextmanager
def forge_server(certificate: Certificate | None = None) -> Iterator[ForgeServer]:
    """A stand-in that answers on loopback; with a certificate, by TLS alone."""
    forge = ForgeServer(scheme="https" if certificate else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = forge.answer(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if forge.hang is not None:
                self.wfile.write(content[:1])
                self.wfile.flush()
                forge.hang.wait()
                return
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        forge.port = server.server_address[1]
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate.path, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield forge
        server.shutdown()
