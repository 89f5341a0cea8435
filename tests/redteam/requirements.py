"""Packages that a hostile project requires: wheels that cannot be, sources that do harm."""

import io
import zipfile
from pathlib import Path

from tests.redteam.attack import Attack, files
from tests.support.package_index import make_sdist, make_wheel

ESCAPED = Path("/etc/cron.d/mlreef-redteam")


def _wheel(name: str, told: str, text: str) -> tuple[str, bytes]:
    """A wheel one of whose files about itself is another, packed as small as it can be."""
    file, content = make_wheel(name, "1.0", {f"{name}.py": "x = 1\n"})
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            is_told = member.filename.endswith(f".dist-info/{told}")
            new.writestr(member.filename, text if is_told else old.read(member))
    return file, out.getvalue()


def _bomb() -> tuple[str, bytes]:
    """A wheel of two megabytes that is unpacked into more than an image may have."""
    file, content = make_wheel("bomb", "1.0", {"bomb.py": "x = 1\n"})
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for number in range(4):
            wheel.writestr(f"bomb/{number}.bin", bytes(100 << 20))
    return file, out.getvalue()


_HEAD = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"


def hostile_wheels() -> tuple[tuple[str, bytes], ...]:
    """Wheels that are refused; what is in them is made now."""
    return (
        _bomb(),
        _wheel("record", "RECORD", "x,,\n" * 8_000_000),
        _wheel("metadata", "METADATA", _HEAD.format("metadata") + "\n" + "x" * (64 << 20)),
        make_wheel("outside", "1.0", {"../../../../etc/cron.d/mlreef-redteam": "x"}),
        make_wheel(
            "scripts",
            "1.0",
            {"scripts-1.0.dist-info/entry_points.txt": "[console_scripts]\n../../sh = a:b\n"},
        ),
        make_wheel("coloured", "1.0", {"\x1b[31mred\u202e.py": "x"}),
    )


def hostile_sources() -> tuple[tuple[str, bytes], ...]:
    """Source distributions whose `setup.py` begins with each of the scripts in `packages/`."""
    scripts = (Path(__file__).parent / "packages").glob("*.py")
    return tuple(make_sdist(path.stem, "1.0", path.read_text()) for path in scripts)


def _requiring(package: str, *said: str, published: bool = False) -> Attack:
    return Attack(
        name=f"requires {package}",
        prepare=files({"requirements.txt": f"{package}==1.0\n"}),
        said=said or ("success: ",),
        published=published,
    )


WHEEL_ATTACKS = (
    _requiring("bomb", "the wheels are larger, unpacked, than an image may be"),
    _requiring("record", "its RECORD is too large"),
    _requiring("metadata", "its METADATA is too large"),
    _requiring("outside", "is no place for a file"),
    _requiring("scripts", "is no place for a file"),
    _requiring("coloured", "is no place for a file"),
)
# All of these at once; who is not ended by another bound is ended by time.
BOUNDS = {"processes": 64, "memory": "512m", "disk": "64m"}
SOURCE_ATTACKS = (
    _requiring("memory", "memory==1.0 took more than 512m of memory"),
    _requiring("disk", "disk==1.0 took more than 64m of disk"),
    _requiring("prints", "prints==1.0 cannot be built", "shows the rest"),
    _requiring("reads", "read /proc/1/environ", "reads==1.0 cannot be built"),
    _requiring("escapes", published=True),
)
ENDLESS_ATTACKS = (
    _requiring("forks", "forks==1.0 was not built within 4 s"),
    _requiring("sleeps", "sleeps==1.0 was not built within 4 s"),
)
