"""One run with its record: begun, run, and written down, however it ends."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from mlreef_hooks.config_images import DockerEngine
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import Input, Marks, hash_input, hash_output, marks_of, read_new_file
from mlreef_hooks.image_progress import Report
from mlreef_hooks.index import Document
from mlreef_hooks.module_run import ModuleRun, reach_engine, run_module
from mlreef_hooks.oci_layout import OciLayouts
from mlreef_hooks.process import holder
from mlreef_hooks.run_metrics import FILE, MOST_BYTES, missing_metrics, read_metrics
from mlreef_hooks.run_record import MOST_ENTRIES, RunRecord, State
from mlreef_hooks.run_store import RunStore
from mlreef_hooks.run_values import recorded_values

MODEL = "model"  # the kind whose runs are experiments


def _nothing(record: RunRecord) -> None:
    """Do nothing with a record."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs modules: in which engine, with which images of this server, where the records go, for
    whom. `on_output` gets what a module prints (`stdout` or `stderr`, bytes); `report` is told how
    many bytes of an image are in the engine, and of how many; `on_record` gets each record that is
    stored, once begun and once ended.
    """

    settings: DockerEngine
    layouts: OciLayouts
    store: RunStore
    who: str
    on_output: Callable[[str, bytes], None]
    report: Report
    on_record: Callable[[RunRecord], None] = _nothing

    def run(
        self,
        document: Document,
        version: Document,
        values: Mapping[str, object],
        *,
        input_path: Input | None,
        output_path: Path | None,
        raw: Sequence[str] = (),
    ) -> RunRecord:
        """The record of a run of a module's version, which has ended by itself with some status.

        `values` are those of `run_values.read_values`. `input_path` is a folder or file, or several
        by names, which the module sees below `/input`. PublishError where it cannot be run or is
        ended from outside; whatever is raised, the record of what was begun is stored.
        """
        wanted = ModuleRun(
            version=version,
            input_path=input_path,
            output_path=output_path,
            values=values,
            raw=raw,
        )
        wanted.check_folders()
        self.store.check_apart(output_path)
        with closing(reach_engine(self.settings)) as engine:
            record = self._begun(document, wanted, f"{engine.url} {engine.version()}")
            return self._follow(record, wanted, engine)

    def _begun(self, document: Document, wanted: ModuleRun, engine: str) -> RunRecord:
        version, now = wanted.version, datetime.now(UTC)
        given = wanted.input_path
        return RunRecord(
            id=self.store.new_id(now),
            module=f"{document['namespace']}/{document['name']}",
            version=version.get("version") or version["channel"],
            kind=document["kind"],
            commit=version["commit"],
            digest=version["image"]["digest"],
            parameters=recorded_values(
                version["parameters"], wanted.values, wanted.container_paths()
            ),
            arguments=tuple(wanted.arguments()),
            input=None if given is None else hash_input(given),
            started_at=_rfc3339(now),
            engine=engine,
            platform=version["image"]["platform"],
            who=self.who,
            holder=holder(),
        )

    def _follow(self, record: RunRecord, wanted: ModuleRun, engine: Engine) -> RunRecord:
        folder, begin = wanted.output_path, monotonic()
        before = marks_of(folder) if folder and folder.is_dir() else {}
        try:
            self._keep(record)
            status = run_module(
                wanted, engine, self.layouts, self.settings.processes, self.on_output, self.report
            )
        except BaseException as error:
            state: State = "failed" if isinstance(error, Exception) else "interrupted"
            said = error.message if isinstance(error, PublishError) else type(error).__name__
            ended = replace(record, state=state, error=said)
            with suppress(PublishError):  # what happened is worse than that it is not written
                self._keep(_ended(ended, monotonic() - begin))
            raise
        ended = replace(record, state="done", status=status)
        ended = self._with_output(_ended(ended, monotonic() - begin), wanted, before)
        self._keep(ended)
        return ended

    def _keep(self, record: RunRecord) -> None:
        self.store.write(record)
        self.on_record(record)

    def _with_output(self, record: RunRecord, wanted: ModuleRun, before: Marks) -> RunRecord:
        folder, declared = wanted.output_path, wanted.version.get("metrics", ())
        if folder is None:
            return record
        try:
            record = replace(record, output=hash_output(folder, before, entries=MOST_ENTRIES))
        except PublishError as error:  # it ran all the same
            return replace(record, error=error.message)
        if record.kind != MODEL:
            return record
        metrics = read_metrics(read_new_file(folder / FILE, before, MOST_BYTES))
        return replace(record, metrics=metrics, metrics_missing=missing_metrics(declared, metrics))


def _ended(record: RunRecord, seconds: float) -> RunRecord:
    return replace(record, ended_at=_rfc3339(datetime.now(UTC)), seconds=round(seconds, 3))


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
