"""A registry on loopback that does what the protocol says, unless a test tells it to fail.

It is for what a real one does not do at will: to break off, to be overloaded, to send one
elsewhere, to lie.
"""

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer instead of the protocol's; `length` is what it claims, if not the truth.

    One to a body that is left unread is the last of its connection.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    unread: bool = False


@dataclass(frozen=True, kw_only=True)
class Break:
    """The end of the connection after so many bytes of the request's body, or of the answer's."""

    after: int = 0


Fault = Reply | Break


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that came in."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def line(self) -> str:
        """The method and the path without its query."""
        return f"{self.method} {self.path}"


@dataclass(kw_only=True)
class ScriptedRegistry:
    """What the registry has, what it was asked, and how it fails at the next requests.

    `faults` are used up one by one, by the beginning of the requests' lines.
    """

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The requests by method and path."""
        return [request.line for request in self.requests]

    def fault(self, line: str) -> Fault | None:
        """How the request with this line is to fail."""
        for beginning, faults in self.faults.items():
            if line.startswith(beginning) and faults:
                return faults.pop(0)
        return None

    def answer(self, request: Request) -> Reply:
        """What the protocol says."""
        path = request.path.strip("/").split("/")
        kind = path[-2] if len(path) > 2 else ""
        if request.method == "POST" and request.path.endswith("/blobs/uploads/"):
            return self._begin(request)
        if kind == "uploads":
            return self._upload(request, path[-1])
        if kind == "blobs":
            return self._blob(request, path[-1])
        if kind == "manifests":
            return self._manifest(request, path[-1])
        return Reply(status=404)

    def _begin(self, request: Request) -> Reply:
        if set(request.query.get("mount", ())) & set(self.blobs):
            return Reply(status=201)
        name = str(len(self.uploads))
        self.uploads[name] = bytearray()
        return Reply(status=202, headers={"Location": request.path + name})

    def _upload(self, request: Request, name: str) -> Reply:
        if name not in self.uploads:
            return Reply(status=404)
        content = self.uploads[name]
        if request.method == "DELETE":
            del self.uploads[name]
            return Reply(status=204)
        content += request.body
        if request.method == "PUT":
            (digest,) = request.query["digest"]
            if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
                return Reply(status=400)
            self.blobs[digest] = bytes(content)
            return Reply(status=201)
        last = max(0, len(content) - 1)
        headers = {"Range": f"0-{last}", "Location": request.path}
        return Reply(status=202 if request.method == "PATCH" else 204, headers=headers)

    def _blob(self, request: Request, digest: str) -> Reply:
        if digest not in self.blobs:
            return Reply(status=404)
        content = self.blobs[digest]
        begin = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        return Reply(status=206 if begin else 200, body=content[begin:])

    def _manifest(self, request: Request, reference: str) -> Reply:
        if request.method == "PUT":
            self.manifests[reference] = (request.body, request.headers["content-type"])
            return Reply(status=201)
        if reference not in self.manifests:
            return Reply(status=404)
        content, media_type = self.manifests[reference]
        return Reply(status=200, headers={"Content-Type": media_type}, body=content)


@contextmanager
def scripted_registry() -> Iterator[ScriptedRegistry]:
    """A registry at its `address`, without TLS."""
    registry = ScriptedRegistry()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry})
    )
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: ScriptedRegistry
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.registry.connections.append(self.client_address[1])

    def answer(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", "0"))
        fault = self.registry.fault(f"{self.command} {parts.path}")
        if isinstance(fault, Break):
            length = min(length, fault.after)
        elif fault and fault.unread:
            length, self.close_connection = 0, True
        request = Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query),
            headers=headers,
            body=self.rfile.read(length),
        )
        self.registry.requests.append(request)
        if isinstance(fault, Break):
            self.break_off(request, fault)
        else:
            self.reply(fault or self.registry.answer(request))

    def break_off(self, request: Request, fault: Break) -> None:
        """Keep what came, send what was to be sent, and close."""
        name = request.path.rpartition("/")[2]
        if request.method in ("PUT", "PATCH") and name in self.registry.uploads:
            self.registry.uploads[name] += request.body
        if request.method == "GET":
            reply = self.registry.answer(request)
            body = reply.body[: fault.after]
            self.reply(Reply(status=reply.status, body=body, length=len(reply.body)))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reply(self, reply: Reply) -> None:
        with contextlib.suppress(OSError):
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) if reply.length is None else reply.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
