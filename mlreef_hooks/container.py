"""What runs in a container, how it ended, and its output as lines: values for `engine.py`."""

import io
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlreef_hooks.errors import PublishError

GRACE = 10  # seconds after which the engine ends what should have ended by itself
RESULT_BYTES = 1 << 20  # the largest file that is read out of a container
TIMED_OUT, NOT_FOUND, KILLED = 124, 127, 137  # exit statuses, as timeout(1) and a shell have
_SHARED_MEMORY = "1g"  # 64 MB, the engine's default, is too little for workers that load data
_LINE_BYTES = 4096
_LINE_ENDS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One container to run. `memory` and `disk` as `4g`, None for no limit; `seconds` until it is
    killed, None for no limit. What it writes to its root and to `private` counts as disk.

    `binds` maps folders of the engine's host to (folder in the container, `ro` or `rw`). `private`
    is a folder of files that exists for this run only and never becomes part of an image.
    """

    image: str
    command: Sequence[str]
    entrypoint: Sequence[str] | None = None
    network: str = "none"
    memory: str | None = None
    disk: str | None = None
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
    """How a container ended. `status` is its exit status; `late`, `out_of_memory` and `out_of_disk`
    say why it was killed.
    """

    status: int
    late: bool
    out_of_memory: bool
    out_of_disk: bool = False

    @property
    def well(self) -> bool:
        """True where it ended by itself with status 0, within its bounds."""
        return self.status == 0 and not self.late and not self.out_of_disk


class Lines:
    """Cuts a container's output into lines of bounded length and hands them on as text."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest: dict[str, bytes] = {}

    def __call__(self, stream: str, chunk: bytes) -> None:
        """Take the next bytes of `stream`."""
        *lines, rest = _LINE_ENDS.split(self._rest.get(stream, b"") + chunk)
        self._rest[stream] = rest[:_LINE_BYTES]
        for line in lines:
            if line.strip():
                self._on_line(line[:_LINE_BYTES].decode(errors="replace"))

    def flush(self) -> None:
        """Hand on what came without a line end."""
        for stream in list(self._rest):
            self(stream, b"\n")


def byte_count(size: str) -> int:
    """The bytes of a size such as `4g`."""
    return int(size[:-1]) << {"k": 10, "m": 20, "g": 30}[size[-1]]


def bind_source(path: Path) -> str:
    """The absolute path of a folder or file to mount; PublishError where there is none."""
    resolved = path.resolve()
    if not resolved.exists():
        raise PublishError(f"{path} does not exist", "name a folder or file that does")
    return str(resolved)


def container_options(run: Run) -> dict[str, Any]:
    """What the SDK's `containers.create` is given."""
    gpus = {"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}
    return {
        "image": run.image,
        "command": list(run.command),
        "entrypoint": None if run.entrypoint is None else list(run.entrypoint),
        "network_mode": run.network,
        "mem_limit": run.memory,
        "memswap_limit": run.memory,
        "shm_size": _SHARED_MEMORY,
        "pids_limit": run.processes,
        "user": run.user,
        "read_only": run.read_only,
        "mounts": _mounts(run),
        "tmpfs": {"/tmp": "mode=1777,exec"} if run.read_only else {},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "device_requests": [gpus] if run.gpu else None,
        # Output is read as it comes; a log of the engine's own would fill the disk.
        "log_config": {"Type": "none"},
        # A proxy of the client's configuration may hold a password, and images keep variables.
        "use_config_proxy": False,
    }


def _mounts(run: Run) -> list[dict[str, Any]]:
    binds = [
        {"Type": "bind", "Source": source, "Target": target, "ReadOnly": mode == "ro"}
        for source, (target, mode) in run.binds.items()
    ]
    return binds if run.private is None else [*binds, {"Type": "volume", "Target": run.private}]


def write_tar(files: Mapping[str, bytes]) -> bytes:
    """A tar of files that only root may read."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def read_single_file(chunks: Iterable[bytes]) -> bytes | None:
    """The content of the one regular file in a tar; None where there is another thing in it, or
    more than `RESULT_BYTES`.
    """
    archive = io.BytesIO()
    for chunk in chunks:
        archive.write(chunk)
        if archive.tell() > RESULT_BYTES:
            return None
    archive.seek(0)
    try:
        with tarfile.open(fileobj=archive) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member and member.isfile() else None
            return content.read() if content else None
    except tarfile.TarError:
        return None


class ByteStream(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        """True: it is there to be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        parts, left = [self._rest], size - len(self._rest)
        while left > 0:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            left -= len(chunk)
        found = b"".join(parts)
        self._rest = found[size:]
        return found[:size]
