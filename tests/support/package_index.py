"""A package index on loopback (PEP 503), with a password where one is wanted, and its packages."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

USER, PASSWORD = "builder", "s3cret-pass/word"
_TIME = (2026, 1, 1, 0, 0, 0)


def make_wheel(name: str, version: str, files: Mapping[str, str]) -> tuple[str, bytes]:
    """The file name and the content of a wheel that holds `files`."""
    stem = f"{name}-{version}"
    metadata = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    everything = {**files, **metadata}
    everything[record] = "".join(f"{path},,\n" for path in (*everything, record))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in everything.items():
            member = zipfile.ZipInfo(path, _TIME)
            member.external_attr = 0o644 << 16
            archive.writestr(member, text)
    return f"{stem}-py3-none-any.whl", out.getvalue()


def make_sdist(name: str, version: str, setup: str = "") -> tuple[str, bytes]:
    """The file name and the content of a source distribution whose `setup.py` begins with `setup`.

    It holds a module `NAME.py` and needs nothing but setuptools.
    """
    stem = f"{name}-{version}"
    said = f"name={name!r}, version={version!r}, py_modules=[{name!r}]"
    script = f"{setup}\nfrom setuptools import setup\nsetup({said})\n"
    files = {"setup.py": script, f"{name}.py": f"__version__ = {version!r}\n"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{stem}.tar.gz", out.getvalue()


@dataclass(kw_only=True)
class PackageIndex:
    """An index on 127.0.0.1; `password` is empty where it asks for none.

    `requests` lists the paths that were asked for; `refusal` is the HTTP status of every answer
    where it has nothing better to do.
    """

    port: int = 0
    password: str = ""
    refusal: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def add(self, *packages: tuple[str, bytes]) -> None:
        """Offer wheels and source distributions."""
        self.files.update(packages)

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL for pip's `index-url`, without credentials."""
        return f"http://{self.address}/simple/"

    def file_url(self, name: str) -> str:
        """The URL of a file, with its hash as a direct reference needs it."""
        digest = hashlib.sha256(self.files[name]).hexdigest()
        return f"http://{self.address}/files/{name}#sha256={digest}"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """The HTTP status and body for a path."""
        self.requests.append(path)
        if self.refusal:
            return self.refusal, b""
        expected = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        if self.password and authorization != f"Basic {expected}":
            return 401, b""
        name = PurePosixPath(path).name
        if path.startswith("/files/"):
            return (200, self.files[name]) if name in self.files else (404, b"")
        links = [
            f'<a href="{self.file_url(each)}">{each}</a>'
            for each in self.files
            if each.partition("-")[0].lower() == name.replace("-", "_")
        ]
        return (200, "\n".join(links).encode()) if links else (404, b"")


@contextmanager
def package_index(password: str = "") -> Iterator[PackageIndex]:
    """An empty index that answers."""
    index = PackageIndex(password=password)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = index.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic realm=index")
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
