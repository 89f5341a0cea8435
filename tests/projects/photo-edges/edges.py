# Finds the edges in photos.
import argparse
import os
import sys

import cv2


def find_edges(image, low, high, invert):
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    gray = cv2.GaussianBlur(gray, (5, 5), 0)
    edges = cv2.Canny(gray, low, high)
    return 255 - edges if invert else edges


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Finds the edges in photos.")
    parser.add_argument("--input-path", required=True, help="photo or folder with photos")
    parser.add_argument("--output-path", required=True, help="folder for the edges")
    parser.add_argument("--low", type=int, default=50, help="lower threshold of Canny")
    parser.add_argument("--high", type=int, default=150, help="upper threshold of Canny")
    parser.add_argument("--invert", action="store_true", help="black edges on white")
    parser.add_argument("--format", choices=["png", "jpg", "webp"], default="png", help="file type")
    args = parser.parse_args()

    if os.path.isfile(args.input_path):
        folder, names = os.path.split(args.input_path)
        names = [names]
    elif os.path.isdir(args.input_path):
        folder, names = args.input_path, sorted(os.listdir(args.input_path))
    else:
        sys.exit(f"error: {args.input_path} does not exist")
    names = [name for name in names if name.lower().endswith((".jpg", ".jpeg", ".png"))]
    if not names:
        sys.exit(f"error: no photos in {args.input_path}")

    os.makedirs(args.output_path, exist_ok=True)
    unreadable = []
    for name in names:
        image = cv2.imread(os.path.join(folder, name))
        if image is None:
            unreadable.append(name)
            continue
        edges = find_edges(image, args.low, args.high, args.invert)
        target = os.path.join(args.output_path, os.path.splitext(name)[0] + "." + args.format)
        if not cv2.imwrite(target, edges):
            sys.exit(f"error: cannot write {target}")
        print(target)
    if unreadable:
        sys.exit(f"error: cannot read {', '.join(unreadable)}")
