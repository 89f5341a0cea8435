"""Locks: read from pylock.toml, kept as JSON, and what of requirements may be asked of uv."""

import dataclasses
import json
from pathlib import PurePath
from typing import Any

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.lock import Lock, LockedWheel, SourceNeeded
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.pylock import parse_pylock
from mlreef_hooks.wheels.wanted import read_wanted

DEBIAN = Platform("3.11", "x86_64", "glibc", (2, 36))
ALPINE = Platform("3.12", "aarch64", "musl", (1, 2))
A, B, C = "a" * 64, "b" * 64, "c" * 64
COMMIT = "1" * 40
TINY = LockedWheel(
    name="tiny",
    version="1.0",
    file="tiny-1.0-py3-none-any.whl",
    url="https://index.example/tiny-1.0-py3-none-any.whl",
    sha256=A,
    size=7,
)


def wheel_entry(file: str, sha256: str = A, url: str = "https://index.example/") -> str:
    return f'{{ url = "{url}{file}", hashes = {{ sha256 = "{sha256}" }} }}'


def package(name: str, *wheels: str) -> str:
    return f'[[packages]]\nname = "{name}"\nversion = "1.0"\nwheels = [{", ".join(wheels)}]\n'


# kept as JSON


def test_a_lock_reads_as_it_was_written() -> None:
    lock = Lock(wheels=(TINY, dataclasses.replace(TINY, name="url-less", url="", size=None)))
    assert Lock.from_json(lock.to_json()) == lock
    assert lock.names == ["tiny==1.0", "url-less==1.0"]
    assert Lock.from_json(Lock().to_json()) == Lock()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"url": "https://mirror.example/x/tiny-1.0-py3-none-any.whl"}, True),
        ({"size": None}, True),
        ({"sha256": B}, False),
        ({"version": "1.0.0"}, False),
    ],
)
def test_the_digest_of_a_lock_is_that_of_what_is_installed(
    change: dict[str, Any], same: bool
) -> None:
    other = Lock(wheels=(dataclasses.replace(TINY, **change),))
    assert (other.digest == Lock(wheels=(TINY,)).digest) == same


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Tiny"},
        {"name": "../tiny"},
        {"version": "1/0"},
        {"file": "../tiny-1.0-py3-none-any.whl"},
        {"file": "tiny-1.0.tar.gz"},
        {"url": "file:///etc/passwd"},
        {"url": "https://user:secret@index.example/tiny.whl"},
        {"sha256": A.upper()},
        {"sha256": None},
        {"size": -1},
        {"size": True},
        {"surprise": 1},
    ],
)
def test_what_is_no_lock_is_refused(change: dict[str, object]) -> None:
    document = {"v": 1, "wheels": [{**vars(TINY), **change}]}
    with pytest.raises(ValueError, match="lock"):
        Lock.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"v": 2, "wheels": []}', b'{"v": 1}', b'{"v": 1, "wheels": [1]}']
)
def test_another_document_is_no_lock(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"lock|Expecting"):
        Lock.from_json(content)


def test_a_lock_names_a_wheel_once() -> None:
    with pytest.raises(ValueError, match="each name once"):
        Lock(wheels=(TINY, TINY))


# the platform


@pytest.mark.parametrize(
    ("platform", "word"),
    [
        (DEBIAN, "x86_64-manylinux_2_36"),
        (Platform("3.11", "x86_64", "glibc", (2, 30)), "x86_64-manylinux_2_28"),
        (Platform("3.13", "aarch64", "glibc", (2, 99)), "aarch64-manylinux_2_40"),
        (ALPINE, "aarch64-unknown-linux-musl"),
    ],
)
def test_uv_has_a_word_for_a_platform(platform: Platform, word: str) -> None:
    assert platform.uv_word == word


@pytest.mark.parametrize(
    "platform",
    [
        Platform("3.11", "riscv64", "glibc", (2, 36)),
        Platform("3.11", "x86_64", "glibc", (2, 12)),
        Platform("3.11", "x86_64", "uclibc", (1, 0)),
    ],
)
def test_a_platform_without_wheels_is_for_the_administrator(platform: Platform) -> None:
    with pytest.raises(PublishError, match=r"no wheels are known for Python 3\.11 on") as caught:
        platform.uv_word  # noqa: B018
    assert caught.value.passing


@pytest.mark.parametrize(
    ("platform", "file"),
    [
        (DEBIAN, "x-1.0-py2.py3-none-any.whl"),
        (DEBIAN, "x-1.0-cp311-cp311-manylinux1_x86_64.whl"),
        (DEBIAN, "x-1.0-cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        (DEBIAN, "x-1.0-cp311-none-manylinux_2_36_x86_64.whl"),
        (ALPINE, "x-1.0-cp312-cp312-musllinux_1_1_aarch64.whl"),
    ],
)
def test_a_wheel_fits(platform: Platform, file: str) -> None:
    assert platform.rank(file) is not None


@pytest.mark.parametrize(
    ("platform", "file"),
    [
        (DEBIAN, "x-1.0-cp311-cp311-manylinux_2_37_x86_64.whl"),
        (DEBIAN, "x-1.0-cp311-cp311-musllinux_1_1_x86_64.whl"),
        (DEBIAN, "x-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"),
        (DEBIAN, "x-1.0-cp312-abi3-manylinux_2_17_x86_64.whl"),
        (DEBIAN, "x-1.0-cp311-cp311-manylinux_2_17_aarch64.whl"),
        (DEBIAN, "x-1.0-py2-none-any.whl"),
        (ALPINE, "x-1.0-cp312-cp312-manylinux_2_17_aarch64.whl"),
    ],
)
def test_a_wheel_does_not_fit(platform: Platform, file: str) -> None:
    assert platform.rank(file) is None


# pylock.toml

NOTHING = read_wanted({"requirements.txt": ""})


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["x-1.0-py3-none-any.whl", "x-1.0-cp311-cp311-manylinux1_x86_64.whl"], 1),
        (["x-1.0-cp37-abi3-manylinux_2_28_x86_64.whl", "x-1.0-cp39-abi3-manylinux1_x86_64.whl"], 1),
        (["x-1.0-1-py3-none-any.whl", "x-1.0-10-py3-none-any.whl", "x-1.0-py3-none-any.whl"], 1),
        (["x-1.0-cp312-cp312-manylinux1_x86_64.whl", "x-1.0-py3-none-any.whl"], 1),
    ],
)
def test_the_wheel_that_fits_best_is_locked(files: list[str], chosen: int) -> None:
    lock = parse_pylock(package("x", *map(wheel_entry, files)), DEBIAN, NOTHING)
    assert [wheel.file for wheel in lock.wheels] == [files[chosen]]


def test_a_lock_is_sorted_and_holds_no_credentials() -> None:
    secret = wheel_entry("B_b-1.0-py3-none-any.whl", url="https://user:pass@index.example/a%2B/")
    text = package("b.b", secret) + package("a", wheel_entry("a-1.0-py3-none-any.whl#sha256=1"))
    lock = parse_pylock(text, DEBIAN, NOTHING)
    assert lock.names == ["a==1.0", "b-b==1.0"]
    assert [wheel.url for wheel in lock.wheels] == [
        "https://index.example/a-1.0-py3-none-any.whl",
        "https://index.example/a%2B/B_b-1.0-py3-none-any.whl",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        'wheels = [{ path = "/srv/x-1.0-py3-none-any.whl", hashes = { sha256 = "" } }]',
        f"wheels = [{wheel_entry('x-1.0-py3-none-any.whl', url='file:///srv/')}]",
        f"wheels = [{wheel_entry('other-1.0-py3-none-any.whl')}]",
        f"wheels = [{wheel_entry('x-1.0-cp39-cp39-win_amd64.whl')}]",
        'wheels = [{ url = "https://index.example/x-1.0-py3-none-any.whl", hashes = {} }]',
        'wheels = [{ url = "https://index.example/x-1.0-py3-none-any.whl" }]',
        f"wheels = [{wheel_entry('x.whl')}]",
        f"wheels = [{wheel_entry('x-one-py3-none-any.whl')}]",
        f"archive = {wheel_entry('x-1.0.tar.gz')}",
        f"sdist = {wheel_entry('x-1.0.tar.gz')}",
        'directory = { path = "." }',
        f'vcs = {{ type = "git", url = "https://a.example/x", commit-id = "{COMMIT}" }}',
    ],
)
def test_a_package_without_a_wheel_has_to_be_built(entry: str) -> None:
    with pytest.raises(SourceNeeded, match="x has no wheel") as caught:
        parse_pylock(f'[[packages]]\nname = "x"\nversion = "1.0"\n{entry}', DEBIAN, NOTHING)
    assert caught.value.packages == ("x",)


@pytest.mark.parametrize("text", ["", "packages = 1", "packages = [1]", "a = [", "[[packages]]\n"])
def test_what_is_no_pylock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"pylock|line 1|end of"):
        parse_pylock(text, DEBIAN, NOTHING)


def test_of_several_wheels_one_with_a_wanted_hash_is_locked() -> None:
    wanted = read_wanted({"requirements.txt": f"x==1.0 --hash=sha256:{B} --hash=sha256:{C}\n"})
    files = {"x-1.0-cp311-cp311-manylinux1_x86_64.whl": A, "x-1.0-py3-none-any.whl": B}
    text = package("x", *(wheel_entry(*each) for each in files.items()))
    assert [wheel.sha256 for wheel in parse_pylock(text, DEBIAN, wanted).wheels] == [B]


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        (f"x==1.0 --hash=sha256:{B}\n", "x==1.0 has another hash than the one written"),
        (f"y==1.0 --hash=sha256:{B}\n", "x==1.0 has no hash, and all need one where one has"),
        ("--require-hashes\nx==1.0\n", "x==1.0 has no hash"),
        (f"https://i.example/x-1.0-py3-none-any.whl#sha256={B}\n", "x==1.0 has another hash"),
    ],
)
def test_hashes_are_checked(requirements: str, message: str) -> None:
    wanted = read_wanted({"requirements.txt": requirements})
    with pytest.raises(PublishError, match=message) as caught:
        parse_pylock(package("x", wheel_entry("x-1.0-py3-none-any.whl")), DEBIAN, wanted)
    assert not caught.value.passing


# what may be asked of uv


def test_requirements_are_taken_apart() -> None:
    wheel = f"https://i.example/t%2Bcpu/torch-2.0%2Bcpu-py3-none-any.whl#sha256={C}"
    wanted = read_wanted(
        {
            "requirements.txt": "--prefer-binary\n--index-url https://a.example/simple\n"
            f"numpy[x]==1.0; python_version > '3' --hash=sha256:{A} --hash=sha256:{B}\n"
            f"torch @ {wheel} ; python_version > '3'\n{wheel}\n--constraint constraints.txt\n",
            "constraints.txt": "scipy<2\n",
        }
    )
    assert wanted.lines == (
        "numpy[x]==1.0; python_version > '3'",
        f"torch @ {wheel} ; python_version > '3'",
        wheel,
    )
    assert wanted.constraints == ("scipy<2",)
    assert wanted.hashes == {"numpy": {A, B}, "torch": {C}}
    assert wanted.hashed
    assert wanted.values("--index-url") == ["https://a.example/simple"]


@pytest.mark.parametrize(
    ("line", "packages"),
    [
        (f"x @ git+https://a.example/x.git@{COMMIT}", ("x",)),
        (f"git+https://a.example/x.git@{COMMIT}#egg=x", (f"x.git@{COMMIT}",)),
        (f"x @ https://a.example/x-1.0.tar.gz#sha256={A}", ("x",)),
        (f"https://a.example/x-1.0.zip#sha256={A}", ("x-1.0.zip",)),
        (f"x @ https://a.example/x.whl#sha256={A}", ("x",)),
        (f"x @ file:///srv/x-1.0-py3-none-any.whl#sha256={A}", ("x",)),
        (f"x @ https://a.example/x-1.0-py3-none-any.whl#sha512={A}{A}", ("x",)),
        (f"x==1.0 --hash=sha512:{A}{A}", ("x",)),
        ("--no-binary x,y\nx==1.0", ("x", "y")),
    ],
)
@pytest.mark.parametrize("file", ["requirements.txt", "constraints.txt"])
def test_what_is_no_wheel_has_to_be_built(file: str, line: str, packages: tuple[str]) -> None:
    if file == "constraints.txt" and line.startswith("-"):
        return
    with pytest.raises(SourceNeeded) as caught:
        read_wanted({"requirements.txt": "", file: f"{line}\n"})
    assert caught.value.packages == packages


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        (f"x[a] @ git+https://a.example/x.git@{COMMIT}", 1),
        (f"https://a.example/x-1.0.zip --hash=sha256:{A}", 1),
        (f"x @ https://a.example/x-1.0.zip#sha256={A} ; sys_platform == 'win32'", 0),
        (f"x==1.0 --hash=sha512:{A}{A}", 0),
        ("--no-binary x", 0),
    ],
)
def test_a_reference_can_be_built_alone(line: str, sources: int) -> None:
    with pytest.raises(SourceNeeded) as caught:
        read_wanted({"requirements.txt": f"{line}\n"})
    assert caught.value.sources == (line,) * sources


def test_a_wheel_that_was_built_stands_in_for_its_reference() -> None:
    by_name = f"x[a] @ git+https://a.example/x.git@{COMMIT}"
    by_url = f"https://a.example/y-1.0.zip --hash=sha512:{A}{A}"
    built = {
        by_name: PurePath("/srv/built/x-1.0-py3-none-any.whl"),
        by_url: PurePath("/srv/built/y-1.0-py3-none-any.whl"),
    }
    wanted = read_wanted({"requirements.txt": f"{by_name}\n{by_url}\nz==1.0\n"}, built)
    assert wanted.lines == (
        "x[a] @ file:///srv/built/x-1.0-py3-none-any.whl",
        "file:///srv/built/y-1.0-py3-none-any.whl",
        "z==1.0",
    )


def test_of_this_server_only_what_was_built_is_locked() -> None:
    path = PurePath("/srv/built/x-1.0-py3-none-any.whl")
    wanted = read_wanted({"requirements.txt": f"x==1.0 --hash=sha256:{B}\n"})
    for where in (f'url = "file://{path}"', f'path = "{path}"'):
        text = package("x", f'{{ {where}, hashes = {{ sha256 = "{A}" }} }}')
        (wheel,) = parse_pylock(text, DEBIAN, wanted, [path]).wheels
        assert (wheel.file, wheel.url, wheel.sha256) == (path.name, "", A)
        with pytest.raises(SourceNeeded, match="x has no wheel"):
            parse_pylock(text, DEBIAN, wanted, [PurePath("/srv/other.whl")])
