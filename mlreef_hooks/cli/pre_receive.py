"""What git runs before it takes a push in: ref lines on stdin, an exit status that may refuse.

Whatever fails here lets the push in. Imported without click, as `post_receive`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Timer

from mlreef_hooks.build_cache import BuildCache
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.pusher import Pusher
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.event_log import keep_mistake
from mlreef_hooks.gate import MISTAKE, Gate, Known
from mlreef_hooks.gate_report import let_through
from mlreef_hooks.git import look_into_quarantine
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.job_records import published_commits
from mlreef_hooks.push import PushEvent, parse_ref_updates
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.servers.table import open_server
from mlreef_hooks.tree_listing import Recall, nothing_known
from mlreef_hooks.tree_summary import recall_from

REFUSED = 10  # an interpreter that does not start ends with 1, and must refuse nothing


def run_gate(config_file: str | None) -> int:
    """The exit status about the push on standard input: 0, or `REFUSED`."""
    pusher = Pusher(sys.stdout.fileno())
    look_into_quarantine()
    try:
        config = load_config(config_file)
        with _remembered(config.state_folder.cache) as recall:
            return _status(_look(_gate(config, recall, pusher)))
    except Exception as error:  # without a configuration there is no place to keep it
        said = error.message if isinstance(error, PublishError) else type(error).__name__
        pusher.say(let_through(0, said))
        return 0


@contextmanager
def _remembered(path: Path) -> Iterator[Recall]:
    """What is remembered of folders, where something is: the gate makes no file."""
    if not os.access(path, os.W_OK):
        yield nothing_known
        return
    with closing(BuildCache(path)) as cache:
        yield recall_from(cache.folders)


def _gate(config: Config, recall: Recall, pusher: Pusher) -> Gate:
    known = Known(
        index=IndexFiles(config.index_path),
        published=partial(published_commits, config.state_folder.jobs),
        recall=recall,
    )
    keep = partial(keep_mistake, config.state_folder.errors)
    return Gate(config=config, known=known, say=pusher.say, keep_mistake=keep)


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
        reason = MISTAKE
    timer.cancel()
    return gate.end(reason)


def _event(repository: GitRepository, config: Config) -> PushEvent:
    server = open_server(config, os.getuid())
    return PushEvent(
        repository=server.repository_name(repository.git_dir, os.environ),
        pusher=server.pusher(repository.git_dir, os.environ),
        updates=parse_ref_updates(sys.stdin.buffer.read()),
    )


def _status(let_in: bool) -> int:
    return 0 if let_in else REFUSED
