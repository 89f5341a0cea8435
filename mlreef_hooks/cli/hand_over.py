"""Hands a push to the process that has everything loaded (`ready.py`), else loads it here.

The hook runs this file as a script, without site-packages: it imports next to nothing, for it is
what every push with a publish tag waits for. The other process speaks first: what it was started
for. Only to one that can do the same is anything of this one sent, and until then nothing is read
from standard input, so that the program can still be loaded here.
"""

import os
import sys

# What the module socket wraps; importing that costs as much as the rest of this program.
from _socket import AF_UNIX, SCM_RIGHTS, SO_PEERCRED, SOCK_SEQPACKET, SOL_SOCKET, socket
from resource import RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, getrlimit

SOCKET = "worker.sock"  # in the state folder
DONE = b"."
LARGEST = 1 << 17  # bytes of a message; less than a socket takes at once
_PATIENCE_SECONDS = 5.0  # for a process that is stopped or starved
_NUMBER = 4  # bytes of a C int
_LIMITS = (RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE)
_STREAMS = (0, 1, 2)  # standard input, output and error


def surroundings(config: str) -> bytes:
    """What must be the same in two processes, so that one can do what the other was started for:
    the configuration's path, account and groups, the root and the namespaces (namespaces(7)), the
    priority and the limits that would break its work (getrlimit(2)).
    """
    root = os.stat("/")
    spaces = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net", "pid", "user")]
    who = (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()))
    bounds = (os.getpriority(os.PRIO_PROCESS, 0), *map(getrlimit, _LIMITS))
    said = repr((config, who, root.st_dev, root.st_ino, spaces, bounds))
    return said.encode(errors="surrogateescape")


def address(folder: int) -> str:
    """The socket's address in an open folder: a path may be longer than a socket's address can."""
    return f"/proc/self/fd/{folder}/{SOCKET}"


def peer(connection: socket) -> int:
    """The user id of the process at the other end (unix(7), `SO_PEERCRED`: pid, uid, gid)."""
    credentials = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 3 * _NUMBER)
    return int.from_bytes(credentials[_NUMBER : 2 * _NUMBER], sys.byteorder)


def hand_over(state: str, config: str) -> int | None:
    """The exit status of the process that did it; None where none takes it and nothing was sent."""
    connection = socket(AF_UNIX, SOCK_SEQPACKET)
    connection.settimeout(_PATIENCE_SECONDS)
    try:
        connection.connect(address(os.open(state, os.O_PATH | os.O_CLOEXEC)))
        taken = peer(connection) == os.geteuid()
        if not taken or connection.recv(LARGEST) != surroundings(config):
            return None
        request = _request()
        if len(request) > LARGEST:
            return None
        here = os.open(".", os.O_PATH | os.O_CLOEXEC)
        descriptors = b"".join(each.to_bytes(_NUMBER, sys.byteorder) for each in (*_STREAMS, here))
        connection.sendmsg([request], [(SOL_SOCKET, SCM_RIGHTS, descriptors)])
    except OSError:
        return None
    connection.settimeout(None)
    try:
        return 0 if connection.recv(1) == DONE else 1
    except (OSError, KeyboardInterrupt):  # the push goes on without its author
        return 1


def _request() -> bytes:
    """The umask and the environment, as the other process is to have them."""
    umask = os.umask(0o077)
    os.umask(umask)
    return b"\0".join((b"%o" % umask, *(b"=".join(each) for each in os.environb.items())))


if __name__ == "__main__":
    _, state_folder, config_file = sys.argv
    status = hand_over(state_folder, config_file)
    if status is None:
        program = ["-I", "-m", "mlreef_hooks", "--config", config_file, "post-receive"]
        os.execv(sys.executable, [sys.executable, *program])  # noqa: S606
    sys.exit(status)
