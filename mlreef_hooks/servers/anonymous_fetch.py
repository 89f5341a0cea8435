"""Whether a repository can be fetched by everybody: asked as git would, without a password.

https://git-scm.com/docs/gitprotocol-http ("Smart Clients").
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mlreef_hooks.registry_url import Url
from mlreef_hooks.servers.web import Web, refused
from mlreef_hooks.visibility import INTERNAL, Said

_ADVERTISEMENT = b"# service=git-upload-pack\n"  # behind a length of four digits
_SHOWN = 256  # bytes of an advertisement that are looked at
_CLOSED = (401, 403, 404)


@dataclass(frozen=True, kw_only=True)
class AnonymousFetch:
    """Asks the address that users have, with `{repository}` where its name belongs."""

    web: Web
    url: str

    def __call__(self, name: str, git_dir: Path) -> Said:
        """Public where it answers everybody; else no more than internal, and no word of whose it
        is. PublishError where it does not answer as git's server does.
        """
        try:
            url = Url.parse(self.url.replace("{repository}", quote(name.rstrip("/"))))
        except ValueError:
            raise refused("visibility.probe is no address that git fetches from") from None
        target = url.path(f"{url.target}/info/refs?service=git-upload-pack")
        status, content = self.web.get(target, {"Git-Protocol": "version=2"}, _SHOWN)
        if status in _CLOSED:
            return Said(at_most=INTERNAL)
        # Servers of protocol v2 may leave the first line out.
        if status == 200 and (content[4:].startswith((_ADVERTISEMENT, b"version 2\n"))):
            return Said.of("public")
        raise refused(f"{url.address} does not answer as a git server")
