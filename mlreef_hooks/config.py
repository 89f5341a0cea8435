"""The site's configuration: every key with its meaning, its default and its check.

`docs/config.md` explains each key; a test keeps it complete.
"""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlreef_hooks.config_images import Base, Builder, Images, Pip, Registry
from mlreef_hooks.config_table import Count, path_key, read_table, text_key
from mlreef_hooks.config_visibility import GITEA, GITLAB, PROBE, VisibilitySources
from mlreef_hooks.errors import PublishError
from mlreef_hooks.problems import RULES, Severity, did_you_mean
from mlreef_hooks.push import TagPattern
from mlreef_hooks.state_folder import StateFolder

ServerKind = Literal["auto", "plain", "gitolite", "gitea", "forgejo", "gitlab", "soft-serve"]
_FOR_EVER = Count(0)
_ACCOUNT = r"(?:[A-Za-z_][A-Za-z0-9_.-]*\$?|[0-9]+)?"


def _check_tags(texts: Sequence[str]) -> Iterator[str]:
    if not texts:
        yield ": write at least one form"
    for place, text in enumerate(texts):
        try:
            TagPattern.parse(text)
        except PublishError as error:
            yield f"[{place}]: {error.message}: {error.hint}"


def _check_bases(table: Mapping[str, object]) -> Iterator[str]:
    if not table:
        yield ": write at least [base.default]"


def _check_rules(table: Mapping[str, object]) -> Iterator[str]:
    adjustable = [rule for rule in RULES if RULES[rule].adjustable]
    for rule in table:
        if rule in RULES and rule not in adjustable:
            yield f".{rule}: stays as it is, a site may set {', '.join(adjustable)}"
        elif rule not in adjustable:
            yield f".{rule}: unknown rule, {did_you_mean(rule, adjustable)}"


@dataclass(frozen=True, kw_only=True)
class Publish:
    """`[publish]`: what publishes. `signed_tags` names a file of those who may sign publish tags;
    then a tag without their signature publishes nothing. The gate lets a push through that it has
    not seen to its end in `gate_seconds`.
    """

    tags: tuple[str, ...] = field(
        default=("publish/{version}", "publish/{module}/{version}"),
        metadata={"check": _check_tags},
    )
    main_branch: str = text_key("master", r"(?!refs/|-)\S+", "the branch's short name")
    signed_tags: str = path_key()
    publish_on: Literal["tag", "push"] = "tag"
    gate_seconds: int = 20

    @property
    def patterns(self) -> tuple[TagPattern, ...]:
        """The forms of publish tags, in the order in which they are tried."""
        return tuple(TagPattern.parse(text) for text in self.tags)


@dataclass(frozen=True, kw_only=True)
class Server:
    """`[server]`: where the repositories are, and what keeps them. `url` holds `{repository}`.

    `hooks_dir` is the folder of hooks for all repositories, and `lfs` that of what Git LFS keeps of
    them, where the server has such; `config_hook` lets git run the hook by its configuration; by
    `cover_new` a sweep puts the hook into repositories that lack it.
    """

    root: str = path_key()
    kind: ServerKind = "auto"
    hooks_dir: str = path_key()
    config_hook: bool = False
    cover_new: bool = False
    url: str = text_key(
        "", r"|.*\{repository\}.*", "{repository} where the repository's name belongs"
    )
    lfs: str = path_key()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """`[worker]`: the process that publishes: whether it stays for the next push, and for how long;
    how many jobs are built at once, how many may wait, and how long one may take; how long a push
    is told of it; after how long one is first tried again. Times in seconds. As a service it is an
    account of its own, whose socket the repositories' group may use.
    """

    stay: bool = True
    stay_seconds: int = 600
    follow_seconds: int = 300
    builds: int = 4
    queue: int = 1000
    job_seconds: int = 7200
    retry_seconds: int = 10
    service: str = text_key("", _ACCOUNT, "the name of an account")
    group: str = text_key("", _ACCOUNT, "the name of a group")
    socket: str = text_key("/run/mlreef-hooks/worker.sock", r"/[^\0]*[^/\0]", "an absolute path")


@dataclass(frozen=True, kw_only=True)
class Index:
    """`[index]`: the folder of the module index; empty for `index` below the state folder.

    Who reads modules elsewhere names the places in `read`: then nothing is read in that folder but
    by what writes it. `netrc` has passwords of web servers; `token` is for those of `read` alone.
    A question takes `seconds` at most.
    """

    path: str = path_key()
    read: tuple[str, ...] = ()
    netrc: str = path_key()
    token: str = path_key()
    ca_bundle: str = path_key()
    seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """`[catalog]`: the folder of the site that each change of the index is shown on; empty for
    none.
    """

    path: str = path_key()


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """`[provenance]`: who says how a version was made, by which key, and whether its image's
    registry gets that too. `allowed_signers` are those whom `verify --provenance` believes.
    """

    builder_id: str = text_key(
        "https://mlreef-hooks.example/builder",
        r"[a-z][a-z0-9+.-]*:[!-~]+",
        "a URI as in https://git.example/mlreef-hooks",
    )
    key: str = path_key()
    allowed_signers: str = path_key()
    attach: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`[limits]`: what a pushed tree may hold, and how large an image may be. Sizes in bytes."""

    files: int = 250_000
    depth: int = 100
    file_bytes: int = 200 << 20
    tree_bytes: int = 4 << 30
    image_bytes: int = 30 << 30


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """`[metrics]`: the file of metrics; empty for `metrics.prom` in the state folder."""

    path: str = path_key()


@dataclass(frozen=True, kw_only=True)
class GarbageCollection:
    """`[gc]`: what is kept, and for how long; 0 is for ever. Only `mlreef-hooks gc` reads it."""

    keep_versions: Count = _FOR_EVER
    yanked_days: Count = _FOR_EVER
    grace_seconds: int = 86_400
    log_days: int = 90
    package_bytes: int = 1 << 30
    registry: bool = False


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration; a missing file is a configuration of defaults."""

    state: str = path_key()
    publish: Publish = field(default_factory=Publish)
    server: Server = field(default_factory=Server)
    visibility: VisibilitySources = field(default_factory=VisibilitySources)
    worker: Worker = field(default_factory=Worker)
    index: Index = field(default_factory=Index)
    catalog: Catalog = field(default_factory=Catalog)
    registry: Registry = field(default_factory=Registry)
    images: Images = field(default_factory=Images)
    builder: Builder = field(default_factory=Builder)
    base: Mapping[str, Base] = field(
        default_factory=lambda: {"default": Base()}, metadata={"check": _check_bases}
    )
    pip: Pip = field(default_factory=Pip)
    provenance: Provenance = field(default_factory=Provenance)
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    gc: GarbageCollection = field(default_factory=GarbageCollection)
    rules: Mapping[str, Severity] = field(default_factory=dict, metadata={"check": _check_rules})

    @property
    def state_path(self) -> Path:
        """The folder of jobs, logs and locks."""
        return Path(self.state)

    @property
    def state_folder(self) -> StateFolder:
        """What lies where in it."""
        return StateFolder(self.state_path)

    @property
    def index_path(self) -> Path:
        """The folder of the module index."""
        return Path(self.index.path) if self.index.path else self.state_folder.index

    @property
    def images_path(self) -> Path:
        """The folder of images on disk."""
        return Path(self.images.path) if self.images.path else self.state_folder.images

    @property
    def metrics_path(self) -> Path:
        """The file of metrics."""
        return Path(self.metrics.path) if self.metrics.path else self.state_folder.metrics


def parse_config(text: str, *, path: str, state: str) -> Config:
    """The configuration written as TOML in `text`; `path` is for errors, `state` is the default.

    Raises PublishError that lists everything that is wrong with it.
    """
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        said = (
            str(error)
            if isinstance(error, tomllib.TOMLDecodeError)
            else "a number is too long, or it is nested too deeply"
        )
        raise PublishError(f"{path}: {said}", "see docs/config.md for its form") from None
    faults: list[str] = []
    config = read_table(Config, table, "", faults)
    if config is not None:
        faults.extend((*_check_docker(config), *_check_visibility(config)))
    if faults or config is None:
        raise PublishError(f"{path}: " + "; ".join(faults), "see docs/config.md for every key")
    return config if config.state else dataclasses.replace(config, state=state)


def _check_docker(config: Config) -> Iterator[str]:
    """What is wrong with engines and keys that do not go together."""
    docker, where = config.builder.docker, "builder.docker"
    if len(docker.engines) > 1 and not config.registry.remote:
        yield (
            f"{where}.engines: several engines need a registry that all of them reach, "
            "write its host into registry.prefix"
        )
    if bool(docker.tls_cert) != bool(docker.tls_key):
        yield f"{where}.tls_cert: write tls_cert and tls_key, or neither"
    registry = config.registry
    if registry.private_prefix.partition("/")[0] not in ("", registry.host):
        yield "registry.private_prefix: write one of the registry of registry.prefix"
    if docker.tls_cert and not docker.tls_ca:
        yield f"{where}.tls_ca: write it too, for tls_cert"


def _check_visibility(config: Config) -> Iterator[str]:
    """What is missing for what the site asks."""
    settings = config.visibility
    if {GITEA, GITLAB} & {*settings.ask} and not settings.url:
        yield "visibility.url: write the address of the server that visibility.ask names"
    if {GITEA, GITLAB} <= {*settings.ask}:
        yield "visibility.ask: name gitea or gitlab, and not both"
    if PROBE in settings.ask and not (settings.probe or config.server.url.startswith("http")):
        yield "visibility.probe: write the address that everybody fetches from"
