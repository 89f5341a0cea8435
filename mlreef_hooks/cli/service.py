"""The service: the worker as an account of its own, for pushes of another account.

Whoever may push may connect; everything that comes in is theirs, so hostile: it is bounded, names
a repository that they could write to themselves, and says nothing of how programs run.
"""

import os
import select
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import MSG_CTRUNC, MSG_TRUNC, SOL_SOCKET, recv_fds, socket
from time import monotonic

from mlreef_hooks import report
from mlreef_hooks.account import EXECUTE, WRITE, Account, user_of
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.hand_over import (
    COMMAND,
    DONE,
    DONE_MARKED,
    DONE_UNMARKED,
    GREETING,
    LARGEST,
    OPTION,
    PUSH,
    SENT,
    peer,
)
from mlreef_hooks.cli.post_receive import run_hook
from mlreef_hooks.cli.pusher import Pusher
from mlreef_hooks.cli.site import open_site
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.service_files import asking_group
from mlreef_hooks.waiting_room import OthersRoom

COMMANDS = (
    "status",
    "logs",
    "watch",
    "visibility",
    "documents",
)  # what it runs for others; they only look
PATIENCE_SECONDS = 10.0  # for what was announced
_UPDATES_BYTES = 16 << 20  # of the ref updates of one push
_VALUE_BYTES = 4096  # of one variable
_SO_PEERGROUPS, _GROUPS_SIZE = 59, 1024  # Linux's asm-generic/socket.h; bytes
_ANSWERS = {None: DONE, True: DONE_MARKED, False: DONE_UNMARKED}


def group_to_serve(config: Config) -> int:
    """The group that may ask; PublishError where this process cannot be the service."""
    if os.geteuid() != user_of(config.worker.service):
        raise PublishError(
            f"the worker is the service of the account {config.worker.service}",
            f"start it as that: sudo -u {config.worker.service} mlreef-hooks worker",
        )
    if not config.server.root:
        raise PublishError(
            "a service takes repositories below [server] root only, and there is none",
            "write the folder of the repositories into the configuration",
        )
    group = asking_group(config)
    if group not in (os.getegid(), *os.getgroups()):
        raise PublishError(
            f"{config.worker.service} is not in the repositories' group {group}",
            f"usermod -aG {config.worker.group or group} {config.worker.service}",
        )
    return group


def take(connection: socket, config_file: str) -> bool:
    """Do what the process at the other end asks for, where it may; True where jobs wait then."""
    config = load_config(config_file)
    asker = _asker(connection)
    if not {asker.user} & {0, os.geteuid()} and asking_group(config) not in asker.groups:
        return False
    connection.settimeout(PATIENCE_SECONDS)
    connection.sendall(GREETING)
    request, streams, flags, _ = recv_fds(connection, LARGEST, 3)
    if len(streams) != 3 or flags & (MSG_TRUNC | MSG_CTRUNC):
        return False
    for place, descriptor in enumerate(streams):
        os.dup2(descriptor, place)
        os.close(descriptor)
    connection.settimeout(None)
    kind, *words = request.split(b"\0")
    if kind == PUSH:
        return _take_push(connection, words, asker, config_file)
    if kind == COMMAND:
        _run_command(connection, [os.fsdecode(word) for word in words], asker, config_file)
    return False


def _asker(connection: socket) -> Account:
    """The account at the other end, with the groups of its process and all that it has besides."""
    user, group = peer(connection)
    known = Account.of(user)
    groups = (group, known.group, *known.groups, *_peer_groups(connection))
    return Account(user=user, group=group, groups=groups)


def _peer_groups(connection: socket) -> Iterable[int]:
    """The supplementary groups of the process at the other end (unix(7), `SO_PEERGROUPS`); none
    where it has more than fit, for an account of so many is asked for them by its name.
    """
    try:
        said = connection.getsockopt(SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_SIZE)
    except OSError:
        return ()
    return memoryview(said).cast("I")


def answer(connection: socket, said: bytes) -> None:
    """Let the other process end: it waits for this, and others for all who have its output open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in range(3):
        os.dup2(nothing, place)
    with suppress(OSError):
        connection.sendall(said)


def _take_push(
    connection: socket, words: Sequence[bytes], asker: Account, config_file: str
) -> bool:
    room = OthersRoom()
    try:
        variables = dict(_variables(words))
        config = load_config(config_file)
        git_dir = _repository(variables.pop(b"GIT_DIR", b""), asker, config)
        updates = _read_updates(0)
    except PublishError as error:
        _say(report.failed(error))
        answer(connection, DONE)
        return False
    os.environb.update(variables | {b"GIT_DIR": bytes(git_dir)})
    _as_input(updates)
    release = partial(_release, connection, room)
    opened = partial(open_site, user=asker.user, waiting=room)
    return run_hook(config_file, release, opened, partial(_check_opened, asker, config))


def _release(connection: socket, room: OthersRoom) -> None:
    answer(connection, _ANSWERS[room.wanted])


def _say(lines: Sequence[str]) -> None:
    """Tell the pusher, without waiting for one who does not read."""
    pusher = Pusher(1)
    for line in lines:
        pusher.say(line)


def _variables(words: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Those variables of a request that say who pushes what; all others are not taken."""
    for word in words:
        name, _, value = word.partition(b"=")
        number = name.removeprefix(OPTION)
        option = number != name and (number == b"COUNT" or number.isdigit())
        known = name == b"GIT_DIR" or name in SENT or option
        if known and len(name) < 64 and len(value) <= _VALUE_BYTES:
            yield name, value


def _repository(named: bytes, asker: Account, config: Config) -> Path:
    """The repository of a request: below the root, and one that the asker could change as well."""
    path, root = Path(os.fsdecode(named)), Path(config.server.root).resolve()
    try:
        path = path.resolve(strict=True) if path.is_absolute() else Path("/")
        allowed = path != root and path.is_relative_to(root)
        allowed = allowed and asker.obstacle(path, WRITE | EXECUTE) is None
    except (OSError, RuntimeError, ValueError):
        allowed = False
    if not allowed:
        raise PublishError(
            f"the service does not take {os.fsdecode(named)}: it is not below {root}, or not yours",
            "the administrator runs mlreef-hooks doctor",
        )
    return path


def _check_opened(asker: Account, config: Config, repository: GitRepository) -> None:
    """PublishError where the folder that was named has led git to a repository that the asker
    could not change: by its `.git` or `commondir`, which may have come at any moment.

    Nor is one taken of another account than the folder of all repositories, if that is not root's:
    its objects could be links to those of the others, which the service reads.
    """
    try:
        allowed = asker.obstacle(repository.git_dir, WRITE | EXECUTE) is None
        owner = os.stat(config.server.root).st_uid
        allowed = allowed and owner in (0, repository.git_dir.stat().st_uid)
    except OSError:
        allowed = False
    if not allowed:
        raise PublishError(
            "the repository leads to another one, or is of another account than"
            f" {config.server.root}",
            "the administrator gives all repositories to one account",
        )


def _read_updates(descriptor: int) -> bytes:
    """What the hook was given, bounded in size and time."""
    content, deadline = b"", monotonic() + PATIENCE_SECONDS
    while True:
        ready = select.select((descriptor,), (), (), max(0.0, deadline - monotonic()))[0]
        try:
            piece = os.read(descriptor, 1 << 16) if ready else None
        except OSError:
            piece = None
        if piece is None or len(content) > _UPDATES_BYTES:
            raise PublishError("the ref updates did not come to their end", "push less at once")
        if not piece:
            return content
        content += piece


def _as_input(content: bytes) -> None:
    """Let standard input be `content`."""
    file = os.memfd_create("updates")
    with os.fdopen(file, "wb", closefd=False) as out:
        out.write(content)
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, 0)
    os.close(file)


def _run_command(
    connection: socket, words: Sequence[str], asker: Account, config_file: str
) -> None:
    """Run one of `COMMANDS` on the streams of who asks, as long as they are there. It shows what
    the asker could read.
    """
    if not words or words[0] not in COMMANDS:
        _say([f"error: the service runs {', '.join(COMMANDS)} for others, and nothing else"])
        answer(connection, b"1")
        return
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    from mlreef_hooks.cli.main import main

    sys.argv = ["mlreef-hooks", "--config", config_file, *words]
    status = 1
    try:
        main(asker)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    answer(connection, str(status).encode())


def _end_with(connection: socket) -> None:
    """End this process once the other one has gone away."""
    with suppress(OSError):
        connection.recv(1)
    os._exit(1)
