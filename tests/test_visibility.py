"""Who may read a repository: the rule, and each source against the real thing or a stand-in."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.config import parse_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_url import Url
from mlreef_hooks.servers.visibility import RepositoryVisibility, said_by
from mlreef_hooks.servers.web import Web
from mlreef_hooks.visibility import NOTHING, Said, Visibility, decide
from tests.support.certificates import make_certificate
from tests.support.doctor import NOBODY, root_only
from tests.support.forge import TOKEN, ForgeServer, forge_server
from tests.support.git import make_bare
from tests.support.processes import find_program, free_port
from tests.support.servers import HttpServer

NOT_PUBLIC = Said(at_most="internal")
KEY = "vision/add-noise"


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with forge_server() as server:
        yield server


Ask = Callable[[str, Path, Mapping[str, str]], Visibility]


def asking(tmp_path: Path, settings: Mapping[str, Any], server_url: str = "") -> Ask:
    """What asks for a site with these settings, whose token is the stand-in's, of a repository by
    its name.
    """
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    lines = [f"{name} = {value!r}" for name, value in {"token": str(token), **settings}.items()]
    text = "\n".join([f'[server]\nurl = "{server_url}"', "[visibility]", *lines])
    config = parse_config(text, path="x", state=str(tmp_path))

    def ask(name: str, git_dir: Path, settings: Mapping[str, str]) -> Visibility:
        found = RepositoryVisibility(config=config, called=lambda git_dir: name)
        return found(git_dir, settings)

    return ask


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ([], "private"),
        ([NOTHING], "private"),
        ([Said.of("public")], "public"),
        ([Said.of("public"), Said.of("internal")], "internal"),
        ([Said.of("public"), NOTHING], "public"),
        ([NOT_PUBLIC], "private"),
        ([Said.of("internal"), NOT_PUBLIC], "internal"),
        # what the one says the other forbids, and whose it is then, nobody says
        ([Said.of("public"), NOT_PUBLIC], "private"),
        ([Said.of("private"), Said.of("public")], "private"),
    ],
)
def test_the_narrowest_claim_counts_where_nothing_forbids_it(said: list[Said], word: str) -> None:
    assert decide(said) == Visibility(word=word)


def test_what_cannot_be_told_is_private_and_what_is_away_stays_as_it_was() -> None:
    public = [Said.of("public")]
    assert decide(public, unknown=["no"], away=["later"]) == Visibility(word="private", why="no")
    found = decide(public, away=["later"])
    assert [found.kept(before) for before in ("public", "internal", "private", None)] == [
        "public", "internal", "private", "private",
    ]  # fmt: skip
    assert decide([Said.of("internal")], away=["later"]).kept("public") == "internal"
    assert decide([], away=["later"]).kept("public") == "public"
    assert Visibility(word="public").kept("private") == "public"


@pytest.mark.parametrize(
    ("said", "visibility"),
    [
        ("public", "public"), (" Internal\n", "internal"), ("PRIVATE", "private"), ("", "private"),
        ("open", "private"), ("public private", "private"), ("true", "private"),
    ],
)  # fmt: skip
def test_a_setting_that_means_nothing_is_private(said: str, visibility: str) -> None:
    assert said_by({"mlreef.visibility": said}) == Said.of(visibility)
    assert said_by({}) == NOTHING


def test_git_daemons_mark_makes_a_repository_public(tmp_path: Path) -> None:
    ask = asking(tmp_path, {"ask": ["export-ok"]})
    assert ask(KEY, tmp_path, {}).word == "private"
    (tmp_path / "git-daemon-export-ok").touch()
    assert ask(KEY, tmp_path, {}).word == "public"
    assert ask(KEY, tmp_path, {"mlreef.visibility": "internal"}).word == "internal"
    assert asking(tmp_path, {})(KEY, tmp_path, {}).word == "private"  # not asked


@pytest.mark.parametrize(
    ("private", "owner", "word"),
    [
        (False, "public", "public"), (False, "limited", "internal"), (False, "private", "private"),
        (True, "public", "private"), (True, "limited", "private"), (True, "private", "private"),
    ],
)  # fmt: skip
def test_gitea_tells(
    tmp_path: Path, forge: ForgeServer, private: bool, owner: str, word: str
) -> None:
    forge.gitea(KEY, private=private, owner=owner)
    ask = asking(tmp_path, {"ask": ["gitea"], "url": forge.url})
    assert ask(KEY, tmp_path, {}) == Visibility(word=word)
    assert forge.asked == ["/api/v1/repos/vision/add-noise"]


@pytest.mark.parametrize(
    ("visibility", "more", "word"),
    [
        ("public", {}, "public"), ("internal", {}, "internal"), ("private", {}, "private"),
        ("public", {"repository_access_level": "enabled"}, "public"),
        ("public", {"repository_access_level": "private"}, "private"),
        ("internal", {"repository_access_level": "disabled"}, "private"),
    ],
)  # fmt: skip
def test_gitlab_tells(
    tmp_path: Path, forge: ForgeServer, visibility: str, more: dict[str, str], word: str
) -> None:
    forge.gitlab("team/vision/add-noise", visibility, **more)
    ask = asking(tmp_path, {"ask": ["gitlab"], "url": forge.url})
    assert ask("team/vision/add-noise", tmp_path, {}) == Visibility(word=word)
    assert forge.asked == ["/api/v4/projects/team%2Fvision%2Fadd-noise"]


@pytest.mark.parametrize("kind", ["gitea", "gitlab"])
@pytest.mark.parametrize(
    ("status", "headers", "content", "away"),
    [
        (200, {}, b"{}", False),
        (200, {}, b"[]", False),
        (200, {}, b"<html>", False),
        (200, {}, b"[" * 100_000, False),
        (200, {}, b'{"visibility": "public", "path_with_namespace": "a/b",'
                  b' "full_name": "a/b", "private": false}', False),
        (200, {}, b'{"visibility": "open", "path_with_namespace": "vision/add-noise",'
                  b' "full_name": "vision/add-noise", "private": 0, "owner": []}', False),
        (200, {}, b'{"path_with_namespace": "vision/add-noise", "visibility": ["public"],'
                  b' "full_name": "vision/add-noise", "private": false}', False),
        (200, {}, b'{"padding": "' + b"x" * (1 << 20) + b'"}', False),
        (301, {"Location": "https://elsewhere.example/"}, b"", False),
        (307, {"Location": "/api/v1/repos/other/one"}, b"", False),
        (401, {}, b"", False), (403, {}, b"", False), (404, {}, b"", False),
        (429, {}, b"", True), (500, {}, b"", True), (503, {}, b"", True),
    ],
)  # fmt: skip
def test_a_forge_that_does_not_tell(
    tmp_path: Path, forge: ForgeServer, kind: str,
    status: int, headers: dict[str, str], content: bytes, away: bool,
) -> None:  # fmt: skip
    forge.instead = (status, headers, content)
    ask = asking(tmp_path, {"ask": [kind], "url": forge.url})
    found = ask(KEY, tmp_path, {"mlreef.visibility": "public"})
    assert (found.word, found.away) == ("public" if away else "private", away)
    assert found.why
    assert TOKEN not in found.why
    assert len(forge.asked) == 1  # no redirect is followed


def test_a_forge_that_is_away_or_slow_is_not_waited_for(tmp_path: Path, forge: ForgeServer) -> None:
    gone = asking(tmp_path, {"ask": ["gitea"], "url": f"http://127.0.0.1:{free_port()}"})
    assert gone(KEY, tmp_path, {}).away
    forge.hang = threading.Event()
    forge.gitea(KEY)
    slow = asking(tmp_path, {"ask": ["gitea"], "url": forge.url, "seconds": 1})
    found = slow(KEY, tmp_path, {})
    forge.hang.set()
    assert found.away, found


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]
)
def test_an_answer_that_drips_is_ended(head: bytes) -> None:
    """It ends with its connection, and so its socket is not the connection's any more."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(head)
            while not over.wait(0.2):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        url = Url.parse(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        threading.Timer(8, over.set).start()
        with pytest.raises(PublishError, match="too long"):
            Web(ca_bundle="", seconds=1).get(url, {}, 1 << 20)
        assert not over.is_set()
        over.set()


def test_a_token_is_kept_to_oneself(tmp_path: Path, forge: ForgeServer) -> None:
    forge.gitea(KEY)
    settings = {"ask": ["gitea"], "url": forge.url}
    plain = asking(tmp_path, {**settings, "url": "http://git.example"})(KEY, tmp_path, {})
    assert plain.why == "the token is not sent to git.example without TLS"
    wrong = tmp_path / "wrong"
    wrong.write_text("two\nlines of s3cret")
    for path in (wrong, tmp_path / "nothing", tmp_path):
        found = asking(tmp_path, {**settings, "token": str(path)})(KEY, tmp_path, {})
        assert found.word == "private"
        assert "s3cret" not in found.why
        assert "visibility.token" in found.why
    assert forge.asked == []


def test_a_forge_is_trusted_by_the_sites_certificates(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with forge_server(certificate) as forge:
        forge.gitea(KEY)
        settings = {"ask": ["gitea"], "url": forge.url}
        stranger = asking(tmp_path, settings)(KEY, tmp_path, {"mlreef.visibility": "public"})
        assert stranger.word == "private"
        assert "is not trusted" in stranger.why
        assert forge.asked == []
        known = asking(tmp_path, {**settings, "ca_bundle": str(certificate.path)})
        assert known(KEY, tmp_path, {}) == Visibility(word="public")


def test_nothing_is_asked_of_what_is_private_anyway(tmp_path: Path, forge: ForgeServer) -> None:
    ask = asking(tmp_path, {"ask": ["gitea"], "url": forge.url})
    assert ask(KEY, tmp_path, {"mlreef.visibility": "private"}) == Visibility(word="private")
    assert forge.asked == []


def test_an_anonymous_fetch_tells(
    tmp_path: Path, smart_http: HttpServer, forge: ForgeServer
) -> None:
    repository = make_bare(tmp_path / "vision" / "add-noise.git")
    address = smart_http.url(repository).replace(KEY, "{repository}")
    ask = asking(tmp_path, {"ask": ["probe"]}, address)
    assert ask(KEY, repository, {}) == Visibility(word="public")
    assert ask("vision/other", repository, {}) == Visibility(word="private")
    assert ask("vision/other", repository, {"mlreef.visibility": "internal"}).word == "internal"
    closed = asking(tmp_path, {"ask": ["probe"], "probe": forge.url + "/{repository}.git"})
    assert closed(KEY, repository, {"mlreef.visibility": "public"}) == Visibility(word="private")
    assert forge.asked == ["/vision/add-noise.git/info/refs?service=git-upload-pack"]
    forge.instead = (200, {}, b"<html>please log in")
    assert closed(KEY, repository, {}).why.endswith("does not answer as a git server")


@pytest.fixture(scope="module")
def gitolite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of an account with gitolite 3, and rules of its own."""
    home = tmp_path_factory.mktemp("gitolite")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "USER": "git", "LC_ALL": "C"}
    subprocess.run(
        [find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", home / "admin"],
        check=True,
    )
    subprocess.run(
        [find_program("gitolite"), "setup", "-pk", "admin.pub"],
        cwd=home, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    rules = home / ".gitolite" / "conf" / "gitolite.conf"
    rules.write_text(
        "repo gitolite-admin\n RW+ = admin\n"
        "repo team/open\n RW+ = admin\n R = @all daemon\n"
        "repo team/page\n RW+ = admin\n R = gitweb\n"
        "repo team/site\n RW+ = admin\n R = @all\n"
        "repo team/own\n RW+ = admin\n R = ada\n"
        "repo team/denied\n - = @all\n RW+ = admin\n R = @all\n option deny-rules = 1\n"
    )
    for words in (["compile"], ["trigger", "POST_COMPILE"]):
        subprocess.run(
            [find_program("gitolite"), *words],
            cwd=home, env=environment, check=True, capture_output=True,
        )  # fmt: skip
    yield home
    shutil.rmtree(home)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("open", "public"), ("page", "public"), ("site", "internal"), ("own", "private"),
        ("denied", "private"), ("nothing", "private"),
    ],
)  # fmt: skip
def test_gitolite_tells(tmp_path: Path, gitolite: Path, name: str, word: str) -> None:
    git_dir = gitolite / "repositories" / "team" / "open.git"
    program = find_program("gitolite")
    ask = asking(tmp_path, {"ask": ["gitolite"], "gitolite": program})
    assert ask(f"team/{name}", git_dir, {}) == Visibility(word=word)


def test_a_gitolite_that_does_not_tell(tmp_path: Path, gitolite: Path) -> None:
    git_dir = gitolite / "repositories" / "team" / "open.git"
    ask = asking(tmp_path, {"ask": ["gitolite"], "gitolite": "/nowhere/gitolite"})
    assert "cannot be run" in ask("team/open", git_dir, {}).why
    ask = asking(tmp_path, {"ask": ["gitolite"], "gitolite": find_program("gitolite")})
    assert "there is no gitolite" in ask("team/open", tmp_path, {}).why
    assert "of this name" in ask("-h/open", git_dir, {}).why
    rules, away = gitolite / ".gitolite", gitolite / ".away"
    rules.rename(away)
    assert "does not tell" in ask("team/open", git_dir, {}).why
    away.rename(rules)


@root_only
def test_a_gitolite_of_another_account_is_not_run(tmp_path: Path, gitolite: Path) -> None:
    settings = gitolite / ".gitolite.rc"
    os.chown(settings, NOBODY, NOBODY)
    ask = asking(tmp_path, {"ask": ["gitolite"], "gitolite": find_program("gitolite")})
    found = ask("team/open", gitolite / "repositories" / "team" / "open.git", {})
    os.chown(settings, os.geteuid(), os.getegid())
    assert "only by the account" in found.why


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('ask = ["gitee"]', "visibility.ask[0]: unknown, did you mean gitea?"),
        ('ask = ["probe", "probe"]', "visibility.ask[1]: the same again"),
        ('ask = ["gitea"]', "visibility.url: write the address"),
        ('ask = ["gitea", "gitlab"]\nurl = "https://x"', "name gitea or gitlab"),
        ('ask = ["probe"]', "visibility.probe: write the address"),
        ('url = "https://user:secret@git.example"', "visibility.url: write it as in"),
    ],
)
def test_what_is_missing_in_the_configuration(text: str, fault: str) -> None:
    with pytest.raises(PublishError) as raised:
        parse_config(f"[visibility]\n{text}", path="x", state="/x")
    assert fault in raised.value.message


@pytest.mark.parametrize("source", ["gitea", "gitlab", "probe"])
def test_a_name_of_any_bytes_is_private(tmp_path: Path, forge: ForgeServer, source: str) -> None:
    """And no reason for a sweep to leave the others alone."""
    url = f"{forge.url}/{{repository}}.git"
    found = asking(tmp_path, {"ask": [source], "url": forge.url}, url)("a/\udcff", tmp_path, {})
    assert found.word == "private"
    assert found.why
    assert forge.asked == []
