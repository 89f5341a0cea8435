import argparse
import socket
import urllib.request

for host in ("127.0.0.1", "169.254.169.254", "pypi.org"):
    try:
        urllib.request.urlopen(f"http://{host}:PORT/simple/", timeout=2).read()
    except OSError:
        continue
    print(f"reached {host}")
    raise SystemExit("reached")
interfaces = [name for _, name in socket.if_nameindex()]
if interfaces != ["lo"]:
    raise SystemExit("reached")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.parse_args()
