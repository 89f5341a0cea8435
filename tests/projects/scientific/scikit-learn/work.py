"""Classifiers of the digits that come with scikit-learn, and of the wine table."""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Classifiers of digits and wines")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    digits, classes = load_digits(return_X_y=True)
    half = len(digits) // 2
    model = SVC(gamma=0.001).fit(digits[:half], classes[:half])
    table = np.loadtxt(Path(args.input_path) / "wine" / "wine_data.csv", delimiter=",", skiprows=1)
    trees = HistGradientBoostingClassifier(random_state=0)
    scores = cross_val_score(trees, table[:, :13], table[:, 13])
    results = {
        "digits": len(digits),
        "accuracy on digits": model.score(digits[half:], classes[half:]),
        "accuracy on wines": scores.mean(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
