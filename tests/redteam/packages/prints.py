import sys

for number in range(10_000):
    print(f"\x1b[31m{number}\x07 \u202e" + "x" * 100)
sys.stdout.buffer.write(b"\xff" * 1_000_000 + b"\r\x1b]0;title\x07\n")
sys.stdout.flush()
raise SystemExit("error: fake\nsuccess: fake 9.9.9 is published")
