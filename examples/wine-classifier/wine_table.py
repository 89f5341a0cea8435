"""Read the tables that scikit-learn ships."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    features: np.ndarray  # one row per sample
    labels: np.ndarray  # one number per sample, an index into `classes`
    classes: list[str]


def find_table(path: Path) -> Path:
    """The CSV file at `path`, or the only one in the folder `path`."""
    found = [path] if path.is_file() else [each for each in path.iterdir() if each.suffix == ".csv"]
    if len(found) != 1:
        raise ValueError(f"one CSV file is needed in {path}, there are {len(found)}")
    return found[0]


def read_table(path: Path) -> Table:
    """The table in the file; OSError or ValueError, with the file's name, where it is none.

    The first line is no ordinary header: `178,13,class_0,class_1,class_2` says how many samples and
    features follow, and what the numbers in the last column stand for.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            (samples, width, *classes), *rows = csv.reader(lines)
        values = np.array(rows, dtype=float)
        if values.shape != (int(samples), int(width) + 1):
            raise ValueError(f"{samples} samples of {width} features expected, not {values.shape}")
        if not np.isin(values[:, -1], range(len(classes))).all():
            raise ValueError(f"the last column must be the number of one of {len(classes)} classes")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not such a table: {error}") from error
    return Table(values[:, :-1], values[:, -1].astype(int), classes)
