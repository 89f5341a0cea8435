"""The floor of a publish: read the changed objects, hash, upload the bytes, write an index entry.

    publish_floor.py REGISTRY INDEX_FILE [FIGURES] < ref updates

Runs by a Python that imports next to nothing; checks nothing and reuses nothing. Every publish must
at least start an interpreter, ask git, and make these five requests. Writes the seconds of each
part to FIGURES as JSON, where that is asked for.
"""

import hashlib
import os
import socket
import sys
import time


def main() -> None:
    """Publish the script of the pushed commit."""
    registry, index, *figures = sys.argv[1:]
    times = [time.perf_counter()]
    update = sys.stdin.buffer.readline().split()
    content = git(b"cat-file", b"blob", update[1] + b":main.py")
    times.append(time.perf_counter())
    layer = tar(b"module/main.py", content)
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:'
    config += digest(layer) + b'"]}}'
    times.append(time.perf_counter())
    host, _, port = registry.partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for blob in (layer, config):
        upload(connection, registry.encode(), blob)
    manifest = (
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":'
        b'{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},'
        b'"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s",'
        b'"size":%d}]}' % (digest(config), len(config), digest(layer), len(layer))
    )
    kind = b"Content-Type: application/vnd.oci.image.manifest.v1+json\r\n"
    ask(connection, registry.encode(), b"PUT /v2/floor/module/manifests/v", kind, manifest)
    times.append(time.perf_counter())
    with open(index + ".new", "wb") as out:
        out.write(manifest)
        out.flush()
        os.fsync(out.fileno())
    os.replace(index + ".new", index)
    times.append(time.perf_counter())
    for path in figures:
        write_figures(path, times)
    os.write(1, b"published\n")


def write_figures(path: str, times: list[float]) -> None:
    """Write the seconds from each time to the next, under the names of the parts."""
    parts = ("git", "computing", "registry", "disk")
    seconds = (after - before for before, after in zip(times, times[1:], strict=False))  # noqa: RUF007
    facts = ", ".join(f'"{part}": {each}' for part, each in zip(parts, seconds, strict=True))
    with open(path, "w") as out:
        out.write("{" + facts + "}")


def git(*words: bytes) -> bytes:
    """The stdout of a git command."""
    reader, writer = os.pipe()
    pid = os.posix_spawnp(
        "git", [b"git", *words], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)]
    )
    os.close(writer)
    parts = []
    while part := os.read(reader, 1 << 20):
        parts.append(part)
    os.waitpid(pid, 0)
    return b"".join(parts)


def tar(path: bytes, content: bytes) -> bytes:
    """A tar of one file."""
    head = bytearray(512)
    head[: len(path)] = path
    fields = (
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % len(content),
        b"0" * 11 + b"\0",
    )
    head[100:148] = b"".join(fields)
    head[148:156] = b" " * 8
    head[156:157] = b"0"
    head[257:265] = b"ustar\00000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + content + bytes(-len(content) % 512) + bytes(1024)


def digest(content: bytes) -> bytes:
    """The SHA-256 of some content in hex."""
    return hashlib.sha256(content).hexdigest().encode()


def upload(connection: socket.socket, host: bytes, blob: bytes) -> None:
    """Upload a blob by two requests."""
    answer = ask(connection, host, b"POST /v2/floor/module/blobs/uploads/", b"", b"")
    place = answer.lower().index(b"\r\nlocation: ") + 12
    location = answer[place : answer.index(b"\r\n", place)]
    path = location[location.index(b"/v2/") :]
    mark = b"&" if b"?" in path else b"?"
    ask(connection, host, b"PUT " + path + mark + b"digest=sha256:" + digest(blob), b"", blob)


def ask(connection: socket.socket, host: bytes, line: bytes, extra: bytes, body: bytes) -> bytes:
    """The head of the answer to one request; those asked for here have no body."""
    head = line + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + extra
    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1 << 16)
    if answer[9:10] != b"2":
        raise SystemExit(answer.decode())
    return answer


if __name__ == "__main__":
    main()
