"""The docker builder: one image of dependencies shared by all modules that require the same, and
one layer of code.

Dependencies are installed by pip in a bounded container and kept under a key of base and
requirements. The code layer is loaded as an archive that names the layers below without bringing
them, so that a publish that changes only code moves only code.
"""

import fcntl
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from mlreef_hooks.builders.pip_install import (
    RESULT, SECRETS, explain_failure, pip_files, pip_script, secret_texts,
)  # fmt: skip
from mlreef_hooks.builders.start_check import start_command
from mlreef_hooks.config import Base, DockerEngine, Pip, Registry
from mlreef_hooks.engine import Engine, EngineImage, Lines, Run
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import (
    BuiltImage, Dependencies, ImageSpec, docker_archive, image_config, write_code_layer,
)  # fmt: skip
from mlreef_hooks.manifest import ModuleManifest

_RECIPE = "1"  # part of the key of dependencies; raise it when they would be installed differently
_DEPENDENCIES = "mlreef-dependencies"
_CANDIDATE = "mlreef-candidate"
_IN_MEMORY = 32 << 20  # a larger code layer is spooled to a temporary file
_STRANGER = "65534:65534"


@dataclass(frozen=True, kw_only=True)
class DockerBuilder:
    """Builds with a Docker engine. `locks` is a folder for lock files, `log` gets build output."""

    engine: Engine
    settings: DockerEngine
    pip: Pip
    registry: Registry
    locks: Path
    log: Callable[[str], None]

    def dependencies(
        self, name: str, base: Base, requirements: Mapping[str, str]
    ) -> Dependencies:
        """The image with the base and the requirements, installed now or found."""
        image = self.engine.image(base.image) or self.engine.pull(base.image)
        key = _key(image, base, requirements)
        reference = f"{_DEPENDENCIES}:{key}"
        with _locked(self.locks / f"{key}.lock"):
            found = self.engine.image(reference)
            made = found or self._install(image, base, requirements, reference)
        return Dependencies(
            id=made.id,
            layers=made.layers,
            environment=made.environment,
            architecture=made.architecture,
            locked=tuple(json.loads(made.labels["io.mlreef.locked"])),
            base_name=name,
            base_digest=image.digest,
            reused=found is not None,
        )

    def _install(
        self, image: EngineImage, base: Base, requirements: Mapping[str, str], reference: str
    ) -> EngineImage:
        output: list[str] = []
        secrets = secret_texts(self.pip)

        def on_line(line: str) -> None:
            for secret in secrets:
                line = line.replace(secret, "****")
            output.append(line)
            del output[:-200]
            self.log(line)

        lines = Lines(on_line)
        run = Run(
            image=image.id,
            entrypoint=("sh", "-c"),
            command=(pip_script(base.python, self.settings.build_seconds, self.pip),),
            network=self.settings.network,
            memory=self.settings.memory,
            processes=self.settings.processes,
            seconds=self.settings.build_seconds,
            read_only=False,
            user="0:0",
            private=SECRETS,
            private_files=pip_files(self.pip, requirements),
        )
        ended = self.engine.run_and_commit(run, lines, RESULT, _labels, reference)
        lines.flush()
        made = self.engine.image(reference)
        if ended.status or ended.late or made is None:
            raise explain_failure(ended, output, self.settings)
        return made

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code under a passing name; its digest is the engine's image id."""
        if not self.engine.keeps_layers():
            raise PublishError(
                "the engine uses containerd's image store, which this builder cannot use yet",
                'set "features": {"containerd-snapshotter": false} in its daemon.json',
            )
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spooled:
            layer = cast("IO[bytes]", spooled)
            diff_id = write_code_layer(spec.tree, spec.created, layer)
            size = layer.tell()
            layer.seek(0)
            config = image_config(spec, diff_id)
            digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
            name = _candidate(digest)
            base_layers = len(spec.dependencies.layers)
            self.engine.load(docker_archive(name, config, base_layers, layer, size))
        made = self.engine.image(name)
        if made is None or made.id != digest:
            raise PublishError("the engine did not keep the image", "push the tag again", passing=True)
        return BuiltImage(
            reference=spec.reference,
            digest=digest,
            size=made.size,
            code_size=size,
            platform=f"linux/{made.architecture}",
        )

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts: no network, read-only, another user, any folder."""
        output: list[str] = []
        lines = Lines(output.append)
        run = replace(
            start_command(_candidate(image.digest), manifest),
            memory=self.settings.memory,
            processes=self.settings.processes,
            seconds=self.settings.start_seconds,
            user=_STRANGER,
        )
        ended = self.engine.run(run, lines)
        lines.flush()
        if ended.status == 0 and not ended.late:
            return
        seconds = self.settings.start_seconds
        said = output[-1] if output else f"exit status {ended.status}"
        why = f"it did not end within {seconds} s" if ended.late else said
        why = f"it needs more than {self.settings.memory} of memory" if ended.out_of_memory else why
        raise PublishError(
            f"{manifest.entry_point} does not start in its image: {why}",
            _start_hint(why, manifest),
        )

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image under its reference, in the registry where the prefix names one."""
        candidate = _candidate(image.digest)
        self.engine.tag(candidate, image.reference)
        self.engine.untag(candidate)
        if not self.registry.remote:
            return image
        return replace(image, digest=self.engine.push(image.reference))

    def discard(self, image: BuiltImage) -> None:
        """Drop an image that will not be delivered."""
        self.engine.untag(_candidate(image.digest))


def _start_hint(why: str, manifest: ModuleManifest) -> str:
    if "No module named" in why:
        return "add the package that provides it to requirements.txt"
    return f"make sure that python {manifest.entry_point} --help works after pip install alone"


def _candidate(digest: str) -> str:
    return f"{_CANDIDATE}:{digest.removeprefix('sha256:')[:32]}"


def _key(image: EngineImage, base: Base, requirements: Mapping[str, str]) -> str:
    """The key of dependencies: what is installed depends on nothing else."""
    parts = json.dumps([_RECIPE, image.id, base.python, dict(requirements)])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _labels(result: bytes) -> dict[str, str]:
    locked = sorted(line for line in result.decode(errors="replace").splitlines() if line.strip())
    return {"io.mlreef.locked": json.dumps(locked)}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock among processes: two that need the same dependencies install them once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
