"""`python -m mlreef_hooks` is `mlreef-hooks`."""

from mlreef_hooks.cli.main import main

main()
