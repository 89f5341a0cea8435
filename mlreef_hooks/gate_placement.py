"""The gate where each repository's server keeps it: always the repository's own."""

from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.gate_setting import decide_gate, forget_gate
from mlreef_hooks.hook_files import GATE, install_hook, read_hook, remove_hook
from mlreef_hooks.hook_place import own_place


@dataclass(frozen=True, kw_only=True)
class GatePlacement:
    """Puts the gate, whose text is `text`, into repositories that want it, and takes it from those
    that do not. `wanted` is written into their settings (None: these stay).
    """

    settings: Server
    text: str
    wanted: bool | None = None
    dry_run: bool = False

    def put(self, git_dir: Path) -> str:
        """What was done, to be read behind what was done about the hook; empty where nothing was
        to be done.
        """
        place = own_place(GATE, git_dir, self.settings)
        if decide_gate(git_dir, self.wanted, dry_run=self.dry_run):
            if place.shared:
                raise PublishError(
                    f"{git_dir} has no hooks of its own, so it cannot have the gate",
                    "leave it without: mlreef-hooks install --no-gate",
                )
            return f", the gate {install_hook(git_dir, self.text, place, dry_run=self.dry_run)}"
        return _remove(git_dir, self.settings, dry_run=self.dry_run)

    def cover(self, git_dir: Path) -> str:
        """The same for a repository that may be new: a gate that is there stays as it is."""
        place = own_place(GATE, git_dir, self.settings)
        return "" if read_hook(git_dir, place.path).kind == "ours" else self.put(git_dir)


def take_gate(git_dir: Path, settings: Server, *, dry_run: bool) -> str:
    """What was done, as `GatePlacement.put` says it: neither gate nor setting is left."""
    said = _remove(git_dir, settings, dry_run=dry_run)
    if not dry_run:
        forget_gate(git_dir)
    return said


def _remove(git_dir: Path, settings: Server, *, dry_run: bool) -> str:
    said = remove_hook(git_dir, own_place(GATE, git_dir, settings), dry_run=dry_run)
    return "" if said == "not installed" else f", the gate {said}"
