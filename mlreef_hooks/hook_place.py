"""Where a hook of ours goes: the place where each git server keeps hooks that are not its own."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlreef_hooks.config import Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.servers.folders import link_target
from mlreef_hooks.servers.gitea import hooks_of
from mlreef_hooks.servers.table import kind_of

_OURS = "mlreef"  # what our hook is called beside others


@dataclass(frozen=True, kw_only=True)
class HookPlace:
    """Where the file of a hook is, and `seen`, by which git or the server runs it.

    `chains`: only one hook can be there, so one that is there already is kept beside and runs
    first. `shared`: it is the hook of all repositories of the server. `runner` is the server's
    own hook that runs ours, None where git does. `setting`: git runs it by its configuration.
    """

    path: Path
    seen: Path
    chains: bool = False
    shared: bool = False
    runner: Path | None = None
    setting: bool = False


def hook_place(name: str, git_dir: Path, settings: Server) -> HookPlace:
    """Where the hook called `name` (`post-receive`) goes for a repository and its server.

    PublishError where the server has no such place yet.
    """
    if settings.config_hook:
        return _by_setting(name, git_dir)
    return _PLACES[kind_of(git_dir, settings)](name, git_dir, settings)


def own_place(name: str, git_dir: Path, settings: Server) -> HookPlace:
    """Where the hook called `name` is one repository's own, whatever its server links into it: a
    repository decides for itself whether it has it. Where that is a shared place, it cannot.
    """
    return _OWN_PLACES.get(kind_of(git_dir, settings), in_repository)(name, git_dir)


def other_places(name: str, git_dir: Path, place: HookPlace) -> Iterator[HookPlace]:
    """The places in the repository itself where our hook may be left of another installation."""
    found = [
        in_repository(name, git_dir),
        _in_folder(name, git_dir / "hooks"),
        _by_gitaly(name, git_dir, Server()),
        _by_setting(name, git_dir),
    ]
    yield from (each for each in found if each.path != place.path and not os.path.islink(each.path))


def in_repository(name: str, git_dir: Path) -> HookPlace:
    """The place where git itself looks for a hook of a repository."""
    hook = git_dir / "hooks" / name
    return HookPlace(path=hook, seen=hook, chains=True)


def _beside_others(name: str, git_dir: Path) -> HookPlace:
    """Gitea, Forgejo and soft-serve run all that is in a folder, and write only their own there."""
    hooks, own = hooks_of(git_dir), git_dir / "hooks"
    return replace(_in_folder(name, hooks), shared=hooks != own)


def _in_folder(name: str, hooks: Path) -> HookPlace:
    hook = hooks / f"{name}.d" / _OURS
    return HookPlace(path=hook, seen=hook, runner=hooks / name)


def _by_gitaly(name: str, git_dir: Path, settings: Server) -> HookPlace:
    """gitaly runs the hooks of a repository, and those of its `custom_hooks_dir`."""
    folder = Path(settings.hooks_dir) if settings.hooks_dir else git_dir / "custom_hooks"
    hook = folder / f"{name}.d" / _OURS
    return HookPlace(path=hook, seen=hook, shared=bool(settings.hooks_dir))


def _by_gitolite(name: str, git_dir: Path, settings: Server) -> HookPlace:
    """gitolite links what is in its folders of common hooks into each repository.

    Where another hook is there already, ours goes to its place and chains it.
    """
    seen = git_dir / "hooks" / name
    there = _linked_from(seen)
    if there and (there.parent.name, there.name) == ("common", name) and there.parent.is_dir():
        return HookPlace(path=there, seen=seen, chains=True, shared=True)
    folder = Path(settings.hooks_dir) if settings.hooks_dir else None
    update = _linked_from(git_dir / "hooks" / "update")
    if folder is None and update is not None:
        folder = update.parent
    if folder is None:
        raise PublishError(
            f"gitolite has not yet put its own hooks into {git_dir}",
            "as gitolite's account: gitolite setup, then install again",
        )
    return HookPlace(path=folder / name, seen=seen, chains=True, shared=True)


def _by_setting(name: str, git_dir: Path) -> HookPlace:
    """git 2.54 and later run hooks that their configuration names, beside all others."""
    hook = git_dir / "hooks" / f"{name}.{_OURS}"
    return HookPlace(path=hook, seen=hook, setting=True)


def _linked_from(link: Path) -> Path | None:
    target = link_target(link)
    return link.parent / target if target else None


_PLACES: Mapping[str, Callable[[str, Path, Server], HookPlace]] = {
    "plain": lambda name, git_dir, _: in_repository(name, git_dir),
    "gitolite": _by_gitolite,
    "gitea": lambda name, git_dir, _: _beside_others(name, git_dir),
    "forgejo": lambda name, git_dir, _: _beside_others(name, git_dir),
    "soft-serve": lambda name, git_dir, _: _beside_others(name, git_dir),
    "gitlab": _by_gitaly,
}
# gitolite and plain repositories have it where git looks.
_OWN_PLACES: Mapping[str, Callable[[str, Path], HookPlace]] = {
    "gitea": _beside_others,
    "forgejo": _beside_others,
    "soft-serve": _beside_others,
    "gitlab": lambda name, git_dir: _by_gitaly(name, git_dir, Server()),
}
