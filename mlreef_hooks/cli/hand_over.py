"""Hands a push to the process that has everything loaded (`worker.py`), else loads it here; or to
the service, which is another account's, and then nothing is loaded here.

The hook runs this file as a script, without site-packages: it imports next to nothing, for it is
what every push with a publish tag waits for. The other process speaks first: what it was started
for. Only to one that can do the same is anything of this one sent, and until then nothing is read
from standard input, so that the program can still be loaded here.
"""

import os
import pwd
import sys

# What the module socket wraps; importing that costs as much as the rest of this program.
from _socket import AF_UNIX, SCM_RIGHTS, SO_PEERCRED, SOCK_SEQPACKET, SOL_SOCKET, socket
from resource import RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, getrlimit
from time import monotonic, sleep

SOCKET = "worker.sock"  # in the state folder
DONE = b"."
LARGEST = 1 << 17  # bytes of a message; less than a socket takes at once
_PATIENCE_SECONDS = 5.0  # for a process that is stopped or starved
_RESTART_SECONDS = 3.0  # for a service that was stopped to be started again
_NUMBER = 4  # bytes of a C int
_LIMITS = (RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE)
_STREAMS = (0, 1, 2)  # standard input, output and error

# What the service is told of a push: never a password, and nothing that says how programs run.
SENT = (
    b"REMOTE_USER",
    b"GL_ID", b"GL_PROJECT_PATH", b"GL_REPO", b"GL_REPOSITORY", b"GL_USER", b"GL_USERNAME",
    b"GITEA_PUSHER_NAME", b"GITEA_REPO_NAME", b"GITEA_REPO_USER_NAME",
    b"SOFT_SERVE_REPO_NAME", b"SOFT_SERVE_USERNAME",
)  # fmt: skip
OPTION = b"GIT_PUSH_OPTION_"
GREETING = b"mlreef-hooks 1"  # of the service
PUSH, COMMAND = b"push", b"command"  # what a request begins with
DONE_MARKED, DONE_UNMARKED = b"+", b"-"  # as DONE; and what is to become of the repository's mark
MARK = "mlreef-parked"  # in the git directory
_AWAY = """\
mlreef: the push is stored, but the service does not answer
hint: what it asked for is published once the service runs"""
_LOST = """\
mlreef: the service was stopped; the push is stored
hint: what it asked for goes on once the service runs"""


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


def address(folder: int, name: str = SOCKET) -> str:
    """The socket's address in an open folder: a path may be longer than a socket's address can."""
    return f"/proc/self/fd/{folder}/{name}"


def peer(connection: socket) -> tuple[int, int]:
    """The user and group id of the process at the other end (unix(7), `SO_PEERCRED`: pid, uid,
    gid).
    """
    said = connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 3 * _NUMBER)
    user, group = said[_NUMBER : 2 * _NUMBER], said[2 * _NUMBER :]
    return int.from_bytes(user, sys.byteorder), int.from_bytes(group, sys.byteorder)


def hand_over(state: str, config: str) -> int | None:
    """The exit status of the process that did it; None where none takes it and nothing was sent."""
    connection = socket(AF_UNIX, SOCK_SEQPACKET)
    connection.settimeout(_PATIENCE_SECONDS)
    try:
        connection.connect(address(os.open(state, os.O_PATH | os.O_CLOEXEC)))
        taken = peer(connection)[0] == os.geteuid()
        if not taken or connection.recv(LARGEST) != surroundings(config):
            return None
        request = _request()
        if len(request) > LARGEST:
            return None
        _send(connection, request, os.open(".", os.O_PATH | os.O_CLOEXEC))
    except OSError:
        return None
    return 0 if _answer(connection) == DONE else 1


def _send(connection: socket, request: bytes, *more: int) -> None:
    """Send a request with the standard streams and `more` descriptors."""
    descriptors = b"".join(each.to_bytes(_NUMBER, sys.byteorder) for each in (*_STREAMS, *more))
    connection.sendmsg([request], [(SOL_SOCKET, SCM_RIGHTS, descriptors)])


def _answer(connection: socket) -> bytes:
    """What the other process says at its end; empty where it says nothing."""
    connection.settimeout(None)
    try:
        return connection.recv(LARGEST)
    except (OSError, KeyboardInterrupt):  # the push goes on without its author
        return b""


def ask_service(place: str, account: str, request: bytes) -> bytes | None:
    """The answer of the service of an account (its name or number), whose socket is at `place`.

    Empty where it was stopped meanwhile; None where it does not take the request.
    """
    connection = socket(AF_UNIX, SOCK_SEQPACKET)
    connection.settimeout(_PATIENCE_SECONDS)
    try:
        _connect(connection, place)
        user = int(account) if account.isdecimal() else pwd.getpwnam(account).pw_uid
        if peer(connection)[0] != user or connection.recv(LARGEST) != GREETING:
            return None
        if len(request) > LARGEST:
            return None
        _send(connection, request)
    except (OSError, KeyError):
        return None
    return _answer(connection)


def _connect(connection: socket, place: str) -> None:
    """Connect to a service that may be about to start again."""
    folder, name = os.path.split(place)
    deadline = monotonic() + _RESTART_SECONDS
    while True:
        try:
            opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            connection.connect(address(opened, name))
            return
        except (FileNotFoundError, ConnectionRefusedError):
            if monotonic() > deadline:
                raise
            sleep(0.1)


def hand_in(place: str, account: str) -> None:
    """Hand a push to the service; what it does not take now, its sweep finds."""
    git_dir = os.path.realpath(os.environb.get(b"GIT_DIR", b"."))
    _keep_project(git_dir)
    answer = ask_service(place, account, b"\0".join((PUSH, b"GIT_DIR=" + git_dir, *_facts())))
    if not answer:
        print(_AWAY if answer is None else _LOST)
    _mark(os.path.join(git_dir, MARK.encode()), answer or DONE_MARKED)


def _keep_project(git_dir: bytes) -> None:
    """Write down which project a hashed folder of GitLab is (servers/gitlab.py), once: the service
    may not, and no sweep is told of it.
    """
    project = os.environb.get(b"GL_PROJECT_PATH")
    number = os.environb.get(b"GL_REPOSITORY", b"").removeprefix(b"project-")
    try:
        config = os.path.join(git_dir, b"config")
        with open(config, "rb") as settings:
            if not project or not number.isdigit() or b"fullpath" in settings.read().lower():
                return
    except OSError:
        return
    from hashlib import sha256
    from subprocess import DEVNULL, run

    if os.path.basename(git_dir) == sha256(number).hexdigest().encode() + b".git":
        words = [b"git", b"config", b"--file", config, b"mlreef.fullPath", project]
        run(words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, check=False)


def _facts() -> list[bytes]:
    """What the service is told of the environment."""
    kept = [name for name in os.environb if name in SENT or name.startswith(OPTION)]
    return [name + b"=" + os.environb[name] for name in kept]


def _mark(mark: bytes, answer: bytes) -> None:
    """Let the next push of a branch be handed in as well, or no longer."""
    try:
        if answer == DONE_MARKED:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            os.close(os.open(mark, flags, 0o666))
        elif answer == DONE_UNMARKED and not os.path.getsize(mark):
            os.unlink(mark)
    except OSError:
        pass  # it is there, or gone; and a sweep finds what waits


def _request() -> bytes:
    """The umask and the environment, as the other process is to have them."""
    umask = os.umask(0o077)
    os.umask(umask)
    return b"\0".join((b"%o" % umask, *(b"=".join(each) for each in os.environb.items())))


if __name__ == "__main__":
    _, state_folder, config_file, *service = sys.argv
    if service:
        hand_in(*service)
        sys.exit(0)
    status = hand_over(state_folder, config_file)
    if status is None:
        program = ["-I", "-m", "mlreef_hooks", "--config", config_file, "post-receive"]
        os.execv(sys.executable, [sys.executable, *program])  # noqa: S606
    sys.exit(status)
