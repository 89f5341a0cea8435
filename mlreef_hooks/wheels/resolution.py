"""From requirements to a lock, by uv: nothing is built, and nobody's code is executed."""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import uv

from mlreef_hooks.config import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.report import plain
from mlreef_hooks.wheels.lock import Lock, LockedWheel, Platform, SourceNeeded, parse_pylock

_PIP_ALONE = ("--no-binary", "--pre", "--trusted-host", "--no-index")
SECONDS = 180  # for one resolution
_OUTPUT_BYTES = 1 << 20
_LOCK_BYTES = 32 << 20
_FILE_BYTES = 64 << 30  # that uv may write into its cache
_REFERENCE = re.compile(r"\S+://\S+")
_HASHED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)[^#\n]*?\s--hash=", re.MULTILINE)
_SOURCE = re.compile(r"(?:and )?(\S+?) has no usable wheels|Wheels are required for `([^`]+)`")
_UNFIT = re.compile(r"(\S+) has no wheels with a matching")
_NO_PACKAGE = re.compile(r"(\S+) was not found in the package registry and you require (\S+?),")
_NO_VERSION = re.compile(r"there is no version of (\S+?) and")
_DENIED = re.compile(r"\b(401|403)\b|credentials|authenticat", re.IGNORECASE)
_AWAY = re.compile(
    r"Failed to fetch|error sending request|tcp connect|dns error|timed out|\b(?:429|5\d\d)\b"
    r"|client error|connection|UnknownIssuer|certificate",
    re.IGNORECASE,
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded")


def resolve(requirements: Mapping[str, str], platform: Platform, pip: Pip, cache: Path) -> Lock:
    """The wheels that the requirements mean on a platform; `cache` is a folder for uv.

    SourceNeeded where something has to be built, PublishError where they mean nothing.
    """
    _refuse_sources(requirements)
    with tempfile.TemporaryDirectory(prefix="mlreef-") as folder:
        for name, text in requirements.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        said = _run_uv(Path(folder), platform, pip, cache)
        lock = Path(folder, "pylock.toml")
        if said is not None or not lock.exists() or lock.stat().st_size > _LOCK_BYTES:
            raise _explain(said or "it wrote no lock", platform)
        found = parse_pylock(lock.read_text(encoding="utf-8"), platform)
    _check_hashes(requirements, found.wheels)
    return found


def _refuse_sources(requirements: Mapping[str, str]) -> None:
    """SourceNeeded for what would have to be fetched and built to know what it requires."""
    for line in (line for text in requirements.values() for line in text.splitlines()):
        url = None if line.startswith("-") else _REFERENCE.search(line)
        if line.startswith(_PIP_ALONE):
            raise SourceNeeded([plain(line)[:100]], "it is an option that only pip takes")
        if url is None:
            continue
        parts = urlsplit(url[0])
        if "+" in parts.scheme or not parts.path.endswith(".whl"):
            raise SourceNeeded([plain(line.split(" --hash")[0])[:100]], "it is no wheel")


def _run_uv(folder: Path, platform: Platform, pip: Pip, cache: Path) -> str | None:
    """What uv complained of, None where it wrote the lock."""
    process = subprocess.Popen(
        [
            uv.find_uv_bin(), "pip", "compile", "requirements.txt", "--output-file", "pylock.toml",
            "--format", "pylock.toml", "--only-binary", ":all:", "--no-config", "--no-header",
            "--no-progress", "--quiet", "--python", sys.executable, "--python-version",
            platform.python, "--python-platform", platform.word, "--index-strategy",
            "unsafe-best-match", "--no-python-downloads",
        ],
        cwd=folder,
        env=_environment(pip, cache),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_bound,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise PublishError(
            f"the requirements were not resolved within {SECONDS} s",
            "pin what they require too; the administrator looks at the package index",
            passing=True,
        ) from None
    text = said[:_OUTPUT_BYTES].decode(errors="replace")
    return (text or "uv failed") if process.returncode else None


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))


def _environment(pip: Pip, cache: Path) -> dict[str, str]:
    """The environment of uv: credentials are in it, and not on a command line that others see."""
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
        "UV_CACHE_DIR": str(cache), "UV_NO_PROGRESS": "1",
    }  # fmt: skip
    if pip.index_url:
        environment["UV_DEFAULT_INDEX"] = pip.index_url
    if pip.extra_index_urls:
        environment["UV_INDEX"] = " ".join(pip.extra_index_urls)
    if pip.netrc:
        environment["NETRC"] = pip.netrc
    if pip.ca_bundle:
        environment["SSL_CERT_FILE"] = pip.ca_bundle
    else:
        environment["UV_SYSTEM_CERTS"] = "true"
    return environment


def _explain(said: str, platform: Platform) -> PublishError:
    """Why there is no lock, in words for the pusher."""
    text = " ".join(plain(said).split())
    packages = [name.partition("==")[0] for pair in _SOURCE.findall(text) for name in pair if name]
    packages += [name.partition("==")[0] for name in _UNFIT.findall(text)]
    if packages:
        return SourceNeeded([*dict.fromkeys(packages)], "there is no wheel of it")
    found = _NO_PACKAGE.search(text)
    missing = found[2] if found else next(iter(_NO_VERSION.findall(text)), None)
    if missing:
        hint = "correct its name, or its version"
        return PublishError(f"the package index does not have {missing}", hint)
    return _explain_rest(text)


def _explain_rest(text: str) -> PublishError:
    cause = text.partition("cause: ")[2] or text
    if _FULL.search(text):
        return PublishError("the disk is full", "the administrator makes room", passing=True)
    if "No solution found" not in text and _DENIED.search(text):
        return PublishError(
            "the package index does not let this server in",
            "the administrator corrects index_url or netrc below [pip] in the configuration",
            passing=True,
        )
    if "No solution found" not in text and _AWAY.search(text):
        return PublishError(
            "the package index cannot be reached",
            "the administrator looks at [pip] in the configuration, and at the network",
            passing=True,
        )
    return PublishError(
        f"the requirements do not fit together: {cause[:400]}", "change one of their versions"
    )


def _check_hashes(requirements: Mapping[str, str], wheels: Sequence[LockedWheel]) -> None:
    """PublishError where a wheel is none of those whose hashes are written."""
    text = "\n".join(requirements.values())
    hashed = {re.sub(r"[-_.]+", "-", name).lower() for name in _HASHED.findall(text)}
    for wheel in wheels:
        if wheel.name in hashed and f"--hash=sha256:{wheel.sha256}" not in text:
            raise PublishError(
                f"{wheel.name}=={wheel.version} has another hash than the ones written",
                "find out why; `pip-compile --generate-hashes` writes them",
            )
