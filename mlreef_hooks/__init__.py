"""A git push of a publish tag becomes a code module: checked, containerized, versioned, indexed.

From Python, `Index` finds modules and runs them. It is imported when it is first asked for: a hook
must not pay for it.
"""

__version__ = "0.1.0"
__all__ = ["Index", "ListedModule", "Module", "Parameter", "PublishError", "RunRecord"]

TYPE_CHECKING = False  # as typing has it, whose import takes time
if TYPE_CHECKING:
    from mlreef_hooks.api import Index, ListedModule, Module
    from mlreef_hooks.errors import PublishError
    from mlreef_hooks.manifest import Parameter
    from mlreef_hooks.run_record import RunRecord


def __getattr__(name: str) -> object:
    """One of the names above, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlreef_hooks import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """What can be imported from here."""
    return [*__all__, "__version__"]
