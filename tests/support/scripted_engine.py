"""A container engine that only tells of itself: for what an engine of the tests is not."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


@contextmanager
def scripted_engine(path: Path, version: str, info: Mapping[str, Any]) -> Iterator[str]:
    """The URL of an engine of this version at a socket, which tells `info` of itself."""
    answers = {"_ping": "OK", "version": {"Version": version}, "info": dict(info)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = answers.get(self.path.rpartition("/")[2], {"message": "No such image"})
            body = json.dumps(said).encode()
            self.send_response(404 if "message" in said else 200)
            self.send_header("Api-Version", "1.40")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with _serving(socketserver.ThreadingUnixStreamServer(str(path), Handler)):
        yield f"unix://{path}"


@contextmanager
def relay(url: str) -> Iterator[str]:
    """The URL of a TCP port of this machine that leads to the engine at a socket."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(url.removeprefix("unix://"))
                threading.Thread(target=_copy, args=(self.request, engine), daemon=True).start()
                _copy(engine, self.request)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"tcp://127.0.0.1:{server.server_address[1]}"


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Have the server answer in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
