"""Train a classifier on a table of wines and measure it by cross-validation."""

import argparse
import json
import sys
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from wine_table import find_table, read_table


def parse_arguments():
    parser = argparse.ArgumentParser(description="Train a classifier on a table of wines")
    parser.add_argument("--input-path", required=True, help="CSV file, or folder with one")
    parser.add_argument("--output-path", required=True, help="folder for model and metrics")
    parser.add_argument(
        "--classifier", choices=["forest", "logistic"], default="forest", help="kind of model"
    )
    parser.add_argument("--trees", type=int, default=200, help="number of trees in a forest")
    parser.add_argument("--folds", type=int, default=5, help="folds of the cross-validation")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same model")
    return parser.parse_args()


def make_classifier(arguments):
    if arguments.classifier == "forest":
        return RandomForestClassifier(arguments.trees, random_state=arguments.seed)
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=arguments.seed))


def measure(classifier, table, arguments):
    """The metrics of predictions that were made for each wine without having seen it."""
    folds = StratifiedKFold(arguments.folds, shuffle=True, random_state=arguments.seed)
    predicted = cross_val_predict(classifier, table.features, table.labels, cv=folds)
    return {
        "samples": len(table.labels),
        "accuracy": accuracy_score(table.labels, predicted),
        "macro_f1": f1_score(table.labels, predicted, average="macro"),
        "classes": table.classes,
        "confusion_matrix": confusion_matrix(table.labels, predicted).tolist(),
    }


def main():
    arguments = parse_arguments()
    output = Path(arguments.output_path)
    try:
        table = read_table(find_table(Path(arguments.input_path)))
        classifier = make_classifier(arguments)
        metrics = measure(classifier, table, arguments)
        classifier.fit(table.features, table.labels)
        output.mkdir(parents=True, exist_ok=True)
        joblib.dump(classifier, output / "model.joblib")
        (output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"accuracy {metrics['accuracy']:.3f}, macro F1 {metrics['macro_f1']:.3f}")


if __name__ == "__main__":
    main()
