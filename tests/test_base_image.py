"""The root file system of a base environment: what is in it, what is left out, what goes wrong."""

import ctypes
import os
import struct
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlreef_hooks.base_image import (
    PACKAGES,
    choose_environment,
    make_base_tar,
    namespace_failure,
    plan_base_tar,
)
from mlreef_hooks.engine import Engine, Run
from mlreef_hooks.errors import PublishError
from tests.forks import run_all
from tests.support.doctor import NOBODY, root_only
from tests.support.engine import base_tar

EPOCH = 1_704_067_200
CLONE_NEWUSER = 0x10000000
CHECKED_HASH = 0b11  # the flags of a .pyc, PEP 552


@pytest.fixture(scope="module")
def tar() -> tarfile.TarFile:
    """The tar that the base image of all tests is made of."""
    return tarfile.open(base_tar())


@pytest.mark.engine
@pytest.mark.parametrize(
    "prefix",
    [
        "./dev/",
        "./etc/hostname",
        "./etc/resolv.conf",
        "./usr/lib/python3.11/EXTERNALLY-MANAGED",
        "./usr/share/locale/",
        "./usr/share/man/",
        "./usr/share/perl/",
        "./var/lib/apt/lists/deb",
        "./var/log/dpkg.log",
    ],
)
def test_the_tar_leaves_out(tar: tarfile.TarFile, prefix: str) -> None:
    files = [member.name for member in tar if not member.isdir()]
    assert len(files) > 5000
    assert [name for name in files if name.startswith(prefix)] == []


@pytest.mark.engine
def test_the_tar_keeps_the_copyright_and_no_other_docs(tar: tarfile.TarFile) -> None:
    docs = [name for name in tar.getnames() if name.startswith("./usr/share/doc/libc6/")]
    assert docs == ["./usr/share/doc/libc6/copyright"]


@pytest.mark.engine
def test_the_tar_says_the_same_on_any_day(tar: tarfile.TarFile) -> None:
    assert max(member.mtime for member in tar) == EPOCH


@pytest.mark.engine
def test_compiled_python_is_fresh_although_times_are_capped(tar: tarfile.TarFile) -> None:
    compiled = [member for member in tar if member.name.endswith(".pyc")]
    assert len(compiled) > 500
    assert [member.name for member in compiled if not is_fresh(tar, member)] == []


def is_fresh(tar: tarfile.TarFile, compiled: tarfile.TarInfo) -> bool:
    """True where Python takes a .pyc for its source: by hash, or by the source's time (PEP 552)."""
    content = tar.extractfile(compiled)
    assert content is not None
    flags, time = struct.unpack("<4x2I", content.read(12))
    source = f"{compiled.name.replace('__pycache__/', '').partition('.cpython')[0]}.py"
    return bool(flags == CHECKED_HASH or time == tar.getmember(source).mtime)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["python", "-c", "import ssl, sqlite3, lzma; print('ok')"], "ok"),
        (["sh", "-c", "readlink -f $(command -v python)"], "/usr/bin/python3.11"),
        (["pip", "install", "--no-index", "pip"], "Requirement already satisfied: pip in"),
        (["sh", "-c", "test -s /etc/ssl/certs/ca-certificates.crt && echo roots"], "roots"),
    ],
)
def test_the_image_has_python_and_a_pip_that_installs(
    engine: str, base_image: str, command: Sequence[str], output: str
) -> None:
    client = Engine(engine)
    said: list[bytes] = []
    ended = client.run(
        Run(image=base_image, command=command), lambda _stream, chunk: said.append(chunk)
    )
    client.close()
    assert ended.status == 0
    assert output in b"".join(said).decode()


@pytest.mark.parametrize(
    ("mirror", "end"),
    [
        (None, ["--", "trixie", "-"]),
        ("http://mirror.example/debian", ["--", "trixie", "-", "http://mirror.example/debian"]),
    ],
)
def test_the_plan_ends_with_what_was_chosen(mirror: str | None, end: list[str]) -> None:
    plan = plan_base_tar(suite="trixie", packages=[*PACKAGES, "libgl1"], mirror=mirror)
    assert plan[0] == "mmdebstrap"
    assert plan[-len(end) :] == end
    included = [option for option in plan if option.startswith("--include=")]
    assert included == [f"--include={package}" for package in [*PACKAGES, "libgl1"]]


def test_nothing_secret_is_passed_on() -> None:
    caller = {
        "http_proxy": "http://proxy.example:3128",
        "HTTP_AUTHORIZATION": "s3cret",
        "HOME": "/",
    }
    chosen = choose_environment(caller)
    assert chosen["http_proxy"] == "http://proxy.example:3128"
    assert not {"HTTP_AUTHORIZATION", "HOME"} & chosen.keys()


@pytest.mark.engine
def test_a_failure_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        PublishError, match="E: The repository 'file:/nonexistent bookworm"
    ) as caught:
        make_base_tar(tmp_path / "base.tar", mirror="file:///nonexistent")
    assert "mirror" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("log", "said", "hint"),
    [
        (
            b"E: unshare syscall failed: Operation not permitted\n",
            "unshare syscall failed",
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        (b"E: cannot find newuidmap\n", "cannot find newuidmap", "apt-get install uidmap"),
        (
            b"W: /etc/subuid is empty\nE: failed to parse /etc/subuid and /etc/subgid\n",
            "failed to parse /etc/subuid and /etc/subgid",
            "usermod --add-subuids",
        ),
        (
            b"newgidmap: gid range [0-65536) -> [100000-165536) not allowed\n"
            b"E: E: newgidmap 17349  0 100000 65536\n failed: \n",
            "newgidmap 17349",
            "usermod --add-subuids",
        ),
        (b"E: another\x1b[31m reason\n", "another[31m reason", "run it as root"),
    ],
)
def test_an_account_without_a_namespace_is_told_what_it_lacks(
    log: bytes, said: str, hint: str
) -> None:
    failure = namespace_failure(log)
    assert said in failure.message
    assert "user namespace" in failure.message
    assert failure.hint.startswith("run it as root")
    assert hint in failure.hint
    assert "mirror" not in failure.hint


@root_only
@pytest.mark.engine
@pytest.mark.parametrize("most", [None, 0])
def test_an_account_without_a_namespace_does_not_blame_the_mirror(most: int | None) -> None:
    """`nobody` has no ids of its own anywhere; with 0 there are no namespaces at all."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)

        def make() -> None:
            if most is not None:
                enter_namespace()
                Path("/proc/sys/user/max_user_namespaces").write_text(str(most))
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with pytest.raises(PublishError, match="a user namespace, which") as caught:
                make_base_tar(Path(folder) / "base.tar", mirror="file:///nonexistent")
            assert "run it as root, or " in caught.value.hint
            if most is not None:
                assert "max_user_namespaces" in caught.value.hint

        assert run_all(make) == [0]
        assert os.listdir(folder) == []


def enter_namespace() -> None:
    """Be root of a new user namespace that has the same accounts, whose limits are its own."""
    ready, entered = os.pipe(), os.pipe()
    process = os.getpid()
    mapper = os.fork()
    if mapper == 0:
        os.read(entered[0], 1)
        for kind in "ug":
            Path(f"/proc/{process}/{kind}id_map").write_text("0 0 65536")
        os._exit(os.write(ready[1], b".") - 1)
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) == 0
    os.write(entered[1], b".")
    os.read(ready[0], 1)
    os.waitpid(mapper, 0)


@pytest.mark.engine
def test_a_missing_folder_is_a_publish_error(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="missing cannot be written: No such file"):
        make_base_tar(tmp_path / "missing" / "base.tar")
