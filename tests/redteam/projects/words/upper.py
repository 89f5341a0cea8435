import argparse
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Upper case \x1b[31m for \u202e files")
    parser.add_argument("--input-path", required=True, help="from \x1b]0;title\x07 here")
    parser.add_argument("--output-path", required=True, help="to \x9b2J there \u2028 and on")
    parser.add_argument("--mode", default="a\x1b[31mb", choices=["a\x1b[31mb", "$(touch x)"])
    args = parser.parse_args()
    print(Path(args.input_path))
