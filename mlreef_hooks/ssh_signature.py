"""Signatures of files by SSH keys: the only file that runs ssh-keygen.

Form: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig, detached, so that
`ssh-keygen -Y verify` checks one without this program.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain

NAMESPACE = "mlreef-hooks-provenance"  # what the key signed it as; no commit or tag passes for it
_SECONDS = 20  # a key that waits for a finger on it does not hold up a push for ever
_SHOWN = 200  # characters of what ssh-keygen says
_DOCTOR = "the administrator runs mlreef-hooks doctor"
_FAULTS: Mapping[bytes, str] = {
    b"passphrase": "it is locked by a passphrase",
    b"are too open": "it is open to others",
    b"No such file": "it is not there",
    b"Permission denied": "this account may not read it",
}
_GOOD = re.compile(r'Good "[^"]*" signature (?:for .* )?with (\S+ key \S+)')


def sign(key: Path, content: bytes) -> bytes:
    """The signature of some content by a private key.

    PublishError that may pass where the key does not sign: it is missing, closed to this account,
    open to others, or locked by a passphrase.
    """
    done = _run("sign", "-f", str(key), "-n", NAMESPACE, stdin=content)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        fault = next((_FAULTS[words] for words in _FAULTS if words in done.stderr), "")
        said = fault or _words(done.stderr).replace(str(key), "it")
        message = f"the key of the site does not sign: {said or 'nobody knows why'}"
        raise PublishError(message, _DOCTOR, passing=True)
    return done.stdout


def find_signer(content: bytes, signature: bytes, allowed: Path, time: str) -> str:
    """Who signed the content, of those whom `allowed` names (ssh-keygen(1), ALLOWED SIGNERS).

    `time` is when, in RFC 3339 and UTC; PublishError where none of them did.
    """
    if not os.access(allowed, os.R_OK):
        raise PublishError(f"{allowed} cannot be read", "name a file of allowed signers")
    at, said = f"verify-time={re.sub('[^0-9Z]', '', time)[:15]}", ""
    with _stored(signature) as path:
        found = _run("find-principals", "-f", str(allowed), "-s", path, "-O", at)
        for principal in found.stdout.decode(errors="replace").splitlines():
            words = ("-f", str(allowed), "-s", path, "-O", at, "-I", principal, "-n", NAMESPACE)
            done = _run("verify", *words, stdin=content)
            if done.returncode == 0:
                return f"{plain(principal)} ({_key_of(done.stdout)})"
            said = _words(done.stderr)
    raise PublishError(
        f"the statement is not signed by one of {allowed}: {said or _words(found.stderr)}",
        "do not trust it, or name the signers of the site",
    )


def find_key(content: bytes, signature: bytes) -> str:
    """The key that signed the content, whoever has it; PublishError where none did."""
    with _stored(signature) as path:
        done = _run("check-novalidate", "-s", path, "-n", NAMESPACE, stdin=content)
    if done.returncode:
        said = _words(done.stderr)
        raise PublishError(f"the signature is not of the statement: {said}", "do not trust it")
    return _key_of(done.stdout)


def _run(what: str, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """What ssh-keygen did, without a terminal to ask for a passphrase at."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", what, *words],
            env={**environment, "SSH_ASKPASS_REQUIRE": "never"},
            input=stdin, capture_output=True, check=False, timeout=_SECONDS, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        message, hint = "ssh-keygen is not installed", "install the package openssh-client"
        raise PublishError(message, hint, passing=True) from None
    except subprocess.TimeoutExpired:
        message = f"ssh-keygen did not answer within {_SECONDS} seconds"
        raise PublishError(message, _DOCTOR, passing=True) from None


@contextmanager
def _stored(signature: bytes) -> Iterator[str]:
    """The path of a file with the signature: ssh-keygen takes only the content by its input."""
    import tempfile  # takes longer than to sign, and a push only signs

    with tempfile.NamedTemporaryFile(prefix="mlreef-signature-") as file:
        file.write(signature)
        file.flush()
        yield file.name


def _words(said: bytes) -> str:
    """The last line of what ssh-keygen says: before it are boxes of warnings and prompts."""
    lines = said.decode(errors="replace").strip().splitlines()
    return plain(lines[-1])[:_SHOWN] if lines else ""


def _key_of(said: bytes) -> str:
    found = _GOOD.search(said.decode(errors="replace"))
    return plain(found[1]) if found else "a key"
