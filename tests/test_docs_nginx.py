"""The web servers of the docs, started as they stand: every path, by every user."""

import base64
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlreef_hooks.catalog.pages import POLICY
from mlreef_hooks.catalog.update import update_catalog
from mlreef_hooks.index_files import IndexFiles
from tests.index_entries import make_entry
from tests.support.catalogue import add_module
from tests.support.pages import TEXTS, blocks
from tests.support.processes import accepts, daemon, find_program, free_port
from tests.support.trees import png

PASSWORD = "pass word"
MAY: Mapping[str, set[str]] = {
    "": {"public"},
    "eve": {"public"},
    "bob": {"public", "internal"},
    "ada": {"public", "internal", "private/vision"},
}
MODULES = {
    "public": "open", "internal": "team", "private/vision": "vision",
    "private/vision/lab": "vision/lab",
}  # fmt: skip
MAIN = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of four audiences, with what a writer leaves beside its documents."""
    root = tmp_path_factory.mktemp("served") / "index"
    files = IndexFiles(root)
    for audience, namespace in MODULES.items():
        files.add(
            make_entry(
                namespace=namespace, name="add-noise", repository=f"{namespace}/add-noise",
                visibility=audience.partition("/")[0],
            ).document()
        )  # fmt: skip
    (root / ".pending").write_text("{}")
    for audience in MODULES:
        (root / audience / ".index.json.new").write_text("{}")
        provenance = root / audience / "provenance"
        provenance.mkdir()
        (provenance / "x.intoto.json").write_text("{}")
    return root


@contextmanager
def auth_service(may: Mapping[str, Collection[str]] = MAY) -> Iterator[int]:
    """The port of a service that knows which audiences each user may read."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            user = user_of(self.headers.get("Authorization", ""))
            allowed = self.headers.get("X-Audience", "") in may.get(user, ())
            self.send_response(200 if allowed else 403 if user else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def user_of(authorization: str) -> str:
    """Who says so with the right password; empty where nobody does."""
    said = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    name, _, password = said.partition(":")
    return name if password == PASSWORD else ""


@contextmanager
def nginx(text: str, folder: Path) -> Iterator[None]:
    """nginx with the text as one of its files."""
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    (port,) = map(int, re.findall(r"listen 127\.0\.0\.1:(\d+);", text))
    command = [find_program("nginx"), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with daemon(command, log=folder / "nginx.log", ready=lambda: accepts(port)):
        yield


def passwords(folder: Path) -> None:
    """The files of users that the docs speak of, made as the docs say."""
    folder.mkdir()
    for name, audience in (("internal", "internal"), ("vision", "private/vision")):
        lines = []
        for user, may in MAY.items():
            if user and audience in may:
                words = [find_program("openssl"), "passwd", "-apr1", PASSWORD]
                hashed = subprocess.check_output(words, text=True).strip()
                lines.append(f"{user}:{hashed}\n")
        (folder / name).write_text("".join(lines))


def fetch(port: int, path: str, user: str) -> tuple[int, bytes]:
    """What the server answers a user, or nobody: the status, and the content."""
    headers = {}
    if user:
        pair = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def audience_of_path(path: Path) -> str:
    """The audience whose folder holds a file; empty for what is nobody's."""
    if any(part.startswith(".") for part in path.parts):
        return ""
    above = [audience for audience in MODULES if path.is_relative_to(audience)]
    return max(above, key=len, default="")


def roundabout(path: Path) -> Iterator[str]:
    """Other ways to write the address of a file."""
    yield f"/{path}"
    yield f"//{'//'.join(path.parts)}"
    yield f"/public/../{path}"
    yield f"/public/listing/..%2f../{path}"
    yield f"/public/%2e%2e/{path}"
    yield f"/public/modules/%2e%2e/%2e%2e/{path}?x=/public/index.json"
    yield "/" + "".join(f"%{byte:02x}" if byte != 47 else "/" for byte in bytes(path))


@contextmanager
def web_server(file: str, index: Path, service: int, folder: Path, more: str = "") -> Iterator[int]:
    """The port of a web server of the docs, by its file there, of an index; `service` is the port
    of who knows who may read what, and `folder` holds `modules`, the files of passwords. `more` is
    added to its settings.
    """
    (text,) = [
        each.text
        for page in ("docs/visibility.md", "docs/catalog.md")
        for each in blocks(TEXTS[page])
        if each.language == "nginx" and each.file == f"/etc/nginx/conf.d/{file}"
    ]
    port = free_port()
    text = re.sub(r"listen 808[012];", f"listen 127.0.0.1:{port}; {more}", text)
    for there, here in (
        ("/var/lib/mlreef-hooks/index", str(index)), ("/srv/www/catalogue", str(index)),
        ("127.0.0.1:9000", f"127.0.0.1:{service}"),
        ("/etc/nginx/modules", str(folder / "modules")),
    ):  # fmt: skip
        text = text.replace(there, here)
    with nginx(text, folder):
        yield port


@pytest.mark.parametrize("file", ["modules.conf", "modules-by-service.conf"])
def test_each_user_gets_exactly_the_audiences_of_hers(
    file: str, index: Path, tmp_path: Path
) -> None:
    passwords(tmp_path / "modules")
    with auth_service() as service, web_server(file, index, service, tmp_path) as port:
        paths = [path.relative_to(index) for path in index.rglob("*") if path.is_file()]
        assert {audience_of_path(path) for path in paths} == {"", *MODULES}
        for user, may in MAY.items():
            for path in paths:
                allowed = audience_of_path(path) in may
                for address in roundabout(path):
                    found, _ = fetch(port, address, user)
                    assert (found == 200) == allowed, (user, address, found)
        for folder in ("", "public", "internal", "private", "private/vision", "may-read"):
            assert fetch(port, f"/{folder}", "ada")[0] in (403, 404)
            assert fetch(port, f"/{folder}/", "ada")[0] in (403, 404)


def test_the_catalogue_is_served_by_audience_with_its_policy(tmp_path: Path) -> None:
    index, site = IndexFiles(tmp_path / "index"), tmp_path / "site"
    for audience, namespace in MODULES.items():
        add_module(
            index, version="1.0", name="m", namespace=namespace, picture=png(),
            visibility=audience.partition("/")[0],
        )  # fmt: skip
    update_catalog(index, site)
    passwords(tmp_path / "modules")
    with web_server("catalogue.conf", site, 1, tmp_path) as port:
        paths = [path.relative_to(site) for path in site.rglob("*") if path.is_file()]
        assert {audience_of_path(path) for path in paths} == {"", *MODULES}
        for user, may in MAY.items():
            for path in paths:
                found, _ = fetch(port, f"/{path}", user)
                assert (found == 200) == (audience_of_path(path) in may), (user, path, found)
        place = f"http://127.0.0.1:{port}/public/-/module/open--m/picture.png"
        with urllib.request.urlopen(place, timeout=20) as answer:
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"].startswith(POLICY)
