"""What git runs before it takes a push in: ref lines on stdin, an exit status that may refuse.

Whatever fails here lets the push in. Imported without click, as `post_receive`.
"""

import os
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Timer

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.pusher import Pusher
from mlreef_hooks.cli.site import keep_mistake, open_server
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate import Gate, Known
from mlreef_hooks.gate_report import let_through
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.job_records import published_commits
from mlreef_hooks.push import PushEvent, parse_ref_updates
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.tree_listing import Recall, nothing_known
from mlreef_hooks.tree_summary import recall_from

REFUSED = 10  # an interpreter that does not start ends with 1, and must refuse nothing


def run_gate(config_file: str | None) -> int:
    """The exit status about the push on standard input: 0, or `REFUSED`."""
    pusher = Pusher(sys.stdout.fileno())
    try:
        config = load_config(config_file)
        errors = config.state_path / "logs" / "errors.log"
        gate = Gate(
            config=config, known=_known(config), say=pusher.say,
            keep_mistake=partial(keep_mistake, errors),
        )  # fmt: skip
    except Exception as error:  # without a configuration there is no place to keep it
        said = error.message if isinstance(error, PublishError) else type(error).__name__
        pusher.say(let_through(0, said))
        return 0
    return _status(_look(gate))


def _known(config: Config) -> Known:
    state = config.state_path
    return Known(
        index=IndexFiles(config.index_path),
        published=partial(published_commits, state / "jobs.sqlite"),
        recall=_recall(state / "cache.sqlite"),
    )


def _recall(path: Path) -> Recall:
    """What is remembered of folders, where something is: the gate makes no file."""
    return recall_from(BuildCache(path).folders) if os.access(path, os.W_OK) else nothing_known


def _look(gate: Gate) -> bool:
    """True where the push may go in: in time, and whatever goes wrong."""
    seconds = gate.config.publish.gate_seconds

    def give_up() -> None:
        # What hangs cannot be interrupted: a disk, a parser. So the process ends here.
        os._exit(_status(gate.end(f"it takes longer than {seconds} s")))

    timer = Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        with closing(GitRepository(Path(os.environ.get("GIT_DIR", ".")))) as repository:
            gate.look_at(_event(repository, gate.config), repository)
        reason = ""
    except PublishError as error:
        reason = error.message
    except Exception as error:
        gate.keep_mistake(error)
        reason = "it failed by a mistake of its own"
    timer.cancel()
    return gate.end(reason)


def _event(repository: GitRepository, config: Config) -> PushEvent:
    server = open_server(config, os.getuid())
    return PushEvent(
        repository=server.repository_name(repository.git_dir, os.environ),
        pusher=server.pusher(os.environ),
        updates=parse_ref_updates(sys.stdin.buffer.read()),
    )


def _status(let_in: bool) -> int:
    return 0 if let_in else REFUSED
