"""Means and correlations of the wine table by class."""

import argparse
import json
from pathlib import Path

import pandas as pd

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Means of the wine table by class")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    wine = pd.read_csv(Path(args.input_path) / "wine" / "wine_data.csv", skiprows=1, header=None)
    wine = wine.rename(columns={0: "alcohol", 12: "proline", 13: "class"})
    means = wine.groupby("class")["alcohol"].mean()
    months = pd.date_range("2026-01-31", periods=12, freq="ME", tz="Europe/Berlin")
    results = {
        "rows": len(wine),
        "alcohol of class 0": means[0],
        "alcohol of class 1": means[1],
        "correlation": wine["alcohol"].corr(wine["proline"]),
        "hours of March from UTC": months[2].utcoffset().total_seconds() / 3600,
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
