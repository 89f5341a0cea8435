"""What runs modules for a user: in which engine, where records go, and what is shown meanwhile."""

import os
import pwd
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TextIO

import click

from mlreef_hooks.cli.configuration import user_runs
from mlreef_hooks.columns import size
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.run_store import RunStore

if TYPE_CHECKING:
    from mlreef_hooks.recorded_run import Runner

_STEP = 0.1  # seconds between two looks of a bar
_WIDTH = 30
runs_option = click.option(
    "--runs", "runs", type=click.Path(file_okay=False, path_type=Path),
    help="The folder of records of runs (default: the user's own).",
)  # fmt: skip


def open_runner(
    config: Config,
    runs: Path | None,
    on_output: Callable[[str, bytes], None],
    report: Callable[[int, int], None],
) -> "Runner":
    """What runs modules as this configuration says; records go to `runs`, or the user's own."""
    from mlreef_hooks.oci_layout import OciLayouts
    from mlreef_hooks.recorded_run import Runner

    return Runner(
        settings=_engine(config),
        layouts=OciLayouts(config.images_path),
        store=open_runs(runs),
        who=caller(),
        on_output=on_output,
        report=report,
    )


def open_runs(runs: Path | None) -> RunStore:
    """The records in a folder, or the user's own."""
    return RunStore(runs or user_runs())


def caller() -> str:
    """This account and machine, as records name them."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _engine(config: Config) -> DockerEngine:
    """The engine for runs: the configuration's, else the one that docker itself would use."""
    settings, usual = config.builder.docker, os.environ.get("DOCKER_HOST")
    untold = settings.addresses == (DockerEngine.url,)
    return replace(settings, url=usual) if usual and untold else settings


class ImageBar:
    """Shows on `stream` how far an image has got: a bar on a terminal, a line per quarter else."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream, self._quiet = stream, quiet
        self._terminal = stream.isatty()
        self._shown, self._quarter, self._next = "", -1, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take how many bytes are there, and how many there are in all."""
        if self._quiet or not total:
            return
        if self._terminal:
            self._draw(done, total)
        elif (quarter := 4 * done // total) > self._quarter:
            self._quarter = quarter
            click.echo(f"image: {25 * quarter}% of {size(total)}", file=self._stream)

    def _draw(self, done: int, total: int) -> None:
        if monotonic() < self._next and done < total:
            return
        self._next = monotonic() + _STEP
        share = done / total
        bar = ("#" * round(share * _WIDTH)).ljust(_WIDTH)
        line = f"image [{bar}] {share:4.0%} of {size(total)}"
        self._stream.write("\r" + line.ljust(len(self._shown)))
        self._stream.flush()
        self._shown = line

    def clear(self) -> None:
        """Take the bar away: what comes now stands in its place."""
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._stream.flush()
            self._shown = ""


def end_with_the_run() -> None:
    """Let signals end this program as they say, but not before the container is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def write_beside(bar: ImageBar, stream: str, chunk: bytes) -> None:
    """Hand on what a module prints, byte by byte, in the place of a bar."""
    bar.clear()
    out = getattr(sys, stream).buffer
    out.write(chunk)
    out.flush()
