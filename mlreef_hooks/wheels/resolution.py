"""Which wheels the requirements mean: asked of uv, which runs nobody's code for it.

uv takes wheels only, reads the metadata in them, and gets no git. What a wheel requires may name
variables of the environment, which uv puts in: so there is no secret in its environment, and the
passwords of the indexes stand in a file of this one run.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import uv

from mlreef_hooks.builders.pip_install import secret_texts
from mlreef_hooks.config_images import Pip
from mlreef_hooks.durable_files import make_folder
from mlreef_hooks.errors import PublishError
from mlreef_hooks.unfinished import remove_lost, unfinished_folder, unwritten
from mlreef_hooks.wheels.access import INDEX_HINT, Access, index_urls, versions_of
from mlreef_hooks.wheels.lock import Lock
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.pylock import parse_pylock
from mlreef_hooks.wheels.uv_cache import uv_cache
from mlreef_hooks.wheels.uv_failure import (
    explain_uv,
    in_one_line,
    is_unsolved,
    unknown_requirement,
)
from mlreef_hooks.wheels.wanted import Wanted, read_wanted

SECONDS = 120  # in which wheels have to be found
_MEMORY_KIB = 8 << 20  # of addresses; uv wants below 1 GiB with two processors
_RETRIES = 2  # of a request
_LOCK_BYTES, _SAID_BYTES = 16 << 20, 1 << 16
_VERSIONS_SHOWN = 3
_NOTHING: Mapping[str, Path] = MappingProxyType({})
_KILLED = (124, 137, -signal.SIGKILL)  # how timeout(1) ends what is late

# A process that nobody waits for any more ends by itself, whatever killed the one that did.
# uv itself gets no PATH, and so no git.
_BOUNDED = """ulimit -v "$1"; seconds=$2; shift 2; timeout=$(command -v timeout)
export PATH=/nowhere; exec "$timeout" --signal=KILL "$seconds" "$@\""""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_OPTIONS = (
    "--format=pylock.toml", "--output-file=pylock.toml", "--only-binary=:all:", "--no-header",
    "--no-progress", "--no-python-downloads", "--color=never",
    # as pip does: the best version of all indexes
    "--index-strategy=unsafe-best-match",
)  # fmt: skip


def resolve(
    requirements: Mapping[str, str],
    platform: Platform,
    pip: Pip,
    cache: Path,
    *,
    built: Mapping[str, Path] = _NOTHING,
    seconds: int = SECONDS,
) -> Lock:
    """The lock of a module whose requirements are these files, as pip would be given them.

    SourceNeeded where wheels alone will not do, PublishError where pip would fail as well. `cache`
    is a folder for what indexes said, `built` are wheels of this server by what they are built of.
    """
    wanted = read_wanted(requirements, built)
    if not wanted.lines:
        return Lock()
    try:
        make_folder(cache, 0o700)
        remove_lost(cache)
        with uv_cache(cache) as (uvs, held), unfinished_folder(cache, "resolution") as folder:
            links = (*built.values(),)
            return _Run(wanted, platform, pip, uvs, held, folder, links, seconds).lock()
    except OSError as error:
        raise unwritten(error) from error


@dataclass(frozen=True)
class _Run:
    """One resolution, in a folder of its own."""

    wanted: Wanted
    platform: Platform
    pip: Pip
    cache: Path
    held: int  # while a uv has this descriptor, nobody removes what it is writing
    folder: Path
    built: tuple[Path, ...]
    seconds: int

    @property
    def indexes(self) -> list[str]:
        """The URLs of the package indexes, as pip takes them; the first one is the default."""
        return index_urls(self.pip, self.wanted.options)

    def lock(self) -> Lock:
        """What `resolve` gives."""
        self._write_files()
        status, said = self._resolve()
        if status:
            _raise_failure(self, status, said)
        with (self.folder / "pylock.toml").open(encoding="utf-8") as found:
            return parse_pylock(found.read(_LOCK_BYTES), self.platform, self.wanted, self.built)

    def _write_files(self) -> None:
        files = {
            "requirements.txt": "".join(f"{line}\n" for line in self.wanted.lines),
            "constraints.txt": "".join(f"{line}\n" for line in self.wanted.constraints),
            "uv.toml": _index_tables(self.indexes),
        }
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _resolve(self) -> tuple[int, str]:
        """The exit status of uv, and what it printed.

        What has no solution is tried again with everything asked anew: uv believes for some minutes
        what an index said.
        """
        status, said = self._run()
        if status and is_unsolved(said):
            return self._run("--refresh")
        return status, said

    def _run(self, *more: str) -> tuple[int, str]:
        bounds = ("/bin/sh", "-c", _BOUNDED, "uv", str(_MEMORY_KIB), str(self.seconds))
        with (self.folder / "said").open("w+b") as out:
            process = subprocess.Popen(
                (*bounds, uv.find_uv_bin(), "pip", "compile", *self._arguments(), *more),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=out,
                process_group=0,
                pass_fds=(self.held,),
            )
            try:
                status = process.wait()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            out.seek(0)
            said = self._masked(out.read(_SAID_BYTES).decode(errors="replace"))
            if status:  # on a full disk uv may die without a word; that is an OSError
                os.posix_fallocate(out.fileno(), 0, _SAID_BYTES)
            return status, said

    def _masked(self, printed: str) -> str:
        for secret in secret_texts(self.pip):
            printed = printed.replace(secret, "****")
        return in_one_line(printed)

    def _arguments(self) -> list[str]:
        hosts = self.wanted.values("--trusted-host")
        return [
            "requirements.txt",
            "--constraints=constraints.txt",
            "--config-file=uv.toml",
            *_OPTIONS,
            *(["--no-index"] if self.wanted.values("--no-index") else []),
            *(["--prerelease=allow"] if self.wanted.values("--pre") else []),
            *(f"--find-links={wheel.parent}" for wheel in self.built),
            *(f"--allow-insecure-host={host}" for host in hosts),
            f"--python-version={self.platform.python}",
            f"--python-platform={self.platform.uv_word}",
            f"--python={sys.executable}",
            f"--cache-dir={self.cache}",
        ]

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: no secret, no proxy, no git. uv brings its own certificates."""
        bundle = _readable(self.pip.ca_bundle) if self.pip.ca_bundle else ""
        certificates = {"SSL_CERT_FILE": bundle} if bundle else {}
        netrc = {"NETRC": self.pip.netrc} if self.pip.netrc else {}
        return {
            "PATH": _PATH,
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "UV_SYSTEM_CERTS": "true",
            "UV_HTTP_RETRIES": str(_RETRIES),
            **certificates,
            **netrc,
        }


def _readable(bundle: str) -> str:
    """The path of the certificates; uv would go on without them."""
    if os.access(bundle, os.R_OK):
        return bundle
    raise PublishError(
        "pip.ca_bundle of the configuration cannot be read",
        "the administrator corrects the path",
        passing=True,
    )


def _index_tables(urls: Sequence[str]) -> str:
    """uv's tables of indexes; a text of JSON is one of TOML as well."""
    texts = [json.dumps(url, ensure_ascii=False) for url in urls]
    defaults = ["true", *["false"] * len(texts)]
    tables = zip(texts, defaults, strict=False)
    return "".join(f"[[index]]\nurl = {text}\ndefault = {word}\n" for text, word in tables)


def _raise_failure(run: _Run, status: int, said: str) -> NoReturn:
    if status in _KILLED:
        raise PublishError(
            f"the wheels of the requirements were not found within {run.seconds} s",
            INDEX_HINT,
            passing=True,
        )
    unknown = unknown_requirement(said)
    if unknown is None:
        raise explain_uv(said, status, run.platform)
    name = re.split("[^A-Za-z0-9._-]", unknown, maxsplit=1)[0]
    versions = versions_of(Access(run.pip), run.indexes, name)
    newest = ", ".join(map(str, versions[-_VERSIONS_SHOWN:]))
    hint = f"it has {newest}" if newest else "correct its name, or its version"
    raise PublishError(f"the package index does not have {unknown}", hint)
