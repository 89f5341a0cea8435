"""The commands that git runs, as click knows them; a hook goes to what does them at once."""

import click


@click.command("post-receive")
@click.pass_obj
def post_receive(config_file: str | None) -> None:
    """Publish what a push asks for; git runs this as a hook.

    Reads `old new ref` lines on standard input. The exit status means nothing: git has stored the
    push by then, and tells the pusher only what is printed.
    """
    from mlreef_hooks.cli.post_receive import run_hook

    run_hook(config_file)


@click.command("pre-receive")
@click.pass_obj
def pre_receive(config_file: str | None) -> int:
    """Refuse a push with a publish tag that can never be published; git runs this as a hook.

    Reads `old new ref` lines on standard input. Exit status 10 where the push is refused; it is let
    in wherever that cannot be told.
    """
    from mlreef_hooks.cli.pre_receive import run_gate

    return run_gate(config_file)
