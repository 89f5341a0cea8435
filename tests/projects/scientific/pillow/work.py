"""A photograph, smaller and in other formats."""

import argparse
import json
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A photograph in other formats")
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    args = parser.parse_args()
    photo = Image.open(Path(args.input_path) / "photos" / "china.jpg")
    small = photo.resize((320, 213), Image.Resampling.LANCZOS)
    results = {"width": photo.width, "mean": ImageStat.Stat(small.convert("L")).mean[0]}
    for form in ("webp", "tiff", "jpeg"):
        path = Path(args.output_path) / f"china.{form}"
        small.save(path, quality=90)
        change = ImageChops.difference(Image.open(path).convert("RGB"), small)
        results[f"change by {form}"] = ImageStat.Stat(change.convert("L")).mean[0]
    words = Image.new("L", (320, 40))
    ImageDraw.Draw(words).text((0, 0), "Ai Weiwei", font=ImageFont.load_default(30), fill=255)
    results["height of words"] = words.getbbox()[3] - words.getbbox()[1]
    (Path(args.output_path) / "results.json").write_text(json.dumps(results, default=float))
