"""Docker's file of credentials and the programs it names; never a secret in what is said."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.docker_credentials import Credentials, default_docker_config, find_credentials
from mlreef_hooks.errors import PublishError

HOST = "registry.example:5000"
ADA = Credentials(username="ada", password="s3cret:x")
AUTH = {"auth": b64encode(b"ada:s3cret:x").decode()}
HUB = "https://index.docker.io/v1/"


def write(folder: Path, document: object) -> Path:
    """A configuration file of docker."""
    path = folder / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def write_helper(folder: Path, script: str) -> None:
    """The program `docker-credential-safe` in the folder."""
    program = folder / "docker-credential-safe"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("document", "host", "expected"),
    [
        ({}, HOST, None),
        ({"auths": {}}, HOST, None),
        ({"auths": {HOST: {}}}, HOST, None),
        ({"auths": {HOST: AUTH}}, "registry.example", None),
        ({"auths": {HOST: AUTH}}, HOST, ADA),
        ({"auths": {f"https://{HOST}": AUTH}}, HOST, ADA),
        ({"auths": {f"https://{HOST}/v2/": AUTH}}, HOST, ADA),
        ({"auths": {HOST: {"username": "ada", "password": "s3cret:x"}}}, HOST, ADA),
        ({"auths": {HUB: AUTH}}, "docker.io", ADA),
        ({"auths": {"docker.io": AUTH}}, "docker.io", ADA),
        ({"auths": {HUB: AUTH}}, HOST, None),
        ({"auths": {HOST: {"identitytoken": "t"}}}, HOST, Credentials(identity_token="t")),
        ({"auths": [], "credHelpers": 1}, HOST, None),
        ({"auths": {"other.example": AUTH, HOST: AUTH}, "HttpHeaders": {}}, HOST, ADA),
    ],
)
def test_what_a_file_says_of_a_registry(
    tmp_path: Path, document: Any, host: str, expected: Credentials | None
) -> None:
    assert find_credentials(write(tmp_path, document), host) == expected


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{"auths": {"s3cret', "is not JSON"),
        ('["s3cret"]', "is not docker's configuration"),
        ("[" * 100_000, "is not JSON"),
        ({"auths": {HOST: {"auth": "s3cret"}}}, "holds an auth that is not base64"),
        ({"auths": {HOST: {"auth": ["s3cret"]}}}, "holds an auth that is not base64"),
        ({"auths": {HOST: {"username": ["s3cret"]}}}, "holds credentials that are not texts"),
        ({"credsStore": "../s3cret"}, "names a credential helper by something that is no name"),
        ({"credsStore": "absent"}, "docker-credential-absent cannot be started"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(PublishError) as raised:
        find_credentials(write(tmp_path, document), HOST)
    assert message in raised.value.message
    assert "registry.docker_config" in raised.value.hint
    assert raised.value.passing
    assert "s3cret" not in raised.value.message + raised.value.hint


def test_only_a_file_that_the_site_names_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PublishError, match="is not there"):
        find_credentials(tmp_path / "config.json", HOST)
    with pytest.raises(PublishError, match="cannot be read: Is a directory"):
        find_credentials(tmp_path, HOST)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert default_docker_config() == tmp_path / "config.json"
    assert find_credentials(None, HOST) is None
    write(tmp_path, {"auths": {HOST: AUTH}})
    assert find_credentials(None, HOST) == ADA
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", "/home/git")
    assert default_docker_config() == Path("/home/git/.docker/config.json")


@pytest.mark.parametrize("document", [{"credsStore": "safe"}, {"credHelpers": {HOST: "safe"}}])
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('echo \'{"Username": "ada", "Secret": "s3cret:x"}\'', ADA),
        ('echo \'{"Username": "<token>", "Secret": "t"}\'', Credentials(identity_token="t")),
        ("echo credentials not found in native keychain; exit 1", None),
        (
            'test "$1 $(cat) $TOKEN" = "get registry.example:5000 " || exit 2\n'
            'echo \'{"Username": "ada", "Secret": "s3cret:x"}\'',
            ADA,
        ),
    ],
)
def test_what_a_program_says_of_a_registry(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    document: Any,
    script: str,
    expected: Credentials | None,
) -> None:
    write_helper(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TOKEN", "of the hook alone")
    assert find_credentials(write(tmp_path, document), HOST) == expected


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo s3cret; echo s3cret >&2; exit 3",
            "docker-credential-safe failed with exit status 3",
        ),
        ("echo s3cret", "docker-credential-safe does not answer in the form"),
        ("echo '[\"s3cret\"]'", "docker-credential-safe does not answer in the form"),
        ('echo \'{"Username": "ada", "Secret": ["s3cret"]}\'', "credentials that are not texts"),
    ],
)
def test_a_program_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    write_helper(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(PublishError) as raised:
        find_credentials(write(tmp_path, {"credsStore": "safe"}), HOST)
    assert message in raised.value.message
    assert raised.value.passing
    assert "s3cret" not in raised.value.message


def test_credentials_do_not_show_themselves() -> None:
    assert repr(Credentials(username="u", password="p", identity_token="t")) == "Credentials()"
