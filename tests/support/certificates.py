"""A certificate for this machine that nobody trusts who is not told to."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import find_program


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate and its key; both are PEM files."""

    path: Path
    key: Path


def make_certificate(
    folder: Path, host: str = "localhost", authority: Certificate | None = None
) -> Certificate:
    """A new certificate for a host of this machine, in the folder; its own authority, or by one."""
    made = Certificate(path=folder / f"{host}.pem", key=folder / f"{host}.key")
    names = f"subjectAltName=DNS:{host},IP:127.0.0.1"
    signed = ["-CA", str(authority.path), "-CAkey", str(authority.key)] if authority else []
    command = [
        find_program("openssl"), "req", "-x509", "-newkey", "ec",
        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
        "-subj", f"/CN={host}", "-addext", names, *signed,
        "-keyout", str(made.key), "-out", str(made.path),
    ]  # fmt: skip
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return made
