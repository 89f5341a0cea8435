"""The builder that chooses: layers where wheels will do, else a Docker engine, which builds."""

from collections.abc import Callable, Mapping

from mlreef_hooks.config import Base
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import Builder, BuiltImage, Dependencies, ImageSpec
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.wheels.lock import SourceNeeded


class ChoosingBuilder:
    """Uses `layers` unless a requirement has to be built, then what `open_docker` gives, if the
    site has that. `say` tells the pusher which and why.
    """

    def __init__(
        self,
        layers: Builder,
        open_docker: Callable[[], Builder] | None,
        say: Callable[[str], None],
    ) -> None:
        self._layers = layers
        self._open_docker = open_docker
        self._say = say
        self._chosen = layers

    def dependencies(self, name: str, base: Base, requirements: Mapping[str, str]) -> Dependencies:
        """The base and the requirements, by the builder that can."""
        try:
            return self._layers.dependencies(name, base, requirements)
        except SourceNeeded as error:
            if self._open_docker is None:
                hint = "require what has a wheel; this site builds nothing from source"
                raise PublishError(error.why, hint) from error
            self._say(f"by the Docker engine: {error.why}")
            self._chosen = self._open_docker()
        return self._chosen.dependencies(name, base, requirements)

    def knows(self, base: Base, requirements: Mapping[str, str]) -> bool:
        """True where wheels are known that will do, or an image that the engine built."""
        if self._layers.knows(base, requirements):
            return True
        return self._open_docker is not None and self._open_docker().knows(base, requirements)

    def assemble(self, spec: ImageSpec) -> BuiltImage:
        """The image with the code."""
        return self._chosen.assemble(spec)

    def check_start(self, image: BuiltImage, manifest: ModuleManifest) -> None:
        """Return where the module starts."""
        self._chosen.check_start(image, manifest)

    def deliver(self, image: BuiltImage) -> BuiltImage:
        """The image under its reference."""
        return self._chosen.deliver(image)

    def discard(self, image: BuiltImage) -> None:
        """Drop an image that will not be delivered."""
        self._chosen.discard(image)
