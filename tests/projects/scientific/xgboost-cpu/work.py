"""Boosted trees that tell wines apart."""

import argparse
import json
from pathlib import Path

import numpy as np
import xgboost

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train boosted trees on the wine table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    table = np.loadtxt(Path(args.input_path) / "wine" / "wine_data.csv", delimiter=",", skiprows=1)
    held_out = np.arange(len(table)) % 3 == 0
    values, classes = table[:, :13], table[:, 13]
    settings = {"objective": "multi:softmax", "num_class": 3, "seed": 0}
    known = xgboost.DMatrix(values[~held_out], classes[~held_out])
    model = xgboost.train(settings, known, num_boost_round=30)
    model.save_model(Path(args.output_path) / "model.json")
    right = model.predict(xgboost.DMatrix(values[held_out])) == classes[held_out]
    results = {
        "held out": held_out.sum(),
        "rounds": model.num_boosted_rounds(),
        "accuracy": right.mean(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
