"""SSH keys for signatures, made by ssh-keygen."""

import subprocess
from pathlib import Path

from tests.support.processes import find_program


def make_key(path: Path, passphrase: str = "") -> Path:
    """The path of a new private key; the public one is beside it."""
    words = ["-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run([find_program("ssh-keygen"), *words], check=True)
    return path


def allow(path: Path, **keys: Path) -> Path:
    """The path of a new file of allowed signers: names with their private keys."""
    lines = [f"{name}@site.example {public_key(key)}\n" for name, key in keys.items()]
    path.write_text("".join(lines))
    return path


def public_key(key: Path) -> str:
    """The public key that belongs to a private one, in one line."""
    return key.with_name(f"{key.name}.pub").read_text().strip()
