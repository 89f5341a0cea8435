"""When files below a folder are saved: by watchfiles, which is imported where somebody watches."""

import sys
from collections.abc import Iterator
from pathlib import Path

from mlreef_hooks.errors import PublishError

_STEP = 20  # milliseconds; a burst of saves ends when nothing happened for so long
_BURST = 200  # milliseconds, at most: a file that is written all the time is no burst
_CHECK = "mend that (fs.inotify.max_user_watches may be too low), or check without --watch"
_NO_WATCHER = f"{sys.prefix}/bin/python -m pip install watchfiles"


def saved_files(folder: Path) -> Iterator[set[str]]:
    """The paths below a folder of each burst of changes; first nothing, once it is watched.

    What git keeps for itself is left out. PublishError where the folder cannot be watched.
    """
    try:
        from watchfiles._rust_notify import RustNotify
    except ImportError:
        raise PublishError("--watch needs the package watchfiles", _NO_WATCHER) from None
    root = folder.resolve()
    try:
        with RustNotify([str(root)], False, False, 0, True, False) as watcher:
            yield set()
            while not isinstance(changes := watcher.watch(_BURST, _STEP, 0, None), str):
                paths = {str(Path(path).relative_to(root)) for _, path in changes}
                saved = {path for path in paths if ".git" not in Path(path).parts}
                if saved:
                    yield saved
    except (OSError, RuntimeError) as error:  # such as a name that is not UTF-8
        raise PublishError(f"{folder} cannot be watched: {error}", _CHECK) from None
    raise KeyboardInterrupt  # its word for a signal
