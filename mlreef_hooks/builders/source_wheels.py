"""Wheels of what has none: each built once for a base, in a bounded container of the engine.

A wheel is kept, by what it was built of: the same requirement is the same wheel from then on.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from mlreef_hooks.bases import BaseImage
from mlreef_hooks.builders.built_wheel import BuildPlace, take_wheel
from mlreef_hooks.builders.into_engine import load_image
from mlreef_hooks.builders.pip_failure import PipOutput
from mlreef_hooks.builders.pip_install import (
    WHEELS,
    WHEELS_ONLY,
    build_script,
    pip_files,
    pip_run,
    secret_texts,
)
from mlreef_hooks.config_images import DockerEngine, Pip
from mlreef_hooks.container import Lines, Run
from mlreef_hooks.durable_files import give_to_owner_of, make_folder, replace_file, turn_taken
from mlreef_hooks.engine import Engine
from mlreef_hooks.engine_pool import EnginePool
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.unfinished import remove_lost, unfinished_folder, unwritten
from mlreef_hooks.wheels.lock import Lock, LockedWheel, SourceNeeded, kept_at
from mlreef_hooks.wheels.source_search import find_source
from mlreef_hooks.wheels.sources import Source
from mlreef_hooks.wheels.wanted import read_options, read_wanted

_ROUNDS = 20  # of building what the last resolution found to be missing


@dataclass(frozen=True, kw_only=True)
class SourceWheels:
    """Builds wheels in the engines of `pool`, which is asked once something is to be built.
    `folder` keeps the wheels, `locks` is a folder for lock files, `log` gets pip's output.
    """

    pool: EnginePool
    settings: DockerEngine
    pip: Pip
    layouts: OciLayouts
    folder: Path
    locks: Path
    log: Callable[[str], None]

    def resolve(
        self,
        needed: SourceNeeded,
        resolve: Callable[..., Lock],
        requirements: Mapping[str, str],
        place: BuildPlace,
    ) -> Lock:
        """The lock that `resolve(built=...)` gives once what is `needed`, then and later, is built.

        SourceNeeded where that cannot be built one by one.
        """
        self._check_allowed(needed, requirements)
        end = monotonic() + self.settings.build_seconds
        built: dict[str, Path] = {}
        for _ in range(_ROUNDS):
            sources = self._find(needed, requirements, built, place)
            if not sources:
                raise needed
            self.log(needed.why)
            for source in sources:
                built[source.requirement] = self._wheel(source, place, end)
            try:
                return resolve(built=built)
            except SourceNeeded as error:
                needed = error
        raise PublishError(f"more than {_ROUNDS} packages have no wheel", "require fewer such")

    def _check_allowed(self, needed: SourceNeeded, requirements: Mapping[str, str]) -> None:
        """Return where something may be built at all.

        With credentials it may not: what is built could read them.
        """
        if secret_texts(self.pip):
            raise PublishError(f"{needed.why}; {WHEELS_ONLY}", "require what has a wheel")
        if any(name == "--only-binary" for name, _ in read_options(requirements)):
            raise needed

    def _find(
        self,
        needed: SourceNeeded,
        requirements: Mapping[str, str],
        built: Mapping[str, Path],
        place: BuildPlace,
    ) -> list[Source]:
        """What is to be built, without what was."""
        found = [Source.of_reference(text) for text in needed.sources if "://" in text]
        if not found:  # else the requirements cannot be read yet
            wanted = read_wanted(requirements, built)
            found = [find_source(text, wanted, place.platform, self.pip) for text in needed.sources]
        return [source for source in found if source.requirement not in built]

    def _wheel(self, source: Source, place: BuildPlace, end: float) -> Path:
        """Where the wheel of a source is, built now, until `end`, or by an earlier publish."""
        key = self._key(source, place)
        waiting = f"another push builds {source}; waiting for it"
        with turn_taken(self.locks, key, lambda: self.log(waiting)):
            kept = self._kept(key)
            if kept:
                self.log(f"{source} was built in the engine before")
                return kept_at(self.folder, kept)
            self.log(f"building {source} in the engine")
            try:
                make_folder(self.folder, 0o700)  # what it was built of may be private
                remove_lost(self.folder)
                with unfinished_folder(self.folder, "build") as folder:
                    wheel = self._build(source, place, end, folder / "wheel")
                    return self._keep(key, wheel, folder / "wheel")
            except OSError as error:
                raise unwritten(error) from error

    def _key(self, source: Source, place: BuildPlace) -> str:
        """What a wheel is kept by. What an index gives to a build stays with that index."""
        indexes = (self.pip.index_url, *self.pip.extra_index_urls, *place.options)
        return source.key([place.image.digest, str(place.platform), *indexes])

    def _run(self, source: Source, place: BuildPlace, seconds: int) -> Run:
        """The container that builds a wheel; its image is the base's id."""
        text = "".join(f"{line}\n" for line in (*place.options, source.requirement))
        files = pip_files(self.pip, {"requirements.txt": text})
        bounds = replace(self.settings, build_seconds=max(1, seconds))
        script = build_script(place.platform.python, self.pip)
        return pip_run(bounds, place.image.config.digest, script, files)

    def _build(self, source: Source, place: BuildPlace, end: float, path: Path) -> LockedWheel:
        """The wheel that a source becomes, whose content is at `path` then."""

        def build(engine: Engine) -> LockedWheel:
            run = self._run(source, place, int(end - monotonic()))
            return self._build_in(engine, source, place, run, path)

        base = place.image.config.digest
        return self.pool.do(build, lambda engine: int(engine.image(base) is not None))

    def _build_in(
        self, engine: Engine, source: Source, place: BuildPlace, run: Run, path: Path
    ) -> LockedWheel:
        engine.remove_lost()
        self._load(place.image, engine)
        output, wheels = PipOutput(building=str(source)), list[LockedWheel]()

        def on_line(line: str) -> None:
            output.add(line)
            self.log(line)

        lines = Lines(on_line)
        ended = engine.run_and_read(
            run, lines, WHEELS,
            lambda chunks: wheels.append(take_wheel(chunks, source, place, path)),
        )  # fmt: skip
        lines.flush()
        if not wheels:
            raise output.explain(ended, self.settings, wheels_only=False)
        return wheels[0]

    def _load(self, image: BaseImage, engine: Engine) -> None:
        """Let the engine have the base that the wheel is installed on."""
        digest = image.config.digest
        if engine.image(digest) is not None:
            return
        short = digest.removeprefix("sha256:")[:12]
        waiting = "another push loads the base image into the engine"
        with turn_taken(self.locks, f"load-{short}", lambda: self.log(waiting)):
            if engine.image(digest) is None:
                self.log("loading the base image into the engine")
                load_image(engine, self.layouts, image, f"mlreef-base:{short}")

    def _kept(self, key: str) -> LockedWheel | None:
        try:
            (wheel,) = Lock.from_json((self.folder / f"{key}.json").read_bytes()).wheels
        except (OSError, ValueError):
            return None
        place = kept_at(self.folder, wheel)
        with suppress(OSError):
            os.utime(place)  # it is in use, and not to be collected
        return wheel if place.is_file() else None

    def _keep(self, key: str, wheel: LockedWheel, path: Path) -> Path:
        """The place of a wheel, where it is now; then what it was built of is noted."""
        place = kept_at(self.folder, wheel)
        make_folder(place.parent, 0o755)
        path.chmod(0o644)
        give_to_owner_of(self.folder, path)
        path.replace(place)
        replace_file(self.folder / f"{key}.json", Lock(wheels=(wheel,)).to_json(), 0o644)
        self.log(f"built {wheel.file}")
        return place
