"""Boosted trees that tell wines apart."""

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train boosted trees on the wine table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    table = np.loadtxt(Path(args.input_path) / "wine" / "wine_data.csv", delimiter=",", skiprows=1)
    held_out = np.arange(len(table)) % 3 == 0
    values, classes = table[:, :13], table[:, 13]
    settings = {"objective": "multiclass", "num_class": 3, "seed": 0, "verbose": -1}
    model = lightgbm.train(settings, lightgbm.Dataset(values[~held_out], classes[~held_out]), 50)
    model.save_model(Path(args.output_path) / "model.txt")
    right = model.predict(values[held_out]).argmax(axis=1) == classes[held_out]
    results = {"held out": held_out.sum(), "trees": model.num_trees(), "accuracy": right.mean()}
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
