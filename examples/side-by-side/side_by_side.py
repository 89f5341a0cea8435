"""Draw pictures of the same name next to each other, one sheet per name."""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
MARGIN, TITLE = 10, 20  # in pixels


def parse_arguments():
    parser = argparse.ArgumentParser(description="Draw pictures of one name next to each other")
    parser.add_argument(
        "--input-path", required=True, help="folder with a folder of pictures for each column"
    )
    parser.add_argument("--output-path", required=True, help="folder for the sheets")
    parser.add_argument("--height", type=int, default=200, help="of each picture, in pixels")
    parser.add_argument("--background", choices=["white", "black"], default="white")
    arguments = parser.parse_args()
    if not 16 <= arguments.height <= 4096:
        parser.error("--height goes from 16 to 4096")
    return arguments


def find_pictures(folder):
    """The pictures of a column by their names without suffix."""
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def read_picture(path, height):
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    return picture.resize((max(1, round(picture.width * height / picture.height)), height))


def draw_sheet(columns, name, arguments):
    """The pictures of one name in a row, each below the name of its column."""
    found = {title: pictures[name] for title, pictures in columns.items() if name in pictures}
    row = {title: read_picture(path, arguments.height) for title, path in found.items()}
    width = sum(picture.width + MARGIN for picture in row.values()) + MARGIN
    sheet = Image.new("RGB", (width, arguments.height + TITLE + MARGIN), arguments.background)
    ink, left = "black" if arguments.background == "white" else "white", MARGIN
    for title, picture in row.items():
        ImageDraw.Draw(sheet).text((left, 4), title, ink)
        sheet.paste(picture, (left, TITLE))
        left += picture.width + MARGIN
    return sheet


def main():
    arguments = parse_arguments()
    source, target = Path(arguments.input_path), Path(arguments.output_path)
    try:
        folders = sorted(path for path in source.iterdir() if path.is_dir())
        columns = {folder.name: find_pictures(folder) for folder in folders}
        target.mkdir(parents=True, exist_ok=True)
        for name in sorted(set().union(*columns.values())):
            draw_sheet(columns, name, arguments).save(target / f"{name}.png")
            print(target / f"{name}.png")
    except (OSError, Image.DecompressionBombError) as error:
        sys.exit(f"error: {error}")
    if not any(columns.values()):
        sys.exit(f"error: there is no folder with pictures in {source}")


if __name__ == "__main__":
    main()
