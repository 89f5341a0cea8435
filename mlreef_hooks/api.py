"""Modules from Python, for notebooks: `Index(place).module("vision/add-noise").run(...)`.

Whatever a person can mend is a `PublishError`, whose `hint` says how.
"""

import codecs
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from mlreef_hooks.cli.configuration import load_config
from mlreef_hooks.cli.running import ImageBar, open_runner, open_runs
from mlreef_hooks.cli.user import find_in, open_index
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_search import Query, known, matching
from mlreef_hooks.manifest import KIND_WORDS, TYPE_WORDS, Parameter
from mlreef_hooks.run_filters import RunFilter
from mlreef_hooks.run_record import RunRecord
from mlreef_hooks.run_values import read_values

Place = str | PathLike[str]


class Index:
    """The modules of an index, and how they are run."""

    def __init__(
        self,
        place: Place | None = None,
        *,
        config: Place | None = None,
        engine: str | None = None,
        runs: Place | None = None,
    ) -> None:
        """The index at `place`: a folder, an http(s) or ssh address, `USER@HOST`; else the
        configuration's.

        `config` is the configuration's file, `engine` the URL of the container engine, `runs` the
        folder of the records of runs; each as the commands have it where it is not given.
        PublishError where there is no index.
        """
        self._config = _with_engine(load_config(fspath(config) if config else None), engine)
        self._runs = Path(runs) if runs else None
        self._index = open_index(self._config, fspath(place) if place else None)

    def module(self, name: str) -> "Module":
        """The module `NAMESPACE/NAME`, in its newest version, or `NAMESPACE/NAME@VERSION`.

        PublishError where there is none, with the names of those like it.
        """
        document, version = find_in(self._index, name)
        return Module(document=document, release=version, _config=self._config, _runs=self._runs)

    def modules(self) -> list["ListedModule"]:
        """All modules of the index, by namespace and name."""
        return self._listed(self._index.lines())

    def search(
        self,
        *words: str,
        kind: str = "",
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        author: str = "",
        tags: Sequence[str] = (),
        base: str = "",
        gpu: bool | None = None,
    ) -> list["ListedModule"]:
        """The modules that hold each word in a name, title, description, kind, data type, author
        or tag, and are what else is asked for.

        `inputs` and `outputs` are data types such as `["IMAGE"]`. PublishError where a kind or a
        data type is none.
        """
        query = Query(
            words=words, kind=_known("kind", kind, KIND_WORDS) if kind else "",
            inputs=[_known("data type", word, TYPE_WORDS) for word in inputs],
            outputs=[_known("data type", word, TYPE_WORDS) for word in outputs],
            author=author, tags=tags, base=base, gpu=gpu,
        )  # fmt: skip
        return self._listed(matching(self._index.lines(), query))

    def runs(self, module: str = "") -> list[RunRecord]:
        """The recorded runs of this account, the oldest first; those of a module or its version."""
        wanted = RunFilter(module=module)
        return [each for each in open_runs(self._runs).read(_warn) if wanted(each)]

    def _listed(self, lines: Sequence[Document]) -> list["ListedModule"]:
        names = ListedModule.__dataclass_fields__
        return [ListedModule(**{name: line[name] for name in names}) for line in lines]


@dataclass(frozen=True, kw_only=True)
class ListedModule:
    """What the listing of an index says of a module and its newest version."""

    namespace: str
    name: str
    kind: str
    version: str
    title: str
    description: str
    inputs: Sequence[str]
    outputs: Sequence[str]


@dataclass(frozen=True, kw_only=True, repr=False)
class Module:
    """A module in one version. `document` and `release` are what the index says of both."""

    document: Document
    release: Document
    _config: Config
    _runs: Path | None

    def __repr__(self) -> str:
        return f"<module {self.name}@{self.version}>"

    @property
    def name(self) -> str:
        """The name, with its namespace."""
        return f"{self.document['namespace']}/{self.document['name']}"

    @property
    def version(self) -> str:
        """The version, or the name of the channel."""
        return str(self.release.get("version") or self.release["channel"])

    @property
    def versions(self) -> list[str]:
        """All versions, the highest first."""
        return [each["version"] for each in self.document["versions"]]

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of this version by their names."""
        names = Parameter.__dataclass_fields__
        known = [
            {name: value for name, value in each.items() if name in names}
            for each in self.release["parameters"]
        ]
        return {each["name"]: Parameter(**each) for each in known}

    def run(
        self,
        *,
        input: Place | Mapping[str, Place] | None = None,  # noqa: A002
        output: Place | None = None,
        parameters: Mapping[str, Any] | None = None,
        check: bool = True,
        quiet: bool = False,
        **values: Any,
    ) -> RunRecord:
        """The record of a run in the module's image, which has ended.

        `input` is a folder or file, or several by names, which the module sees as folders of its
        input; `output` is a folder, which is made where there is none. Values are given by name, or
        in `parameters` where a name is none of Python's or `input`, `output`, `check`, `quiet`.
        What the module prints is printed, unless `quiet`. PublishError, before anything starts,
        that lists all that is wrong with the values; where the engine fails; and, with `check`,
        where the module ends with another exit status than 0.
        """
        from mlreef_hooks.module_run import container_paths

        input_path, output_path = _input(input), Path(output) if output is not None else None
        paths = container_paths(input_path, output_path)
        given = {name: _plain(value) for name, value in {**(parameters or {}), **values}.items()}
        checked = read_values(self.release["parameters"], paths, given=given)
        bar = ImageBar(sys.stderr, quiet=quiet)
        show = _nothing if quiet else _printer(bar)
        runner = open_runner(self._config, self._runs, show, bar)
        record = runner.run(
            self.document, self.release, checked, input_path=input_path, output_path=output_path
        )
        if check and record.status:
            raise PublishError(
                f"{self!r} ended with status {record.status}",
                f"see what it printed; its record is {runner.store.path_of(record)}",
            )
        return record


def _known(what: str, word: str, words: Mapping[str, str]) -> str:
    try:
        return known(word, words)
    except ValueError as error:
        raise PublishError(f"{word!r} is no {what}", str(error)) from None


def _with_engine(config: Config, engine: str | None) -> Config:
    if engine is None:
        return config
    docker = replace(config.builder.docker, url=engine, engines=())
    return replace(config, builder=replace(config.builder, docker=docker))


def _input(given: Place | Mapping[str, Place] | None) -> Path | dict[str, Path] | None:
    if isinstance(given, Mapping):
        return {name: Path(path) for name, path in given.items()}
    return None if given is None else Path(given)


def _plain(value: Any) -> Any:
    """The value as JSON has it: paths as text, arrays and numbers of numpy as Python's own."""
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _nothing(stream: str, chunk: bytes) -> None:
    """Print nothing."""


def _printer(bar: ImageBar) -> Callable[[str, bytes], None]:
    """Prints what a module prints as text, for a notebook has no streams of bytes."""
    decoders = {
        name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
    }

    def show(stream: str, chunk: bytes) -> None:
        bar.clear()
        out = getattr(sys, stream)
        out.write(decoders[stream].decode(chunk))
        out.flush()

    return show


_warn: Callable[[str], None] = partial(print, file=sys.stderr)
