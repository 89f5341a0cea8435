"""Bytecode of installed packages, compiled by another process: a source is somebody else's."""

import shutil
import signal
import struct
import subprocess
import sys
from importlib import resources
from typing import IO, Self, cast

from mlreef_hooks.errors import PublishError

_RESTARTS = 3  # after a source that ends the process; then the others of a wheel stay uncompiled
_SOURCE_BYTES = 8 << 20


def find_compiler(python: str) -> str | None:
    """The Python of this server that compiles for `python` (`3.11`), None where there is none."""
    if python == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    return shutil.which(f"python{python}", path="/usr/local/bin:/usr/bin:/bin")


class BytecodeCompiler:
    """Compiles for one version of Python; used by one thread."""

    def __init__(self, python: str) -> None:
        """`python` as `3.11`; without such a Python nothing is compiled."""
        self._interpreter = find_compiler(python)
        self._process: subprocess.Popen[bytes] | None = None
        self._left = _RESTARTS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def compile(self, path: str, source: bytes) -> bytes:
        """The content of the `.pyc` of a source at the absolute `path`; empty where it has none.

        A passing PublishError where the server, not the source, is why there is none: a layer must
        not depend on it.
        """
        if self._interpreter is None or self._left == 0 or len(source) > _SOURCE_BYTES:
            return b""
        try:
            return self._ask(path.encode(), source)
        except (OSError, EOFError, struct.error) as error:
            status = self._stop()
            if status is None or status >= 0 or status == -signal.SIGKILL:
                raise PublishError(
                    "the server could not compile a wheel: its memory may be short",
                    "push the tag once more",
                    passing=True,
                ) from error
            self._left -= 1
            return b""

    def _ask(self, path: bytes, source: bytes) -> bytes:
        process = self._process = self._process or self._start()
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        stdin.write(struct.pack("<II", len(path), len(source)) + path + source)
        stdin.flush()
        (length,) = struct.unpack("<I", stdout.read(4))
        bytecode = stdout.read(length)
        if len(bytecode) < length:
            raise EOFError
        return bytecode

    def _start(self) -> "subprocess.Popen[bytes]":
        script = resources.files("mlreef_hooks").joinpath("wheels/bytecode_worker.py").read_text()
        return subprocess.Popen(
            [str(self._interpreter), "-S", "-s", "-c", script],
            # sets of constants are written in the order of their hashes by older versions
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _stop(self) -> int | None:
        """How the worker ended, as `Popen.returncode`; None where there was none."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()  # does nothing to one that is ending already, whose pipes are closed
        process.communicate()
        return process.returncode
