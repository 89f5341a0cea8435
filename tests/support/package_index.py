"""A package index on loopback (PEP 503 and 691), with a password where one is wanted.

It can be told to answer badly, as indexes of the world do.
"""

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import quote

USER, PASSWORD = "builder", "s3cret-pass/word"
_TIME = (2026, 1, 1, 0, 0, 0)
_HTML, _JSON = "text/html", "application/vnd.pypi.simple.v1+json"
_FILE = "application/octet-stream"


def make_wheel(
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """The file name and the content of a wheel that holds `files` and requires others."""
    stem = f"{name}-{version}"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    metadata = {
        f"{stem}.dist-info/METADATA": about,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
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
    return f"{stem}-{tag}.whl", out.getvalue()


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

    `refusal` is the HTTP status of every answer, where there is one. `requests` lists the paths
    that were asked for, `authorizations` what came with the last one. Asked for the path of a file:
    `statuses` are answered first, each once; `redirects` lead elsewhere; `cut` ends in the middle;
    `hashed` is false for an index that tells no hashes. Nothing is answered while `awake` is not
    set. Of what is `paused` half is sent, which counts in `halves`, and the rest once `resumed` is
    set. What is said may be believed for `max_age` seconds.
    """

    port: int = 0
    password: str = ""
    refusal: int = 0
    hashed: bool = True
    json: bool = True
    max_age: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    authorizations: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    halves: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    resumed: threading.Event = field(default_factory=threading.Event)
    awake: threading.Event = field(default_factory=threading.Event)

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

    @property
    def secret_url(self) -> str:
        """The same with credentials."""
        return self.url.replace("//", f"//{USER}:{quote(self.password, safe='')}@")

    def file_url(self, name: str) -> str:
        """The URL of a file, with its hash as a direct reference needs it."""
        return f"http://{self.address}/files/{name}#sha256={self.sha256(name)}"

    def sha256(self, name: str) -> str:
        """The hash of a file."""
        return hashlib.sha256(self.files[name]).hexdigest()

    def answer(self, path: str, authorization: str, accepted: str) -> tuple[int, str, bytes]:
        """The HTTP status, media type and body for a path."""
        self.awake.wait()
        self.requests.append(path)
        self.authorizations[path] = authorization
        expected = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        if self.refusal:
            return self.refusal, _HTML, b""
        if self.statuses.get(path):
            return self.statuses[path].pop(0), _HTML, b""
        if self.password and authorization != f"Basic {expected}":
            return 401, _HTML, b""
        name = PurePosixPath(path).name
        if path.startswith("/files/"):
            return (200, _FILE, self.files[name]) if name in self.files else (404, _HTML, b"")
        return self._page(name, as_json=self.json and _JSON in accepted)

    def _page(self, name: str, *, as_json: bool) -> tuple[int, str, bytes]:
        written = name.replace("-", "_")
        names = [each for each in self.files if each.partition("-")[0].lower() == written]
        if not names:
            return 404, _HTML, b""
        urls = {each: self.file_url(each) for each in names}
        if not self.hashed:
            urls = {each: url.partition("#")[0] for each, url in urls.items()}
        if not as_json:
            links = [f'<a href="{url}">{each}</a>' for each, url in urls.items()]
            return 200, _HTML, "\n".join(links).encode()
        files = [self._file(each, url) for each, url in urls.items()]
        page = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
        return 200, _JSON, json.dumps(page).encode()

    def _file(self, name: str, url: str) -> dict[str, object]:
        hashes = {"sha256": self.sha256(name)} if self.hashed else {}
        where, size = url.partition("#")[0], len(self.files[name])
        return {"filename": name, "url": where, "hashes": hashes, "size": size}


@contextmanager
def package_index(password: str = "") -> Iterator[PackageIndex]:
    """An empty index that answers."""
    index = PackageIndex(password=password)
    index.awake.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in index.redirects:
                self.send_response(302)
                self.send_header("Location", index.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            wanted = self.headers.get("Authorization", ""), self.headers.get("Accept", "")
            status, kind, body = index.answer(self.path, *wanted)
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic realm=index")
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", f"max-age={index.max_age}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "GET":
                return
            half = len(body) // 2
            with suppress(ConnectionError):
                self.wfile.write(body[:half])
                if self.path in index.paused:
                    index.halves.release()
                    index.resumed.wait()
                if self.path not in index.cut:
                    self.wfile.write(body[half:])

        do_HEAD = do_GET  # noqa: N815 - the name is given

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.awake.set()
        index.resumed.set()
        server.shutdown()
        server.server_close()
        thread.join()
