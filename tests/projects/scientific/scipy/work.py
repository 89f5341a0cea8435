"""A regression, an analysis of variance and a density of the iris table."""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import integrate, linalg, optimize, stats

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Statistics of the iris table")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    table = np.loadtxt(Path(args.input_path) / "iris" / "iris.csv", delimiter=",", skiprows=1)
    length, width = table[:, 2], table[:, 3]
    line = stats.linregress(length, width)
    fitted = optimize.minimize(lambda p: ((p[0] + p[1] * length - width) ** 2).sum(), (0.0, 0.0))
    classes = [table[table[:, 4] == number, 0] for number in range(3)]
    density = stats.gaussian_kde(length)
    area, _ = integrate.quad(lambda x: density(x)[0], -np.inf, np.inf)
    covariance = np.cov(table[:, :4].T)
    root = linalg.sqrtm(covariance)
    results = {
        "slope": line.slope,
        "slope by descent": fitted.x[1],
        "correlation": line.rvalue,
        "F of sepal lengths": stats.f_oneway(*classes).statistic,
        "area of the density": area,
        "error of the root": np.abs(root @ root - covariance).max(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
