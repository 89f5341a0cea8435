"""The command that git runs, as click knows it; a hook goes to `post_receive` at once."""

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
