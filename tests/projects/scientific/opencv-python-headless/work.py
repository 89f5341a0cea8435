"""Edges and corners of a photograph."""

import argparse
import json
from pathlib import Path

import cv2

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Edges of a photograph")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    photo = cv2.imread(str(Path(args.input_path) / "photos" / "china.jpg"))
    gray = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    picture = str(Path(args.output_path) / "china.png")
    cv2.imwrite(picture, photo)
    keypoints, _ = cv2.ORB_create(nfeatures=300).detectAndCompute(gray, None)
    results = {
        "height": photo.shape[0],
        "width": photo.shape[1],
        "mean": gray.mean(),
        "edges": (cv2.Canny(gray, 100, 200) > 0).mean(),
        "keypoints": len(keypoints),
        "difference after PNG": cv2.absdiff(cv2.imread(picture), photo).max(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
