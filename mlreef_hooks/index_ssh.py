"""The index of a git server over ssh: what its `modules` command answers there.

What comes back is hostile: bounded in time and size, held to the schemas, shown without what moves
a cursor. The ssh is the one that git would use, by `GIT_SSH_COMMAND` too.
"""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from select import select
from tempfile import TemporaryFile
from time import monotonic
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_check import check_document
from mlreef_hooks.manifest import are_names
from mlreef_hooks.plain_text import plain

_TARGET = re.compile(r"(ssh://)?([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9\[][A-Za-z0-9.:\]-]*/?")
_LARGEST = 64 << 20  # bytes of an answer
_SAID = 4096  # bytes of what a refusal says
_LOOK_SECONDS = 0.1  # between two looks whether ssh has ended
_REFUSED = 1  # the exit status of an expected failure
_ABSENT = b"error: there is no module "
_HINT = "see that `ssh {} modules list` answers"


@dataclass(frozen=True)
class SshIndex:
    """The modules that the git server `target` shows who asks; one answer takes `seconds` at most.

    `target` is `[USER@]HOST`, or `ssh://[USER@]HOST[:PORT]`.
    """

    target: str
    seconds: float

    def __post_init__(self) -> None:
        """PublishError where the target is none; ssh must not take it for an option."""
        if not _TARGET.fullmatch(self.target):
            raise PublishError(f"{self.target} is no place of an index", "write USER@HOST")

    def lines(self) -> list[Document]:
        """The listing lines of the modules that one may see there."""
        lines = self._answer("modules list --format json")
        listing = {"v": 1, "namespace": "all", "modules": lines}
        return list(check_document("listing", listing, self.target)["modules"])

    def find(self, namespace: str, name: str) -> Document | None:
        """A module's document, None where there is none that one may see there."""
        if not are_names(namespace, name):
            return None
        document = self._answer(f"modules show {namespace}/{name} --format json")
        if document is None:
            return None
        if not isinstance(document, dict):
            raise self._unusable("does not answer with a module")
        found = check_document("module", document, f"{self.target}: {namespace}/{name}")
        if (found["namespace"], found["name"]) != (namespace, name):
            raise self._unusable("answers with another module")
        return found

    def _answer(self, question: str) -> Any:
        """The JSON of an answer, None where there is no such module."""
        status, content, said = self._run(question)
        if status == _REFUSED and said.startswith(_ABSENT):
            return None
        if status:
            words = plain(said.decode(errors="replace").partition("\n")[0])[:300]
            raise self._unusable(f"does not answer: {words or f'exit status {status}'}")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._unusable("does not answer with JSON") from None

    def _run(self, question: str) -> tuple[int, bytes, bytes]:
        """Exit status, output and the first words of what is said beside it."""
        command = [*shlex.split(os.environ.get("GIT_SSH_COMMAND") or "ssh"), self.target, question]
        with TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
                )
            except OSError as error:
                raise self._unusable(f"cannot be asked: {error.strerror}") from None
            with process:
                try:
                    content = self._read(process)
                finally:
                    process.kill()  # whatever it may wait for
            said.seek(0)
            return process.returncode, content, said.read(_SAID)

    def _read(self, process: "subprocess.Popen[bytes]") -> bytes:
        """The output up to its end, or to that of the process: one that it leaves behind, such as
        the master of a shared connection, may have it open for hours.
        """
        deadline, content = monotonic() + self.seconds, bytearray()
        descriptor = process.stdout.fileno() if process.stdout else -1
        while (left := deadline - monotonic()) > 0:
            ended = process.poll() is not None
            if not select([descriptor], [], [], 0 if ended else min(left, _LOOK_SECONDS))[0]:
                if ended:
                    return bytes(content)
                continue
            piece = os.read(descriptor, 1 << 16)
            if not piece and _ends(process, left):
                return bytes(content)
            content += piece
            if len(content) > _LARGEST:
                raise self._unusable(f"answers with more than {_LARGEST} bytes")
        raise self._unusable(f"does not answer within {self.seconds:g} s")

    def _unusable(self, why: str) -> PublishError:
        return PublishError(f"{self.target} {why}", _HINT.format(self.target), passing=True)


def _ends(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
