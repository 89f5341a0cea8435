"""The site's configuration: every key with its meaning, its default and its check.

`docs/config.md` explains each key; a test keeps it complete.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mlreef_hooks.errors import PublishError
from mlreef_hooks.problems import RULES, Severity, did_you_mean
from mlreef_hooks.push import TagPattern

Table = TypeVar("Table")


@dataclass(frozen=True, kw_only=True)
class Publish:
    """`[publish]`: what publishes."""

    tags: tuple[str, ...] = ("publish/{version}", "publish/{module}/{version}")
    main_branch: str = "master"

    @property
    def patterns(self) -> tuple[TagPattern, ...]:
        """The forms of publish tags, in the order in which they are tried."""
        return tuple(TagPattern.parse(text) for text in self.tags)


@dataclass(frozen=True, kw_only=True)
class Server:
    """`[server]`: where the repositories are. `url` holds `{repository}`."""

    root: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Index:
    """`[index]`: the folder of the module index; empty for `index` below the state folder."""

    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Registry:
    """`[registry]`: the image references' prefix; one that names a host is pushed to."""

    prefix: str = "mlreef"

    @property
    def remote(self) -> bool:
        """True where the prefix names a registry, by docker's own rule."""
        host = self.prefix.split("/")[0]
        return "." in host or ":" in host or host == "localhost"


@dataclass(frozen=True, kw_only=True)
class DockerEngine:
    """`[builder.docker]`: the engine and the bounds of a build. Times in seconds."""

    url: str = "unix:///var/run/docker.sock"
    network: str = "bridge"
    memory: str = "4g"
    processes: int = 512
    build_seconds: int = 1800
    start_seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Builder:
    """`[builder]`: what makes images."""

    docker: DockerEngine = field(default_factory=DockerEngine)


@dataclass(frozen=True, kw_only=True)
class Base:
    """`[base.NAME]`: a base environment that modules may name."""

    image: str = "python:3.11-slim-bookworm"
    python: str = "3.11"
    gpu: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pip:
    """`[pip]`: where requirements come from. None of it reaches an image, a label or the index."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    ca_bundle: str = ""
    netrc: str = ""
    allow_index_options: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`[limits]`: what a pushed tree may hold. Sizes in bytes."""

    files: int = 250_000
    depth: int = 100
    file_bytes: int = 200 << 20
    tree_bytes: int = 4 << 30


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration; a missing file is a configuration of defaults."""

    state: str = ""
    publish: Publish = field(default_factory=Publish)
    server: Server = field(default_factory=Server)
    index: Index = field(default_factory=Index)
    registry: Registry = field(default_factory=Registry)
    builder: Builder = field(default_factory=Builder)
    base: Mapping[str, Base] = field(default_factory=lambda: {"default": Base()})
    pip: Pip = field(default_factory=Pip)
    limits: Limits = field(default_factory=Limits)
    rules: Mapping[str, Severity] = field(default_factory=dict)

    @property
    def state_path(self) -> Path:
        """The folder of jobs, logs and locks."""
        return Path(self.state)

    @property
    def index_path(self) -> Path:
        """The folder of the module index."""
        return Path(self.index.path) if self.index.path else self.state_path / "index"


def parse_config(text: str, *, path: str, state: str) -> Config:
    """The configuration written as TOML in `text`; `path` is for errors, `state` is the default.

    Raises PublishError that lists everything that is wrong with it.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PublishError(f"{path}: {error}", "see docs/config.md for its form") from None
    faults: list[str] = []
    config = _read_table(Config, {"state": state, **table}, "", faults)
    if config is not None:
        _check(config, faults)
    if faults or config is None:
        raise PublishError(f"{path}: " + "; ".join(faults), "see docs/config.md for every key")
    return config


def _check(config: Config, faults: list[str]) -> None:
    for place, text in enumerate(config.publish.tags):
        try:
            TagPattern.parse(text)
        except PublishError as error:
            faults.append(f"publish.tags[{place}]: {error.message}: {error.hint}")
    for rule, severity in config.rules.items():
        adjustable = [each for each in RULES if RULES[each].adjustable]
        if rule not in adjustable:
            faults.append(f"rules.{rule}: {did_you_mean(rule, adjustable)}")
        if severity not in typing.get_args(Severity):
            faults.append(f"rules.{rule}: write error or warning")
    if not config.base:
        faults.append("base: write at least [base.default]")
    if config.server.url and "{repository}" not in config.server.url:
        faults.append("server.url: write {repository} where the repository's name belongs")


def _read_table(kind: type[Table], table: object, where: str, faults: list[str]) -> Table | None:
    if not isinstance(table, dict):
        faults.append(f"{where}: write a table")
        return None
    types_of = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{where}.{key}" if where else key
        if key not in types_of:
            faults.append(f"{place}: unknown key, {did_you_mean(key, list(types_of))}")
            continue
        checked = _read_value(types_of[key], value, place, faults)
        if checked is not None:
            values[key] = checked
    return kind(**values)


def _read_value(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_table(typing.cast(type, kind), value, place, faults)
    origin = typing.get_origin(kind) or (str if kind == Severity else kind)
    return _READERS.get(origin, _read_scalar)(kind, value, place, faults)


def _read_mapping(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if not isinstance(value, dict):
        faults.append(f"{place}: write a table")
        return None
    (_, inner) = typing.get_args(kind)
    return types.MappingProxyType(
        {key: _read_value(inner, each, f"{place}.{key}", faults) for key, each in value.items()}
    )


def _read_list(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        faults.append(f"{place}: write a list of texts")
        return None
    return tuple(value)


_WORDS = {str: "a text in quotes", int: "a whole number above 0", bool: "true or false"}


def _read_scalar(kind: Any, value: object, place: str, faults: list[str]) -> Any:
    kind = kind if kind in _WORDS else str
    fits = type(value) is kind and (kind is not int or typing.cast(int, value) > 0)
    if not fits:
        faults.append(f"{place}: write {_WORDS[kind]}")
        return None
    return value


_READERS: Mapping[Any, Callable[[Any, object, str, list[str]], Any]] = {
    tuple: _read_list,
    typing.get_origin(Mapping[str, str]): _read_mapping,
}
