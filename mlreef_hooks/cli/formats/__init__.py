"""What `check` found, in the forms that people and other programs read; one file for each."""
