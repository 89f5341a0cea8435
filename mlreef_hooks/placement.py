"""The hook where each repository's server keeps it: put there, kept there, taken away again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.config import Config, Server
from mlreef_hooks.edge_mark import set_edge_mark
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_dirs import find_repositories
from mlreef_hooks.git_settings import own_setting, read_settings, set_own
from mlreef_hooks.gitolite_setup import (
    folder_of_all,
    is_gitolite,
    lacks_link,
    link_hooks,
    unlink_hooks,
)
from mlreef_hooks.hook_files import (
    HOOK,
    chained_beside,
    changing,
    install_hook,
    read_hook,
    remove_hook,
    remove_marks,
)
from mlreef_hooks.hook_place import HookPlace, hook_place, other_places
from mlreef_hooks.hook_setting import check_git, set_hook, unset_hook
from mlreef_hooks.intake import edge_branch
from mlreef_hooks.push_option_setting import switch_on, take_back
from mlreef_hooks.servers.gitlab import FULL_PATH
from mlreef_hooks.servers.table import holds_code


def code_repositories(root: Path) -> Iterator[Path]:
    """The repositories below a folder that code is pushed to: no wikis and the like of a forge."""
    return filter(holds_code, find_repositories(root))


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Puts a hook into repositories: `text` is the hook's."""

    config: Config
    text: str
    dry_run: bool = False

    def put_shared(self, git_dirs: Sequence[Path]) -> Iterator[str]:
        """What was done with each hook that is that of all repositories of its server."""
        for git_dir, place in shared_places(git_dirs, self.config.server).items():
            yield f"{self._put_shared(git_dir, place)}: {place.path}"

    def _put_shared(self, git_dir: Path, place: HookPlace) -> str:
        repositories = _linked(git_dir, place)
        if self.dry_run:
            return install_hook(git_dir, self.text, place, dry_run=True)
        _keep_own(repositories, place)
        said = install_hook(git_dir, self.text, place)
        hooks = [*filter(Path.exists, (place.path, chained_beside(place.path)))]
        if any(lacks_link(each, hook) for hook in hooks for each in repositories):
            try:
                link_hooks(git_dir)
            except PublishError:
                if said.startswith("installed"):
                    _take_linked(git_dir, place, repositories)
                raise
        return said

    def put(self, git_dir: Path) -> str:
        """What was done in a repository: its own hook, and the settings that go with one."""
        place = hook_place(HOOK, git_dir, self.config.server)
        said = self._put_own(git_dir, place) if not place.shared else "shares the hook"
        for other in other_places(HOOK, git_dir, place):
            _remove(git_dir, other, dry_run=self.dry_run)
        switched = switch_on(git_dir, dry_run=self.dry_run)
        if not self.dry_run:
            mark_edge(git_dir, self.config)
        return f"{said}, push options are on" if switched else said

    def _put_own(self, git_dir: Path, place: HookPlace) -> str:
        if place.setting:
            check_git()
        said = install_hook(git_dir, self.text, place, dry_run=self.dry_run)
        named = place.setting and set_hook(git_dir, HOOK, place.path, dry_run=self.dry_run)
        return "updated" if named and said == "unchanged" else said

    def cover(self, git_dir: Path) -> str:
        """What was done in a repository that may be new; empty where it had all that it needs."""
        place = hook_place(HOOK, git_dir, self.config.server)
        with changing(place.seen.parent):
            state = read_hook(git_dir, place.seen)
        if place.shared or state.kind == "ours":
            switched = switch_on(git_dir)
            mark_edge(git_dir, self.config)
            return "push options are on" if switched else ""
        return self.put(git_dir)


def mark_edge(git_dir: Path, config: Config) -> None:
    """Let the hook of a repository look for what is wanted there."""
    settings = {each.name: each.value for each in read_settings(git_dir)}
    set_edge_mark(git_dir, edge_branch(settings, config))


def shared_places(git_dirs: Sequence[Path], settings: Server) -> dict[Path, HookPlace]:
    """The places that several repositories share, each by one of these repositories."""
    found: dict[Path, tuple[Path, HookPlace]] = {}
    for git_dir in git_dirs:
        try:
            place = hook_place(HOOK, git_dir, settings)
        except PublishError:
            continue  # told of where the repository's turn comes
        if place.shared:
            found.setdefault(place.path, (git_dir, place))
    return dict(found.values())


def take_shared(git_dirs: Sequence[Path], settings: Server, *, dry_run: bool) -> Iterator[str]:
    """What was done with each shared hook: it is gone, and what was there before is back."""
    for git_dir, place in shared_places(git_dirs, settings).items():
        repositories = _linked(git_dir, place)
        if dry_run:
            said = remove_hook(git_dir, place, dry_run=True)
        else:
            said = _take_linked(git_dir, place, repositories)
        yield f"{said}: {place.path}"


def take(git_dir: Path, settings: Server, *, dry_run: bool) -> str:
    """What was done in a repository: nothing of ours is left there but what is shared."""
    place = hook_place(HOOK, git_dir, settings)
    if _shares(git_dir, place):
        raise PublishError(
            f"{git_dir} shares the hook {place.path} with all others of its server",
            "take it away from all of them: mlreef-hooks uninstall --all DIR",
        )
    places = [*([] if place.shared else [place]), *other_places(HOOK, git_dir, place)]
    said = [_remove(git_dir, each, dry_run=dry_run) for each in places]
    words = next((each for each in said if each != "not installed"), "not installed")
    switched = take_back(git_dir, dry_run=dry_run)
    if not dry_run:
        remove_marks(git_dir)
        if own_setting(git_dir, FULL_PATH) is not None:
            set_own(git_dir, FULL_PATH, None)
    return f"{words}, push options are off again" if switched else words


def _remove(git_dir: Path, place: HookPlace, *, dry_run: bool) -> str:
    if place.setting:
        unset_hook(git_dir, HOOK, dry_run=dry_run)
    return remove_hook(git_dir, place, dry_run=dry_run)


def _shares(git_dir: Path, place: HookPlace) -> bool:
    """True where the repository runs a hook of ours that is not its own."""
    own = is_gitolite(place) and not place.seen.is_symlink()
    return place.shared and not own and read_hook(git_dir, place.seen).kind == "ours"


def _linked(git_dir: Path, place: HookPlace) -> list[Path]:
    """The repositories that a shared hook is linked into; those of a gitolite."""
    return [*find_repositories(folder_of_all(git_dir))] if is_gitolite(place) else []


def _take_linked(git_dir: Path, place: HookPlace, repositories: Sequence[Path]) -> str:
    """What was done: a shared hook is gone, with the links to it, and own hooks are back."""
    said = remove_hook(git_dir, place)
    with changing(place.path.parent):
        unlink_hooks(repositories, (place.path, chained_beside(place.path)))
    for each in repositories:
        _give_back_own(each)
    return said


def _keep_own(git_dirs: Sequence[Path], place: HookPlace) -> None:
    """Keep the hooks of repositories that gitolite is about to put a link in place of.

    Ours runs what is kept first. PublishError, before anything is changed, where there is one
    already, or a common hook would be linked by the same name.
    """
    common = read_hook(place.path.parent, place.path)
    is_taken = common.chained or common.kind == "foreign"
    states = [read_hook(each) for each in git_dirs]
    own = [each for each in states if each.kind == "foreign" and not each.hook.is_symlink()]
    for state in states:
        kept = chained_beside(state.hook)
        has_kept = kept.is_file() and not kept.is_symlink()
        if sum((is_taken, has_kept, state in own)) > 1:
            raise PublishError(
                f"{state.git_dir} has a {HOOK} of its own, and there is another one to be kept",
                f"merge it into {place.path}, and remove it",
            )
    for state in own:
        with changing(state.hook.parent):
            state.hook.rename(chained_beside(state.hook))


def _give_back_own(git_dir: Path) -> None:
    hook = git_dir / "hooks" / HOOK
    kept = chained_beside(hook)
    if kept.is_file() and not kept.is_symlink() and not hook.exists():
        with changing(hook.parent):
            kept.rename(hook)
