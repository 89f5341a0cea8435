"""Where the Python of a base image keeps its packages."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PythonPlace:
    """The folders of an image that packages are installed into, relative to its root.

    `version` as `3.11`; `interpreter` is the absolute path that scripts name. `site` holds pure and
    native packages, `prefix` has `bin`, `include` and data. `bytecode`: whether `.pyc` are made.
    """

    version: str
    interpreter: str
    site: str
    prefix: str
    bytecode: bool
