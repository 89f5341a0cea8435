"""A pipeline run on this machine, step by step; what did not change is not run again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlreef_hooks.errors import PublishError
from mlreef_hooks.file_hashes import Input, hash_input
from mlreef_hooks.index import Document
from mlreef_hooks.module_run import container_paths
from mlreef_hooks.pipeline_check import ResolvedPipeline, ResolvedStep
from mlreef_hooks.recorded_run import Runner
from mlreef_hooks.run_record import RunRecord
from mlreef_hooks.run_values import read_values, recorded_values
from mlreef_hooks.step_cache import StepCache, StepResult

V = 1  # of the record; changes only when an old reader would be wrong


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step of one run of a pipeline. `run` is the id of the record of the run that made the
    output, which is an earlier one where `reused`; `status` is the module's.
    """

    name: str
    module: str
    digest: str
    parameters: Mapping[str, Any]
    input_sha256: str
    reused: bool
    run: str
    status: int
    output: Mapping[str, Any] | None


@dataclass(kw_only=True)
class PipelineRecord:
    """One run of a pipeline, as far as it got. Times are RFC 3339 in UTC; `outputs` name steps."""

    pipeline: str
    started_at: str
    who: str
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, str]
    steps: list[StepRecord] = field(default_factory=list)
    state: str = "running"
    error: str | None = None
    ended_at: str | None = None

    def to_json(self) -> Document:
        """The record as it is stored."""
        return {"v": V, **asdict(self)}

    @property
    def status(self) -> int:
        """The exit status of the step that failed, else 0."""
        return next((step.status for step in self.steps if step.status), 0)


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """A pipeline, its inputs, and what runs it. `tell` is told of each step before it runs, or that
    it need not (true).
    """

    pipeline: ResolvedPipeline
    inputs: Mapping[str, Path]
    runner: Runner
    cache: StepCache
    tell: Callable[[ResolvedStep, bool], None]

    def begin(self, called: str) -> PipelineRecord:
        """The record of a run that begins; `called` is what the pipeline's file is called."""
        return PipelineRecord(
            pipeline=called,
            started_at=_now(),
            who=self.runner.who,
            inputs={name: asdict(hash_input(path)) for name, path in self.inputs.items()},
            outputs=self.pipeline.outputs,
        )

    def follow(self, record: PipelineRecord) -> dict[str, Path]:
        """Run the steps, up to the first whose module fails; the folders of what is there then.

        `record` says how it went, whatever is raised.
        """
        folders = dict(self.inputs)
        record.state = "interrupted"
        try:
            for step in self.pipeline.steps:
                done, folder = self._step(step, folders)
                record.steps.append(done)
                if folder is None:
                    record.error = f"the step {step.name} ended with status {done.status}"
                    break
                folders[step.name] = folder
            record.state = "failed" if record.error else "done"
        except PublishError as error:
            record.state, record.error = "failed", error.message
            raise
        finally:
            record.ended_at = _now()
        return folders

    def _step(
        self, step: ResolvedStep, folders: Mapping[str, Path]
    ) -> tuple[StepRecord, Path | None]:
        """The step's record and the folder of its output, None where its module failed."""
        given = self._given(step, folders)
        values = read_values(
            step.version["parameters"], container_paths(given, Path()), given=step.values
        )
        key, known = self._key(step, values, given)
        result = self.cache.find(key)
        self.tell(step, result is not None)
        if result is not None:
            return _record(known, result, reused=True), self.cache.output_of(key)
        with self.cache.making(key) as output:
            run = self.runner.run(
                step.document, step.version, values, input_path=given, output_path=output
            )
            if run.status or run.output is None:
                return _failed(known, run), None
            result = self.cache.keep(key, output, StepResult.of(run.output, run.id))
        return _record(known, result, reused=result.run != run.id), self.cache.output_of(key)

    def _given(self, step: ResolvedStep, folders: Mapping[str, Path]) -> Input:
        sources = step.step.sources
        if isinstance(sources, str):
            return folders[sources] if sources else self.cache.empty_folder()
        return {name: folders[source] for name, source in sources.items()}

    def _key(
        self, step: ResolvedStep, values: Mapping[str, Any], given: Input
    ) -> tuple[str, dict[str, Any]]:
        """By what the output is kept: the image, the values, the data; and what the record says."""
        paths = container_paths(given, Path())
        known = {
            "name": step.name,
            "module": step.module,
            "digest": step.version["image"]["digest"],
            "parameters": recorded_values(step.version["parameters"], values, paths),
            "input_sha256": hash_input(given).sha256,
        }
        single_file = isinstance(given, Path) and given.is_file()
        facts = [known["digest"], known["parameters"], known["input_sha256"], single_file]
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest(), known


def _record(known: Mapping[str, Any], result: StepResult, *, reused: bool) -> StepRecord:
    output = {"sha256": result.sha256, "files": result.files, "bytes": result.bytes}
    return StepRecord(**known, reused=reused, run=result.run, status=0, output=output)


def _failed(known: Mapping[str, Any], run: RunRecord) -> StepRecord:
    if not run.status:
        raise PublishError(str(run.error), "run it again")
    return StepRecord(**known, reused=False, run=run.id, status=run.status, output=None)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
