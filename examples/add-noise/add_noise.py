"""Add noise to pictures. The annotations describe the parameters, argparse reads their values."""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def data_processor(*_, **__):
    return lambda function: function  # an annotation is read from the source and does nothing


parameter = data_processor


def salt_pepper(pixels, amount, rng):
    draw = rng.random(pixels.shape[:2])
    pixels[draw < amount / 2] = 0
    pixels[draw > 1 - amount / 2] = 1
    return pixels


NOISES = {  # pixels run from 0 (black) to 1 (full light)
    "speckle": lambda pixels, amount, rng: pixels * rng.normal(1, amount, pixels.shape),
    "gaussian": lambda pixels, amount, rng: pixels + rng.normal(0, amount, pixels.shape),
    "poisson": lambda pixels, amount, rng: rng.poisson(pixels / amount**2) * amount**2,
    "salt-pepper": salt_pepper,
}


@data_processor(
    name="Add Noise",
    type="OPERATION",
    description="Adds speckle, gaussian, poisson or salt-and-pepper noise to pictures",
    visibility="PUBLIC",
    input_type="IMAGE",
    output_type="IMAGE",
)
@parameter("input-path", "str", required=True, description="picture, or folder of pictures")
@parameter("output-path", "str", required=True, description="folder for the noisy pictures")
@parameter("mode", "str", required=False, defaultValue="speckle", description="kind of noise")
@parameter("amount", "float", required=False, defaultValue=0.1, description="strength, up to 1")
@parameter("seed", "int", required=False, defaultValue=0, description="same seed, same noise")
def parse_arguments():
    parser = argparse.ArgumentParser(description="Add noise to pictures")
    parser.add_argument("--input-path", required=True, help="picture, or folder of pictures")
    parser.add_argument("--output-path", required=True, help="folder for the noisy pictures")
    parser.add_argument(
        "--mode",
        choices=["speckle", "gaussian", "poisson", "salt-pepper"],
        default="speckle",
        help="kind of noise",
    )
    parser.add_argument("--amount", type=float, default=0.1, help="strength, up to 1")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same noise")
    arguments = parser.parse_args()
    if not 0 < arguments.amount <= 1 or arguments.seed < 0:
        parser.error("--amount goes from above 0 to 1, --seed from 0 up")
    return arguments


def add_noise(source, target, arguments):
    """Write the noisy picture: the same for the same seed, name and content."""
    with Image.open(source) as opened:
        picture = ImageOps.exif_transpose(opened)  # cameras store which side is up
        pixels = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB")) / 255
    rng = np.random.default_rng([arguments.seed, *source.name.encode()])
    noisy = NOISES[arguments.mode](pixels, arguments.amount, rng)
    Image.fromarray(np.uint8(noisy.clip(0, 1) * 255 + 0.5)).save(target, quality=95)


def main():
    arguments = parse_arguments()
    source, target = Path(arguments.input_path), Path(arguments.output_path)
    try:
        found = [source] if source.is_file() else sorted(source.iterdir())
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"error: {error}")
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not pictures:
        sys.exit(f"error: there is no picture in {source}")
    failed = 0
    for path in pictures:
        try:
            add_noise(path, target / path.name, arguments)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            failed += 1
    print(f"{len(pictures) - failed} of {len(pictures)} pictures written to {target}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
