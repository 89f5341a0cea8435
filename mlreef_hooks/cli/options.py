"""Options that several commands take."""

import click

form_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text",
    help="For people (text, the default), or for programs.",
)  # fmt: skip
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done, and do nothing."
)
index_option = click.option(
    "--index", "index", metavar="PLACE", help="A folder, an http(s) or ssh address, or USER@HOST."
)
