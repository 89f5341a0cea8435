"""`ssh git@HOST modules ...`: three users over a real sshd, and over gitolite 3, see exactly what
their git access gives them.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlreef_hooks.cli.modules import NoQuestionError, Question, read_question
from mlreef_hooks.config import Config, Server
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_settings import set_own
from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.index_search import Query
from mlreef_hooks.index_sources import open_index
from mlreef_hooks.reader_index import ReaderIndex
from mlreef_hooks.servers.people import read_by_account
from tests.index_entries import make_entry
from tests.support.accounts import GIT, STRANGER, give, open_folder
from tests.support.git import Author, GitError, git_environment, make_bare
from tests.support.gitolite import gitolite
from tests.support.pages import ROOT
from tests.support.processes import accepts, daemon, find_program, free_port
from tests.support.servers import ssh_command, write_sshd_config
from tests.support.site import GitSite
from tests.support.ssh_keys import make_key, public_key

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make accounts")
VISIBILITIES = {"secret": "private", "shared": "private", "inner": "internal", "open": "public"}
HIDDEN = "text/hidden"  # a private module of a public repository


def fill_index(site: GitSite) -> None:
    """Modules of four repositories, as if they had been published."""
    index = IndexFiles(site.index)
    for name, visibility in VISIBILITIES.items():
        entry = make_entry(
            name=name, namespace="text", repository=f"text/{name}", visibility=visibility,
            title=f"Title of {name}",
        )  # fmt: skip
        index.add(entry.document())
    hidden = make_entry(
        name="hidden", namespace="text", repository="text/open", visibility="private"
    )
    index.add(hidden.document())


@dataclass(frozen=True, kw_only=True)
class Served:
    """A site behind an OpenSSH server, at which each user has a key."""

    folder: Path
    site: GitSite
    login: str
    port: int

    def environment(self, user: str) -> Mapping[str, str]:
        """What lets git use a user's key."""
        return {"GIT_SSH_COMMAND": self._ssh(user)}

    def _ssh(self, user: str) -> str:
        return ssh_command(self.folder).replace("author_key", f"{user}_key")

    def ask(self, user: str, command: str, status: int = 0) -> str:
        """What the server answers, on both streams; its exit status must be `status`."""
        words = [*shlex.split(self._ssh(user)), "-p", str(self.port), f"{self.login}@127.0.0.1"]
        done = subprocess.run(
            [*words, command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False, env=git_environment(self.folder / "home"),
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sees(self, user: str) -> set[str]:
        """The modules that a user is told of."""
        lines = json.loads(self.ask(user, "modules list --format json"))
        return {f"{line['namespace']}/{line['name']}" for line in lines}

    def check_shows(self, user: str, seen: set[str]) -> None:
        """A user is shown the modules of `seen`, and of others no more than of one there is not."""
        unknown = self.ask(user, "modules show text/nothing", 1)
        for name in (*VISIBILITIES, "hidden"):
            if f"text/{name}" in seen:
                said = self.ask(user, f"modules show text/{name}@1.2.0 --format json")
                assert json.loads(said)["name"] == name
            else:
                said = self.ask(user, f"modules show text/{name}", 1)
                assert said.replace(name, "nothing") == unknown


@pytest.fixture(scope="module")
def plain() -> Iterator[Served]:
    """Plain repositories of the account `GIT`, which is ada's; one of them eve's account may read
    as well, and bob is no account of the machine.
    """
    with open_folder() as folder:
        site = GitSite(folder / "site")
        for name, visibility in VISIBILITIES.items():
            path = make_bare(site.repositories / f"text/{name}.git")
            set_own(path, "mlreef.visibility", visibility)
        fill_index(site)
        give(site.repositories, GIT)
        for name in VISIBILITIES:
            (site.repositories / f"text/{name}.git").chmod(0o755 if name == "shared" else 0o700)
        with _sshd(folder, site, {"ada": str(GIT), "eve": str(STRANGER), "bob": "bob"}) as port:
            yield Served(folder=folder, site=site, login="root", port=port)


def _program(folder: Path, config: Path) -> Path:
    """A folder with the command `mlreef-hooks`, for this configuration."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "mlreef-hooks"
    words = [sys.executable, "-m", "mlreef_hooks", "--config", str(config)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return program.parent


@contextmanager
def _sshd(folder: Path, site: GitSite, users: Mapping[str, str]) -> Iterator[int]:
    port = free_port()
    variables = git_environment(folder / "home")
    variables["PATH"] = f"{_program(folder, site.config)}:{variables['PATH']}"
    with Path(variables["GIT_CONFIG_GLOBAL"]).open("a") as settings:
        settings.write("[safe]\n\tdirectory = *\n")  # root serves what is another account's
    config = write_sshd_config(folder, port, variables)
    keys = folder / "authorized_keys"
    config.write_text(config.read_text().replace(f"{folder}/author_key.pub", str(keys)))
    command = ROOT / "examples" / "ssh-modules"
    lines = [
        f'command="{command} {known}",restrict {public_key(make_key(folder / f"{name}_key"))}\n'
        for name, known in users.items()
    ]
    keys.write_text("".join(lines))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    words = [find_program("sshd"), "-D", "-e", "-f", str(config)]
    with daemon(words, log=folder / "sshd.log", ready=lambda: accepts(port)):
        yield port


EVERYBODY = {"text/inner", "text/open"}


@root_only
def test_three_users_of_plain_repositories(plain: Served) -> None:
    expected = {
        "ada": {*EVERYBODY, "text/secret", "text/shared", HIDDEN},
        "eve": {*EVERYBODY, "text/shared"},
        "bob": EVERYBODY,
    }
    for user, seen in expected.items():
        assert plain.sees(user) == seen
    plain.check_shows("bob", EVERYBODY)


@root_only
def test_a_flip_counts_at_once(plain: Served) -> None:
    closed, opened = (plain.site.repositories / f"text/{name}.git" for name in ("open", "secret"))
    set_own(closed, "mlreef.visibility", "private")
    set_own(opened, "mlreef.visibility", "public")
    try:
        # The index is wider until it is swept, or narrower; nobody sees more than both say.
        assert plain.sees("bob") == {"text/inner"}
        assert plain.sees("ada") >= {"text/open", "text/secret"}
    finally:
        set_own(closed, "mlreef.visibility", "public")
        set_own(opened, "mlreef.visibility", "private")


@root_only
def test_what_people_see(plain: Served) -> None:
    table = plain.ask("eve", "modules list")
    assert "text/shared  1.2.0  data-operation  IMAGE->IMAGE,ANY  Title of shared\n" in table
    assert plain.ask("bob", "modules search OPEN title").startswith("text/open ")
    (line,) = json.loads(plain.ask("bob", "modules search --format=json inner"))
    assert (line["name"], line["visibility"]) == ("inner", "internal")
    assert plain.ask("bob", "modules search secret") == "no modules\n"
    assert "did you mean model?" in plain.ask("bob", "modules search --kind modle", 2)
    assert plain.ask("bob", "modules search --gpu --kind model") == "no modules\n"
    page = plain.ask("eve", "modules show shared")
    assert page.startswith("text/shared\n")
    assert "mode (string, default" in page


@root_only
def test_an_index_over_ssh(plain: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = plain.environment("eve").values()
    monkeypatch.setenv("GIT_SSH_COMMAND", command)
    index = open_index(f"ssh://root@127.0.0.1:{plain.port}")
    names = [f"{line['namespace']}/{line['name']}" for line in index.lines()]
    assert names == ["text/inner", "text/open", "text/shared"]
    assert index.find("text", "shared") == IndexFiles(plain.site.index).find("text", "shared")
    for namespace, name in (("text", "secret"), ("text", "nothing"), ("..", "x"), ("a", "b; id")):
        assert index.find(namespace, name) is None
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{command} -p 1")
    with pytest.raises(PublishError, match="does not answer: ssh: connect to host"):
        open_index("root@127.0.0.1").lines()


@root_only
def test_everything_else_goes_on_to_git(plain: Served, tmp_path: Path) -> None:
    url = f"ssh://root@127.0.0.1:{plain.port}{plain.site.repositories}/text/open.git"
    author = Author(tmp_path / "clone", url, environment=plain.environment("bob"))
    author.commit({"a": "1"})
    author.push("master")
    assert "unrecognized command 'ls /'" in plain.ask("bob", "ls /", 128)
    assert "unrecognized command 'modulesx'" in plain.ask("bob", "modulesx", 128)


HOSTILE = [
    "", "list", "modules", "modules lists", "modules show", "git modules list", "modules list; id",
    "modules list && id", "modules $(id)", "modules show `id -u`", "modules list --index /",
    "modules list x", "modules search", "modules show a b", "modules show --help", "modules 'list",
    "modules list --format yaml", "modules list --format", "modules run text/open",
    "modules list --gpu", "modules show a --kind model", "modules search --kind modle",
    "modules search --input PICTURE x", "modules search --gpu=1", "modules search --kind",
    "modules list\nid", "modules search " + "x" * 5000, "modules search" + " x" * 30,
]  # fmt: skip


@pytest.mark.parametrize("command", HOSTILE, ids=lambda command: command[:40])
def test_what_is_no_question(command: str) -> None:
    with pytest.raises(NoQuestionError):
        read_question(command)


@root_only
def test_nothing_of_what_is_sent_is_run(plain: Served, tmp_path: Path) -> None:
    for command in ("modules list; touch {}", "modules list\ntouch {}"):
        said = plain.ask("bob", command.format(tmp_path / "pwned"), 2)
        assert said.startswith("Error: write modules list, modules search WORD")
    said = plain.ask("bob", f"modules show '$(touch {tmp_path}/pwned)'", 1)
    assert said.startswith("error: there is no module $(touch /")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("../private/text", "secret"), ("text/../text", "open"), ("/etc", "passwd"), ("", "open"),
        ("text/open", ".."), ("TEXT", "open"), ("text", "open\0"), ("text", "../text/open"),
    ],
)  # fmt: skip
def test_a_name_that_is_a_path_is_no_module(tmp_path: Path, namespace: str, name: str) -> None:
    site = GitSite(tmp_path / "site")
    fill_index(site)

    def everything(keys: Collection[str]) -> Mapping[str, Collection[str]]:
        return {key: set(VISIBILITIES.values()) for key in keys}

    index = ReaderIndex(index=IndexFiles(site.index), readings=everything)
    assert len(index.lines()) == 5
    assert index.find("text", "open") is not None
    assert index.find(namespace, name) is None


@root_only
def test_an_index_that_is_broken_is_told_without_names(plain: Served) -> None:
    questions = {"listing/text": "modules list", "modules/text/secret": "modules show text/secret"}
    for file, question in questions.items():
        path = plain.site.index / f"private/text/{file}.json"
        before = path.read_bytes()
        path.write_bytes(b"{")
        try:
            said = plain.ask("bob", question, 1)
            assert said.startswith("error: the index cannot be read now\n")
        finally:
            path.write_bytes(before)


@pytest.mark.parametrize(
    ("command", "question"),
    [
        ("modules list", Question(verb="list", words=(), form="text")),
        ("modules  list --format json", Question(verb="list", words=(), form="json")),
        ("modules --format=json show 'a/b'", Question(verb="show", words=("a/b",), form="json")),
        (
            "modules search x --kind=ALGORITHM --input image --input TEXT --tag a --author A"
            " --no-gpu",
            Question(
                verb="search", words=("x",), form="text",
                query=Query(
                    kind="model", inputs=("IMAGE", "TEXT"), tags=("a",), author="A", gpu=False
                ),
            ),
        ),
        ('modules search "a b" x', Question(verb="search", words=("a b", "x"), form="text")),
    ],
)  # fmt: skip
def test_questions(command: str, question: Question) -> None:
    assert read_question(command) == question


RULES = """\
repo gitolite-admin
    RW+ = admin
repo text/secret
    RW+ = ada
repo text/shared
    RW+ = ada
    R   = eve
repo text/open
    -   = bob
    option deny-rules = 1
repo text/inner text/open
    R   = @all
"""


@root_only
def test_three_users_of_gitolite() -> None:
    with gitolite() as (server, admin):
        server.rule(admin, RULES, "ada", "eve", "bob")
        site = GitSite(
            server.folder / "site", settings={"server": {"root": str(server.repositories)}}
        )
        fill_index(site)
        give(site.state, GIT)
        _enable(server.home, _program(server.folder, site.config))
        served = Served(folder=server.folder, site=site, login="git", port=server.port)
        assert served.sees("ada") == {*EVERYBODY, "text/secret", "text/shared", HIDDEN}
        assert served.sees("bob") == {"text/inner"}
        assert served.sees("eve") == {*EVERYBODY, "text/shared", HIDDEN}
        server.rule(admin, RULES.replace("R   = eve", "R   = bob"))
        assert served.sees("eve") == {*EVERYBODY, HIDDEN}
        assert served.sees("bob") == {"text/inner", "text/shared"}
        hidden = served.ask("bob", "modules show text/open", 1)
        assert hidden.replace("open", "nothing") == served.ask(
            "bob", "modules show text/nothing", 1
        )
        with pytest.raises(GitError, match="DENIED"):  # as git has it
            server.author("text/open", "bob").git("ls-remote", "origin")


def _enable(home: Path, programs: Path) -> None:
    """What an administrator does: docs/admin.md."""
    commands = home / "local" / "commands"
    commands.mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "gitolite" / "modules", commands)
    command = commands / "modules"
    command.write_text(command.read_text().replace("mlreef-hooks", f"{programs}/mlreef-hooks"))
    rc = home / ".gitolite.rc"
    text = rc.read_text()
    for old, new in (
        ('# LOCAL_CODE                =>  "$ENV{HOME}/local"', 'LOCAL_CODE => "$ENV{HOME}/local"'),
        ("ENABLE => [\n", "ENABLE => [\n'modules',\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    rc.write_text(text)
    give(home / "local", GIT)


def test_an_answer_takes_no_longer_where_there_is_a_module(tmp_path: Path) -> None:
    """Nothing more is asked for one that may not be seen than for one that is not there."""
    asked: list[set[str]] = []

    def nothing(keys: Collection[str]) -> Mapping[str, Collection[str]]:
        asked.append({*keys})
        return {}

    index = IndexFiles(tmp_path)
    index.add(make_entry(name="secret", namespace="text", visibility="private").document())
    for name in ("secret", "nothing"):
        reader = ReaderIndex(index=index, readings=nothing)
        assert reader.lines() == []
        assert reader.find("text", name) is None
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_a_repository_that_is_gone_is_not_its_neighbour(tmp_path: Path) -> None:
    """`x.git` was deleted, `x` is another one, whose readers must not see what was of the first."""
    make_bare(tmp_path / "text" / "x")
    config = Config(state="/nowhere", server=Server(root=str(tmp_path)))
    found = read_by_account(config, "", ["text/x", "text/x/"], lambda _: "private")
    assert {*found} == {"text/x/"}
