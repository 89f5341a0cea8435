"""A small module that works, for who has no script yet."""

SKELETON = "module.py"
_SCRIPT = '''"""Copies every file; put your own work in the place of `convert`."""

import argparse
from pathlib import Path


def convert(source: Path, target: Path, times: int) -> None:
    """Make the file at `target` from the one at `source`."""
    target.write_bytes(source.read_bytes() * times)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Copies every file of a folder")
    parser.add_argument("--input-path", required=True, help="folder that is read")
    parser.add_argument("--output-path", required=True, help="folder for what comes out")
    parser.add_argument("--times", type=int, default=1, help="how often each content is repeated")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    for path in sorted(Path(args.input_path).glob("*")):
        if path.is_file():
            convert(path, Path(args.output_path) / path.name, args.times)


if __name__ == "__main__":
    main()
'''


def write_skeleton() -> str:
    """The script of a module that copies files."""
    return _SCRIPT
