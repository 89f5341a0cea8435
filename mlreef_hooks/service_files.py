"""The service in systemd: its units, account, folders and the rotation of its logs."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mlreef_hooks.account import EXECUTE, READ, Account, group_of, user_of
from mlreef_hooks.config import Config, Worker
from mlreef_hooks.durable_files import make_folder, replace_file
from mlreef_hooks.errors import PublishError

SERVICE, SWEEP, TIMER, COVER = (
    "mlreef-hooks.service", "mlreef-hooks-sweep.service", "mlreef-hooks-sweep.timer",
    "mlreef-hooks-cover.service",
)  # fmt: skip
_TEMPLATES = Path(__file__).parent / "systemd"
_PLACES = {  # template: where it goes
    SERVICE: f"etc/systemd/system/{SERVICE}",
    SWEEP: f"etc/systemd/system/{SWEEP}",
    TIMER: f"etc/systemd/system/{TIMER}",
    COVER: f"etc/systemd/system/{COVER}",
    "sysusers.conf": "etc/sysusers.d/mlreef-hooks.conf",
    "tmpfiles.conf": "etc/tmpfiles.d/mlreef-hooks.conf",
    "logrotate.conf": "etc/logrotate.d/mlreef-hooks",
}
_ROOT = Path("/")
_READ_FIRST = (
    "HEAD", "config", "objects", "refs", "packed-refs", "objects/pack", "reftable",
    "reftable/tables.list",
)  # fmt: skip


def service_files(
    config: Config, config_file: Path, program: Path, owner: str
) -> Mapping[str, str]:
    """The text of each file, by its place below the root of the file system.

    `owner` is the account of the repositories, whose unit is there where the site wants it.
    PublishError where the configuration is not that of a service.
    """
    worker = config.worker
    if not worker.service or not worker.group or not config.server.root:
        raise PublishError(
            f"{config_file} does not say what a service needs",
            'write service = "mlreef-hooks" and group = "git" (that of the repositories) below '
            "[worker], and root below [server]",
        )
    values = {
        "SANDBOX": (_TEMPLATES / "sandbox.conf").read_text(encoding="utf-8").rstrip("\n"),
        "PROGRAM": _quoted(program),
        "CONFIG": _quoted(config_file),
        "FOLDERS": " ".join(_quoted(Path(f"-{folder}")) for folder in _written(config)),
        "ACCOUNT": worker.service,
        "GROUP": worker.group,
        "STATE": _quoted(config.state_path),
        "STATE_MODE": f"{state_mode(config):04o}",
        "INDEX": _quoted(config.index_path),
    }
    root = _quoted(Path(config.server.root))
    owned = {**values, "ACCOUNT": owner, "FOLDERS": root, "ROOT": root}
    texts = {
        place: _filled(template, owned if template == COVER else values)
        for template, place in _PLACES.items()
    }
    if not config.server.cover_new:
        del texts[_PLACES[COVER]]
    return texts


def state_mode(config: Config) -> int:
    """The mode of a service's state folder; others go through it where the index is in there."""
    return 0o711 if config.index_path.is_relative_to(config.state_path) else 0o750


def _written(config: Config) -> Iterable[Path]:
    """The folders that the service writes in; systemd makes that of the usual socket."""
    folders = dict.fromkeys((config.state_path, config.index_path, config.images_path))
    if config.catalog.path:
        folders[Path(config.catalog.path)] = None
    for file in (config.metrics.path, config.worker.socket):
        if file and file != Worker().socket:
            folders[Path(file).parent] = None
    return folders


def _quoted(path: Path) -> str:
    """The path as systemd and logrotate read it; PublishError where one of them could not."""
    text = str(path)
    if any(each in text for each in " \t\n\"'\\%{}*?[]$;@") or not text.isascii():
        raise PublishError(
            f"the path {text} holds characters that a unit of systemd cannot",
            "use folders whose names are letters, digits, dots, dashes and underscores",
        )
    return text


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def write_service_files(
    files: Mapping[str, str], *, root: Path = _ROOT, dry_run: bool = False
) -> Iterator[str]:
    """What was done with each file; one that is as it should be stays."""
    for place, text in files.items():
        path = root / place
        if path.exists() and path.read_text(encoding="utf-8") == text:
            yield f"unchanged: {path}"
            continue
        said = f"updated: {path}" if path.exists() else f"written: {path}"
        if not dry_run:
            make_folder(path.parent, 0o755)
            replace_file(path, text.encode(), 0o644)
        yield said


def remove_service_files(*, root: Path = _ROOT, dry_run: bool = False) -> Iterator[str]:
    """What was done with each file; the account stays, for files belong to it."""
    for place in _PLACES.values():
        path = root / place
        if path.exists():
            if not dry_run:
                path.unlink()
            yield f"removed: {path}"


def make_account() -> None:
    """Make the service's account as its file says, where it is not there yet."""
    _run("systemd-sysusers", f"/{_PLACES['sysusers.conf']}")


def start_service() -> str:
    """Start the service, or start it again, now and at each boot; what was done."""
    if not _runs():
        return f"systemd does not run here: once it does, systemctl enable --now {SERVICE} {TIMER}"
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", "--quiet", SERVICE, TIMER)
    _run("systemctl", "restart", SERVICE, TIMER)
    return f"started: {SERVICE}, {TIMER}"


def stop_service(*, root: Path = _ROOT) -> None:
    """Stop the service, now and for good; before its files are removed."""
    if _runs() and (root / _PLACES[SERVICE]).exists():
        _run("systemctl", "disable", "--quiet", "--now", TIMER, SERVICE)


def forget_service() -> None:
    """Let systemd see that the files are gone."""
    if _runs():
        _run("systemctl", "daemon-reload")


def _runs() -> bool:
    """True where systemd is the one that runs the machine (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        message = f"{words[0]} is not there"
        raise PublishError(message, "install systemd, or start the worker yourself") from None
    if done.returncode:
        raise PublishError(f"{' '.join(words)}: {done.stderr.strip()}", "see systemctl status")


def asking_group(config: Config) -> int:
    """The id of the group whose accounts may ask the service."""
    if config.worker.group:
        return group_of(config.worker.group)
    return Path(config.server.root).stat().st_gid


def check_readable(git_dir: Path, config: Config) -> None:
    """PublishError where the service cannot read a repository, with what to do."""
    known = Account.of(user_of(config.worker.service))
    account = replace(known, groups=(*known.groups, asking_group(config)))
    places = [git_dir / name for name in _READ_FIRST]
    for path in filter(Path.exists, [*places, *_some_objects(git_dir)]):
        closed = account.obstacle(path, READ | EXECUTE if path.is_dir() else READ)
        if closed is not None:
            group = config.worker.group
            raise PublishError(
                f"the service {config.worker.service} cannot read {git_dir}: {closed} is closed",
                f"chgrp -R {group} {git_dir}; chmod -R g+rX {git_dir}; git -C {git_dir} config"
                " core.sharedRepository 0640",
            )


def _some_objects(git_dir: Path) -> Iterator[Path]:
    """A file of each folder of objects, which all have the modes of the pushes."""
    for folder in sorted((git_dir / "objects").iterdir()):
        yield from [folder, *sorted(folder.iterdir())[:1]] if folder.is_dir() else ()
