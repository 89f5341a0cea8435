"""The iris table as a picture."""

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the iris table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    table = np.loadtxt(Path(args.input_path) / "iris" / "iris.csv", delimiter=",", skiprows=1)
    figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
    axes.scatter(table[:, 2], table[:, 3], c=table[:, 4])
    axes.set_title(r"$\alpha$ of 150 flowers")
    picture = Path(args.output_path) / "iris.png"
    figure.savefig(picture)
    figure.savefig(picture.with_suffix(".pdf"))
    drawn = plt.imread(picture)[:, :, :3]
    results = {
        "height": drawn.shape[0],
        "width": drawn.shape[1],
        "not white": (drawn < 1).any(axis=2).mean(),
        "colours": len(np.unique((drawn * 255).astype(int).reshape(-1, 3), axis=0)),
        "pdf": picture.with_suffix(".pdf").read_bytes().startswith(b"%PDF"),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
