"""An empty file system that syncs nothing, of any name, by /dev/fuse (linux/fuse.h); needs root."""

import ctypes
import errno
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_IN = struct.Struct("<IIQQIIIHH")  # length, opcode, unique, node, uid, gid, pid, and two more
_OUT = struct.Struct("<IiQ")  # length, error, unique
_MOST = 1 << 21  # bytes of a request
_FORGET, _BATCH_FORGET, _INTERRUPT = 2, 42, 36  # which get no answer
_ATTRIBUTES = struct.pack(
    "<QII6Q10I", 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o777, 2, 0, 0, 0, 4096, 0
)
_ANSWERS: Mapping[int, bytes] = {
    3: _ATTRIBUTES,  # GETATTR of the root
    17: struct.pack("<5Q4I24x", 1 << 30, 1 << 29, 1 << 29, 1 << 20, 1 << 19, 4096, 255, 4096, 0),
    26: struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 10, 1 << 16, 1, 0, 0, 0),  # INIT
    27: struct.pack("<QII", 1, 0, 0),  # OPENDIR
    28: b"",  # READDIR: nothing is in it
    29: b"",  # RELEASEDIR
}
_ERRORS = {1: errno.ENOENT, 30: errno.EIO, 51: errno.EOPNOTSUPP}  # LOOKUP, FSYNCDIR, TMPFILE


@contextmanager
def odd_file_system(folder: Path, kind: str) -> Iterator[None]:
    """Have the file system at `folder`, which the machine calls `kind` (`fuse.NAME`)."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    words = [os.fsencode(word) for word in ("odd", str(folder), kind)]
    if libc.mount(*words, 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount", str(folder))
    thread = threading.Thread(target=_serve, args=(device,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        thread.join()
        os.close(device)


def _serve(device: int) -> None:
    """Answer the kernel until the file system is gone."""
    while True:
        try:
            request = os.read(device, _MOST)
        except OSError as error:
            if error.errno == errno.ENODEV:  # it was unmounted
                return
            raise
        _, operation, unique, *_ = _IN.unpack_from(request)
        if operation in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            continue
        body = _ANSWERS.get(operation)
        failure = 0 if body is not None else _ERRORS.get(operation, errno.ENOSYS)
        answer = body or b""
        os.write(device, _OUT.pack(_OUT.size + len(answer), -failure, unique) + answer)
