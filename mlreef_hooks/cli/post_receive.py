"""What git runs: ref lines on stdin, what happened on stdout.

Imported without click, which would cost a push that publishes a tenth of its time.
"""

import os
import sys
import traceback
from pathlib import Path

from mlreef_hooks import report
from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.site import GitHookOutput, open_site
from mlreef_hooks.durable_files import appended
from mlreef_hooks.errors import PublishError
from mlreef_hooks.push import PushEvent, parse_ref_updates
from mlreef_hooks.receive import receive
from mlreef_hooks.repository import GitRepository


def run_hook(config_file: str | None) -> None:
    """Publish what the push on standard input asks for; nothing that fails gets out of here."""
    output = GitHookOutput(sys.stdout.fileno())
    try:
        _receive(config_file, output)
    except PublishError as error:
        for line in report.failed(error):
            output.say(line)
    except Exception:
        output.say("error: mlreef-hooks failed by a mistake of its own")
        output.say(report.STORED)
        _keep_traceback(config_file, output)


def _receive(config_file: str | None, output: GitHookOutput) -> None:
    updates = parse_ref_updates(sys.stdin.buffer.read())
    config = load_config(config_file)
    repository = GitRepository(Path(os.environ.get("GIT_DIR", ".")))
    try:
        site = open_site(config, output.say)
        name = site.server.repository_name(repository.git_dir, os.environ)
        pusher = site.server.pusher(os.environ)
        receive(PushEvent(repository=name, pusher=pusher, updates=updates), repository, site)
    finally:
        repository.close()


def _keep_traceback(config_file: str | None, output: GitHookOutput) -> None:
    """Write what the pusher must not see to the log; to nowhere where even that fails."""
    try:
        with appended(load_config(config_file).state_path / "logs" / "errors.log") as log:
            log.write(traceback.format_exc().encode(errors="backslashreplace"))
    except (OSError, PublishError):
        output.say("hint: and its log could not be written: mlreef-hooks doctor")
