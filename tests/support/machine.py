"""A machine that knows other hosts and trusts other registries than this one; needs root.

Its `/etc/hosts` and `/etc/docker` are of its own (mount_namespaces(7)), so that nothing of this
machine has to be changed; everything else, the network included, is this machine's.
"""

from pathlib import Path

_WITH_ITS_OWN = """\
mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/docker" /etc/docker && shift && exec "$@"
"""
# An engine takes hosts of 127.0.0.0/8 at their word, whatever their certificates are.
ADDRESS = "::1"


class Machine:
    """A machine below `folder`, on which `host` is this machine's address `ADDRESS`."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        (folder / "docker").mkdir(parents=True)
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {host}\n")
        Path("/etc/docker").mkdir(exist_ok=True)  # as an engine does when it starts

    def command(self, *words: str) -> list[str]:
        """The command `words`, for this machine, that runs on that one."""
        shell = ("/bin/sh", "-c", _WITH_ITS_OWN, "sh", str(self.folder))
        return ["unshare", "--mount", *shell, *words]

    def trust(self, registry: str, authority: Path) -> None:
        """Let engines of the machine trust who is vouched for by the authority."""
        folder = self.folder / "docker" / "certs.d" / registry
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(authority.read_bytes())
