"""A container engine: its images, and containers that are run to their end.

Everything runs by argument lists and is bounded in memory and processes, and in time and disk where
a `Run` says so. What a container prints is not kept by the engine, whose disk it would fill.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar

from mlreef_hooks.config_images import EngineTls
from mlreef_hooks.container import (
    KILLED,
    NOT_FOUND,
    Ended,
    Lines,
    Run,
    bind_source,
    container_options,
    read_single_file,
    write_tar,
)
from mlreef_hooks.container_watch import watched
from mlreef_hooks.engine_api import (
    FAILURES,
    APIError,
    Container,
    ImageNotFound,
    open_archive,
    open_client,
    read_events,
    reason,
    split_name,
    translated,
)
from mlreef_hooks.engine_image import EngineImage, is_lost_candidate
from mlreef_hooks.errors import EngineGoneError, PublishError
from mlreef_hooks.process import holder, is_lost

__all__ = ["Ended", "Engine", "EngineImage", "Lines", "Run", "bind_source"]

_Read = TypeVar("_Read")
_OTHERS = "require other packages"
_NAMELESS = "<none>:<none>"  # what an engine calls an image whose name another one has got
_RUN_LABEL = "io.mlreef.run"  # on every container of ours; its value is the process that holds it


class Engine:
    """The engine that answers at `url` (`unix://...`, `tcp://...` or `ssh://...`)."""

    def __init__(self, url: str, *, timeout: float = 60, tls: EngineTls | None = None) -> None:
        """`timeout` is the longest silence of the engine, in seconds; PublishError where none
        answers.
        """
        self.url = url
        with translated(url):
            self._client = open_client(url, timeout=timeout, tls=tls)
        self._api: Any = self._client.api  # the low-level client is untyped

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def version(self) -> str:
        """The engine's version."""
        with translated(self.url):
            return str(self._client.version()["Version"])

    def keeps_layers(self) -> bool:
        """True where the engine takes archives without the layers it has (not with containerd's
        image store).
        """
        with translated(self.url):
            drivers = self._client.info().get("DriverStatus") or []
            return not any("io.containerd.snapshotter" in str(pair) for pair in drivers)

    def is_rootless(self) -> bool:
        """True where the engine itself has no root's rights on its machine."""
        with translated(self.url):
            options = self._client.info().get("SecurityOptions") or []
            return any("name=rootless" in str(option) for option in options)

    # images

    def image(self, name: str) -> EngineImage | None:
        """The image of this name or id, None where the engine has none."""
        with translated(self.url):
            try:
                facts = self._api.inspect_image(name)
            except ImageNotFound:
                return None
        return EngineImage.read(split_name(name)[0], facts)

    def names(self) -> set[str]:
        """The names of all images that the engine has."""
        with translated(self.url):
            found = {name for image in self._api.images() for name in image["RepoTags"] or ()}
        return found - {_NAMELESS}

    def pull(
        self, name: str, on_event: Callable[[Mapping[str, Any]], None] | None = None
    ) -> EngineImage:
        """The image, fetched from its registry; `on_event` gets what the engine tells meanwhile."""
        try:
            with translated(self.url):
                read_events(self._api.pull(name, stream=True, decode=True), on_event)
        except EngineGoneError:
            raise
        except PublishError as error:
            raise PublishError(
                f"the image {name} cannot be fetched: {reason(error.__cause__ or error)}",
                "check its name, its registry and docker login",
                passing=True,
            ) from error
        image = self.image(name)
        if image is None:
            raise PublishError(f"the image {name} is gone again", "try again", passing=True)
        return image

    def load(self, archive: Iterable[bytes]) -> None:
        """Load a docker image archive, given in chunks."""
        with translated(self.url):
            read_events(self._api.load_image(archive))

    def save(self, name: str) -> Iterator[bytes]:
        """A docker archive of the image of this name, in chunks."""
        with translated(self.url):
            yield from self._api.get_image(name, chunk_size=1 << 20)

    def import_root(self, tar: IO[bytes], name: str, *, environment: Sequence[str]) -> None:
        """Make an image of one layer out of a root file system's tar."""
        repository, tag = split_name(name)
        with translated(self.url):
            self._api.import_image_from_data(
                _chunks(tar), repository=repository, tag=tag,
                changes=[f"ENV {pair}" for pair in environment],
            )  # fmt: skip

    def tag(self, image: str, name: str) -> None:
        """Give an image another name."""
        repository, tag = split_name(name)
        with translated(self.url):
            self._api.tag(image, repository, tag)

    def untag(self, name: str) -> None:
        """Take a name away; the image goes with its last one."""
        with translated(self.url), contextlib.suppress(ImageNotFound):
            self._api.remove_image(name, noprune=False)

    def push(self, name: str) -> str:
        """Push an image to its registry and return the digest it has there."""
        repository, tag = split_name(name)
        with translated(self.url):
            facts = read_events(self._api.push(repository, tag=tag, stream=True, decode=True))
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
                found = self._read(container, result, read_single_file)
                if found is None:
                    raise PublishError(f"the build left no proper {result}", _OTHERS)
                self._commit(container, run.image, labels(found), name)
        return ended

    def run_and_read(
        self,
        run: Run,
        on_output: Callable[[str, bytes], None],
        result: str,
        read: Callable[[Iterator[bytes]], object],
    ) -> Ended:
        """Run a container and, where it ends with status 0, let `read` have the file or folder
        `result`, as chunks of a tar.
        """
        with self._container(run) as container:
            ended = self._follow(container, run, on_output)
            if ended.well:
                self._read(container, result, read)
        return ended

    def remove_lost(self) -> None:
        """Remove what processes left that were killed, or whose engine died, before they could do
        it: containers, and images that were not delivered.
        """
        with translated(self.url):
            for facts in self._api.containers(all=True, filters={"label": _RUN_LABEL}):
                if is_lost(facts["Labels"][_RUN_LABEL]):
                    with contextlib.suppress(APIError):  # another process may be at it too
                        self._api.remove_container(facts["Id"], force=True, v=True)
        for name in self.names():
            if is_lost_candidate(name):
                self.untag(name)

    def _commit(
        self, container: Container, base: str, labels: Mapping[str, str], name: str
    ) -> None:
        below = self.image(base)
        repository, tag = split_name(name)
        conf = {
            "Labels": dict(labels),
            "Cmd": list((below and below.command) or ()),
            "Entrypoint": list((below and below.entrypoint) or ()),
        }
        with translated(self.url):
            container.commit(repository, tag, conf=conf)

    @contextlib.contextmanager
    def _container(self, run: Run) -> Iterator[Container]:
        with translated(self.url):
            container = self._client.containers.create(
                **container_options(run), labels={_RUN_LABEL: holder()}
            )
        try:
            if run.private is not None:
                with translated(self.url):
                    container.put_archive(run.private, write_tar(run.private_files))
            yield container
        finally:
            with contextlib.suppress(*FAILURES):
                container.remove(force=True, v=True)

    def _follow(
        self, container: Container, run: Run, on_output: Callable[[str, bytes], None]
    ) -> Ended:
        """Start the container and hand on what it prints, until it ends or its time is over."""
        with translated(self.url):
            output: Any = container.attach(stream=True, demux=True)
            try:
                container.start()
            except APIError as error:
                if 'exec: "' not in reason(error):
                    raise
                # as `docker run` does where the image has no such program
                on_output("stderr", f"{reason(error)}\n".encode())
                return Ended(status=NOT_FOUND, late=False, out_of_memory=False)
        with watched(self._client, run, container, output) as verdict:
            for stdout, stderr in output:
                on_output(*(("stderr", stderr) if stdout is None else ("stdout", stdout)))
        if verdict.late or verdict.out_of_disk:
            return Ended(status=KILLED, out_of_memory=False, **vars(verdict))
        return self._wait(container)

    def _wait(self, container: Container) -> Ended:
        with translated(self.url):
            status = int(container.wait()["StatusCode"])
            container.reload()
        facts: Any = container.attrs
        return Ended(status=status, late=False, out_of_memory=bool(facts["State"]["OOMKilled"]))

    def _read(
        self, container: Container, path: str, read: Callable[[Iterator[bytes]], _Read]
    ) -> _Read:
        with (
            translated(self.url),
            open_archive(self._client, str(container.id), path) as answer,
        ):
            if answer.ok:
                return read(answer.iter_content(1 << 16))
        raise PublishError(f"the build left no proper {path}", _OTHERS)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(1 << 20):
        yield chunk
