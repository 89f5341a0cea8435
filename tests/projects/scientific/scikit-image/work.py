"""Coins on the picture that comes with scikit-image, and edges of a photograph."""

import argparse
import json
from pathlib import Path

from skimage import color, data, feature, filters, io, measure, morphology, segmentation

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Count coins")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    coins = data.coins()
    threshold = filters.threshold_otsu(coins)
    closed = morphology.closing(coins > threshold, morphology.footprint_rectangle((3, 3)))
    labels = measure.label(segmentation.clear_border(closed))
    large = [region for region in measure.regionprops(labels) if region.area >= 100]
    photo = io.imread(Path(args.input_path) / "photos" / "china.jpg")
    picture = Path(args.output_path) / "labels.png"
    io.imsave(picture, (labels > 0).astype("uint8") * 255, check_contrast=False)
    results = {
        "height": coins.shape[0],
        "threshold": threshold,
        "coins": len(large),
        "edges": feature.canny(color.rgb2gray(photo), sigma=2).mean(),
        "white points": (io.imread(picture) == 255).mean(),
    }
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
