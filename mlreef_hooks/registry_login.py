"""Being let in by a registry: its challenge, and the password or token that answers it.

https://distribution.github.io/distribution/spec/auth/token/ and RFC 7617. A password is sent to the
registry itself and to the realm that the registry names by TLS, and to nobody else.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from mlreef_hooks.docker_credentials import KEY, Credentials, find_credentials
from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_http import Answer, Body, Connections, UnavailableError
from mlreef_hooks.registry_url import Url

Scopes = tuple[str, ...]  # what a token is wanted for, such as `repository:a/b:pull,push`
_REFUSED = (400, 401, 403)
_LARGEST = 1 << 20  # bytes of a token server's answer
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s",]+))')
_HINT = f"the administrator sees to the credentials in {KEY}, and to what they allow"


class Login:
    """What one registry is told about who speaks."""

    def __init__(
        self,
        connections: Connections,
        host: str,
        docker_config: Path | None,
        *,
        anonymous: bool = False,
    ) -> None:
        """Nothing is read or asked before the registry wants to know; of one who is `anonymous`
        there is nothing to be read.
        """
        self._anonymous = anonymous
        self._connections = connections
        self._host = host
        self._docker_config = docker_config
        self._basic = ""
        self._tokens: dict[Scopes, str] = {}

    @cached_property
    def _credentials(self) -> Credentials | None:
        return None if self._anonymous else find_credentials(self._docker_config, self._host)

    def headers(self, scopes: Scopes) -> Mapping[str, str]:
        """The headers of a request that needs these scopes, as far as is known by now."""
        value = self._tokens.get(scopes) or self._basic
        return {"Authorization": value} if value else {}

    def answer(self, refused: Answer, scopes: Scopes) -> bool:
        """True where the refused request has a chance with the headers that there are now."""
        challenges = _challenges(refused.headers)
        if "bearer" in challenges:
            token = self._token(refused.url, challenges["bearer"], scopes)
            if not token:
                return False
            self._tokens[scopes] = f"Bearer {token}"
            return True
        if "basic" in challenges and self._credentials and not self._basic:
            self._basic = _basic(self._credentials)
            return True
        return False

    def without_secrets(self, said: str) -> str:
        """What a server said, which may be what it was told."""
        known = [self._basic, *self._tokens.values()]
        secrets = {value.partition(" ")[2] for value in known}
        if "_credentials" in self.__dict__ and self._credentials:
            own = self._credentials
            secrets |= {own.password, own.identity_token, _basic(own).partition(" ")[2]}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            said = said.replace(secret, "***")
        return said

    def _token(self, registry: Url, challenge: Mapping[str, str], scopes: Scopes) -> str:
        """A token; empty where one who is anonymous gets none."""
        realm = registry.follow(challenge.get("realm", ""))
        query = [("scope", " ".join(scopes))] if self._identity else [("scope", s) for s in scopes]
        if "service" in challenge:
            query.append(("service", challenge["service"]))
        answer = self._exchange(realm, query) if self._identity else self._ask(realm, query)
        if answer.status == 429 or answer.status >= 500:
            raise UnavailableError(f"{realm.address} gives no token: HTTP {answer.status}")
        if answer.status in _REFUSED and self._anonymous:
            answer.drain()
            return ""
        if answer.status != 200:
            raise PublishError(
                f"{realm.address} gives no token for {self._host}: HTTP {answer.status}",
                _HINT,
                passing=True,
            )
        return _read_token(realm, answer.read(_LARGEST))

    @property
    def _identity(self) -> str:
        return self._credentials.identity_token if self._credentials else ""

    def _ask(self, realm: Url, query: list[tuple[str, str]]) -> Answer:
        """The answer to a password, or to nobody in particular."""
        headers = {"Authorization": _basic(self._credentials)} if self._credentials else {}
        return self._connections.send("GET", realm.asking(query), headers)

    def _exchange(self, realm: Url, query: list[tuple[str, str]]) -> Answer:
        """The answer to an identity token (OAuth 2)."""
        form = [
            ("grant_type", "refresh_token"),
            ("client_id", "mlreef-hooks"),
            ("refresh_token", self._identity),
            *query,
        ]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._connections.send("POST", realm, headers, Body.of(urlencode(form).encode()))


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _challenges(headers: Message) -> dict[str, Mapping[str, str]]:
    """The parameters of each challenge by its scheme, both in lower case."""
    found: dict[str, Mapping[str, str]] = {}
    for line in headers.get_all("WWW-Authenticate") or []:
        scheme, _, rest = line.strip().partition(" ")
        found[scheme.lower()] = {name.lower(): a or b for name, a, b in _PARAMETER.findall(rest)}
    return found


def _read_token(realm: Url, content: bytes) -> str:
    try:
        document = json.loads(content)
        token = document.get("token") or document.get("access_token")
        if not re.fullmatch(r"[!-~]{1,65536}", token):
            raise ValueError("no text of a header")
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise PublishError(
            f"{realm.address} does not answer with a token",
            "the administrator finds out what answers there",
        ) from None
    return str(token)
