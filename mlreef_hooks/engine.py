"""A container engine; the only file that imports docker. Its errors become PublishErrors.

Everything runs by argument lists and is bounded in memory and processes, and in time where a `Run`
says so. What a container prints is not kept by the engine, whose disk it would fill.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import docker
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.utils import parse_repository_tag

from mlreef_hooks.container import (
    Ended,
    Lines,
    Run,
    bind_source,
    container_options,
    read_single_file,
    write_tar,
)
from mlreef_hooks.errors import PublishError
from mlreef_hooks.process import holder, is_lost

__all__ = ["Ended", "Engine", "EngineImage", "Lines", "Run", "bind_source"]

_RUN_LABEL = "io.mlreef.run"  # on every container of ours; its value is the process that holds it
_PING_SECONDS = 10
_KILLED = 137  # the exit status of what was ended by SIGKILL
_AWAY = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image that the engine has. `digest` is that of its own registry where it came from one,
    else `id`.
    """

    id: str
    digest: str
    layers: tuple[str, ...]
    environment: tuple[str, ...]
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    labels: Mapping[str, str]
    architecture: str
    size: int


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (DockerException, *_AWAY) as error:
        raise PublishError(
            f"the container engine at {url} failed: {_reason(error)}",
            "the administrator finds out more with mlreef-hooks doctor",
            passing=True,
        ) from error


def _reason(error: BaseException) -> str:
    """What the engine said, or the system where it could not be reached, on one line."""
    if isinstance(error, APIError) and error.explanation:
        return " ".join(str(error.explanation).split())[:300]
    said, cause = " ".join(str(error).split())[:300], error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            said = cause.strerror
        cause = cause.__context__
    return said


class Engine:
    """The engine that answers at `url` (`unix://...` or `tcp://...`)."""

    def __init__(self, url: str, *, timeout: float = 60) -> None:
        """`timeout` is the longest silence of the engine, in seconds; PublishError where none
        answers.
        """
        self.url = url
        with _translated(url):
            version = _api_version(url)
            self._client = docker.DockerClient(base_url=url, timeout=int(timeout), version=version)
        self._api: Any = self._client.api  # the low-level client is untyped
        # Neither a proxy nor the CA bundle of the environment is meant for the engine.
        self._api.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def version(self) -> str:
        """The engine's version."""
        with _translated(self.url):
            return str(self._client.version()["Version"])

    def keeps_layers(self) -> bool:
        """True where the engine takes archives without the layers it has (not with containerd's
        image store).
        """
        with _translated(self.url):
            drivers = self._client.info().get("DriverStatus") or []
            return not any("io.containerd.snapshotter" in str(pair) for pair in drivers)

    # images

    def image(self, name: str) -> EngineImage | None:
        """The image of this name or id, None where the engine has none."""
        with _translated(self.url):
            try:
                facts = self._api.inspect_image(name)
            except ImageNotFound:
                return None
        config = facts["Config"] or {}
        return EngineImage(
            id=facts["Id"],
            digest=_own_digest(name, facts),
            layers=tuple(facts["RootFS"]["Layers"]),
            environment=tuple(config.get("Env") or ()),
            command=tuple(config["Cmd"]) if config.get("Cmd") else None,
            entrypoint=tuple(config["Entrypoint"]) if config.get("Entrypoint") else None,
            labels=config.get("Labels") or {},
            architecture=facts["Architecture"],
            size=facts["Size"],
        )

    def names(self) -> set[str]:
        """The names of all images that the engine has."""
        with _translated(self.url):
            return {name for image in self._api.images() for name in image["RepoTags"] or ()}

    def pull(self, name: str) -> EngineImage:
        """The image, fetched from its registry."""
        try:
            with _translated(self.url):
                _read_events(self._api.pull(name, stream=True, decode=True))
        except PublishError as error:
            raise PublishError(
                f"the image {name} cannot be fetched: {_reason(error.__cause__ or error)}",
                "check its name, its registry and docker login",
                passing=True,
            ) from error
        image = self.image(name)
        if image is None:
            raise PublishError(f"the image {name} is gone again", "try again", passing=True)
        return image

    def load(self, archive: Iterable[bytes]) -> None:
        """Load a docker image archive, given in chunks."""
        with _translated(self.url):
            _read_events(self._api.load_image(archive))

    def import_root(self, tar: IO[bytes], name: str, *, environment: Sequence[str]) -> None:
        """Make an image of one layer out of a root file system's tar."""
        repository, tag = parse_repository_tag(name)
        with _translated(self.url):
            self._api.import_image_from_data(
                _chunks(tar), repository=repository, tag=tag or "latest",
                changes=[f"ENV {pair}" for pair in environment],
            )  # fmt: skip

    def tag(self, image: str, name: str) -> None:
        """Give an image another name."""
        repository, tag = parse_repository_tag(name)
        with _translated(self.url):
            self._api.tag(image, repository, tag)

    def untag(self, name: str) -> None:
        """Take a name away; the image goes with its last one."""
        with _translated(self.url), contextlib.suppress(ImageNotFound):
            self._api.remove_image(name, noprune=False)

    def push(self, name: str) -> str:
        """Push an image to its registry and return the digest it has there."""
        repository, tag = parse_repository_tag(name)
        with _translated(self.url):
            facts = _read_events(self._api.push(repository, tag=tag, stream=True, decode=True))
        if "Digest" not in facts:
            raise PublishError(f"the registry gave no digest for {name}", "try again", passing=True)
        return str(facts["Digest"])

    # containers

    def run(self, run: Run, on_output: Callable[[str, bytes], None]) -> Ended:
        """Run a container to its end; `on_output` gets (`stdout` or `stderr`, bytes)."""
        with self._container(run) as container:
            return self._follow(container, run, on_output)

    def run_and_commit(
        self,
        run: Run,
        on_output: Callable[[str, bytes], None],
        result: str,
        labels: Callable[[bytes], Mapping[str, str]],
        name: str,
    ) -> Ended:
        """Run a container and, where it ends with status 0, make what it left the image `name`.

        `result` is a file the run wrote; `labels` makes the image's labels from its content.
        """
        with self._container(run) as container:
            ended = self._follow(container, run, on_output)
            if ended.well:
                self._commit(container, run.image, labels(self._read(container, result)), name)
            return ended

    def remove_lost(self) -> None:
        """Remove the containers of processes that were killed before they could do it."""
        with _translated(self.url):
            for facts in self._api.containers(all=True, filters={"label": _RUN_LABEL}):
                if is_lost(facts["Labels"][_RUN_LABEL]):
                    with contextlib.suppress(APIError):  # another process may be at it too
                        self._api.remove_container(facts["Id"], force=True, v=True)

    def _commit(
        self, container: Container, base: str, labels: Mapping[str, str], name: str
    ) -> None:
        below = self.image(base)
        repository, tag = parse_repository_tag(name)
        conf = {
            "Labels": dict(labels),
            "Cmd": list((below and below.command) or ()),
            "Entrypoint": list((below and below.entrypoint) or ()),
        }
        with _translated(self.url):
            container.commit(repository, tag, conf=conf)

    @contextlib.contextmanager
    def _container(self, run: Run) -> Iterator[Container]:
        with _translated(self.url):
            container = self._client.containers.create(
                **container_options(run), labels={_RUN_LABEL: holder()}
            )
        try:
            if run.private is not None:
                with _translated(self.url):
                    container.put_archive(run.private, write_tar(run.private_files))
            yield container
        finally:
            with contextlib.suppress(DockerException, *_AWAY):
                container.remove(force=True, v=True)

    def _follow(
        self, container: Container, run: Run, on_output: Callable[[str, bytes], None]
    ) -> Ended:
        """Start the container and hand on what it prints, until it ends or its time is over."""
        late = threading.Event()
        with _translated(self.url):
            output: Any = container.attach(stream=True, demux=True)

        def kill() -> None:
            late.set()
            with contextlib.suppress(DockerException, *_AWAY):
                container.kill()
            with contextlib.suppress(OSError, AttributeError):
                output.close()  # an engine that hangs would not end it

        timer = threading.Timer(run.seconds or 0, kill)
        timer.daemon = True
        with _translated(self.url):
            container.start()
        try:
            if run.seconds:
                timer.start()
            for stdout, stderr in output:
                on_output(*(("stderr", stderr) if stdout is None else ("stdout", stdout)))
        finally:
            timer.cancel()
        if late.is_set():
            return Ended(status=_KILLED, late=True, out_of_memory=False)
        return self._wait(container)

    def _wait(self, container: Container) -> Ended:
        with _translated(self.url):
            status = int(container.wait()["StatusCode"])
            container.reload()
        facts: Any = container.attrs
        return Ended(status=status, late=False, out_of_memory=bool(facts["State"]["OOMKilled"]))

    def _read(self, container: Container, path: str) -> bytes:
        with _translated(self.url):
            try:
                chunks, _ = container.get_archive(path)
                content = read_single_file(chunks)
            except NotFound:
                content = None
        if content is None:
            raise PublishError(f"the build left no proper {path}", "require other packages")
        return content


def _api_version(url: str) -> str:
    """The newest version of the API that both the engine and this SDK know.

    Engines refuse what is too old for them (29 refuses all below 1.44), and answer to a ping, which
    needs no version, in a tenth of the time that they take to tell of themselves.
    """
    api: Any = docker.APIClient(base_url=url, timeout=_PING_SECONDS, version="1.44")
    api.trust_env = False
    try:
        answer = api.get(f"{api.base_url}/_ping", timeout=_PING_SECONDS)
    finally:
        api.close()
    if "Api-Version" not in answer.headers:
        raise DockerException(f"what answers is no container engine (HTTP {answer.status_code})")
    return min(answer.headers["Api-Version"], DEFAULT_DOCKER_API_VERSION, key=_numbers)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _read_events(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the engine told in an answer that it streams, or the error that it ended with."""
    facts: dict[str, Any] = {}
    for event in events:
        if "error" in event:
            raise DockerException(str(event["error"]))
        facts |= event.get("aux") or {}
    return facts


def _own_digest(name: str, facts: Mapping[str, Any]) -> str:
    """The digest in the registry that `name` names; others may have got the image from here."""
    repository, tag = parse_repository_tag(name)
    digests = dict(each.split("@", 1) for each in facts.get("RepoDigests") or ())
    return tag if "@" in name and tag else str(digests.get(repository, facts["Id"]))


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(1 << 20):
        yield chunk
