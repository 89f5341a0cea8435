"""A git push of a publish tag becomes a code module: checked, containerized, versioned, indexed."""

__version__ = "0.1.0"
