"""The root file system of a base environment, made from Debian packages by mmdebstrap.

For sites whose engine reaches no public registry. The tar holds no docs, manuals, translations,
package lists or device nodes (150 MB instead of 245), and the same package versions give the same
bytes: mmdebstrap sorts, and `SOURCE_DATE_EPOCH` caps every time of modification.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mlreef_hooks.errors import PublishError

PACKAGES = ("python3", "python3-pip", "python-is-python3", "ca-certificates")
# A root file system says nothing of the PATH: an image made of the tar needs this variable.
BASE_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# With SOURCE_DATE_EPOCH Python writes .pyc files that are checked by hash, so that capping the
# times of their sources does not make them stale (py_compile.PycInvalidationMode).
_ENVIRONMENT = {
    "PATH": BASE_PATH.removeprefix("PATH="),
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "SOURCE_DATE_EPOCH": "1704067200",  # 2024-01-01
}
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "TMPDIR")
_OPTIONS = (
    "--format=tar",
    "--variant=minbase",
    # without it Debian 12 installs usrmerge and with it the whole of Perl, 47 MB
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    "--skip=output/dev",  # an engine mounts its own /dev
    "--dpkgopt=force-unsafe-io",
    # the marker makes pip refuse to install; dpkg leaves it out at upgrades too
    "--dpkgopt=path-exclude=/usr/lib/python3*/EXTERNALLY-MANAGED",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    # mmdebstrap copies both from this machine
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
)
_LINES_SHOWN = 4
_NO_MODE = b"unable to pick chroot mode"
_ASK_NAMESPACE = ("mmdebstrap", "--unshare-helper", "true")
# What mmdebstrap says to an account that gets no user namespace, and what gives it one.
_REMEDIES = (
    (
        rb"unshare syscall failed",
        "allow it: sysctl kernel.unprivileged_userns_clone=1, and user.max_user_namespaces above 0",
    ),
    (rb"cannot find new[ug]idmap", "apt-get install uidmap"),
    (
        rb"/etc/sub[ug]id|new[ug]idmap",
        "give it ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ACCOUNT",
    ),
)


def plan_base_tar(
    *, suite: str = "bookworm", packages: Sequence[str] = PACKAGES, mirror: str | None = None
) -> list[str]:
    """The command that writes the tar to its stdout; equal commands make equal root file systems.

    `packages` are all that is installed beside Debian's minimum. `mirror` is a URL, a line for
    `sources.list` or the path of such a file; without one the packages come from
    http://deb.debian.org/debian and Debian's security archive. Only Debian's keyring is trusted,
    not the further keys of this machine.
    """
    include = [f"--include={package}" for package in packages]
    mirrors = [] if mirror is None else [mirror]
    return [
        "mmdebstrap", *_OPTIONS, *include, f"--keyring={KEYRING}", "--", suite, "-", *mirrors
    ]  # fmt: skip


def choose_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """The environment of mmdebstrap and the packages' scripts: of the caller's only how to reach
    the mirror and where there is room, nothing secret.
    """
    return _ENVIRONMENT | {name: caller[name] for name in _PASSED_ON if name in caller}


def make_base_tar(
    destination: Path,
    *,
    suite: str = "bookworm",
    packages: Sequence[str] = PACKAGES,
    mirror: str | None = None,
) -> Path:
    """The absolute path of the tar, written as a whole or not at all; see `plan_base_tar`.

    It takes half a minute, 300 MB below `TMPDIR` and, as any user but root, user namespaces.
    PublishError where mmdebstrap is missing or fails.
    """
    _check_tools()
    destination = destination.absolute()
    with _replace(destination) as tar:
        _run(plan_base_tar(suite=suite, packages=packages, mirror=mirror), tar)
    return destination


@contextmanager
def _replace(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end, or vanishes with an exception."""
    try:
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".base-")
    except OSError as error:
        raise PublishError(
            f"{path.parent} cannot be written: {error.strerror}", "choose another folder"
        ) from error
    try:
        with open(descriptor, "wb") as file:
            yield file
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink()
        raise


def _check_tools() -> None:
    if shutil.which("mmdebstrap", path=_ENVIRONMENT["PATH"]) is None:
        raise PublishError("mmdebstrap is not installed", "apt-get install mmdebstrap")
    if not KEYRING.exists():
        raise PublishError(f"{KEYRING} is missing", "apt-get install debian-archive-keyring")


def _run(command: Sequence[str], tar: IO[bytes]) -> None:
    done = _mmdebstrap(command, tar)
    if done.returncode == 0:
        return
    if _NO_MODE in done.stderr:
        raise namespace_failure(_mmdebstrap(_ASK_NAMESPACE, subprocess.DEVNULL).stderr)
    raise PublishError(
        f"mmdebstrap could not make the base: {_reason(done.stderr)}",
        "check that the mirror is reachable and has this suite and these packages",
    )


def _mmdebstrap(
    command: Sequence[str], out: int | IO[bytes]
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command,
        env=choose_environment(os.environ),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        check=False,
    )


def namespace_failure(log: bytes) -> PublishError:
    """What is wrong where an account gets no user namespace, by what mmdebstrap says when it is
    asked for one.
    """
    remedy = next((remedy for words, remedy in _REMEDIES if re.search(words, log)), "")
    return PublishError(
        "mmdebstrap needs root, or a user namespace, which this account does not get: "
        + _reason(log),
        f"run it as root, or {remedy}" if remedy else "run it as root",
    )


def _reason(log: bytes) -> str:
    """The lines of mmdebstrap's log that say what went wrong, without control characters."""
    text = log.decode("utf-8", "replace")
    lines = ["".join(filter(str.isprintable, line)).strip() for line in text.splitlines()]
    errors = [line for line in lines if line.startswith(("E: ", "Err:"))]
    return "; ".join(line[:200] for line in (errors[:_LINES_SHOWN] or lines[-_LINES_SHOWN:]))
