"""The site's configuration of whom it asks who may read a repository."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mlreef_hooks.config_table import path_key, text_key
from mlreef_hooks.problems import did_you_mean

# Besides the repository's own setting, which is always looked at.
EXPORT_OK, GITOLITE, GITEA, GITLAB, PROBE = SOURCES = (
    "export-ok", "gitolite", "gitea", "gitlab", "probe",
)  # fmt: skip
_ADDRESS = r"(?:https?://[^\s/@?#]+(?:/[^\s@?#]*)?)?"


def _check_sources(names: Sequence[str]) -> Iterator[str]:
    for place, name in enumerate(names):
        if name not in SOURCES:
            yield f"[{place}]: unknown, {did_you_mean(name, [*SOURCES])}"
        elif name in names[:place]:
            yield f"[{place}]: the same again"


@dataclass(frozen=True, kw_only=True)
class VisibilitySources:
    """`[visibility]`: who is asked who may read a repository, at every write of the index.

    `url` is the address of Gitea, Forgejo or GitLab, `token` the file of a token for their API;
    `probe` is what users without an account fetch from (empty: `server.url`); `gitolite` is its
    program. `seconds` bound each question.
    """

    ask: tuple[str, ...] = field(default=(), metadata={"check": _check_sources})
    url: str = text_key("", _ADDRESS, "it as in https://git.example")
    token: str = path_key()
    ca_bundle: str = path_key()
    probe: str = text_key(
        "", r"|https?://\S*\{repository\}\S*", "it as in https://git.example/{repository}.git"
    )
    gitolite: str = text_key("gitolite", r"gitolite|/[^\0]*", "the absolute path of the program")
    seconds: int = 5
