"""What `init` proposes for a script: files that make it a module, as values; nothing is run."""
