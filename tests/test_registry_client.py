"""The registry client: against a real registry, and against one that fails as a test wants.

`tests/support/scripted_registry.py` is the second one.
"""

import io
import json
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Descriptor,
    encode,
    image_manifest,
    plain_layer,
    sha256,
)
from mlreef_hooks.registry import LARGEST_MANIFEST, Registry
from tests.support.certificates import Certificate, make_certificate
from tests.support.engine import PASSWORD, USER, local_registry
from tests.support.processes import free_port
from tests.support.scripted_registry import Break, Fault, Reply, ScriptedRegistry, scripted_registry

CONTENT = bytes(range(256)) * 40
BLOB = Descriptor.of(LAYER, CONTENT)
AB, CD = "vision/add-noise", "vision/turn"
UPLOADS = f"/v2/{AB}/blobs/uploads/"
BLOB_PATH = f"/v2/{AB}/blobs/{BLOB.digest}"
KEY = "registry.docker_config"


def content() -> io.BytesIO:
    """The blob's content, opened."""
    return io.BytesIO(CONTENT)


def write_config(folder: Path, host: str, password: str = PASSWORD) -> Path:
    """What `docker login` would write."""
    path = folder / "config.json"
    auth = b64encode(f"{USER}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return path


def fetch(client: Registry, blob: Descriptor = BLOB) -> bytes:
    """A blob of the repository."""
    out = io.BytesIO()
    client.fetch_blob(AB, blob, out)
    return out.getvalue()


def refusal(attempt: Callable[[], object]) -> PublishError:
    """What an attempt ends with."""
    with pytest.raises(PublishError) as raised:
        attempt()
    return raised.value


# -- a real registry -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that only `registry.ca_bundle` makes trusted."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry for everybody."""
    with local_registry(tmp_path_factory.mktemp("opened")) as host:
        yield host


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[tuple[str, Path]]:
    """A registry with TLS and a password, and docker's file of that."""
    folder = tmp_path_factory.mktemp("closed")
    with local_registry(folder, closed=True, certificate=certificate) as host:
        yield host, write_config(folder, host)


@pytest.fixture(params=["open", "closed with TLS"])
def client(request: pytest.FixtureRequest, certificate: Certificate) -> Iterator[Registry]:
    """A client of each kind of registry; its chunks are small."""
    if request.param == "open":
        with Registry(request.getfixturevalue("opened"), chunk=1000) as client:
            yield client
        return
    host, docker_config = request.getfixturevalue("closed")
    ca_bundle = str(certificate.path)
    with Registry(host, docker_config=docker_config, ca_bundle=ca_bundle, chunk=1000) as client:
        yield client


def test_an_image_goes_to_a_registry_and_comes_back(client: Registry) -> None:
    config = encode({"architecture": "amd64", "os": "linux"})
    config_blob = Descriptor.of(CONFIG, config)
    manifest = image_manifest(config_blob, [plain_layer(BLOB.digest, BLOB.size)])
    client.upload_blob(AB, BLOB, content)
    client.upload_blob(AB, config_blob, lambda: io.BytesIO(config))
    assert client.put_manifest(AB, "1.0.0", manifest, MANIFEST) == sha256(manifest)
    for reference in ("1.0.0", sha256(manifest)):
        assert client.get_manifest(AB, reference) == (manifest, MANIFEST)
    assert client.get_manifest(AB, "2.0.0") is None
    assert fetch(client) == CONTENT
    assert client.has_blob(AB, BLOB.digest)

    index = encode(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [Descriptor.of(MANIFEST, manifest).to_json()],
        }
    )
    client.put_manifest(AB, "all", index, INDEX)
    assert client.get_manifest(AB, "all") == (index, INDEX)


def test_a_blob_is_mounted_from_another_repository(client: Registry) -> None:
    client.upload_blob(AB, BLOB, content)
    other = b"of one repository alone"
    blob = Descriptor.of(LAYER, other)
    assert not client.has_blob(CD, blob.digest)
    assert client.mount_blob(CD, BLOB.digest, AB)
    assert client.has_blob(CD, BLOB.digest)
    assert not client.mount_blob(CD, blob.digest, AB)
    client.upload_blob(CD, blob, lambda: io.BytesIO(other))
    assert client.has_blob(CD, blob.digest)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 20_500])
def test_a_blob_of_any_size(client: Registry, size: int) -> None:
    sent = b"\xa5" * size
    blob = Descriptor.of(LAYER, sent)
    client.upload_blob(AB, blob, lambda: io.BytesIO(sent))
    assert fetch(client, blob) == sent


def test_the_same_blob_from_several_at_once(opened: str) -> None:
    sent = b"the same" * 200_000
    blob = Descriptor.of(LAYER, sent)

    def upload(_: int) -> bool:
        with Registry(opened, chunk=300_000) as client:
            client.upload_blob(AB, blob, lambda: io.BytesIO(sent))
            return client.has_blob(AB, blob.digest)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(upload, range(8)))
    with Registry(opened) as client:
        assert fetch(client, blob) == sent


def test_who_may_not_is_told_which_key_helps(
    tmp_path: Path, certificate: Certificate, closed: tuple[str, Path]
) -> None:
    (host, _), bundle = closed, str(certificate.path)
    (tmp_path / "nobody.json").write_text("{}")
    for docker_config in (tmp_path / "nobody.json", write_config(tmp_path, host, "t0p-s3cret")):
        with Registry(host, docker_config=docker_config, ca_bundle=bundle) as client:
            error = refusal(lambda: client.upload_blob(AB, BLOB, content))
        assert "UNAUTHORIZED: authentication required" in error.message
        assert "t0p-s3cret" not in error.message
        assert KEY in error.hint
        assert error.passing


def test_a_certificate_that_nobody_vouches_for(closed: tuple[str, Path]) -> None:
    host, docker_config = closed
    with Registry(host, docker_config=docker_config) as client:
        error = refusal(lambda: client.has_blob(AB, BLOB.digest))
    assert error.message == f"the certificate of {host} is not trusted: self-signed certificate"
    assert "registry.ca_bundle" in error.hint
    assert error.passing


def test_a_manifest_is_deleted_by_its_digest(client: Registry) -> None:
    config = Descriptor.of(CONFIG, CONTENT)
    client.upload_blob(AB, config, content)
    manifest = image_manifest(config, [])
    digest = client.put_manifest(AB, "gone", manifest, MANIFEST)
    assert client.delete_manifest(AB, digest)
    assert client.get_manifest(AB, "gone") is None
    assert client.delete_manifest(AB, digest)  # gone is gone
    assert "is not a name" in refusal(lambda: client.delete_manifest(AB, "gone")).message


# -- a scripted one ------------------------------------------------------------------------------


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    """A registry that fails as its `faults` say."""
    with scripted_registry() as registry:
        yield registry


@pytest.fixture
def elsewhere() -> Iterator[ScriptedRegistry]:
    """Another host, to which one may be sent."""
    with scripted_registry() as registry:
        yield registry


class Client(Registry):
    """A client that writes down how long it would wait."""

    def __init__(self, registry: ScriptedRegistry, folder: Path, *, chunk: int = 4000) -> None:
        self.waits: list[float] = []
        config = write_config(folder, registry.address)
        super().__init__(
            registry.address, docker_config=config, chunk=chunk, wait=self.waits.append
        )


@pytest.fixture
def own(scripted: ScriptedRegistry, tmp_path: Path) -> Iterator[Client]:
    """A client of the scripted registry."""
    with Client(scripted, tmp_path) as client:
        yield client


def challenge(realm: str) -> Reply:
    """The answer of a registry that wants a token."""
    value = f'Bearer realm="{realm}",service="the, service",scope="repository:x:y"'
    return Reply(status=401, headers={"WWW-Authenticate": value}, body=b"{}")


def token(text: str) -> Reply:
    """The answer of a token server."""
    return Reply(status=200, body=json.dumps({"token": text}).encode())


def test_a_blob_of_one_chunk_is_two_requests_over_one_connection(
    scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    with Client(scripted, tmp_path, chunk=len(CONTENT)) as client:
        client.upload_blob(AB, BLOB, content)
    assert scripted.lines == [f"POST {UPLOADS}", f"PUT {UPLOADS}0"]
    assert len(scripted.connections) == 1
    assert scripted.blobs == {BLOB.digest: CONTENT}


def test_an_upload_that_came_instead_of_a_mount_is_used_or_taken_back(
    scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    with Client(scripted, tmp_path, chunk=len(CONTENT)) as client:
        assert not client.mount_blob(AB, BLOB.digest, CD)
        client.upload_blob(AB, BLOB, content)
        assert client.mount_blob(AB, BLOB.digest, CD)
        assert not client.mount_blob(AB, sha256(b"other"), CD)
    posted = f"POST {UPLOADS}"
    assert scripted.lines == [
        posted, f"PUT {UPLOADS}0", posted, posted, f"DELETE {UPLOADS}1"
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "gone"), [(202, True), (404, True), (405, False)])
def test_a_registry_may_delete_nothing(
    scripted: ScriptedRegistry, own: Client, status: int, gone: bool
) -> None:
    scripted.faults = {"DELETE": [Break(), Reply(status=status)]}
    assert own.delete_manifest(AB, BLOB.digest) is gone
    assert scripted.lines == [f"DELETE /v2/{AB}/manifests/{BLOB.digest}"] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_where_nothing_can_be_mounted_one_uploads(
    scripted: ScriptedRegistry, own: Client, status: int
) -> None:
    own.has_blob(AB, BLOB.digest)
    scripted.faults["POST"] = [Reply(status=status)]
    assert not own.mount_blob(AB, BLOB.digest, CD)
    own.upload_blob(AB, BLOB, content)
    assert scripted.blobs == {BLOB.digest: CONTENT}


def test_a_token_is_asked_for_what_is_done_and_used_again(
    scripted: ScriptedRegistry, elsewhere: ScriptedRegistry, own: Client
) -> None:
    scripted.faults["POST"] = [challenge(f"http://{elsewhere.address}/token?a=b")]
    elsewhere.faults["GET /token"] = [token("t0k.en")]
    own.mount_blob(AB, BLOB.digest, CD)
    (asked,) = elsewhere.requests
    assert asked.query == {
        "a": ["b"],
        "service": ["the, service"],
        "scope": [f"repository:{AB}:pull,push", f"repository:{CD}:pull"],
    }
    basic = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert asked.headers["authorization"] == f"Basic {basic}"
    assert scripted.requests[-1].headers["authorization"] == "Bearer t0k.en"
    own.mount_blob(AB, sha256(b""), CD)
    assert scripted.requests[-1].headers["authorization"] == "Bearer t0k.en"
    assert len(elsewhere.requests) == 1


def test_a_token_that_is_no_longer_valid_is_replaced(
    scripted: ScriptedRegistry, own: Client
) -> None:
    realm = f"http://{scripted.address}/token"
    scripted.faults = {
        "POST": [challenge(realm)],
        "PATCH": [challenge(realm)],
        "GET /token": [token("first"), token("second")],
    }
    own.upload_blob(AB, BLOB, content)
    sent = [each.headers.get("authorization") for each in scripted.requests if "/v2" in each.path]
    assert sent == [None, *["Bearer first"] * 2, *["Bearer second"] * 3]
    assert scripted.blobs == {BLOB.digest: CONTENT}


def test_an_identity_token_is_exchanged(scripted: ScriptedRegistry, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {scripted.address: {"identitytoken": "id/entity"}}}))
    scripted.faults = {
        "HEAD": [challenge("/token")],
        "POST /token": [Reply(status=200, body=b'{"access_token": "t"}')],
    }
    with Registry(scripted.address, docker_config=config) as client:
        assert not client.has_blob(AB, BLOB.digest)
    asked = scripted.requests[1]
    assert asked.body.startswith(b"grant_type=refresh_token&")
    assert b"&refresh_token=id%2Fentity&" in asked.body
    assert scripted.requests[2].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("reply", "passing"),
    [
        (Reply(status=401), True),
        (Reply(status=403, body=b"s3cret"), True),
        (Reply(status=503), True),
        (Reply(status=302, headers={"Location": "https://other.example/"}), True),
        (Reply(status=200, body=b"[]"), False),
        (Reply(status=200, body=b'{"token": 1}'), False),
        (Reply(status=200, body=b'{"token": "a\\r\\nb"}'), False),
        (Reply(status=200, body=b"[" * 100_000), False),
        (Reply(status=200, body=b" " * ((1 << 20) + 1)), False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_token_server_that_gives_none(
    scripted: ScriptedRegistry, own: Client, reply: Reply, passing: bool
) -> None:
    scripted.faults = {"HEAD": [challenge("/token")] * 4, "GET /token": [reply] * 4}
    error = refusal(lambda: own.has_blob(AB, BLOB.digest))
    assert error.message.startswith(scripted.address)
    assert error.passing is passing
    assert "s3cret" not in error.message


@pytest.mark.parametrize(
    "realm",
    ["http://registry.example/token", "http://10.0.0.1/", "ftp://x/", "http://a:b@127.0.0.1/", ""],
)
def test_a_realm_that_is_not_safe_gets_no_password(
    scripted: ScriptedRegistry, own: Client, realm: str
) -> None:
    scripted.faults["HEAD"] = [challenge(realm)] * 2
    error = refusal(lambda: own.has_blob(AB, BLOB.digest))
    assert "leads to" in error.message or "refuses" in error.message or "token" in error.message
    assert [each.headers.get("authorization") for each in scripted.requests][:1] == [None]


# -- elsewhere -----------------------------------------------------------------------------------


def test_another_host_gets_what_it_is_for_and_no_password(
    scripted: ScriptedRegistry, elsewhere: ScriptedRegistry, own: Client
) -> None:
    basic = Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
    there = f"http://{elsewhere.address}"
    elsewhere.blobs[BLOB.digest] = CONTENT
    elsewhere.uploads["7"] = bytearray()
    scripted.faults = {
        "HEAD": [basic],
        "GET": [Reply(status=307, headers={"Location": f"{there}{BLOB_PATH}?signed=1"})],
        "POST": [Reply(status=202, headers={"Location": f"{there}{UPLOADS}7?state=1"})],
    }
    own.has_blob(AB, BLOB.digest)
    assert fetch(own) == CONTENT
    own.upload_blob(AB, BLOB, content)
    assert all("authorization" in each.headers for each in scripted.requests[1:])
    assert not [each for each in elsewhere.requests if "authorization" in each.headers]
    assert elsewhere.requests[-1].query == {"digest": [BLOB.digest]}


def test_another_host_that_wants_a_password_gets_none(
    scripted: ScriptedRegistry, elsewhere: ScriptedRegistry, own: Client
) -> None:
    location = f"http://{elsewhere.address}{BLOB_PATH}"
    scripted.faults["GET"] = [Reply(status=302, headers={"Location": location})]
    elsewhere.faults["GET"] = [Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})]
    assert f"{elsewhere.address} refuses blob" in refusal(lambda: fetch(own)).message
    assert len(elsewhere.requests) == 1


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (BLOB_PATH, "HTTP 302"),
        ("", "leads to an address that is none"),
        ("http://[", "leads to an address that is none"),
        ("http://127.0.0.1:99999/", "leads to an address that is none"),
        ("file:///etc/passwd", "leads to an address that is none"),
        ("http://registry.example/", "leads to http://registry.example, which is without TLS"),
        ("http://ada:s3cret@127.0.0.1/", "leads to an address that is none"),
    ],
)
def test_where_a_registry_cannot_lead_one(
    scripted: ScriptedRegistry, own: Client, location: str, message: str
) -> None:
    scripted.faults["GET"] = [Reply(status=302, headers={"Location": location})] * 9
    error = refusal(lambda: fetch(own))
    assert message in error.message
    assert len(scripted.requests) <= 6
    assert "s3cret" not in error.message


# -- what may pass -------------------------------------------------------------------------------

BUSY = Reply(status=503, body=b'{"errors":[{"code":"BUSY","message":"later"}]}')


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        ([], []),
        ([Reply(status=429, headers={"Retry-After": "7"})], [7]),
        ([Reply(status=429, headers={"Retry-After": "Fri, 27 Nov 2026 12:00:00 GMT"})], [0.1]),
        ([BUSY, Reply(status=500), Break()], [0.1, 1, 3]),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
def test_what_passes_is_waited_for(
    scripted: ScriptedRegistry, own: Client, method: str, faults: list[Fault], waits: list[float]
) -> None:
    scripted.faults[method] = [*faults]
    assert not own.has_blob(AB, BLOB.digest)
    own.upload_blob(AB, BLOB, content)
    assert scripted.blobs == {BLOB.digest: CONTENT}
    assert own.waits == waits


def test_what_does_not_pass_keeps_the_job(scripted: ScriptedRegistry, own: Client) -> None:
    scripted.faults["POST"] = [BUSY] * 5
    error = refusal(lambda: own.upload_blob(AB, BLOB, content))
    expected = f"{scripted.address} refuses blob {BLOB.digest[:19]} of {AB}: BUSY: later"
    assert (error.message, error.passing) == (expected, True)
    assert own.waits == [0.1, 1, 3]


def test_nobody_waits_as_long_as_a_registry_likes(scripted: ScriptedRegistry, own: Client) -> None:
    scripted.faults["HEAD"] = [Reply(status=429, headers={"Retry-After": "3600"})]
    assert refusal(lambda: own.has_blob(AB, BLOB.digest)).passing
    assert own.waits == []


def test_a_registry_that_is_away_keeps_the_job() -> None:
    port = free_port()
    with Registry(f"localhost:{port}") as client:
        error = refusal(lambda: client.has_blob(AB, BLOB.digest))
    assert error.message == f"localhost:{port} cannot be reached: connection refused"
    assert error.passing


def test_a_registry_that_is_silent_keeps_the_job() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with Registry(address, timeout=0.01) as client:
            error = refusal(lambda: client.has_blob(AB, BLOB.digest))
    assert (error.message, error.passing) == (f"{address} cannot be reached: timed out", True)


@pytest.mark.parametrize(
    ("method", "after", "resent"),
    [
        ("PATCH", 3000, 0),
        ("PATCH", 1, 1),  # the registry says `0-0`, which may be nothing
        ("PATCH", 0, 0),
        ("PUT", 2000, 0),
        ("PUT", 0, 0),
    ],
)
def test_an_upload_that_broke_off_goes_on_where_it_was(
    scripted: ScriptedRegistry, own: Client, method: str, after: int, resent: int
) -> None:
    scripted.faults[method] = [Break(after=after)]
    own.upload_blob(AB, BLOB, content)
    assert scripted.blobs == {BLOB.digest: CONTENT}
    assert sum(len(each.body) for each in scripted.requests) == len(CONTENT) + resent


def test_an_upload_whose_end_got_lost_is_not_repeated(
    scripted: ScriptedRegistry, own: Client
) -> None:
    scripted.faults["PUT"] = [Break()]
    scripted.blobs[BLOB.digest] = CONTENT
    own.upload_blob(AB, BLOB, content)
    assert scripted.lines[-1] == f"HEAD {BLOB_PATH}"


@pytest.mark.parametrize("status", [404, 416])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "GET"])
def test_an_upload_that_the_registry_lost_begins_anew(
    scripted: ScriptedRegistry, own: Client, method: str, status: int
) -> None:
    scripted.faults = {"PATCH": [Break(after=3)], method: [Reply(status=status)]}
    scripted.faults.setdefault("PATCH", [])
    own.upload_blob(AB, BLOB, content)
    assert scripted.blobs == {BLOB.digest: CONTENT}


def test_a_blob_that_broke_off_goes_on_where_it_was(
    scripted: ScriptedRegistry, own: Client
) -> None:
    scripted.blobs[BLOB.digest] = CONTENT
    scripted.faults["GET"] = [Break(after=5000), Break(after=10), Break(after=0)]
    assert fetch(own) == CONTENT
    ranges = [each.headers.get("range") for each in scripted.requests]
    assert ranges == [None, "bytes=5000-", "bytes=5010-", "bytes=5010-"]
    scripted.faults["GET"] = [Break(after=5000), Reply(status=200, body=CONTENT)]
    assert fetch(own) == CONTENT


def test_a_manifest_that_broke_off_is_asked_for_again(
    scripted: ScriptedRegistry, own: Client
) -> None:
    scripted.manifests["1"] = (b"{}" * 100, MANIFEST)
    scripted.faults["GET"] = [Break(after=20)]
    assert own.get_manifest(AB, "1") == (b"{}" * 100, MANIFEST)
    scripted.faults["PUT"] = [Break(after=1)]
    own.put_manifest(AB, "2", b"{}", MANIFEST)
    assert scripted.manifests["2"] == (b"{}", MANIFEST)


# -- what will not pass --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "passing", "hint"),
    [
        (400, False, "the registry's log"),
        (401, True, KEY),
        (403, True, KEY),
        (404, False, "registry.prefix"),
        (405, False, "the registry's log"),
        (413, False, "limit of the proxy"),
        (307, False, "the registry's log"),
        (200, False, "the registry's log"),
    ],
)
def test_what_is_refused_is_not_tried_again(
    scripted: ScriptedRegistry, own: Client, status: int, passing: bool, hint: str
) -> None:
    own.has_blob(AB, BLOB.digest)
    scripted.faults["POST"] = [Reply(status=status)] * 4
    error = refusal(lambda: own.upload_blob(AB, BLOB, content))
    assert error.message.endswith(f"of {AB}: HTTP {status}")
    assert (error.passing, hint in error.hint) == (passing, True)
    assert scripted.lines[1:] == [f"POST {UPLOADS}"]


def test_who_does_not_want_a_body_is_heard(scripted: ScriptedRegistry, tmp_path: Path) -> None:
    sent = bytes(30_000_000)
    blob = Descriptor.of(LAYER, sent)
    scripted.faults["PUT"] = [Reply(status=413, unread=True)]
    with Client(scripted, tmp_path, chunk=len(sent)) as client:
        error = refusal(lambda: client.upload_blob(AB, blob, lambda: io.BytesIO(sent)))
    assert error.message.endswith("HTTP 413")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "HTTP 400"),
        (b"<html>", "HTTP 400"),
        (b"[" * 60_000, "HTTP 400"),
        (b'{"errors": []}', "HTTP 400"),
        (b'{"errors": [{"code": "A", "message": "b\\u001b[31m\\nc\\u202e"}]}', "A: b[31m c"),
        (b'{"errors": [{"code": "A", "message": "Basic %s"}]}', "A: Basic ***"),
        (b'{"errors": [{"code": "A", "message": "correct horse"}]}', "A: ***"),
        (b'{"errors": [{"code": "A", "message": "' + b"b" * 9000 + b'"}]}', "A: " + "b" * 297),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_a_registry_says_is_shown_without_what_does_harm(
    scripted: ScriptedRegistry, own: Client, body: bytes, said: str
) -> None:
    basic = Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
    secret = b64encode(f"{USER}:{PASSWORD}".encode())
    scripted.faults = {
        "HEAD": [basic],
        "POST": [Reply(status=400, body=body.replace(b"%s", secret))],
    }
    own.has_blob(AB, BLOB.digest)
    error = refusal(lambda: own.upload_blob(AB, BLOB, content))
    assert error.message.endswith(f"of {AB}: {said}")


@pytest.mark.parametrize(
    ("sent", "how"),
    [
        (CONTENT + b"x", "is larger than 10240 bytes"),
        (CONTENT[:-1], "is smaller than 10240 bytes"),
        (CONTENT[::-1], "is not what its digest says"),
    ],
)
def test_a_blob_that_is_another_one(
    scripted: ScriptedRegistry, own: Client, sent: bytes, how: str
) -> None:
    scripted.blobs[BLOB.digest] = sent
    out = io.BytesIO()
    error = refusal(lambda: own.fetch_blob(AB, BLOB, out))
    assert error.message.endswith(f"of {AB} at {scripted.address} {how}")
    assert not error.passing
    assert len(out.getvalue()) <= BLOB.size


@pytest.mark.parametrize(
    ("content", "media_type", "how"),
    [
        (b"{}", "text/html; charset=utf-8", "is of the type 'text/html'"),
        (b"{}", "\x1b[31m" + "x" * 1000, "is of the type"),
        (b" " * (LARGEST_MANIFEST + 1), MANIFEST, f"more than {LARGEST_MANIFEST} bytes"),
    ],
    ids=["type", "escape", "large"],
)
def test_a_manifest_that_is_none(
    scripted: ScriptedRegistry, own: Client, content: bytes, media_type: str, how: str
) -> None:
    scripted.manifests["1"] = (content, media_type)
    error = refusal(lambda: own.get_manifest(AB, "1"))
    assert how in error.message
    assert error.message.isprintable()
    assert len(error.message) < 500


def test_a_manifest_of_another_digest(scripted: ScriptedRegistry, own: Client) -> None:
    scripted.manifests[BLOB.digest] = (b"{}", MANIFEST)
    error = refusal(lambda: own.get_manifest(AB, BLOB.digest))
    assert error.message.endswith("is not what its digest says")
    headers = {"Docker-Content-Digest": BLOB.digest}
    scripted.faults["PUT"] = [Reply(status=201, headers=headers)]
    error = refusal(lambda: own.put_manifest(AB, "1", b"{}", MANIFEST))
    assert "under another digest" in error.message


@pytest.mark.parametrize(
    "digest", ["", "sha256:0", "sha512:" + "0" * 128, "sha256:" + "0" * 63 + "\n", "../" * 20]
)
def test_a_digest_of_somebody_else_is_checked(
    scripted: ScriptedRegistry, own: Client, digest: str
) -> None:
    blob = Descriptor(media_type=LAYER, digest=digest, size=1)
    error = refusal(lambda: fetch(own, blob))
    assert "is not a name or a digest in a registry" in error.message
    assert refusal(lambda: own.get_manifest(AB, digest + ":"))
    assert refusal(lambda: own.has_blob("../x", BLOB.digest))
    assert scripted.requests == []


def test_a_file_that_got_shorter_is_no_blob(scripted: ScriptedRegistry, own: Client) -> None:
    error = refusal(lambda: own.upload_blob(AB, BLOB, lambda: io.BytesIO(CONTENT[:5])))
    assert "is shorter than 10240 bytes" in error.message


@pytest.mark.parametrize("host", ["", "a b", "a/b:x", "registry.example:99999", "u:p@a.example"])
def test_a_host_that_is_none(host: str) -> None:
    assert refusal(lambda: Registry(host)).hint == "the administrator corrects registry.prefix"


BASIC = Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})


@pytest.mark.parametrize(
    ("replies", "tokens", "answers"),
    [
        ([Reply(status=200, body=b"{}")], [], True),
        ([Reply(status=404)], [], True),  # it is not there, and would be shown if it were
        ([BASIC], [], False),
        ([Reply(status=403)], [], False),
        ([challenge("/token"), Reply(status=200)], [token("t")], True),
        ([challenge("/token"), Reply(status=404)], [token("t")], True),
        ([challenge("/token"), challenge("/token")], [token("t")], False),
        ([challenge("/token"), Reply(status=403)], [token("t")], False),
        ([challenge("/token")], [Reply(status=401)], False),
        ([challenge("/token")], [Reply(status=403)], False),
    ],
)
def test_whether_a_registry_answers_everybody(
    scripted: ScriptedRegistry,
    tmp_path: Path,
    replies: list[Reply],
    tokens: list[Reply],
    answers: bool,
) -> None:
    scripted.faults = {"GET /v2": [*replies], "GET /token": [*tokens]}
    config = write_config(tmp_path, scripted.address)
    with Registry(scripted.address, docker_config=config, anonymous=True) as client:
        assert client.answers(AB) == answers
    sent = [each.headers.get("authorization") for each in scripted.requests]
    assert {*sent} <= {None, "Bearer t"}  # and no password


def test_a_token_server_that_is_away_does_not_mean_closed(
    scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    scripted.faults = {
        "GET /v2": [challenge("/token")] * 9, "GET /token": [Reply(status=503)] * 9,
    }  # fmt: skip
    with Registry(scripted.address, anonymous=True, wait=lambda seconds: None) as client:
        error = refusal(lambda: client.answers(AB))
    assert error.passing
