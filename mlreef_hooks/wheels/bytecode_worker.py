"""Compiles Python sources to bytecode, in a process of its own that any CPython from 3.8 can be.

Reads frames from stdin (path, source), writes one for each to stdout: a `.pyc` (PEP 552, unchecked
hash), empty where the source does not compile. Ends with an error where the server does not give it
the memory that it may use, for then nothing is known of the source. The same source is the same
bytes, whatever was compiled before it: which objects `marshal` marks as shared depends on how often
they are referred to, so that every text is referred to once more while it is written.
"""

import _imp
import importlib.util
import marshal
import mmap
import resource
import struct
import sys
import types
import warnings

_MEMORY, _SECONDS = 4 << 30, 1800
_HASHED_UNCHECKED = 0b01
_NO_RESERVE = 0x4000  # MAP_NORESERVE, which older versions have no name for
_SPARE = 64 << 20


def compile_frames() -> None:
    """Answer every frame until there are no more."""
    while True:
        head = sys.stdin.buffer.read(8)
        if len(head) < 8:
            return
        lengths = struct.unpack("<II", head)
        path, source = (sys.stdin.buffer.read(length) for length in lengths)
        bytecode = compile_source(path.decode(), source)
        sys.stdout.buffer.write(struct.pack("<I", len(bytecode)) + bytecode)
        sys.stdout.buffer.flush()


def compile_source(path: str, source: bytes) -> bytes:
    """The content of the `.pyc` of a source; empty where it does not compile."""
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        texts: list[object] = []
        _hold_texts(code, texts)
        content = marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, OverflowError):
        return b""
    except MemoryError:  # also what the parser raises where a source is nested too deeply
        if _is_short_of_memory():
            raise
        return b""
    magic = importlib.util.MAGIC_NUMBER
    source_hash = _imp.source_hash(int.from_bytes(magic[:2], "little"), source)
    return magic + struct.pack("<I", _HASHED_UNCHECKED) + source_hash + content


def _is_short_of_memory() -> bool:
    """True where the server does not give this process what it is allowed by itself."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    left = _MEMORY - used - _SPARE
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    try:
        if left > 0:
            mmap.mmap(-1, left, flags=flags).close()
    except OSError:
        return True
    return False


def _limit_memory() -> None:
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY if allowed == resource.RLIM_INFINITY else min(allowed, _MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _hold_texts(code: types.CodeType, texts: "list[object]") -> None:
    """Refer to every text of some code once more."""
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    texts.extend((code.co_name, getattr(code, "co_qualname", ""), code.co_filename, *names))
    waiting: list[tuple[object, ...] | frozenset[object]] = [*names, code.co_consts]
    while waiting:
        for each in waiting.pop():
            if isinstance(each, types.CodeType):
                _hold_texts(each, texts)
            elif isinstance(each, (tuple, frozenset)):
                waiting.append(each)
            elif isinstance(each, str):
                texts.append(each)


if __name__ == "__main__":
    _limit_memory()
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 10))  # ends by SIGXCPU
    sys.setrecursionlimit(5000)
    warnings.simplefilter("ignore")
    compile_frames()
