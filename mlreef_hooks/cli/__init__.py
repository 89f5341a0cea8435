"""The commands, one file per audience; the only place that prints and chooses exit codes."""
