"""A fresh Debian 12: its root, and a machine of it whose disk is in memory and gone at the end."""

import subprocess
from pathlib import Path

from tests.support.processes import find_program
from tests.support.site import CA_BUNDLE

# Where the machine finds certificates that this network may need beside Debian's.
CERTIFICATES = "/usr/local/share/network.pem"
# What is started there ends with it. An engine's layers cannot lie on layers: they go to /engine.
# The words are the root, a folder of work, and a repository that the machine finds in /host.
_ENTER = """\
root=$1 work=$2 repository=$3
shift 3
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/own" "$work/engine" "$work/machine"
machine=$work/machine
mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/own" "$machine"
mount --rbind /dev "$machine/dev"
mount --rbind /sys "$machine/sys"
mount -t proc proc "$machine/proc"
mkdir "$machine/engine"
mount --bind "$work/engine" "$machine/engine"
cat /etc/resolv.conf >"$machine/etc/resolv.conf"
mkdir -p "$machine/host/mlreef-hooks.git"
mount --bind "$repository" "$machine/host/mlreef-hooks.git"
exec chroot "$machine" env -i HOME=/root sh -euc 'cd; exec "$@"' sh "$@"
"""


def make_root(folder: Path) -> Path:
    """The root of a Debian 12 that holds what every one holds, made in a new folder."""
    words = ["--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm"]
    subprocess.run([find_program("mmdebstrap"), *words, str(folder)], check=True)
    (folder / CERTIFICATES.lstrip("/")).write_bytes(CA_BUNDLE.read_bytes())
    return folder


def entering(root: Path, work: Path, repository: Path) -> list[str]:
    """The words before a command that is run on the machine, with this machine's network."""
    work.mkdir()
    names = ("PIP_CERT", "GIT_SSL_CAINFO", "SSL_CERT_FILE")
    settings = [f"{name}={CERTIFICATES}" for name in names]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _ENTER, "sh"]
    return [*words, str(root), str(work), str(repository), "env", path, *settings]
