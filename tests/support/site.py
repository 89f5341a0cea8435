"""A site of mlreef-hooks in a folder: configuration, state, bare repositories with the hook."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import toml

from mlreef_hooks.cli.hand_over import SOCKET
from mlreef_hooks.cli.main import commands
from tests.support.git import Author, make_bare
from tests.support.processes import command_lines, wait_until

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
COMMAND_SECONDS = 300

SCRIPT = """\
import argparse
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Upper case for text files")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--times", type=int, default=1, help="how often")
    args = parser.parse_args()
    for path in Path(args.input_path).glob("*.txt"):
        text = path.read_text().upper() * args.times
        (Path(args.output_path) / path.name).write_text(text)
"""
PROJECT: Mapping[str, str] = {
    "upper.py": SCRIPT,
    "requirements.txt": "",
    "mlreef.toml": '[module]\nkind = "data-operation"\ninputs = ["TEXT"]\noutputs = ["TEXT"]\n',
}


class GitSite:
    """A site below `folder`. `settings` are tables of the configuration, added to its own."""

    def __init__(
        self,
        folder: Path,
        engine: str = "unix:///nowhere/docker.sock",
        base_image: str = "none:none",
        settings: Mapping[str, Any] | None = None,
        builder: str = "docker",
    ) -> None:
        """A site whose engine is at `engine`, where `base_image` is."""
        self.folder = folder
        self.config = folder / "config.toml"
        self.state = folder / "state"
        self.index = self.state / "index"
        self.repositories = folder / "repositories"
        document: dict[str, Any] = {
            "state": str(self.state),
            "server": {"root": str(self.repositories)},
            # Or every test would leave a process, which may be there first when it tries again.
            "worker": {"stay": False, "retry_seconds": 3600},
            "builder": {"use": builder, "docker": {"url": engine, "network": "host"}},
            "base": {"default": {"image": base_image, "python": "3.11"}},
            "pip": {"ca_bundle": str(CA_BUNDLE)},
            # Most registries of the tests answer everybody.
            "registry": {"private_images": "anywhere"},
        }
        folder.mkdir(parents=True, exist_ok=True)
        for table, values in (settings or {}).items():
            document[table] = {**document.get(table, {}), **values}
        self.config.write_text(toml.dumps(document))

    def command(
        self,
        *words: str | Path,
        expect: int | None = 0,
        stdin: bytes = b"",
        user: int | None = None,
        groups: Sequence[int] = (),
    ) -> "subprocess.CompletedProcess[str]":
        """What `mlreef-hooks WORDS` did, as the account `user` where one is named; its exit status
        must be `expect` (None: any).
        """
        done = subprocess.run(
            [sys.executable, "-m", "mlreef_hooks", "--config", self.config, *words],
            input=stdin.decode(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            user=user,
            group=user,
            extra_groups=None if user is None else groups,
        )
        if expect is not None:
            assert done.returncode == expect, done.stdout + done.stderr
        return done

    def repository(self, name: str, object_format: str = "sha1") -> Path:
        """A new bare repository, such as `vision/upper`, with the hook."""
        path = make_bare(self.repositories / f"{name}.git", object_format)
        self.install(path)
        return path

    def install(self, repository: Path, *words: str) -> str:
        """Do what `mlreef-hooks install --repo REPOSITORY WORDS` does, but in this process; what it
        said.
        """
        command = ["--config", str(self.config), "install", "--repo", str(repository), *words]
        with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
            status = commands.main(command, standalone_mode=False)
        assert not status, said.getvalue()
        return said.getvalue()

    def author(self, name: str, object_format: str = "sha1") -> Author:
        """An author with an empty clone of a new repository."""
        remote = self.repository(name, object_format)
        return Author(self.folder / "clones" / name, remote, object_format=object_format)

    @property
    def ready_process(self) -> int | None:
        """The id of the process that stays for the next push, None where there is none."""
        for process, line in command_lines().items():
            words = line.split(b"\0")
            if b"mlreef_hooks.cli.worker" in words and os.fsencode(self.config) in words:
                return process
        return None

    def wait_ready(self) -> int:
        """The id of the process that stays, once it takes pushes."""
        wait_until((self.state / SOCKET).exists)
        process = self.ready_process
        assert process is not None
        return process

    def end_ready(self) -> None:
        """Kill the process that stays, and those that would take its place."""
        while (process := self.ready_process) is not None:
            os.kill(process, signal.SIGKILL)
            wait_until(partial(self._is_gone, process))

    def _is_gone(self, process: int) -> bool:
        return self.ready_process != process

    def document(self, name: str) -> dict[str, Any] | None:
        """A module's document, such as that of `vision/upper`; None where there is none."""
        found = list(self.index.rglob(f"modules/{name}.json"))
        assert len(found) <= 1, found
        document: dict[str, Any] = json.loads(found[0].read_bytes()) if found else {}
        return document or None

    def versions(self, name: str) -> list[str]:
        """The versions of a module, newest first."""
        return [each["version"] for each in (self.document(name) or {"versions": []})["versions"]]
