"""The docker SDK, the only file that imports it: told what it needs, its errors in plain words."""

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import requests
import urllib3
from docker import DockerClient as Client
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container
from docker.tls import TLSConfig
from docker.utils import parse_repository_tag
from urllib3.connection import HTTPConnection

from mlreef_hooks.config_images import EngineTls
from mlreef_hooks.errors import EngineGoneError, PublishError

__all__ = ["FAILURES", "APIError", "Client", "Container", "DockerException", "ImageNotFound"]

# Everything that a call of the SDK raises where the engine refuses, fails or is gone.
FAILURES = (DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError)
PING_SECONDS = 5
_KEPT_ALIVE = (  # after a minute without a sign of life, or 15 seconds of knocking
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_SYNCNT, 3),
)


def open_client(url: str, *, timeout: float, tls: EngineTls | None) -> Client:
    """A client of the engine that answers at `url`; `timeout` is its longest silence, in seconds.

    Neither a proxy nor the CA bundle of the environment is meant for the engine.
    """
    try:
        version = _api_version(url, tls)
        return _client(url, timeout, version, tls)
    except ValueError as error:  # a port that is none
        raise DockerException(str(error)) from error


def _api_version(url: str, tls: EngineTls | None) -> str:
    """The newest version of the API that both the engine and this SDK know.

    Engines refuse what is too old for them (29 refuses all below 1.44). A ping needs no version,
    and takes a tenth of the time that an engine needs to tell of itself.
    """
    client = _client(url, PING_SECONDS, "1.44", tls)
    api: Any = client.api
    try:
        answer = api.get(f"{api.base_url}/_ping", timeout=PING_SECONDS)
    finally:
        client.close()
    version: str | None = answer.headers.get("Api-Version")
    if version is None:
        raise DockerException(f"what answers is no container engine (HTTP {answer.status_code})")
    return min(version, DEFAULT_DOCKER_API_VERSION, key=_numbers)


def _client(url: str, timeout: float, version: str, tls: EngineTls | None) -> Client:
    by_ssh, by_tcp = url.startswith("ssh://"), url.startswith("tcp://")
    used = "unix:///ssh" if by_ssh else url  # the SDK's own way by ssh wants another library
    client = Client(
        base_url=used, timeout=int(timeout), version=version,
        tls=_tls_config(tls) if tls and by_tcp else False,
    )  # fmt: skip
    api: Any = client.api
    api.trust_env = False
    if by_ssh:
        from mlreef_hooks.engine_ssh import SshAdapter, ssh_command

        api.mount("http+docker://", SshAdapter(ssh_command(url), timeout))
    if by_tcp:
        api.mount("http://", _TcpAdapter())
        api.mount("https://", _TcpAdapter())
    return client


class _TcpAdapter(requests.adapters.HTTPAdapter):
    """Connections that end where the other machine is gone without a word."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Set the options of sockets, as the library asks for them."""
        socket_options = [*HTTPConnection.default_socket_options, *_KEPT_ALIVE]
        super().init_poolmanager(*args, **options, socket_options=socket_options)


def _tls_config(tls: EngineTls) -> TLSConfig:
    return TLSConfig(
        ca_cert=tls.ca, verify=True, client_cert=(tls.cert, tls.key) if tls.cert else None
    )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """What fails within becomes a PublishError that may pass, in the engine's own words.

    EngineGoneError where it has none, for it could not be reached, or died.
    """
    try:
        yield
    except FAILURES as error:
        kind = PublishError if isinstance(error, DockerException) else EngineGoneError
        raise kind(
            f"the container engine at {url} failed: {reason(error)}",
            "the administrator finds out more with mlreef-hooks doctor",
            passing=True,
        ) from error


def reason(error: BaseException) -> str:
    """What the engine said, or the system where it could not be reached, on one line."""
    if isinstance(error, APIError) and error.explanation:
        return " ".join(str(error.explanation).split())[:300]
    said, cause = " ".join(str(error).split())[:300], error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            said = cause.strerror
        cause = cause.__context__
    return said


def read_events(
    events: Iterable[Mapping[str, Any]], on_event: Callable[[Mapping[str, Any]], None] | None = None
) -> Mapping[str, Any]:
    """What the engine told in an answer that it streams; DockerException where that is an error."""
    facts: dict[str, Any] = {}
    for event in events:
        if on_event:
            on_event(event)
        if "error" in event:
            raise DockerException(str(event["error"]))
        facts |= event.get("aux") or {}
    return facts


def open_archive(client: Client, container: str, path: str) -> requests.Response:
    """The answer that brings what is at a path of a container as a tar; to be closed.

    The SDK's own call cannot be closed, and the engine does not let go of a container that is being
    read.
    """
    api: Any = client.api
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    answer: requests.Response = api.get(
        url, params={"path": path}, timeout=api.timeout, stream=True
    )
    return answer


def bytes_written(client: Client, container: str) -> int:
    """How much a container has written to its root file system."""
    api: Any = client.api
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/json"
    answer = api.get(url, params={"size": 1}, timeout=api.timeout)
    answer.raise_for_status()
    return int(answer.json().get("SizeRw", 0))


def bytes_in(client: Client, container: str, path: str, most: int) -> int:
    """How much is in a folder of a container, which may be a volume; beyond `most` is not read."""
    found = 0
    with open_archive(client, container, path) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(1 << 16):
            found += len(chunk)
            if found > most:
                break
    return found


def split_name(name: str) -> tuple[str, str]:
    """The repository and the tag or digest of an image's name; without either it is `latest`."""
    repository, tag = parse_repository_tag(name)
    return repository, tag or "latest"
