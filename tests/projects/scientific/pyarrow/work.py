"""The wine table as Parquet, and questions to it."""

import argparse
import json
from pathlib import Path

import pyarrow.compute as pc
from pyarrow import csv, parquet

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The wine table as Parquet")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    names = ["alcohol", *(f"column {number}" for number in range(1, 13)), "class"]
    options = csv.ReadOptions(skip_rows=1, column_names=names)
    table = csv.read_csv(Path(args.input_path) / "wine" / "wine_data.csv", options)
    same = True
    for compression in ("snappy", "zstd", "gzip", "brotli", "lz4"):
        path = Path(args.output_path) / f"wine-{compression}.parquet"
        parquet.write_table(table, path, compression=compression)
        same &= parquet.read_table(path).equals(table)
    means = table.group_by("class").aggregate([("alcohol", "mean")]).sort_by("class")
    results = {
        "rows": table.num_rows,
        "same": same,
        "alcohol of class 0": means["alcohol_mean"][0].as_py(),
        "largest": pc.max(table["alcohol"]).as_py(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
