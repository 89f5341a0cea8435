"""Draw a scatter matrix and histograms of tables as scikit-learn ships them."""

import argparse
import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np


def parse_arguments():
    parser = argparse.ArgumentParser(description="Draw a scatter matrix and histograms of tables")
    parser.add_argument("--input-path", required=True, help="CSV file, or folder of them")
    parser.add_argument("--output-path", required=True, help="folder for the pictures")
    parser.add_argument(
        "--columns",
        nargs="+",
        default=["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
        help="names of the columns, which the tables do not hold",
    )
    parser.add_argument("--bins", type=int, default=20, help="bars in a histogram")
    parser.add_argument(
        "--format", choices=["png", "svg", "pdf"], default="png", help="format of the pictures"
    )
    return parser.parse_args()


def read_classes(path, columns):
    """The rows of each class by its name; the first line is `150,4,setosa,versicolor,virginica`."""
    with path.open(encoding="utf-8", newline="") as lines:
        (_, _, *names), *rows = csv.reader(lines)
    values = np.array(rows, dtype=float)
    if values.shape[1:] != (len(columns) + 1,):
        raise ValueError(f"a row is {len(columns)} columns and the number of a class")
    return {name: values[values[:, -1] == number, :-1] for number, name in enumerate(names)}


def draw_histogram(axes, classes, column, bins):
    values = [rows[:, column] for rows in classes.values()]
    axes.hist(values, bins, stacked=True, alpha=0.7, label=list(classes))


def draw_histograms(classes, columns, bins):
    size = (8, 2.5 * len(columns))
    figure, grid = plt.subplots(len(columns), squeeze=False, figsize=size, layout="constrained")
    for column, axes in enumerate(grid.flat):
        draw_histogram(axes, classes, column, bins)
        axes.set(xlabel=columns[column], ylabel="count")
    return figure


def draw_scatter_matrix(classes, columns, bins):
    count = len(columns)
    figure, grid = plt.subplots(
        count, count, sharex="col", sharey="row", squeeze=False, layout="constrained"
    )
    figure.set_size_inches(2.5 * count, 2.5 * count)
    for (row, column), axes in np.ndenumerate(grid):
        if row == column:
            diagonal = axes.twinx()  # counts need a scale of their own
            diagonal.set_axis_off()
            draw_histogram(diagonal, classes, column, bins)
        else:
            for rows in classes.values():
                axes.scatter(rows[:, column], rows[:, row], s=12, alpha=0.7)
    for number, name in enumerate(columns):
        grid[-1, number].set_xlabel(name)
        grid[number, 0].set_ylabel(name)
    return figure


def save(figure, target):
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(target)
    plt.close(figure)


def main():
    arguments = parse_arguments()
    source, target = Path(arguments.input_path), Path(arguments.output_path)
    tables = [source] if source.is_file() else sorted(source.glob("*.csv"))
    if not tables:
        sys.exit(f"error: there is no CSV file in {source}")
    for path in tables:
        try:
            target.mkdir(parents=True, exist_ok=True)
            table = read_classes(path, arguments.columns), arguments.columns, arguments.bins
            save(draw_scatter_matrix(*table), target / f"{path.stem}-scatter.{arguments.format}")
            save(draw_histograms(*table), target / f"{path.stem}-histograms.{arguments.format}")
        except (OSError, ValueError, csv.Error) as error:
            sys.exit(f"error: {path}: {error}")
        print(f"{path} is drawn in {target}")


if __name__ == "__main__":
    main()
