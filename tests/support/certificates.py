"""A certificate for this machine that nobody trusts who is not told to."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import find_program


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate for `localhost`, its own authority, and its key; both are PEM files."""

    path: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """A new certificate in the folder."""
    made = Certificate(path=folder / "certificate.pem", key=folder / "key.pem")
    command = [
        find_program("openssl"), "req", "-x509", "-newkey", "ec",
        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", str(made.key), "-out", str(made.path),
    ]  # fmt: skip
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return made
