"""What package authors and indexes write: wheels, pages, locks, and what pip and uv print."""

import io
import re
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, cast
from warnings import catch_warnings, simplefilter

from packaging.requirements import InvalidRequirement, Requirement

from fuzz.harness import PART, Harness, check_refusal, parts_of, text_of
from mlreef_hooks.builders.pip_failure import PipOutput
from mlreef_hooks.builders.pip_install import read_locked
from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.container import Ended, Lines
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.layer import write_wheel_layer
from mlreef_hooks.wheels.lock import Lock, SourceNeeded
from mlreef_hooks.wheels.place import PythonPlace
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.pylock import parse_pylock
from mlreef_hooks.wheels.sources import choose_source, read_page
from mlreef_hooks.wheels.uv_failure import explain_uv, in_one_line
from mlreef_hooks.wheels.wanted import Wanted

_PLACE = PythonPlace(
    version="3.11", interpreter="/usr/bin/python3.11", prefix="usr/local", bytecode=False,
    site="usr/local/lib/python3.11/site-packages",
)  # fmt: skip
_PLATFORM = Platform("3.11", "x86_64", "glibc", (2, 36))
_WANTED = Wanted(lines=(), constraints=(), hashes={}, hashed=False, options=())
_NAME = "tiny-1.0-py3-none-any.whl"
_INFO = "tiny-1.0.dist-info"
_URL = "https://index.example/simple/tiny/"
_LINE_BYTES = 4096


def check_wheel(data: bytes) -> bool:
    """A wheel with these files about it, and a file of that name, is refused or a safe layer."""
    metadata, wheel, record, entry_points, path, content = parts_of(data, 6)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, catch_warnings():
        simplefilter("ignore")  # a name may stand twice
        for name, text in (
            ("METADATA", metadata), ("WHEEL", wheel), ("RECORD", record),
            ("entry_points.txt", entry_points),
        ):  # fmt: skip
            archive.writestr(f"{_INFO}/{name}", text)
        with suppress(UnicodeEncodeError):
            archive.writestr(zipfile.ZipInfo(text_of(path) or "tiny.py"), content)
    return check_wheel_bytes(out.getvalue())


def check_wheel_bytes(data: bytes) -> bool:
    """Any bytes as a wheel are refused, or become a layer that can be unpacked anywhere."""
    layer = io.BytesIO()
    try:
        # zipfile takes a file where it takes a path
        write_wheel_layer(cast("Path", io.BytesIO(data)), _NAME, _PLACE, cast("IO[bytes]", layer))
    except PublishError as error:
        check_refusal(error)
        return False
    layer.seek(0)
    with tarfile.open(fileobj=layer, mode="r:") as tar:
        names = [member.name for member in tar]
        assert len({*names}) == len(names)
        for member in tar:
            assert member.isreg() or member.isdir(), member.name
            assert member.name.startswith("usr"), member.name
            assert ".." not in member.name.split("/"), member.name
            assert member.name.isprintable(), ascii(member.name)
            assert member.mode in (0o644, 0o755)
            assert member.uid == member.gid == member.mtime % 315532800 == 0
    return True


def check_index_page(data: bytes) -> bool:
    """A page (after a requirement) is none, or has files of which one is chosen."""
    wanted, page = parts_of(data, 2)
    try:
        files = read_page(text_of(page), _URL)
    except ValueError:
        return False
    for file in files:
        assert re.match(r"https?://", file.url), file
        assert "#" not in file.url, file
        assert file.sha256 == "" or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    with suppress(InvalidRequirement):
        source = choose_source(Requirement(text_of(wanted) or "tiny"), files, "3.11", None)
        if source is not None:
            source.key(["x"])
            assert "\n" not in source.requirement, source
            assert " " not in source.requirement.partition(" @ ")[2], source
            return True
    return False


def check_pylock(data: bytes) -> bool:
    """A lock of uv is none, or one that is the same when it is kept and read again."""
    try:
        lock = parse_pylock(data.decode(errors="replace"), _PLATFORM, _WANTED)
    except (ValueError, SourceNeeded):
        return False
    except PublishError as error:
        check_refusal(error)
        return False
    assert Lock.from_json(lock.to_json()) == lock
    return bool(lock.wheels)


def check_lock(data: bytes) -> bool:
    """A kept lock is none, or one that is the same when it is written and read again."""
    try:
        lock = Lock.from_json(data)
    except ValueError:
        return False
    assert Lock.from_json(lock.to_json()) == lock
    assert all("/" not in wheel.file and ".." not in wheel.sha256 for wheel in lock.wheels)
    return bool(lock.wheels)


def check_build_output(data: bytes) -> bool:
    """What a build prints becomes bounded lines, and one sentence."""
    found: list[str] = []
    lines = Lines(found.append)
    for start in range(0, len(data), 100):
        lines("stdout" if start % 3 else "stderr", data[start : start + 100])
    lines.flush()
    assert all("\n" not in line and len(line) <= _LINE_BYTES for line in found)
    for building in ("", "tiny==1.0"):
        output = PipOutput(building)
        for line in found:
            output.add(line)
        for status, late in ((1, False), (124, False), (90, False), (137, True)):
            ended = Ended(status=status, late=late, out_of_memory=False)
            check_refusal(output.explain(ended, DockerEngine(), wheels_only=False))
    assert all("\n" not in line and line.isprintable() for line in read_locked(data))
    return bool(found)


def check_uv_output(data: bytes) -> bool:
    """What uv prints becomes one sentence."""
    said = in_one_line(data.decode(errors="replace"))
    error = explain_uv(said, 1, _PLATFORM)
    if isinstance(error, PublishError):
        check_refusal(error)
    else:
        assert error.why
        assert error.packages
    return isinstance(error, SourceNeeded)


_METADATA = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nRequires-Dist: six>=1\n"
_WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SCRIPTS = b"[console_scripts]\nrun = tiny.cli:main [x]\n[gui_scripts]\nshow=tiny:a.b\n"
_RECORD = "".join(
    f"{name},,\n"
    for name in (
        f"{_INFO}/METADATA", f"{_INFO}/WHEEL", f"{_INFO}/RECORD", f"{_INFO}/entry_points.txt",
        "tiny.py", "tiny-1.0.data/scripts/x",
    )
).encode()  # fmt: skip


def _wheel(path: bytes, content: bytes) -> bytes:
    return PART.join((_METADATA, _WHEEL, _RECORD, _SCRIPTS, path, content))


def _zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in (("METADATA", _METADATA), ("WHEEL", _WHEEL), ("RECORD", _RECORD)):
            archive.writestr(zipfile.ZipInfo(f"{_INFO}/{name}"), text)
        archive.writestr(zipfile.ZipInfo("tiny.py"), "x = 1\n")
    return out.getvalue()


_HEX = b"a" * 64
_JSON_PAGE = (
    b'{"meta": {"api-version": "1.0"}, "name": "tiny", "files": [{"filename": "tiny-1.0.tar.gz", '
    b'"url": "https://h/tiny-1.0.tar.gz", "hashes": {"sha256": "' + _HEX + b'"}, '
    b'"requires-python": ">=3.8", "yanked": false}]}'
)
_HTML_PAGE = (
    b'<a href="../../tiny-1.0.tar.gz#sha256=' + _HEX + b'" data-requires-python="&gt;=3">x</a>'
    b'<a href="https://h/tiny-2.zip" data-yanked>y</a>'
)
_PYLOCK = (
    b'lock-version = "1.0"\n[[packages]]\nname = "tiny"\nversion = "1.0"\n'
    b'wheels = [{ url = "https://h/tiny-1.0-py3-none-any.whl", size = 12, '
    b'hashes = { sha256 = "' + _HEX + b'" } }]\n'
)
_LOCK = (
    b'{"v": 1, "wheels": [{"name": "tiny", "version": "1.0", "file": "tiny-1.0-py3-none-any.whl", '
    b'"url": "https://h/tiny-1.0-py3-none-any.whl", "sha256": "' + _HEX + b'", "size": 1}]}'
)
_PIP = (
    b"Collecting tiny==1.0\n  error: subprocess-exited-with-error\n  x [9 lines of output]\n"
    b"      boom\n      [end of output]\nERROR: Failed building wheel for tiny\n"
    b"ERROR: Could not find a version that satisfies the requirement x (from versions: 1, 2)\n"
)
_UV = (
    b"  \xc3\x97 No solution found when resolving dependencies:\n  \xe2\x95\xb0> Because tiny==1.0"
    b" has no wheels with a matching Python and you require tiny==1.0, we can conclude that x.\n"
)
HARNESSES = {
    "wheel": Harness(
        check_wheel,
        (
            _wheel(b"tiny.py", b"x = 1\n"),
            _wheel(b"tiny-1.0.data/scripts/x", b"#!python\nx\n"),
            _wheel(b"../../etc/cron.d/x", b""),
        ),
        (PART, b"Name: ", b"Version: ", b"Requires-Dist: ", b",sha256=", b"[console_scripts]\n",
         b" = ", b"a:b", b"[x]", b"%(y)s", b".data/", b"purelib/", b"../", b".wh.", b"\r", b"\n "),
    ),
    "wheel_bytes": Harness(check_wheel_bytes, (_zipped(),), (b"PK\1\2", b"PK\3\4", b"PK\5\6")),
    "index_page": Harness(
        check_index_page,
        (b"tiny>=1" + PART + _JSON_PAGE, b"tiny" + PART + _HTML_PAGE),
        (PART, b'{"files": [', b'"url": ', b"<a href=", b"<!--", b"<![CDATA[", b"&#x",
         b"data-yanked", b"tiny-1.0.tar.gz", b"#sha256=", b"//", b"[::1]", b"http://", b"\\ud800",
         b"<?", b"[["),
    ),
    "pylock": Harness(
        check_pylock, (_PYLOCK,),
        (b"[[packages]]\n", b"wheels = ", b"archive = ", b"path = ", b"file:///x", b"size = "),
    ),
    "lock": Harness(check_lock, (_LOCK,), (b'"wheels": ', b'"v": 1', b"null", b"1e5", b"[" * 99)),
    "build_output": Harness(
        check_build_output, (_PIP,),
        (b"\x1b[31m", b"\r", b"ERROR: ", b"Collecting ", b"      [end of output]", b"No space left",
         b"WARNING: Retrying (", b"mlreef: the index: 403 ", b"DO NOT MATCH THE HASHES", b"==1 @ "),
    ),
    "uv_output": Harness(
        check_uv_output, (_UV,),
        (b" has no usable wheels", b"Because there is no version of ", b"error: ",
         b" hint: ", b"Building source distributions for `", b"` is disabled",
         b"HTTP status client error (4"),
    ),
}  # fmt: skip
