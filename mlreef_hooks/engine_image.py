"""An image that a container engine has, as its API tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from mlreef_hooks.process import holder, is_lost

# What images are called that are no module's: by a key, and by who is about to deliver one.
DEPENDENCIES = "mlreef-dependencies"
CANDIDATE = "mlreef-candidate"


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image in the engine. `layers` are diff ids from the bottom, `environment` is written as
    `NAME=value`. `digest` is that of its own registry where it came from one, else `id`. `named_at`
    is when it last got a name, in seconds since 1970, as far as the engine tells.
    """

    id: str
    digest: str
    layers: tuple[str, ...]
    environment: tuple[str, ...]
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    labels: Mapping[str, str]
    architecture: str
    size: int
    named_at: float

    @classmethod
    def read(cls, repository: str, facts: Mapping[str, Any]) -> Self:
        """The image of `repository` that an engine tells of (`GET /images/NAME/json`)."""
        config = facts["Config"] or {}
        return cls(
            id=facts["Id"],
            digest=_own_digest(repository, facts),
            layers=tuple(facts["RootFS"]["Layers"]),
            environment=tuple(config.get("Env") or ()),
            command=tuple(config["Cmd"]) if config.get("Cmd") else None,
            entrypoint=tuple(config["Entrypoint"]) if config.get("Entrypoint") else None,
            labels=config.get("Labels") or {},
            architecture=facts["Architecture"],
            size=facts["Size"],
            named_at=_seconds((facts.get("Metadata") or {}).get("LastTagTime") or ""),
        )


def candidate_name(digest: str) -> str:
    """The name of an image until it is delivered: it tells which process holds it."""
    return f"{CANDIDATE}:{holder().replace('/', '_')}_{digest.removeprefix('sha256:')[:12]}"


def is_lost_candidate(name: str) -> bool:
    """True for the name of an image that was not delivered when its process was killed."""
    repository, _, tag = name.partition(":")
    return repository == CANDIDATE and is_lost(tag.rpartition("_")[0].replace("_", "/"))


def _seconds(moment: str) -> float:
    """Seconds since 1970 of a time by RFC 3339; 0 where it is none. An engine's year 1 is none."""
    try:
        return max(0.0, datetime.fromisoformat(moment).timestamp())
    except (ValueError, OverflowError):
        return 0.0


def _own_digest(repository: str, facts: Mapping[str, Any]) -> str:
    """The digest in the image's own registry; other registries may have got it from this engine."""
    digests = dict(each.split("@", 1) for each in facts.get("RepoDigests") or ())
    # The engine leaves out the registry and the folder that are meant where none is written.
    short = repository.removeprefix("docker.io/").removeprefix("library/")
    return str(digests.get(short, facts["Id"]))
