"""How `mlreef-hooks doctor` runs its checks: apart, in time, as the account of the hook."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlreef_hooks.account import owner_of_most
from mlreef_hooks.cli.apart import examine
from mlreef_hooks.doctor.finding import Check, Finding, Visit, fine
from mlreef_hooks.errors import PublishError
from tests.support.doctor import NOBODY, faults, give_to, root_only, visit_of
from tests.support.processes import wait_until
from tests.support.site import GitSite


@pytest.fixture
def site(tmp_path: Path) -> GitSite:
    """A site whose state is there."""
    site = GitSite(tmp_path / "site")
    site.state.mkdir()
    return site


def test_a_site_without_repositories(site: GitSite) -> None:
    assert faults(site, "hooks") == {"repositories-none": "none was looked at"}


def found(site: GitSite, check: Check, seconds: float = 30) -> list[Finding]:
    """What a check finds, and one after it that finds nothing special."""
    checks: dict[str, Check] = {"x": check, "next": lambda visit: [fine("next", "well")]}
    *those, last = examine(visit_of(site), checks, seconds=seconds)
    assert (last.about, last.state) == ("next", "ok")
    return those


def test_a_check_that_hangs_is_ended_with_what_it_started(site: GitSite, tmp_path: Path) -> None:
    def hang(visit: Visit) -> Iterator[Finding]:
        yield fine("before", "well")
        child = os.fork()
        if child:
            (tmp_path / "child").write_text(str(child))
        time.sleep(1000)

    began = time.monotonic()
    said = found(site, hang, seconds=1)
    assert time.monotonic() - began < 20
    assert [(each.id, each.about) for each in said] == [("", "before"), ("check-late", "x")]
    assert said[1].message == "did not come to its end within 1 s"
    child = Path("/proc") / (tmp_path / "child").read_text() / "cmdline"
    wait_until(lambda: not child.exists() or not child.read_bytes())


def refuse(visit: Visit) -> Iterator[Finding]:
    yield fine("before", "well")
    raise PublishError("it is so", "do that")


def stumble(visit: Visit) -> Iterator[Finding]:
    yield fine("before", "well")
    raise KeyError("x")


def die(visit: Visit) -> Iterator[Finding]:
    yield fine("before", "well")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("check", "message"),
    [(refuse, "it is so"), (stumble, "KeyError: 'x'"), (die, "its process was ended")],
)
def test_a_check_that_breaks_hides_no_other(site: GitSite, check: Check, message: str) -> None:
    said = found(site, check)
    assert [each.id for each in said] == ["", "check-failed"]
    assert (said[1].state, said[1].message) == ("error", message)


def test_findings_of_any_text_arrive(site: GitSite) -> None:
    texts = ["two\nlines", os.fsdecode(b"caf\xe9"), "\N{SNOWMAN}" * 100_000, ""]
    said = found(site, lambda visit: [fine("x", text) for text in texts])
    assert [each.message for each in said] == texts


@root_only
def test_root_looks_as_the_account_of_the_hook(site: GitSite) -> None:
    def who(visit: Visit) -> Iterator[Finding]:
        yield fine("who", f"{os.getuid()} {os.geteuid()} {os.getgid()} {os.getgroups()}")

    assert found(site, who)[0].message.startswith("0 0 0")
    give_to(NOBODY, site.state)
    assert found(site, who)[0].message == f"{NOBODY} {NOBODY} {NOBODY} [{NOBODY}]"
    assert os.geteuid() == 0


@root_only
def test_whoever_is_neither_root_nor_the_account_is_told_so(site: GitSite) -> None:
    site.repository("text/upper")
    give_to(NOBODY, site.state)
    give_to(NOBODY, site.repositories)
    visit = visit_of(site)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setgid(NOBODY - 1)
        os.setuid(NOBODY - 1)
        said = [each.message for each in examine(visit, {}, seconds=9)]
        os.write(writing, "\n".join(said).encode())
        os._exit(0)
    os.wait()
    told = os.read(reading, 1000).decode()
    for descriptor in (reading, writing):
        os.close(descriptor)
    assert told == f"runs as uid {NOBODY - 1}, and the hook as uid {NOBODY}"  # "doctor-account"


@root_only
@pytest.mark.parametrize(
    ("owners", "state", "expected"),
    [
        ([], 7, 7), ([0], 0, 0), ([7], 0, 7), ([0, 7], 0, 7), ([7, 8, 8], 7, 7), ([7, 8, 8], 0, 8),
        ([7], 8, 7),
    ],
)  # fmt: skip
def test_the_account_is_whom_most_belongs_to(
    tmp_path: Path, owners: list[int], state: int, expected: int
) -> None:
    folders = [tmp_path / str(number) for number, _ in enumerate((*owners, state))]
    for folder, owner in zip(folders, (*owners, state), strict=True):
        folder.mkdir()
        os.chown(folder, owner, owner)
    assert owner_of_most(folders).user == expected
    assert owner_of_most([tmp_path / "nowhere"]).user == os.geteuid()
