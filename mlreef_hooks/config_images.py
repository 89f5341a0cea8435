"""The site's configuration of images: what they are made of, what makes them, where they go."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlreef_hooks.config_table import path_key, table_key, text_key

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_ENGINE = r"unix:///\S+|tcp://[^\s/@]+|ssh://(?:[^\s/@:-][^\s/@:]*@)?[^\s/@-][^\s/@]*(?:/\S*)?"


def is_host(part: str) -> bool:
    """True where the first part of an image's name is a registry's host, by docker's own rule."""
    return "." in part or ":" in part or part == "localhost"


def _check_engines(addresses: Sequence[str]) -> Iterator[str]:
    for place, address in enumerate(addresses):
        if not re.fullmatch(_ENGINE, address):
            yield f"[{place}]: write it as in unix:///var/run/docker.sock or ssh://user@host"
        elif address in addresses[:place]:
            yield f"[{place}]: the same engine again"


@dataclass(frozen=True, kw_only=True)
class Registry:
    """`[registry]`: the image references' prefix; one that names a host is pushed to. Those of
    private modules may have another one there; `private_images` says whether they have to be
    closed to people without a password.

    Of every registry: docker's file of credentials, and certificates of the site.
    """

    prefix: str = text_key(
        "mlreef", rf"(?:{_HOST}|{_PART})(?:/{_PART})*", "it as in registry.example/mlreef"
    )
    private_prefix: str = text_key(
        "", rf"(?:{_HOST}(?:/{_PART})+)?", "it as in registry.example/mlreef-private"
    )
    private_images: Literal["closed", "anywhere"] = "closed"
    docker_config: str = path_key()
    ca_bundle: str = path_key()

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of images begin with, of private modules first."""
        return (self.private_prefix, self.prefix) if self.private_prefix else (self.prefix,)

    def prefix_for(self, visibility: str) -> str:
        """What the names of the images of a module begin with."""
        return self.prefixes[0] if visibility == "private" else self.prefix

    @property
    def remote(self) -> bool:
        """True where the prefix names a registry."""
        return is_host(self.host)

    @property
    def host(self) -> str:
        """The host that the prefix names, where it names one."""
        return self.prefix.partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class EngineTls:
    """Files by which engines at `tcp://` are trusted (`ca`), and we by them (`cert`, `key`)."""

    ca: str
    cert: str
    key: str


@dataclass(frozen=True, kw_only=True)
class DockerEngine:
    """`[builder.docker]`: the engine, or the engines in place of it, and the bounds of a build.
    Times in seconds.
    """

    url: str = text_key(
        "unix:///var/run/docker.sock", r"[a-z]+://\S+", "it as in unix:///var/run/docker.sock"
    )
    engines: tuple[str, ...] = field(default=(), metadata={"check": _check_engines})
    builds_per_engine: int = 4
    tls_ca: str = path_key()
    tls_cert: str = path_key()
    tls_key: str = path_key()
    network: str = text_key("bridge", r"\S+", "the name of a network")
    memory: str = text_key("4g", r"[1-9][0-9]{0,8}[kmg]", 'it as in "4g"')
    disk: str = text_key("20g", r"[1-9][0-9]{0,8}[kmg]", 'it as in "20g"')
    processes: int = 512
    build_seconds: int = 1800
    start_seconds: int = 60

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the engines of the site are."""
        return self.engines or (self.url,)

    @property
    def tls(self) -> EngineTls | None:
        """The files for TLS, None where engines are reached without."""
        files = EngineTls(ca=self.tls_ca, cert=self.tls_cert, key=self.tls_key)
        return files if self.tls_ca else None


@dataclass(frozen=True, kw_only=True)
class LayersBuilder:
    """`[builder.layers]`: images without an engine. `start` says when a module is started in an
    engine all the same, where one answers.
    """

    start: Literal["changed", "always", "never"] = "changed"


@dataclass(frozen=True, kw_only=True)
class Builder:
    """`[builder]`: what makes images."""

    use: Literal["auto", "layers", "docker"] = "auto"
    docker: DockerEngine = field(default_factory=DockerEngine)
    layers: LayersBuilder = field(default_factory=LayersBuilder)


@dataclass(frozen=True, kw_only=True)
class Images:
    """`[images]`: the folder of images on disk; empty for `images` below the state folder."""

    path: str = path_key()


@dataclass(frozen=True, kw_only=True)
class Base:
    """`[base.NAME]`: a base environment that modules may name."""

    image: str = text_key("python:3.11-slim-bookworm", r"\S+", "the reference of an image")
    python: str = text_key("3.11", r"3\.[0-9]{1,2}", 'it as in "3.11"')
    gpu: bool = False
    environment: Mapping[str, str] = table_key(
        r"[A-Za-z_][A-Za-z0-9_]*", "not the name of a variable, use letters, digits, _"
    )


@dataclass(frozen=True, kw_only=True)
class Pip:
    """`[pip]`: where requirements come from. None of it reaches an image, a label or the index."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    ca_bundle: str = path_key()
    netrc: str = path_key()
    allow_index_options: bool = False
