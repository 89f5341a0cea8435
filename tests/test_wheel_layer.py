"""The layer of a wheel: what pip would install, the same bytes everywhere, whatever it holds."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.bytecode import BytecodeCompiler
from mlreef_hooks.wheels.facts import WheelFacts
from mlreef_hooks.wheels.layer import write_wheel_layer
from mlreef_hooks.wheels.place import PythonPlace
from tests.support.package_index import make_wheel

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
TAG = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"
SITE = f"usr/local/lib/python{VERSION}/site-packages"
PLACE = PythonPlace(
    version=VERSION, interpreter=f"/usr/bin/python{VERSION}", site=SITE, prefix="usr/local",
    bytecode=True,
)  # fmt: skip
ENTRY_POINTS = "[console_scripts]\nrun-tiny = tiny.cli:main\n[gui_scripts]\nshow-tiny = tiny:show\n"
FILES: Mapping[str, str] = {
    "tiny/__init__.py": "NAMES = {'b', 'a', 'c'}\ndef f(x):\n    return x in {'one', 'two'}\n",
    "tiny/cli.py": "def main():\n    print('ran')\n",
    "tiny/broken.py": "def (\n",
    "tiny/tests/test_x.py": "X = 1\n",
    "tiny/data.txt": "data",
    "tiny/native.cpython-311-x86_64-linux-gnu.so": "not really",
    "tiny-1.0.data/scripts/old-tiny": "#!python\nprint('old')\n",
    "tiny-1.0.data/data/share/tiny/x.txt": "shared",
    "tiny-1.0.data/headers/tiny.h": "int x;",
    "tiny-1.0.dist-info/entry_points.txt": ENTRY_POINTS,
}


def layer(
    folder: Path, wheel: tuple[str, bytes], place: PythonPlace = PLACE
) -> tuple[WheelFacts, bytes]:
    """The layer of a wheel, and what is known of it."""
    name, content = wheel
    path = folder / "a.whl"
    path.write_bytes(content)
    out = io.BytesIO()
    return write_wheel_layer(path, name, place, cast("IO[bytes]", out)), out.getvalue()


def unpacked(content: bytes) -> dict[str, tarfile.TarInfo]:
    """The members of a tar."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: member for member in tar}


def test_everything_of_a_wheel_is_where_pip_puts_it(tmp_path: Path) -> None:
    facts, content = layer(tmp_path, make_wheel("tiny", "1.0", FILES, requires=["six>=1"]))
    members = unpacked(content)
    files = {name for name, member in members.items() if member.isfile()}
    assert files == {
        *(f"{SITE}/{name}" for name in FILES if name.startswith("tiny/")),
        *(f"{SITE}/tiny-1.0.dist-info/{name}" for name in (
            "METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt"
        )),
        f"{SITE}/tiny/__pycache__/__init__.{TAG}.pyc", f"{SITE}/tiny/__pycache__/cli.{TAG}.pyc",
        "usr/local/bin/run-tiny", "usr/local/bin/show-tiny", "usr/local/bin/old-tiny",
        "usr/local/share/tiny/x.txt", f"usr/local/include/python{VERSION}/tiny/tiny.h",
    }  # fmt: skip
    assert facts.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (facts.name, facts.version, facts.size) == ("tiny", "1.0", len(content))
    assert facts.modules == (
        "tiny", "tiny.broken", "tiny.cli", "tiny.native", "tiny.tests", "tiny.tests.test_x"
    )  # fmt: skip
    assert facts.requires == ("six>=1",)
    assert WheelFacts.from_json(facts.to_json()) == facts


def test_members_are_nobodys_and_of_no_time(tmp_path: Path) -> None:
    _, content = layer(tmp_path, make_wheel("tiny", "1.0", FILES))
    members = unpacked(content)
    assert {(each.uid, each.gid, each.uname, each.mtime) for each in members.values()} == {
        (0, 0, "", 315_532_800)
    }
    assert {each.mode for name, each in members.items() if "/bin/" in name} == {0o755}
    seen: set[str] = set()
    for name in members:
        assert {str(parent) for parent in Path(name).parents} - {"."} <= seen
        seen.add(name)


def test_what_is_installed_can_be_used(tmp_path: Path) -> None:
    root = tmp_path / "root"
    place = replace(PLACE, interpreter=sys.executable)
    _, content = layer(tmp_path, make_wheel("tiny", "1.0", FILES), place)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(root)
    for path in (root / SITE).rglob("*.py"):
        if path.name in ("__init__.py", "cli.py"):
            path.write_text("raise SystemError('the source is not read')")  # nor its time
    environment = {"PYTHONPATH": str(root / SITE)}
    said = subprocess.run(
        [root / "usr/local/bin/run-tiny"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "ran\n"
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "show", "--files", "tiny"],
        env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "Version: 1.0" in listed
    for line in listed.partition("Files:\n")[2].splitlines():
        assert (root / SITE / line.strip()).is_file()


def test_a_real_wheel_is_installed_as_pip_does(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels, prefix = tmp_path / "wheels", tmp_path / "prefix"
    subprocess.run([*pip, "download", "--no-deps", "-d", wheels, "markupsafe==2.1.5"], check=True)
    (path,) = wheels.glob("*.whl")
    # Else pip would take another version out of the environment that the tests run in.
    apart = ("--ignore-installed", "--no-deps", "--no-compile", "--prefix")
    subprocess.run([*pip, "install", *apart, prefix, path], check=True)
    _, content = layer(tmp_path, (path.name, path.read_bytes()))
    ours = {
        name.removeprefix(f"{SITE}/"): member
        for name, member in unpacked(content).items()
        if member.isfile() and "__pycache__" not in name
    }
    (site,) = prefix.glob("lib/*/site-packages")
    theirs = {str(each.relative_to(site)) for each in site.rglob("*") if each.is_file()}
    theirs = {name for name in theirs if not name.endswith(("REQUESTED", "direct_url.json"))}
    assert ours.keys() == theirs
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for name in theirs:
            if not name.endswith(("RECORD", "INSTALLER")):
                member = tar.extractfile(f"{SITE}/{name}")
                assert member is not None
                assert member.read() == (site / name).read_bytes()


def test_the_same_wheel_is_the_same_bytes(tmp_path: Path) -> None:
    wheel = make_wheel("tiny", "1.0", FILES)
    expected = layer(tmp_path, wheel)[0].digest
    script = (
        "import io, sys\nfrom pathlib import Path\n"
        "from mlreef_hooks.wheels.layer import write_wheel_layer\n"
        "from mlreef_hooks.wheels.place import PythonPlace\n"
        f"place = {PLACE!r}\n"
        "print(write_wheel_layer(Path(sys.argv[1]), sys.argv[2], place, io.BytesIO()).digest)\n"
    )
    for environment in (
        {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "C", "PYTHONHASHSEED": "2"},
    ):
        said = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "a.whl", wheel[0]],
            env=environment, umask=0o077, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said.stdout.strip() == expected


def test_bytecode_does_not_depend_on_what_was_compiled_before() -> None:
    sources = {f"/m{number}.py": f"""
def f{number}(shared, other={{'x', 'y', 'z'}}):
    shared_name = 'text{number % 3} of words'
    return shared_name, shared.attribute, other, 'only{number}', 12345678901{number}, b'x'
""".encode() for number in range(40)}  # fmt: skip
    with BytecodeCompiler(VERSION) as forward, BytecodeCompiler(VERSION) as backward:
        one = {path: forward.compile(path, source) for path, source in sources.items()}
        two = {path: backward.compile(path, sources[path]) for path in reversed(sources)}
    assert one == two
    assert all(one.values())
    for path, source in list(sources.items())[:5]:
        with BytecodeCompiler(VERSION) as alone:
            assert alone.compile(path, source) == one[path]


def test_a_source_that_ends_the_compiler_costs_its_own_bytecode() -> None:
    deep = b"x = " + b"-" * 60_000 + b"1\n"
    with BytecodeCompiler(VERSION) as compiler:
        assert compiler.compile("/deep.py", deep) == b""
        assert compiler.compile("/bad.py", b"def (\n") == b""
        assert compiler.compile("/null.py", b"\0") == b""
        assert compiler.compile("/good.py", b"x = 1\n")


def test_a_compiler_that_the_server_killed_is_no_source_without_bytecode() -> None:
    with BytecodeCompiler(VERSION) as compiler:
        assert compiler.compile("/a.py", b"x = 1\n")
        process = compiler._process
        assert process
        process.kill()
        process.wait()
        with pytest.raises(PublishError) as killed:
            compiler.compile("/a.py", b"x = 1\n")
        assert killed.value.passing
        assert compiler.compile("/a.py", b"x = 1\n")


@pytest.mark.parametrize(
    ("megabytes", "statements", "ending"),
    [(200, 1, "compiled"), (200, 300_000, "passing"), (20_000, 300_000, "compiled")],
)
def test_a_server_without_memory_stops_the_publish_instead_of_leaving_bytecode_out(
    megabytes: int, statements: int, ending: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, VERSION, str(megabytes << 20), str(statements)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ending


_COMPILE = r"""
import resource, sys
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.bytecode import BytecodeCompiler
version, allowed, statements = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
source = b"x = y + 1\n" * statements
resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
try:
    with BytecodeCompiler(version) as compiler:
        print("compiled" if compiler.compile("/a.py", source) else "left out")
except PublishError as error:
    print("passing" if error.passing else error)
"""


def test_without_a_python_of_that_version_there_is_no_bytecode(tmp_path: Path) -> None:
    place = replace(PLACE, version="3.4")
    _, content = layer(tmp_path, make_wheel("tiny", "1.0", FILES), place)
    assert not [name for name in unpacked(content) if name.endswith(".pyc")]


# hostile wheels


def rezipped(change: Callable[[zipfile.ZipFile, zipfile.ZipFile], None]) -> tuple[str, bytes]:
    """The wheel with something changed: `change` gets the old and the new archive."""
    name, content = make_wheel("tiny", "1.0", FILES)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member, old.read(member))
        change(old, new)
    return name, out.getvalue()


def lzma_packed(_: zipfile.ZipFile, new: zipfile.ZipFile) -> None:
    new.writestr("tiny/packed.py", "x = 1", compress_type=zipfile.ZIP_LZMA)


def linked(_: zipfile.ZipFile, new: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("tiny/link")
    member.external_attr = 0o120777 << 16
    new.writestr(member, "/etc/passwd")


def described(metadata: str, told: str = "METADATA") -> tuple[str, bytes]:
    """The wheel with another METADATA, or another file that tells of it."""
    name, content = make_wheel("tiny", "1.0", FILES)
    out = io.BytesIO()
    packed = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", packed) as new:
        for member in old.infolist():
            is_told = member.filename.endswith(f".dist-info/{told}")
            new.writestr(member.filename, metadata if is_told else old.read(member))
    return name, out.getvalue()


def with_a_lie(wheel: tuple[str, bytes], size: int) -> tuple[str, bytes]:
    """The wheel, each member of so many bytes said to be of one."""
    name, content = wheel
    return name, content.replace(size.to_bytes(4, "little"), (1).to_bytes(4, "little"))


def with_entry_points(text: str) -> tuple[str, bytes]:
    """The wheel with other entry points."""
    return described(text, "entry_points.txt")


@pytest.mark.parametrize(
    ("wheel", "why"),
    [
        (described("Name: other\nVersion: 1.0\n"), "METADATA is that of other 1.0"),
        (described("Name: tiny\nVersion: 1.1\n"), "METADATA is that of tiny 1.1"),
        (described("Version: 1.0\n"), "METADATA is that of  1.0"),
        (described("Name: tiny\n"), "Invalid version"),
        (make_wheel("tiny", "1.0", {"../evil.py": ""}), "is no place for a file"),
        (make_wheel("tiny", "1.0", {"/etc/evil": ""}), "is no place"),
        (make_wheel("tiny", "1.0", {"a/../../evil": ""}), "is no place for a file"),
        (make_wheel("tiny", "1.0", {"a\x1bb.py": ""}), "is no place for a file"),
        (make_wheel("tiny", "1.0", {"tiny-1.0.data/data/../../evil": ""}), "is no"),
        (make_wheel("tiny", "1.0", {"tiny-1.0.data/other/evil": ""}), "valid .data"),
        (make_wheel("tiny", "1.0", {"tiny-1.0.data/purelib/x.py": "", "x.py": ""}), "is no place"),
        (make_wheel("tiny", "1.0", {"x": "", "x/y": ""}), "is a file and a folder"),
        (
            make_wheel("tiny", "1.0", {
                "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\n../../evil = a:b\n"
            }),
            "is no place for a file",
        ),
        (("tiny-1.0-py3-none-any.whl", b"no zip at all"), "not a zip file"),
        (("tiny-1.0-py3-none-any.whl", make_wheel("other", "1.0", {})[1]), "doesn't match"),
        (make_wheel("tiny", "1.0", {"./tiny-1.0.data/purelib/x": ""}), "is no place"),
        (make_wheel("tiny", "1.0", {"tiny/.wh.__init__.py": ""}), "is no place"),
        (
            make_wheel("tiny", "1.0", {
                "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\na =" + " " * 64000
            }),
            "a long gap",
        ),
        (
            make_wheel("tiny", "1.0", {
                "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\n.wh.sh = a:b\n"
            }),
            "is no place",
        ),
        (rezipped(lzma_packed), "packed in another way"),
        (rezipped(linked), "symbolic link"),
        (rezipped(lambda old, new: new.writestr("tiny/cli.py", "twice")), "a name twice"),
        (make_wheel("tiny", "1.0", {"a" * 253 + ".py": ""}), "is longer than a path may be"),
        (make_wheel("tiny", "1.0", {"\u00e9" * 128: ""}), "is longer than a path may be"),
        (make_wheel("tiny", "1.0", {"b/" * 2000 + "c": ""}), "is longer than a path may be"),
        (make_wheel("tiny", "1.0", {"b/" * 1990 + "c": ""}), "is longer than a path may be"),
        (with_entry_points("[console_scripts]\n" + "x" * 256 + " = a:b\n"), "is longer than a"),
        (described("tiny/cli.py,,\n\n", "RECORD"), "expected 3 elements"),
        (described("tiny/cli.py,,,\n", "RECORD"), "expected 3 elements"),
        (described("tiny/cli.py,md5,\n", "RECORD"), "hash"),
        (described("tiny/cli.py,,x\n", "RECORD"), "size"),
        (described("a" * 200_000 + ",,\n", "RECORD"), "field larger than field limit"),
        (with_entry_points("[console_scripts]\nx = %(y)s\n"), "%(y)s"),
        (with_entry_points("[console_scripts]\nx = a:b\nx = a:c\n"), "already exists"),
        (with_entry_points("no section\n"), "no section headers"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_wheel_is_refused(tmp_path: Path, wheel: tuple[str, bytes], why: str) -> None:
    with pytest.raises(PublishError, match="cannot be installed") as refused:
        layer(tmp_path, wheel)
    assert why in refused.value.message
    assert refused.value.message.isprintable()
    assert os.listdir(tmp_path) == ["a.whl"]


@pytest.mark.parametrize(
    ("told", "most"),
    [
        ("RECORD", 16 << 20),
        ("METADATA", 4 << 20),
        ("WHEEL", 1 << 20),
        ("entry_points.txt", 1 << 20),
    ],
)
@pytest.mark.parametrize("size", [0, 32 << 20])
def test_what_is_read_whole_of_a_wheel_is_bounded(
    tmp_path: Path, told: str, most: int, size: int
) -> None:
    wheel = described("Name: tiny\nVersion: 1.0\n" + "x" * (size or most), told)
    tracemalloc.start()
    try:
        with pytest.raises(PublishError, match=f"its {told} is too large"):
            layer(tmp_path, wheel)
        assert tracemalloc.get_traced_memory()[1] < 3 * (most + (2 << 20))
    finally:
        tracemalloc.stop()


def test_the_size_that_a_wheel_tells_is_not_believed(tmp_path: Path) -> None:
    text = "Name: tiny\nVersion: 1.0\n" + "x" * (64 << 20)
    wheel = with_a_lie(described(text), len(text))
    tracemalloc.start()
    try:
        with pytest.raises(PublishError, match="cannot be installed"):
            layer(tmp_path, wheel)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_record_of_more_files_than_any_wheel_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="its RECORD tells of more files"):
        layer(tmp_path, described("a,,\n" * 700_000, "RECORD"))


def test_bytecode_whose_name_no_file_system_holds_is_left_out(tmp_path: Path) -> None:
    name = "a" * 250 + ".py"
    _, content = layer(tmp_path, make_wheel("tiny", "1.0", {name: "x = 1\n", "b.py": "x = 1\n"}))
    names = [path.rpartition("/")[2] for path in unpacked(content)]
    assert name in names
    assert [each for each in names if each.endswith(".pyc")] == [f"b.{TAG}.pyc"]


def test_names_and_versions_may_be_written_differently(tmp_path: Path) -> None:
    facts, _ = layer(tmp_path, described("Name: Tiny\nVersion: v1.0.0\n"))
    assert (facts.name, facts.version) == ("tiny", "1.0")


def test_a_file_that_is_not_what_record_says_is_refused(tmp_path: Path) -> None:
    name, content = make_wheel("tiny", "1.0", {"tiny.py": "x = 1\n"})
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            text = old.read(member).decode()
            if member.filename.endswith("RECORD"):
                text = text.replace("tiny.py,,", "tiny.py,sha256=AAAA,6")
            new.writestr(member, text)
    with pytest.raises(PublishError, match="is not what its RECORD says"):
        layer(tmp_path, (name, out.getvalue()))
