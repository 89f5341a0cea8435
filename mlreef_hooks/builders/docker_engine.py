"""The docker builder: one image of dependencies shared by all modules that require the same, and
one layer of code.

Dependencies are installed by pip in a bounded container and kept under a key of base and
requirements. The code layer is loaded as an archive that names the layers below without bringing
them, so that a publish that changes only code moves only code.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from mlreef_hooks.builders.pip_failure import PipOutput
from mlreef_hooks.builders.pip_install import (
    RESULT,
    pip_files,
    pip_run,
    pip_script,
    read_locked,
    refuse_sources,
    secret_texts,
    without_credentials,
)
from mlreef_hooks.builders.start_check import StartCheck
from mlreef_hooks.code_layers import write_code
from mlreef_hooks.config_images import Base, DockerEngine, Pip, Registry
from mlreef_hooks.container import Lines
from mlreef_hooks.durable_files import turn_taken
from mlreef_hooks.engine import Engine, EngineImage
from mlreef_hooks.engine_image import DEPENDENCIES, candidate_name
from mlreef_hooks.errors import EngineGoneError, PublishError
from mlreef_hooks.image import (
    ArchivedLayer,
    BuiltImage,
    Dependencies,
    ImageSpec,
    docker_archive,
    image_config,
)
from mlreef_hooks.image_plan import MODULE_LABEL
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.oci import HashingWriter

_RECIPE = "2"  # part of the key of dependencies; raise it when they would be installed differently
_IN_MEMORY = 32 << 20  # a larger code layer is spooled to a temporary file
_LOCKED_LABEL = "io.mlreef.locked"


@dataclass(frozen=True, kw_only=True)
class DockerBuilder:
    """Builds with a Docker engine. `locks` is a folder for lock files, `log` gets build output."""

    engine: Engine
    settings: DockerEngine
    pip: Pip
    registry: Registry
    locks: Path
    log: Callable[[str], None]

    def readiness(self, base: Base, requirements: Mapping[str, str]) -> int:
        """How much the engine has already: 2 with the requirements, 1 with the base alone, or 0."""
        image = self.engine.image(base.image)
        if image is None:
            return 0
        found = self.engine.image(_dependencies_name(image, base, requirements, self.pip))
        return 2 if found else 1

    def dependencies(self, name: str, base: Base, requirements: Mapping[str, str]) -> Dependencies:
        """The image with the base and the requirements, installed now or found."""
        self.engine.remove_lost()
        image = self.engine.image(base.image) or self._pull(base)
        reference = _dependencies_name(image, base, requirements, self.pip)
        turn = hashlib.sha256(f"{self.engine.url} {reference}".encode()).hexdigest()[:32]
        waiting = "another push installs the same requirements; waiting for it"
        with turn_taken(self.locks, turn, lambda: self.log(waiting)):
            found = self.engine.image(reference)
            if found:
                self.engine.tag(found.id, reference)  # it is in use, and not to be collected
            made = found or self._install(image, base, requirements, reference)
        return Dependencies(
            id=made.id,
            layers=made.layers,
            environment=made.environment,
            architecture=made.architecture,
            locked=tuple(json.loads(made.labels[_LOCKED_LABEL])),
            base_name=name,
            base_image=base.image,
            base_digest=image.digest,
            reused=found is not None,
        )

    def knows(self, base: Base, requirements: Mapping[str, str]) -> bool:
        """True where the engine has an image of the dependencies."""
        return self.readiness(base, requirements) == 2

    def _pull(self, base: Base) -> EngineImage:
        self.log(f"fetching the base image {base.image}")
        try:
            return self.engine.pull(base.image)
        except EngineGoneError:
            raise
        except PublishError as error:
            hint = "the administrator corrects [base], or makes an image with mlreef-hooks base"
            raise PublishError(error.message, hint, passing=True) from error

    def _install(
        self, image: EngineImage, base: Base, requirements: Mapping[str, str], reference: str
    ) -> EngineImage:
        self._check_store()
        secrets = secret_texts(self.pip)
        if secrets:
            refuse_sources(requirements)
        output = PipOutput()

        def on_line(line: str) -> None:
            for secret in secrets:
                line = line.replace(secret, "****")
            output.add(line)
            self.log(line)

        lines = Lines(on_line)
        files = pip_files(self.pip, requirements)
        run = pip_run(self.settings, image.id, pip_script(base.python, self.pip), files)
        ended = self.engine.run_and_commit(run, lines, RESULT, _labels, reference)
        lines.flush()
        made = self.engine.image(reference) if ended.well else None
        if made is None:
            raise output.explain(ended, self.settings, wheels_only=bool(secrets))
        return made

    def _check_store(self) -> None:
        if not self.engine.keeps_layers():
            raise PublishError(
                "the engine uses containerd's image store, which this builder cannot use yet",
                'the administrator sets "features": {"containerd-snapshotter": false} in its'
                " daemon.json",
                passing=True,
            )

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code under a passing name; its digest is the engine's image id."""
        try:
            digest, size = self._load(spec)
        except OSError as error:
            raise PublishError(
                f"the image cannot be put together: {error.strerror}",
                "the administrator makes room in the folder of temporary files",
                passing=True,
            ) from error
        made = self.engine.image(digest)
        if made is None:
            raise PublishError(
                "the engine did not keep the image", "push the tag again", passing=True
            )
        return BuiltImage(
            reference=spec.reference,
            digest=digest,
            id=digest,
            size=made.size,
            code_size=size,
            platform=f"linux/{made.architecture}",
        )

    def _load(self, spec: ImageSpec) -> tuple[str, int]:
        """The image's id and the size of its code layer, with the image in the engine."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spooled:
            layer = HashingWriter(cast("IO[bytes]", spooled))
            tree = spec.tree
            write_code(tree.all_entries(), tree.stream, spec.created, cast("IO[bytes]", layer))
            spooled.seek(0)
            config = image_config(spec, [layer.digest])
            digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
            code = ArchivedLayer(size=layer.size, open=lambda: cast("IO[bytes]", spooled))
            below = [None] * len(spec.dependencies.layers)
            self.engine.load(docker_archive(candidate_name(digest), config, [*below, code]))
            size = layer.size
        return digest, size

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts: no network, read-only, another user, any folder."""
        check = StartCheck(engine=self.engine, settings=self.settings, log=self.log)
        check(image.digest, manifest)

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image under its reference, in the registry where the prefix names one."""
        self._check_free(image)
        self.engine.tag(image.digest, image.reference)
        self.engine.untag(candidate_name(image.digest))
        if not self.registry.remote:
            return image
        return replace(image, digest=self.engine.push(image.reference))

    def _check_free(self, image: BuiltImage) -> None:
        """PublishError where the reference is the name of an image from elsewhere."""
        there, ours = self.engine.image(image.reference), self.engine.image(image.digest)
        if there and ours and _origin(there) != _origin(ours):
            raise PublishError(
                f"the engine has another image of the name {image.reference}",
                "the administrator gives each site a [registry] prefix of its own",
                passing=True,
            )

    def discard(self, image: BuiltImage) -> None:
        """Drop an image that will not be delivered; one that cannot be dropped now stays."""
        with suppress(PublishError):
            self.engine.untag(candidate_name(image.digest))


def _origin(image: EngineImage) -> str | None:
    """The repository that an image was published from, None where it is none of ours."""
    try:
        return str(json.loads(image.labels[MODULE_LABEL])["repository"])
    except (KeyError, ValueError, TypeError):
        return None


def _dependencies_name(
    image: EngineImage, base: Base, requirements: Mapping[str, str], pip: Pip
) -> str:
    """The name of an image of dependencies: what is installed depends on nothing else."""
    indexes = [without_credentials(url) for url in (pip.index_url, *pip.extra_index_urls)]
    parts = json.dumps([_RECIPE, image.id, base.python, dict(requirements), indexes])
    return f"{DEPENDENCIES}:{hashlib.sha256(parts.encode()).hexdigest()[:32]}"


def _labels(result: bytes) -> dict[str, str]:
    return {_LOCKED_LABEL: json.dumps(read_locked(result))}
