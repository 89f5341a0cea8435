"""A container engine; the only file that imports docker. Its errors become PublishErrors.

Everything runs by argument lists and is bounded in time, memory and processes.
"""

import contextlib
import io
import re
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
import requests
import urllib3
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import Mount

from mlreef_hooks.errors import PublishError

OUTPUT_BYTES = 1 << 20  # of a container's output is kept for messages
_LINE_BYTES = 4096
_AWAY = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image that the engine has. `digest` is the registry's where it came from one, else `id`."""

    id: str
    digest: str
    layers: tuple[str, ...]
    environment: tuple[str, ...]
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    labels: Mapping[str, str]
    architecture: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One container to run. `memory` as `4g`; `seconds` until it is killed, None for no limit.

    `binds` maps folders of the engine's host to (folder in the container, `ro` or `rw`). `private`
    is a folder of files that exists for this run only and never becomes part of an image.
    """

    image: str
    command: Sequence[str]
    entrypoint: Sequence[str] | None = None
    network: str = "none"
    memory: str | None = None
    processes: int = 512
    seconds: float | None = None
    user: str | None = None
    read_only: bool = True
    binds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    private: str | None = None
    private_files: Mapping[str, bytes] = field(default_factory=dict)
    gpu: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a container ended. `status` is its exit status; `late` and `out_of_memory` say why it
    was killed.
    """

    status: int
    late: bool
    out_of_memory: bool


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (DockerException, *_AWAY) as error:
        said = " ".join(str(error).split())[:300]
        raise PublishError(
            f"the container engine at {url} failed: {said}",
            "the administrator finds out more with mlreef-hooks doctor",
            passing=True,
        ) from error


class Engine:
    """The engine that answers at `url` (`unix://...` or `tcp://...`)."""

    def __init__(self, url: str, *, timeout: float = 60) -> None:
        """`timeout` is the longest silence of the engine, in seconds."""
        self.url = url
        with _translated(url):
            # A fixed API version saves a request, and the SDK's own look at the environment.
            self._client = docker.DockerClient(base_url=url, timeout=int(timeout), version="1.41")
        self._api: Any = self._client.api  # the low-level client is untyped

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
        digests = facts.get("RepoDigests") or []
        return EngineImage(
            id=facts["Id"],
            digest=digests[0].partition("@")[2] if digests else facts["Id"],
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
                self._client.images.pull(name)
        except PublishError as error:
            raise PublishError(
                f"the image {name} cannot be fetched: {error.message}",
                "check the name, or make a base with mlreef-hooks base",
                passing=True,
            ) from error
        image = self.image(name)
        if image is None:
            raise PublishError(f"the image {name} is gone again", "push the tag again", passing=True)
        return image

    def load(self, archive: Iterable[bytes]) -> None:
        """Load a docker image archive, given in chunks."""
        with _translated(self.url):
            response = self._api.load_image(archive)
            for event in response:
                if "error" in event:
                    raise DockerException(str(event["error"]))

    def import_root(self, tar: IO[bytes], name: str, *, environment: Sequence[str]) -> None:
        """Make an image of one layer out of a root file system's tar."""
        repository, _, tag = name.rpartition(":")
        with _translated(self.url):
            self._api.import_image_from_data(
                _chunks(tar), repository=repository, tag=tag,
                changes=[f"ENV {pair}" for pair in environment],
            )  # fmt: skip

    def tag(self, image: str, name: str) -> None:
        """Give an image another name."""
        repository, _, tag = name.rpartition(":")
        with _translated(self.url):
            self._api.tag(image, repository, tag)

    def untag(self, name: str) -> None:
        """Take a name away; the image goes with its last one."""
        with _translated(self.url), contextlib.suppress(ImageNotFound):
            self._api.remove_image(name, noprune=False)

    def push(self, name: str) -> str:
        """Push an image to its registry and return the digest it has there."""
        repository, _, tag = name.rpartition(":")
        digest = None
        with _translated(self.url):
            for event in self._api.push(repository, tag=tag, stream=True, decode=True):
                if "error" in event:
                    raise DockerException(f"push of {name}: {event['error']}")
                digest = event.get("aux", {}).get("Digest", digest)
        if digest is None:
            raise PublishError(
                f"the registry gave no digest for {name}", "push the tag again", passing=True
            )
        return str(digest)

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
            if ended.status == 0 and not ended.late:
                with _translated(self.url):
                    base = self.image(run.image)
                    repository, _, tag = name.rpartition(":")
                    container.commit(
                        repository, tag,
                        conf={
                            "Labels": dict(labels(_read_file(container, result))),
                            "Cmd": list((base and base.command) or ()),
                            "Entrypoint": list((base and base.entrypoint) or ()),
                        },
                    )  # fmt: skip
            return ended

    @contextlib.contextmanager
    def _container(self, run: Run) -> Iterator[Container]:
        with _translated(self.url):
            container = self._client.containers.create(**_options(run))
        try:
            if run.private is not None:
                with _translated(self.url):
                    container.put_archive(run.private, _tar(run.private_files))
            yield container
        finally:
            with contextlib.suppress(DockerException, *_AWAY):
                container.remove(force=True, v=True)

    def _follow(
        self, container: Container, run: Run, on_output: Callable[[str, bytes], None]
    ) -> Ended:
        late = threading.Event()

        def kill() -> None:
            late.set()
            with contextlib.suppress(DockerException, *_AWAY):
                container.kill()

        timer = threading.Timer(run.seconds, kill) if run.seconds else None
        with _translated(self.url):
            output: Any = container.attach(stream=True, logs=True, demux=True)
            container.start()
            if timer:
                timer.daemon = True
                timer.start()
            try:
                for stdout, stderr in output:
                    for stream, chunk in (("stdout", stdout), ("stderr", stderr)):
                        if chunk:
                            on_output(stream, chunk)
                status = int(container.wait()["StatusCode"])
                container.reload()
            finally:
                if timer:
                    timer.cancel()
        facts: Any = container.attrs
        killed_for_memory = bool(facts["State"].get("OOMKilled"))
        return Ended(status=status, late=late.is_set(), out_of_memory=killed_for_memory)


def _options(run: Run) -> dict[str, Any]:
    mounts = [
        Mount(target=target, source=source, type="bind", read_only=mode == "ro")
        for source, (target, mode) in run.binds.items()
    ]
    if run.private is not None:
        mounts.append(Mount(target=run.private, source=None, type="volume"))
    requests_gpu = docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])
    return {
        "image": run.image,
        "command": list(run.command),
        "entrypoint": None if run.entrypoint is None else list(run.entrypoint),
        "network_mode": run.network,
        "mem_limit": run.memory,
        "memswap_limit": run.memory,
        "pids_limit": run.processes,
        "user": run.user,
        "read_only": run.read_only,
        "mounts": mounts,
        "tmpfs": {"/tmp": "mode=1777,exec"} if run.read_only else {},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "device_requests": [requests_gpu] if run.gpu else None,
        "labels": {"io.mlreef.run": "1"},
    }


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _read_file(container: Container, path: str) -> bytes:
    """A file of a stopped container, at most `OUTPUT_BYTES` of it."""
    facts: Any
    chunks, facts = container.get_archive(path)
    if facts["size"] > OUTPUT_BYTES:
        raise PublishError(f"{path} of the build has {facts['size']} bytes", "require fewer packages")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        member = tar.extractfile(tar.next() or tarfile.TarInfo())
        return member.read() if member else b""


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(1 << 20):
        yield chunk


class Lines:
    """Cuts a container's output into lines of bounded length and hands them on as text."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest: dict[str, bytes] = {}

    def __call__(self, stream: str, chunk: bytes) -> None:
        """Take the next bytes of `stream`."""
        *lines, rest = re.split(rb"[\r\n]+", self._rest.get(stream, b"") + chunk)
        self._rest[stream] = rest[-_LINE_BYTES:]
        for line in lines:
            if line.strip():
                self._on_line(line[:_LINE_BYTES].decode(errors="replace"))

    def flush(self) -> None:
        """Hand on what came without a line end."""
        for stream in list(self._rest):
            self(stream, b"\n")


def bind_source(path: Path) -> str:
    """The absolute path of a folder or file to mount; PublishError where there is none."""
    resolved = path.resolve()
    if not resolved.exists():
        raise PublishError(f"{path} does not exist", "name a folder or file that does")
    return str(resolved)
