"""Principal components of the iris table, and a Fourier transform there and back."""

import argparse
import json
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Principal components of the iris table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    table = np.loadtxt(Path(args.input_path) / "iris" / "iris.csv", delimiter=",", skiprows=1)
    values = table[:, :4] - table[:, :4].mean(axis=0)
    variances = np.linalg.svd(values, compute_uv=False) ** 2
    there_and_back = np.fft.irfft(np.fft.rfft(values, axis=0), len(values), axis=0)
    results = {
        "rows": len(values),
        "first component": variances[0] / variances.sum(),
        "error of the transform": np.abs(there_and_back - values).max(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
