"""An index on a web server: nginx with passwords, and servers that are not to be believed."""

import hashlib
import json
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.config import Index
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_sources import JoinedIndex, Reader, open_index, open_indexes
from mlreef_hooks.reader_index import Modules
from mlreef_hooks.registry_url import Url
from mlreef_hooks.web_login import authorization
from tests.index_entries import make_entry
from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import wait_until
from tests.test_docs_nginx import MODULES, PASSWORD, passwords, web_server

OLD = 1_700_000_000  # seconds; a file that is settled


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who reads an index over HTTP, in a folder of theirs."""

    folder: Path
    user: str = ""
    warnings: list[str] = field(default_factory=list)

    def open(self, *places: str) -> Modules:
        """The index at these places, read by a new process, as it were."""
        self.folder.mkdir(parents=True, exist_ok=True)
        netrc = self.folder / f"netrc-{self.user}"
        netrc.touch(0o600)
        if self.user:
            netrc.write_text(f'machine 127.0.0.1 login {self.user} password "{PASSWORD}"\n')
        settings = Index(netrc=str(netrc), seconds=20)
        caches = self.folder / f"caches-{self.user}"
        return open_indexes(
            places, Reader(settings=settings, caches=caches, warn=self.warnings.append)
        )


@pytest.fixture
def index(tmp_path: Path) -> IndexFiles:
    """An index of four audiences, whose files are old."""
    files = IndexFiles(tmp_path / "index")
    for audience, namespace in MODULES.items():
        files.add(
            make_entry(
                namespace=namespace, name="add-noise", repository=f"{namespace}/add-noise",
                visibility=audience.partition("/")[0],
            ).document()
        )  # fmt: skip
    settle(files.root)
    return files


def settle(root: Path) -> None:
    """Let all files have been written long ago."""
    for path in root.rglob("*.json"):
        os.utime(path, (OLD, OLD))


def names(index: Modules) -> list[str]:
    """The namespaces of what is listed; each has one module."""
    return [line["namespace"] for line in index.lines()]


def test_a_web_server_with_passwords(index: IndexFiles, tmp_path: Path) -> None:
    passwords(tmp_path / "modules")
    log = tmp_path / "access.log"

    def asked() -> list[str]:
        """What was asked, each with the status."""
        lines = log.read_text().splitlines()
        return [f"{line.split()[6]} {line.split()[8]}" for line in lines]

    nobody, ada = Visitor(folder=tmp_path), Visitor(folder=tmp_path, user="ada")
    with web_server("modules.conf", index.root, 0, tmp_path, f"access_log {log};") as port:
        root = f"http://127.0.0.1:{port}"
        # all that each may read, by one address or by several
        assert names(nobody.open(root)) == ["open"]
        assert names(ada.open(root)) == ["open", "team"]
        assert names(ada.open(f"{root}/public", f"{root}/private/vision/")) == ["open", "vision"]
        document = index.find("vision", "add-noise")
        assert document
        assert ada.open(root).find("vision", "add-noise") == document
        assert nobody.open(root).find("vision", "add-noise") is None
        with pytest.raises(PublishError, match="is not for everybody, or not for you"):
            nobody.open(f"{root}/internal").lines()
        with pytest.raises(PublishError, match="there is no index at http"):
            nobody.open(f"{root}/nothing").lines()
        # what did not change is not sent again, and a listing not even asked for
        before = len(asked())
        assert names(ada.open(f"{root}/private/vision")) == ["vision"]
        assert ada.open(f"{root}/private/vision").find("vision", "add-noise") == document
        wait_until(lambda: len(asked()) == before + 2)
        assert asked()[before:] == [
            "/private/vision/index.json 304",
            "/private/vision/modules/vision/add-noise.json 304",
        ]
        index.add(make_entry("2.0", namespace="vision", repository="vision/add-noise",
                             visibility="private").document())  # fmt: skip
        (line,) = ada.open(f"{root}/private/vision").lines()
        assert line["version"] == "2.0"
    # the server is away
    assert ada.warnings == []
    assert names(ada.open(root)) == ["open", "team"]
    assert ada.open(root).find("vision", "add-noise") == document
    assert "does not answer: connection refused; this is what it said on" in ada.warnings[0]
    with pytest.raises(PublishError, match="does not answer"):
        nobody.open(f"{root}/private/vision").lines()


def test_what_is_kept_is_for_its_owner_and_may_be_broken(index: IndexFiles, tmp_path: Path) -> None:
    with web_server("modules.conf", index.root, 0, tmp_path) as port:
        place = f"http://127.0.0.1:{port}/public"
        visitor = Visitor(folder=tmp_path)
        threads = [threading.Thread(target=visitor.open(place).lines) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = [path for path in (tmp_path / "caches-").iterdir() if path.name[0] != "."]
        assert len(kept) == 2
        assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
        for path in kept:
            path.write_bytes(path.read_bytes()[:-5])
        assert names(visitor.open(place)) == ["open"]


Answers = Mapping[str, tuple[int, Mapping[str, str], bytes]]


@contextmanager
def scripted(
    answers: Answers, certificate: Certificate | None = None
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a server that answers by a table, and what it was asked, by whom."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            status, headers, content = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.path, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        scheme = "https" if certificate else "http"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def answers_of(index: IndexFiles) -> dict[str, tuple[int, Mapping[str, str], bytes]]:
    """The files of the public audience as a server would send them."""
    public = index.root / "public"
    return {
        f"/{path.relative_to(public)}": (200, {}, path.read_bytes())
        for path in public.rglob("*.json")
    }


def changed(content: bytes, **facts: Any) -> bytes:
    """A document with other fields."""
    document: Document = json.loads(content)
    return json.dumps({**document, **facts}).encode()


def entrance(content: bytes, **facts: Any) -> dict[str, Any]:
    """What index.json says of a namespace, with other facts."""
    return {"namespaces": {"open": {**json.loads(content)["namespaces"]["open"], **facts}}}


MODULE, LISTING, ENTRANCE = "/modules/open/add-noise.json", "/listing/open.json", "/index.json"
SHUT = {"Connection": "close"}
LARGE = bytes((64 << 20) + 1)


def hostile(file: str, before: bytes) -> Iterator[tuple[str, int, Mapping[str, str], bytes]]:
    """What is said of an answer, and the answer, in the place of a file."""
    yield "leads elsewhere, which is not followed", 302, {"Location": "http://127.0.0.1:9/"}, b""
    yield "answers HTTP 418", 418, {}, b""
    yield "does not answer", 200, {"Content-Length": "99999999", **SHUT}, b"{"
    if file == MODULE:
        yield "answers with more than", 200, {}, LARGE
        yield "is not JSON", 200, {}, b"["
        yield "is no document of an index", 200, {}, b"[]"
        yield "is no module document", 200, {}, b'{"v": 1}'
        yield "is of another module", 200, {}, changed(before, name="other")
        yield "nested too deeply", 200, {}, b'{"v": ' + b'{"v": ' * 900 + b"1" + b"}" * 901
        yield "holds what is no text", 200, {}, before.replace(b'"v": 1,', b'"v": 1, "\\ud800": 1,')
        yield "does not answer", 200, {"Transfer-Encoding": "chunked", **SHUT}, b"-5\r\n{}"
        far = {"Last-Modified": "Mon, 01 Jan 99999999999999 00:00:00 GMT"}
        yield "is not JSON", 200, far, b"["
    if file == LISTING:
        yield "listing/open.json has another hash than is said", 200, {}, before + b" "
        yield "listing/open.json has another hash than is said", 404, {}, b""
    if file == ENTRANCE:
        for path in ("../x.json", "listing/../../x.json", "http://127.0.0.1:9/x.json", "//x.json"):
            yield "namespaces/open/path", 200, {}, changed(before, **entrance(before, path=path))
        yield "is of a newer format", 200, {}, changed(before, v=2)


def test_a_server_that_is_not_to_be_believed(index: IndexFiles, tmp_path: Path) -> None:
    answers = answers_of(index)
    with scripted(answers) as (address, _):
        for file in (MODULE, LISTING, ENTRANCE):
            good = answers[file]
            for number, (said, status, headers, content) in enumerate(hostile(file, good[2])):
                answers[file] = (status, headers, content)
                found = Visitor(folder=tmp_path / file[1:] / f"{number}").open(address)
                with pytest.raises(PublishError, match=said):
                    found.find("open", "add-noise") if file == MODULE else found.lines()
            answers[file] = good


def test_tls_by_the_certificates_of_the_site(index: IndexFiles, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    token = tmp_path / "token"
    token.write_text("secret\n")
    with scripted(answers_of(index), certificate) as (address, asked):
        settings = Index(read=(address,), token=str(token), ca_bundle=str(certificate.path))
        assert names(open_index(address, Reader(settings=settings))) == ["open"]
        assert {who for _, who in asked} == {"Bearer secret"}
        with pytest.raises(PublishError, match=r"the certificate of 127.* is not trusted"):
            open_index(address).lines()


def test_a_copy_of_one_audience(index: IndexFiles) -> None:
    copy = open_index(index.root / "public")
    assert names(copy) == ["open"]
    assert copy.find("open", "add-noise") == index.find("open", "add-noise")
    assert copy.find("team", "add-noise") is None


def test_a_listing_of_another_namespace_is_refused(index: IndexFiles, tmp_path: Path) -> None:
    good = answers_of(index)
    content = good[LISTING][2].replace(b'"namespace": "open"', b'"namespace": "team"')
    facts = entrance(good[ENTRANCE][2], sha256=hashlib.sha256(content).hexdigest())
    lie: Answers = {
        LISTING: (200, {}, content),
        ENTRANCE: (200, {}, changed(good[ENTRANCE][2], **facts)),
    }
    with scripted({**good, **lie}) as (address, _):
        found = Visitor(folder=tmp_path).open(address)
        with pytest.raises(PublishError, match="is of another namespace"):
            found.lines()


def test_a_busy_server_and_a_name_that_is_no_name(index: IndexFiles, tmp_path: Path) -> None:
    answers = answers_of(index)
    with scripted(answers) as (address, asked):
        visitor = Visitor(folder=tmp_path)
        assert visitor.open(address).find("open", "add-noise")
        answers[MODULE] = (503, {}, b"")
        assert visitor.open(address).find("open", "add-noise")
        assert "answers HTTP 503; this is what it said on" in visitor.warnings[0]
        before = len(asked)
        for namespace, name in (("..", "x"), ("open/..", "x"), ("open", "../x"), ("", "x")):
            assert visitor.open(address).find(namespace, name) is None
        assert len(asked) == before


def test_what_may_have_changed_within_a_second_is_sent_again(tmp_path: Path) -> None:
    """A file that was replaced twice in one second may have the same time and ETag."""
    date = "Sat, 28 Nov 2026 16:00:00 GMT"
    headers = {"ETag": '"1"', "Last-Modified": date, "Date": date}
    document = make_entry(namespace="open", repository="open/add-noise").document()
    answers = {MODULE: (200, headers, json.dumps(document).encode())}
    with scripted(answers) as (address, _):
        for title in ("One", "Two"):
            document["title"] = title
            answers[MODULE] = (200, headers, json.dumps(document).encode())
            found = Visitor(folder=tmp_path).open(address).find("open", "add-noise")
            assert found
            assert found["title"] == title


@pytest.mark.parametrize(
    ("url", "read", "sent"),
    [
        ("https://modules.example/x", ["https://modules.example/public"], "Bearer secret"),
        ("https://modules.example/x", [], "Basic YWRhOnBhc3M="),
        ("https://modules.example:444/x", ["https://modules.example/"], "Basic YWRhOnBhc3M="),
        ("http://modules.example/x", ["http://modules.example/"], ""),  # without TLS
        ("https://other.example/x", ["https://modules.example/"], ""),
        ("http://127.0.0.1:8080/x", ["http://127.0.0.1:8080/", "git@git.example"], "Bearer secret"),
    ],
)
def test_who_is_told_what(tmp_path: Path, url: str, read: list[str], sent: str) -> None:
    token, netrc = tmp_path / "token", tmp_path / "netrc"
    token.write_text("secret\n")
    netrc.write_text("machine modules.example login ada password pass\ndefault login x password y")
    settings = Index(read=tuple(read), token=str(token), netrc=str(netrc))
    assert authorization(Url.parse(url), settings) == sent


@pytest.mark.parametrize("content", [b"\xff", b"machine"])
def test_a_netrc_file_that_is_none_is_not_shown(tmp_path: Path, content: bytes) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_bytes(content)
    with pytest.raises(PublishError, match=r"^the file of index\.netrc") as refused:
        authorization(Url.parse("https://modules.example"), Index(netrc=str(netrc)))
    assert "machine" not in refused.value.message


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://ada:pass@modules.example", "no address of a folder"),
        ("https://", "no address of a folder"),
        ("https://modules.example/x?y=1", "no address of a folder"),
        ("htps://modules.example", "htps://modules.example is no place of an index"),
        ("ssh://-oProxyCommand=id", "is no place of an index"),
        ("/nowhere", "there is no index at /nowhere"),
    ],
)
def test_what_is_no_place_of_an_index(place: str, said: str) -> None:
    with pytest.raises(PublishError, match=said) as refused:
        open_index(place)
    assert "pass" not in refused.value.message


def test_several_indexes_are_one(tmp_path: Path) -> None:
    indexes = [IndexFiles(tmp_path / name) for name in "ab"]
    for number, each in enumerate(indexes):
        each.add(make_entry("1.0", title=f"Of {number}").document())
        each.add(make_entry("1.0", name=f"only-{number}").document())
    joined = JoinedIndex(indexes)
    assert [(line["name"], line["title"]) for line in joined.lines()] == [
        ("add-noise", "Of 0"), ("only-0", "Add noise"), ("only-1", "Add noise"),
    ]  # fmt: skip
    assert joined.find("vision", "only-1") == indexes[1].find("vision", "only-1")
    assert joined.find("vision", "only-2") is None
