"""Requirements to locks: the real uv, against an index on loopback and against PyPI."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlreef_hooks.config_images import Pip
from mlreef_hooks.errors import PublishError
from mlreef_hooks.wheels.lock import Lock, SourceNeeded
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.resolution import resolve
from tests.support.package_index import (
    PASSWORD,
    USER,
    PackageIndex,
    make_sdist,
    make_wheel,
    package_index,
)
from tests.support.processes import command_lines, free_port, wait_until

DEBIAN = Platform("3.11", "x86_64", "glibc", (2, 36))
ARM = Platform("3.12", "aarch64", "glibc", (2, 28))
ZEROS = "0" * 64
COMMIT = "1" * 40


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A package index with wheels, and others that cannot be had as wheels."""
    with package_index() as found:
        found.add(
            make_wheel("tiny", "1.0", {"tiny.py": ""}),
            make_wheel("tiny", "1.2", {"tiny.py": ""}),
            make_wheel("needs_tiny", "1.0", {}, requires=["tiny<1.2", "extra; extra == 'more'"]),
            make_wheel("wants_new", "1.0", {}, requires=["tiny>=2"]),
            make_wheel("needs_source", "1.0", {}, requires=["source"]),
            make_wheel("needs_none", "1.0", {}, requires=["nowhere"]),
            make_wheel("extra", "3.0", {}),
            make_wheel("native", "1.0", {}, tag="cp311-cp311-manylinux_2_31_x86_64"),
            make_wheel("native", "1.0", {}, tag="cp312-cp312-manylinux_2_28_aarch64"),
            make_wheel("windows", "1.0", {}, tag="cp311-cp311-win_amd64"),
            make_sdist("source", "1.0"),
        )
        yield found


@pytest.fixture
def closed_index() -> Iterator[PackageIndex]:
    """A package index that wants a password."""
    with package_index(PASSWORD) as found:
        found.add(make_wheel("private", "1.0", {}))
        yield found


def lock_of(text: str, pip: Pip, cache: Path, platform: Platform = DEBIAN) -> Lock:
    return resolve({"requirements.txt": f"{text}\n"}, platform, pip, cache)


# what is locked


@pytest.mark.parametrize(
    ("requirements", "names"),
    [
        ("tiny==1.0", ["tiny==1.0"]),
        ("needs-tiny==1.0", ["needs-tiny==1.0", "tiny==1.0"]),
        ("needs-tiny[more]==1.0", ["extra==3.0", "needs-tiny==1.0", "tiny==1.0"]),
        ("--prefer-binary\ntiny==1.0; python_version < '3.11'\nextra==3.0", ["extra==3.0"]),
        ("tiny==1.0; python_version < '3'", []),
        ("", []),
    ],
)
def test_requirements_become_a_lock(
    tmp_path: Path, index: PackageIndex, requirements: str, names: list[str]
) -> None:
    assert lock_of(requirements, Pip(index_url=index.url), tmp_path / "uv").names == names


@pytest.mark.parametrize("as_json", [True, False])
def test_a_locked_wheel_is_that_of_the_index(
    tmp_path: Path, index: PackageIndex, as_json: bool
) -> None:
    index.json = as_json
    (wheel,) = lock_of("tiny==1.0", Pip(index_url=index.url), tmp_path / "uv").wheels
    file = "tiny-1.0-py3-none-any.whl"
    assert (wheel.file, wheel.sha256) == (file, index.sha256(file))
    assert wheel.url == f"http://{index.address}/files/{file}"
    assert wheel.size == (len(index.files[file]) if as_json else None)


def test_the_hash_of_a_wheel_is_found_where_the_index_does_not_tell_it(
    tmp_path: Path, index: PackageIndex
) -> None:
    index.hashed = False
    (wheel,) = lock_of("tiny==1.0", Pip(index_url=index.url), tmp_path / "uv").wheels
    assert wheel.sha256 == index.sha256(wheel.file)


@pytest.mark.parametrize(
    ("platform", "file"),
    [
        (DEBIAN, "native-1.0-cp311-cp311-manylinux_2_31_x86_64.whl"),
        (ARM, "native-1.0-cp312-cp312-manylinux_2_28_aarch64.whl"),
    ],
)
def test_wheels_are_those_of_the_base_and_not_of_the_server(
    tmp_path: Path, index: PackageIndex, platform: Platform, file: str
) -> None:
    lock = lock_of("native==1.0", Pip(index_url=index.url), tmp_path / "uv", platform)
    assert [wheel.file for wheel in lock.wheels] == [file]


def test_a_wheel_may_be_required_by_its_url(tmp_path: Path, index: PackageIndex) -> None:
    url = index.file_url("tiny-1.0-py3-none-any.whl")
    pip = Pip(index_url=index.url)
    for line in (url, f"tiny @ {url}", f"tiny @ {url} ; python_version > '3'"):
        lock = lock_of(f"{line}\nneeds-tiny==1.0", pip, tmp_path / "uv")
        assert lock.names == ["needs-tiny==1.0", "tiny==1.0"]
        assert lock.wheels[1].url == url.partition("#")[0]


def test_constraints_narrow_what_is_required(tmp_path: Path, index: PackageIndex) -> None:
    index.add(make_wheel("any_tiny", "1.0", {}, requires=["tiny"]))
    files = {"requirements.txt": "any-tiny==1.0\n--constraint constraints.txt\n"}
    for constraint, version in (("tiny<1.1", "1.0"), ("tiny>1.1", "1.2")):
        constrained = {**files, "constraints.txt": f"{constraint}\n"}
        lock = resolve(constrained, DEBIAN, Pip(index_url=index.url), tmp_path / "uv")
        assert lock.names == ["any-tiny==1.0", f"tiny=={version}"]


def test_the_best_version_of_all_indexes_is_taken(tmp_path: Path, index: PackageIndex) -> None:
    index.add(make_wheel("any_tiny", "1.0", {}, requires=["tiny"]))
    with package_index() as other:
        other.add(make_wheel("tiny", "1.1", {}), make_wheel("tiny", "1.3", {}))
        for pip in (
            Pip(index_url=index.url, extra_index_urls=(other.url,)),
            Pip(index_url=other.url, extra_index_urls=(index.url,)),
        ):
            lock = lock_of("any-tiny==1.0", pip, tmp_path / "uv")
            assert lock.names == ["any-tiny==1.0", "tiny==1.3"]


def test_options_of_the_requirements_are_those_of_pip(tmp_path: Path, index: PackageIndex) -> None:
    nowhere = Pip(index_url=f"http://127.0.0.1:{free_port()}/simple/")
    index.add(make_wheel("any_tiny", "1.0", {}, requires=["tiny"]), make_wheel("tiny", "2rc1", {}))
    options = f"--index-url {index.url}\n--trusted-host 127.0.0.1\n--pre"
    lock = lock_of(f"{options}\nany-tiny==1.0", nowhere, tmp_path / "uv")
    assert lock.names == ["any-tiny==1.0", "tiny==2rc1"]


def test_a_version_that_is_new_in_the_index_is_found(tmp_path: Path, index: PackageIndex) -> None:
    pip, index.max_age = Pip(index_url=index.url), 600
    assert lock_of("tiny==1.0", pip, tmp_path / "uv").names == ["tiny==1.0"]
    index.add(make_wheel("tiny", "1.4", {}))
    assert lock_of("tiny==1.4", pip, tmp_path / "uv").names == ["tiny==1.4"]


def test_a_wheel_that_was_built_stands_in_for_a_source_distribution(
    tmp_path: Path, index: PackageIndex
) -> None:
    built, pip = tmp_path / "built wheels", Pip(index_url=index.url)
    built.mkdir()
    name, content = make_wheel("source", "1.0", {"source.py": ""})
    (built / name).write_bytes(content)
    files = {"requirements.txt": "needs-source==1.0\ntiny==1.0\n"}
    of = f"source @ {index.file_url('source-1.0.tar.gz')}"
    lock = resolve(files, DEBIAN, pip, tmp_path / "uv", built={of: built / name})
    assert lock.names == ["needs-source==1.0", "source==1.0", "tiny==1.0"]
    found = lock.wheels[1]
    assert (found.file, found.url) == (name, "")
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_pypi_is_reached_from_the_bare_environment_of_a_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    lock = lock_of("six==1.16.0", Pip(), tmp_path / "uv")
    assert [(wheel.file, wheel.sha256) for wheel in lock.wheels] == [
        (
            "six-1.16.0-py2.py3-none-any.whl",
            "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
        )
    ]


# passwords


def test_the_password_of_an_index_is_used_and_kept_nowhere(
    tmp_path: Path, index: PackageIndex, closed_index: PackageIndex
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    for number, pip in enumerate(
        (
            Pip(index_url=closed_index.secret_url),
            Pip(index_url=index.url, extra_index_urls=(closed_index.secret_url,)),
            Pip(index_url=closed_index.url, netrc=str(netrc)),
        )
    ):
        cache = tmp_path / str(number)
        lock = lock_of("private==1.0", pip, cache)
        assert lock.names == ["private==1.0"]
        assert b"s3cret" not in lock.to_json()
        kept = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
        assert kept
        assert not any(b"s3cret" in content for content in kept)


def test_a_password_does_not_leave_through_what_a_wheel_requires(
    tmp_path: Path, closed_index: PackageIndex
) -> None:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "NETRC", "PATH", "PIP_CONFIG_FILE")
    with package_index() as theirs:
        query = "&".join(f"{name}=${{{name}}}" for name in names)
        url = f"http://{theirs.address}/files/stolen-1.0-py3-none-any.whl?{query}"
        theirs.add(make_wheel("steals", "1.0", {}, requires=[f"stolen @ {url}"]))
        required = f"steals @ {theirs.file_url('steals-1.0-py3-none-any.whl')}"
        with pytest.raises((PublishError, SourceNeeded)):
            lock_of(required, Pip(index_url=closed_index.secret_url), tmp_path / "uv")
        assert any("stolen" in path for path in theirs.requests)
        assert not any("s3cret" in path or USER in path for path in theirs.requests)


def test_a_wrong_password_is_for_the_administrator(
    tmp_path: Path, closed_index: PackageIndex
) -> None:
    wrong = closed_index.secret_url.replace("s3cret", "forgotten")
    for url in (wrong, closed_index.url):
        with pytest.raises(PublishError, match="refuses private without a password") as caught:
            lock_of("private==1.0", Pip(index_url=url), tmp_path / "uv")
        assert caught.value.passing
        assert "forgotten" not in caught.value.message + caught.value.hint


# what cannot be had


@pytest.mark.parametrize(
    ("requirements", "packages", "why"),
    [
        ("source==1.0", ("source",), "source==1.0 has no wheel for Python 3.11 on x86_64 with"),
        ("needs-source==1.0", ("source",), "source==1.0 has no wheel"),
        ("windows==1.0", ("windows",), "windows==1.0 has no wheel for Python 3.11 on x86_64"),
        (f"x @ git+https://a.example/x@{COMMIT}", ("x",), "x is required by a URL"),
    ],
)
def test_what_has_no_wheel_has_to_be_built(
    tmp_path: Path, index: PackageIndex, requirements: str, packages: tuple[str], why: str
) -> None:
    with pytest.raises(SourceNeeded, match=why) as caught:
        lock_of(requirements, Pip(index_url=index.url), tmp_path / "uv")
    assert tuple(name.partition("==")[0] for name in caught.value.packages) == packages


@pytest.mark.parametrize(
    "needed",
    [
        "evil @ {index}/files/evil-1.0.tar.gz",
        "evil @ file://{folder}/evil-1.0.tar.gz",
        "evil @ file://{folder}/evil",
        "evil @ file://{folder}/evil-2.0-py3-none-any.whl",
        "evil @ git+file://{folder}/evil",
        f"evil @ git+http://127.0.0.1:1/evil@{COMMIT}",
        "evil==1.0",
    ],
)
def test_nobodys_code_is_run_and_nothing_of_the_server_is_locked(
    tmp_path: Path, index: PackageIndex, needed: str
) -> None:
    script = f"open({str(tmp_path / 'was_run')!r}, 'w')"
    name, content = make_sdist("evil", "1.0", script)
    index.add((name, content))
    (tmp_path / name).write_bytes(content)
    wheel, content = make_wheel("evil", "2.0", {})
    (tmp_path / wheel).write_bytes(content)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "setup.py").write_text(script)
    required = needed.format(index=f"http://{index.address}", folder=tmp_path)
    index.add(make_wheel("front", "1.0", {}, requires=[required]))
    by_url = f"front @ {index.file_url('front-1.0-py3-none-any.whl')}"
    for line in ("front==1.0", by_url):
        with pytest.raises((PublishError, SourceNeeded)):
            lock_of(line, Pip(index_url=index.url), tmp_path / "uv")
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    ("requirements", "message", "hint"),
    [
        ("tiny==999", "the package index does not have tiny==999", "it has 1.0, 1.2"),
        ("tinny==1.0", "the package index does not have tinny==1.0", "correct its name"),
        ("needs-none==1.0", "the package index does not have nowhere", "correct its name"),
        (f"tiny==1.0 --hash=sha256:{ZEROS}", "tiny==1.0 has another hash", "find out why"),
        ("tiny==1.0\ntiny==1.2", "cannot be met: you require tiny==1.0 and tiny==1.2", "correct"),
        (
            "wants-new==1.0",
            "cannot be met: only tiny<=1.2 is available and .* wants-new .*tiny>=2",
            "correct",
        ),
        (
            "needs-tiny==1.0\ntiny==1.2",
            "cannot be met: .*needs-tiny.* tiny<1.2.* you require tiny==1.2$",
            "correct",
        ),
        (
            "gone @ http://{index}/files/gone-1.0-py3-none-any.whl#sha256=" + ZEROS,
            "the URL of gone answers with status 404",
            "correct the URL",
        ),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_a_requirement_that_cannot_be_had_is_named(
    tmp_path: Path, index: PackageIndex, requirements: str, message: str, hint: str, as_json: bool
) -> None:
    index.json = as_json
    text = requirements.format(index=index.address)
    with pytest.raises(PublishError, match=message) as caught:
        lock_of(text, Pip(index_url=index.url), tmp_path / "uv")
    assert caught.value.hint.startswith(hint)
    assert not caught.value.passing


def test_an_index_that_is_away_may_come_back(tmp_path: Path, index: PackageIndex) -> None:
    index.statuses["/simple/tiny/"] = [503] * 9
    urls = (f"http://127.0.0.1:{free_port()}/simple/", index.url)
    with ThreadPoolExecutor() as pool:  # uv asks again for seconds
        resolutions = [
            pool.submit(lock_of, "tiny==1.0", Pip(index_url=url), tmp_path / f"uv{number}")
            for number, url in enumerate(urls)
        ]
    for each in resolutions:
        with pytest.raises(PublishError, match="the package index cannot be reached") as caught:
            each.result()
        assert caught.value.passing


def test_an_index_that_does_not_answer_ends_the_resolution(
    tmp_path: Path, index: PackageIndex
) -> None:
    index.awake.clear()
    with pytest.raises(PublishError, match="were not found within 1 s") as caught:
        resolve(
            {"requirements.txt": "tiny==1.0\n"},
            DEBIAN,
            Pip(index_url=index.url),
            tmp_path / "uv",
            seconds=1,
        )
    assert caught.value.passing
    wait_until(lambda: uv_processes(tmp_path / "uv") == [])


def uv_processes(cache: Path) -> list[str]:
    """The command lines of processes that use this cache."""
    lines = command_lines().values()
    return [os.fsdecode(line) for line in lines if os.fsencode(cache) in line]


def test_what_a_killed_resolution_left_is_removed(tmp_path: Path, index: PackageIndex) -> None:
    index.awake.clear()
    process = subprocess.Popen(
        [sys.executable, "-c", _RESOLVE, index.url, str(tmp_path / "uv")],
        cwd=Path(__file__).parents[1],
    )
    wait_until(lambda: len(uv_processes(tmp_path / "uv")) > 1)
    assert len([*tmp_path.glob("uv/resolution*")]) == 1
    process.kill()
    process.wait()
    index.awake.set()
    lock_of("tiny==1.0", Pip(index_url=index.url), tmp_path / "uv")
    assert [*tmp_path.glob("uv/resolution*")] == []
    wait_until(lambda: uv_processes(tmp_path / "uv") == [])


_RESOLVE = """
import sys
from pathlib import Path
from mlreef_hooks.config_images import Pip
from mlreef_hooks.wheels.platform import Platform
from mlreef_hooks.wheels.resolution import resolve
platform = Platform("3.11", "x86_64", "glibc", (2, 36))
resolve({"requirements.txt": "tiny==1.0"}, platform, Pip(index_url=sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_uv_left_is_removed_once_no_other_works(
    tmp_path: Path, index: PackageIndex
) -> None:
    cache, pip = tmp_path / "uv", Pip(index_url=index.url)
    index.paused.add("/files/tiny-1.0-py3-none-any.whl")
    living = subprocess.Popen(
        [sys.executable, "-c", _RESOLVE, index.url, str(cache)], cwd=Path(__file__).parents[1]
    )
    index.halves.acquire()
    lost = [cache / "uv" / ".tmpAbc" / "python" / "a.py", cache / "uv" / "simple-v1" / ".tmpXyz"]
    for path in lost:
        path.parent.mkdir(parents=True)
        path.touch()
    lock_of("extra==3.0", pip, cache)
    assert all(path.exists() for path in lost)
    index.resumed.set()
    assert living.wait() == 0
    lock_of("native==1.0", pip, cache)
    assert [*cache.rglob(".tmp*")] == []


def test_a_ca_bundle_that_is_not_there_is_for_the_administrator(tmp_path: Path) -> None:
    pip = Pip(index_url="https://127.0.0.1:1/simple/", ca_bundle=str(tmp_path / "none.pem"))
    with pytest.raises(PublishError, match=r"pip.ca_bundle of the configuration") as caught:
        lock_of("tiny==1.0", pip, tmp_path / "uv")
    assert caught.value.passing


def test_the_interpreter_of_the_server_is_not_the_question(
    tmp_path: Path, index: PackageIndex
) -> None:
    other = f"3.{sys.version_info.minor + 1}"
    platform = Platform(other, "x86_64", "glibc", (2, 36))
    assert lock_of("tiny==1.0", Pip(index_url=index.url), tmp_path / "uv", platform).names
