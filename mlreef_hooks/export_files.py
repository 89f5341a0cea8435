"""Files of an export on disk: of each audience in a folder of its own, as an index has them."""

from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.durable_files import remove_file
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index_audience import Audience


def write_audiences(
    folder: Path, audiences: Mapping[str, Mapping[str, bytes]], tops: tuple[str, ...]
) -> None:
    """Put the files of each audience below `folder`, and take away those of an earlier time.

    What is below `tops` in an audience's folder is the export's alone: a module that is private now
    must not be left where others read.
    """
    try:
        for path in sorted(_files(folder, tops)):
            audience, place = _split(path.relative_to(folder).as_posix(), tops)
            if place not in audiences.get(audience, {}):
                remove_file(path, folder)
        for audience, files in audiences.items():
            Audience(folder / audience, public=audience == "public").put(files)
    except OSError as error:
        raise PublishError(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            "name another folder with --output",
        ) from error


def _files(folder: Path, tops: tuple[str, ...]) -> list[Path]:
    below = [*folder.glob("public"), *folder.glob("internal"), *folder.glob("private/**")]
    places = [audience / top for audience in below for top in tops]
    return [path for place in places for path in place.rglob("*") if not path.is_dir()]


def _split(place: str, tops: tuple[str, ...]) -> tuple[str, str]:
    """The audience and the place in it, of a file below one of the `tops`."""
    for top in tops:
        audience, found, rest = place.partition(f"/{top}/")
        if found:
            return audience, f"{top}/{rest}"
    return place, ""
