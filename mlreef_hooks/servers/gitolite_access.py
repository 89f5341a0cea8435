"""Who may read a repository of gitolite, by its own `gitolite access`.

`@all` is everybody who has a key, so it is the site's people. `daemon` and `gitweb` are those
without one, but `@all` holds them too: they count where the rule that lets them in names them.
https://gitolite.com/gitolite/gitweb-daemon.html
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mlreef_hooks.account import Account
from mlreef_hooks.servers.web import away, refused
from mlreef_hooks.visibility import INTERNAL, PRIVATE, PUBLIC, Said

_EVERYBODY = ("daemon", "gitweb")
_YES, _NO = 0, 1
_PATH = "/usr/local/bin:/usr/bin:/bin"
# A line of its explanation: `  A        gitolite.conf:5       R = @all daemon`
_ALLOWING = re.compile(rb"^\s+[a-z]*A\s+\S+:[0-9]+\s+[^=\n]*=(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class GitoliteAccess:
    """Runs the program, whose settings are code: only of the account that it then runs as."""

    program: str
    seconds: float

    def __call__(self, name: str, git_dir: Path) -> Said:
        """What gitolite says of a repository; PublishError where it does not tell."""
        if name.startswith("-"):
            raise refused("gitolite has no repository of this name")
        home = _home(git_dir)
        if any(self._names(home, name, reader) for reader in _EVERYBODY):
            return Said.of(PUBLIC)
        with_a_key, _ = self._ask(home, "-q", name, "@all")
        return Said.of(INTERNAL if with_a_key else PRIVATE)

    def _names(self, home: Path, name: str, reader: str) -> bool:
        """True where the rule by which a reader may read names that reader."""
        allowed, said = self._ask(home, "-s", name, reader)
        rules = _ALLOWING.findall(said)
        return allowed and any(reader.encode() in rule.split() for rule in rules)

    def _ask(self, home: Path, how: str, name: str, reader: str) -> tuple[bool, bytes]:
        environment = {"PATH": os.environ.get("PATH", _PATH), "HOME": str(home), "LC_ALL": "C"}
        try:
            done = subprocess.run(
                [self.program, "access", how, name, reader, "R", "any"],
                env=environment, cwd="/", timeout=self.seconds,
                stdin=subprocess.DEVNULL, capture_output=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise away("gitolite does not answer") from None
        except OSError as error:
            raise refused(f"{self.program} cannot be run: {error.strerror}") from None
        if done.returncode not in (_YES, _NO) or b"FATAL" in done.stderr:
            raise refused("gitolite access does not tell who may read the repository")
        return done.returncode == _YES, done.stdout


def _home(git_dir: Path) -> Path:
    """The home of gitolite's account; PublishError where its settings are another account's."""
    own = Path(Account.of(git_dir.stat().st_uid).home)
    homes = [each for each in (*git_dir.parents, own) if os.path.isfile(each / ".gitolite.rc")]
    if not homes:
        raise refused("there is no gitolite in the home of the repository's account")
    home, owner = homes[0], (homes[0] / ".gitolite.rc").stat().st_uid
    if owner != os.geteuid():
        raise refused("gitolite is asked only by the account that it belongs to")
    return home
