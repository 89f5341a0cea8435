"""Commands that the service runs for those who may not look at its files."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mlreef_hooks.account import EXECUTE, READ, Account, user_of
from mlreef_hooks.cli.configuration import config_path, load_config
from mlreef_hooks.cli.hand_over import COMMAND, ask_service
from mlreef_hooks.cli.main import ASKER
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError

_WORDS = "mlreef_hooks.words"


def is_others(config: Config) -> bool:
    """True where the state belongs to a service that this process is not."""
    service = config.worker.service
    return bool(service) and os.geteuid() not in (0, user_of(service))


def check_own(config: Config) -> None:
    """PublishError where the state belongs to a service that this process is not."""
    if is_others(config):
        command = click.get_current_context().info_name
        raise PublishError(
            f"only the service's account may {command}",
            f"sudo -u {config.worker.service} mlreef-hooks {command} ...",
        )


class Relayed(click.Command):
    """A command that the service runs where the state is its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words are kept as they were written."""
        ctx.meta[_WORDS] = [*args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """The exit status."""
        config = load_config(ctx.obj)
        if not is_others(config):
            return super().invoke(ctx)
        return relay(config, ctx.obj, (str(ctx.info_name), *ctx.meta[_WORDS]))


def relay(config: Config, config_file: str | None, command: Sequence[str]) -> int:
    """The exit status of a command that the service runs; PublishError where it is away."""
    sys.stdout.flush()
    request = b"\0".join((COMMAND, *map(os.fsencode, command)))
    answer = ask_service(config.worker.socket, config.worker.service, request)
    if not answer:
        raise PublishError(
            f"the service does not answer ({config_path(config_file)})",
            "the administrator looks at systemctl status mlreef-hooks",
        )
    return int(answer)


def relayed_output(config: Config, config_file: str | None, command: Sequence[str]) -> bytes:
    """What a command prints that the service runs; PublishError where it is away or fails."""
    sys.stdout.flush()
    kept, file = os.dup(1), os.memfd_create("output")
    os.dup2(file, 1)
    try:
        status = relay(config, config_file, command)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    with os.fdopen(file, "rb") as output:
        output.seek(0)
        said = output.read()
    if status:
        raise PublishError(f"the service could not {command[0]}", "tell the administrator")
    return said


def asker() -> Account | None:
    """The account that the service runs this command for; None where nobody else asks."""
    found = click.get_current_context().meta.get(ASKER)
    return found if isinstance(found, Account) else None


def may_see(git_dir: Path) -> bool:
    """True where whoever asks could read the repository's folder."""
    account = asker()
    if account is None or account.user in (0, os.geteuid()):
        return True
    try:
        return account.obstacle(git_dir, READ | EXECUTE) is None
    except OSError:
        return False
