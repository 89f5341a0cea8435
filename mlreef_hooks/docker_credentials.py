"""Who one is at a registry, from docker's own configuration file and the programs that it names.

Format: https://docs.docker.com/reference/cli/docker/login/ and the credential helpers' protocol,
https://github.com/docker/docker-credential-helpers.
"""

import base64
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlreef_hooks.errors import PublishError

KEY = "registry.docker_config"  # the key of the configuration that every hint names
_LARGEST = 1 << 20  # bytes of a configuration file
_HELPER_SECONDS = 30
_KEPT_VARIABLES = ("PATH", "HOME", "DOCKER_CONFIG")
_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user's password, or the token that stands for both."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def default_docker_config() -> Path:
    """The file that docker itself reads for this account; it need not exist."""
    folder = os.environ.get("DOCKER_CONFIG")
    return Path(folder or Path(os.environ.get("HOME") or "/") / ".docker") / "config.json"


def find_credentials(docker_config: Path | None, host: str) -> Credentials | None:
    """What docker's file says of a registry's host, None where it says nothing.

    Without a file of the site it is the account's own, which need not exist. PublishError where a
    file cannot be read; nothing of what is in it is shown.
    """
    path = docker_config or default_docker_config()
    document = _read(path, required=docker_config is not None)
    names = _HUB_NAMES if host in _HUB_NAMES else (host,)
    helper = _helper(document, names)
    if helper:
        found = _ask(helper, names[0], path)
        if found:
            return found
    entry = _entry(document, names)
    return _credentials(entry, path) if entry else None


def _read(path: Path, *, required: bool) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LARGEST))
    except FileNotFoundError:
        if not required:
            return {}
        raise _unusable(path, "is not there") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _unusable(path, "is not JSON") from None
    if not isinstance(document, dict):
        raise _unusable(path, "is not docker's configuration")
    return document


def _unusable(path: Path, why: str) -> PublishError:
    hint = f"the administrator corrects the file, or names another one in {KEY}"
    return PublishError(f"{path} {why}", hint, passing=True)


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}


def _helper(document: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The short name of the program that knows the registry's password."""
    helpers = _table(document, "credHelpers")
    own = next((helpers[name] for name in names if name in helpers), None)
    return str(own or document.get("credsStore") or "")


def _entry(document: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any] | None:
    """What `auths` holds of the registry; docker wrote its keys as URLs too."""
    entries = _table(document, "auths")
    hosts = {_host_of(key): entry for key, entry in entries.items()}
    found = [table[name] for table in (entries, hosts) for name in names if name in table]
    return next((entry for entry in found if isinstance(entry, dict) and entry), None)


def _host_of(key: str) -> str:
    return re.sub(r"^https?://", "", key).partition("/")[0]


def _credentials(entry: Mapping[str, Any], path: Path) -> Credentials | None:
    username, password = entry.get("username") or "", entry.get("password") or ""
    if entry.get("auth"):
        try:
            pair = base64.b64decode(entry["auth"], validate=True).decode()
        except (TypeError, ValueError):
            raise _unusable(path, "holds an auth that is not base64") from None
        username, _, password = pair.rstrip("\0").partition(":")
    return _checked(username, password, entry.get("identitytoken") or "", path)


def _checked(username: object, password: object, token: object, path: Path) -> Credentials | None:
    if not (isinstance(username, str) and isinstance(password, str) and isinstance(token, str)):
        raise _unusable(path, "holds credentials that are not texts")
    if not (token or password):
        return None
    return Credentials(username=username, password=password, identity_token=token)


def _ask(helper: str, server: str, path: Path) -> Credentials | None:
    """What `docker-credential-HELPER` knows of a server, None where it knows nothing."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", helper):
        raise _unusable(path, "names a credential helper by something that is no name")
    program = f"docker-credential-{helper}"
    said = _run(program, server)
    if said is None:
        return None
    try:
        document = json.loads(said)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unhelpful(program, "does not answer in the form of a credential helper") from None
    if username == "<token>":
        return _checked("", "", secret, path)
    return _checked(username, secret, "", path)


def _run(program: str, server: str) -> bytes | None:
    """What the program writes, None where it says that it has nothing."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            env=environment | kept,
            cwd="/",
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except OSError as error:
        raise _unhelpful(program, f"cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise _unhelpful(program, f"did not answer within {_HELPER_SECONDS} s") from None
    if done.returncode and b"credentials not found" in done.stdout:
        return None
    if done.returncode:
        raise _unhelpful(program, f"failed with exit status {done.returncode}")
    return done.stdout


def _unhelpful(program: str, why: str) -> PublishError:
    hint = f"the administrator runs it as the hook's account, or names another file in {KEY}"
    return PublishError(f"{program} {why}", hint, passing=True)
