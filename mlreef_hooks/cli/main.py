"""`mlreef-hooks`: the commands by name, what they share, and the one place where errors end."""

import gc
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from mlreef_hooks import __version__
from mlreef_hooks.errors import PublishError, is_full
from mlreef_hooks.plain_text import plain

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXPECTED_FAILURE, BUG, INTERRUPTED = 1, 3, 130

ASKER = "mlreef_hooks.asker"  # in the context, where the service runs a command
# Each command is imported when it is called: a hook must not pay for what it does not run.
COMMANDS: Mapping[str, str] = {
    "post-receive": "hook:post_receive",
    "pre-receive": "hook:pre_receive",
    "install": "admin:install",
    "uninstall": "admin:uninstall",
    "doctor": "doctor:doctor",
    "worker": "sweep:worker",
    "sweep": "sweep:sweep",
    "status": "jobs:status",
    "watch": "jobs:watch",
    "logs": "jobs:logs",
    "cancel": "jobs:cancel",
    "retry": "jobs:retry",
    "visibility": "visibility:visibility",
    "base": "admin:base",
    "yank": "operations:yank",
    "unyank": "operations:unyank",
    "deprecate": "operations:deprecate",
    "undeprecate": "operations:undeprecate",
    "reindex": "upkeep:reindex",
    "gc": "upkeep:gc",
    "init": "init:init",
    "check": "author:check",
    "publish": "publish:publish",
    "explain": "explain:explain",
    "list": "user:list_modules",
    "search": "search:search",
    "show": "user:show",
    "run": "run:run",
    "runs": "runs:runs",
    "export": "export:export",
    "verify": "verify:verify",
    "catalog": "catalog:catalog",
    "modules": "modules:modules",
    "documents": "documents:documents",
}


class Commands(click.Group):
    """The group of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the users: git, admin, author, pipeline user."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        file, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"mlreef_hooks.cli.{file}"), function)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; UsageError with the nearest one for a mistype."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from mlreef_hooks.cli.words import no_such_command

            raise no_such_command(args[0], COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """The names that begin so, of which none is imported, and this group's own options."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mlreef-hooks")
@click.option(
    "--config",
    "config_path",
    envvar="MLREEF_HOOKS_CONFIG",
    type=click.Path(dir_okay=False),
    help="The configuration file.",
)
@click.pass_context
def commands(ctx: click.Context, config_path: str | None) -> None:
    """Turn a git push of a publish tag into a code module for pipelines."""
    if ctx.obj is not None:
        ctx.meta[ASKER] = ctx.obj
    ctx.obj = config_path or None


def main(asker: object = None) -> None:
    """Run the command line and exit: 0 done, 1 expected failure, 2 usage, 3 bug. `asker` is the
    account that the service does it for.
    """
    gc.set_threshold(100_000)  # as in __main__.py
    try:
        result: Any = commands.main(standalone_mode=False, obj=asker)
        status = result if isinstance(result, int) else 0
    except Exception as error:
        status = next(end(error) for kind, end in _ENDS.items() if isinstance(error, kind))
    sys.exit(status)


def _expected(error: PublishError) -> int:
    return _fail(error.message, error.hint)


def _forbidden(error: PermissionError) -> int:
    said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return _fail(said, "run it as the account that this belongs to")


def _misused(error: click.ClickException) -> int:
    from mlreef_hooks.cli.words import with_nearest

    with_nearest(error).show()
    return error.exit_code


def _unread(_error: BrokenPipeError) -> int:
    sys.stderr.close()  # the reader has seen enough; Python would complain about the rest
    return EXPECTED_FAILURE


def _failed_by_system(error: OSError) -> int:
    return _fail("no space is left to write to", "make room") if is_full(error) else _bug(error)


def _bug(error: Exception) -> int:
    sys.excepthook(type(error), error, error.__traceback__)
    click.echo("error: this is a bug of mlreef-hooks; please report the lines above", err=True)
    return BUG


def _fail(message: str, hint: str) -> int:
    click.echo(f"error: {plain(message)}\nhint: {plain(hint)}", err=True)
    return EXPECTED_FAILURE


# What is said of an error, and the exit status: the first of its kinds counts.
_ENDS: Mapping[type[Exception], Callable[[Any], int]] = {
    PublishError: _expected,
    PermissionError: _forbidden,
    click.ClickException: _misused,
    click.Abort: lambda error: INTERRUPTED,
    BrokenPipeError: _unread,
    OSError: _failed_by_system,
    Exception: _bug,
}
