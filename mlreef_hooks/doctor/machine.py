"""The machine and the configuration: clock, git, files that the configuration names."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mlreef_hooks.account import EXECUTE, READ
from mlreef_hooks.config import Config
from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.git import git_version

_OLDEST_GIT = (2, 31)  # the first with rev-parse --path-format
_EARLIEST = 1_767_225_600  # 2026-01-01, in seconds since 1970: this program is not older
_OTHERS = 0o007
_CERTIFICATES, _SECRETS, _NAMES, _CONTENTS = "certificates", "secrets", "names", "contents"


def look_at_machine(visit: Visit) -> Iterator[Finding]:
    """What is wrong with clock and git."""
    if visit.now < _EARLIEST:
        yield fault("clock-wrong", "clock", "it is years behind")
    version = git_version()
    shown = f"git {'.'.join(map(str, version))}"
    if version < _OLDEST_GIT:
        yield fault("git-old", "git", f"{shown} is too old")
    else:
        yield fine("git", shown)


def look_at_configuration(visit: Visit) -> Iterator[Finding]:
    """What is wrong with the configuration's file, and with the files that it names."""
    mode = visit.config_file.stat().st_mode if visit.config_file.is_file() else 0
    keys = [key for key, url in _urls(visit.config) if _holds_password(url)]
    if keys and mode & _OTHERS:
        said = f"everybody can read the password in {keys[0]}"
        yield fault("config-open", visit.config_file, said).but(
            hint=f"put it into pip.netrc, or close the file: chmod o= {visit.config_file}"
        )
    for key, path, holds in _named_files(visit.config):
        found = _fault_of_file(visit, path, holds)
        if found:
            yield fault(found[0], key, found[1])


def _urls(config: Config) -> Iterator[tuple[str, str]]:
    yield "pip.index_url", config.pip.index_url
    yield from (("pip.extra_index_urls", url) for url in config.pip.extra_index_urls)
    yield "server.url", config.server.url
    yield from (("builder.docker.url", url) for url in config.builder.docker.addresses)


def _holds_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:
        return False


def _named_files(config: Config) -> Iterator[tuple[str, Path, str]]:
    """Key, path, and what it holds; a folder where that is contents."""
    pip, registry, docker = config.pip, config.registry, config.builder.docker
    named = (
        ("pip.ca_bundle", pip.ca_bundle, _CERTIFICATES), ("pip.netrc", pip.netrc, _SECRETS),
        ("registry.ca_bundle", registry.ca_bundle, _CERTIFICATES),
        ("registry.docker_config", registry.docker_config, _SECRETS),
        ("server.lfs", config.server.lfs, _CONTENTS),
        ("provenance.key", config.provenance.key, _SECRETS),
        ("index.token", config.index.token, _SECRETS),
        ("index.netrc", config.index.netrc, _SECRETS),
        ("index.ca_bundle", config.index.ca_bundle, _CERTIFICATES),
        ("visibility.token", config.visibility.token, _SECRETS),
        ("visibility.ca_bundle", config.visibility.ca_bundle, _CERTIFICATES),
        ("publish.signed_tags", config.publish.signed_tags, _NAMES),
        ("builder.docker.tls_ca", docker.tls_ca, _CERTIFICATES),
        ("builder.docker.tls_cert", docker.tls_cert, _CERTIFICATES),
        ("builder.docker.tls_key", docker.tls_key, _SECRETS),
    )  # fmt: skip
    yield from ((key, Path(path), holds) for key, path, holds in named if path)


def _fault_of_file(visit: Visit, path: Path, holds: str) -> tuple[str, str] | None:
    if holds == _CONTENTS and os.path.isfile(path):
        return "file-missing", f"{path} is not a folder"
    try:
        obstacle = visit.account.obstacle(path, EXECUTE if holds == _CONTENTS else READ)
    except FileNotFoundError:
        return "file-missing", f"{path} is not there"
    except OSError as error:
        return "file-closed", f"{path} cannot be looked at: {error.strerror}"
    if obstacle is not None:
        said = f"uid {visit.account.user} cannot read {path} because of {obstacle}"
        return "file-closed", said
    if holds == _CONTENTS:
        return None
    if not path.is_file():
        return "file-missing", f"{path} is not a file"
    if holds == _SECRETS and path.stat().st_mode & _OTHERS:
        return "secret-open", f"everybody can read the secrets in {path}"
    if holds == _CERTIFICATES and not _is_bundle(path):
        return "file-missing", f"{path} holds no certificates"
    return None


def _is_bundle(path: Path) -> bool:
    if not os.access(path, os.R_OK):
        return True  # another account's; nothing is known of what is in it
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError):
        return False
    return True
