"""Turn a git push of a publish tag into a code module: checked, containerized, versioned, indexed."""

__version__ = "0.1.0"
