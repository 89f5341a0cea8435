"""GitLab CI: a pipeline as `.gitlab-ci.yml`, a job for each step; inputs are folders of the
repository.

Names of steps and inputs hold nothing that a shell or GitLab reads; everything else is a word in
single quotes.
"""

import shlex
from typing import Any

from mlreef_hooks.command_line import write_arguments
from mlreef_hooks.errors import PublishError
from mlreef_hooks.exports.images import registry_name
from mlreef_hooks.exports.yaml_text import write_yaml
from mlreef_hooks.pipeline_check import ResolvedPipeline, ResolvedStep
from mlreef_hooks.run_values import read_values

Document = dict[str, Any]
FOLDER = "mlreef"  # of what the steps make, in the folder of a job
_STAGE = "mlreef"


def write_gitlab_ci(pipeline: ResolvedPipeline) -> str:
    """The pipeline as a file for GitLab; PublishError where an image is in no registry."""
    jobs = {_job_name(step.name): _job(pipeline, step) for step in pipeline.steps}
    return write_yaml({"stages": [_STAGE], **jobs})


def _job_name(step: str) -> str:
    return f"mlreef-{step}"  # so that no step has the name of a keyword


def _job(pipeline: ResolvedPipeline, step: ResolvedStep) -> Document:
    steps = {each.name for each in pipeline.steps}
    sources = [name for name in step.step.source_names() if name in steps]
    job: Document = {
        "stage": _STAGE,
        "image": {"name": _image(step), "entrypoint": [""]},
        "needs": [{"job": _job_name(name), "artifacts": True} for name in sources],
        "script": _script(pipeline, step),
        "artifacts": {"paths": [f"{_output(step.name)}/"]},
    }
    return job


def _image(step: ResolvedStep) -> str:
    name = registry_name(step.version["image"])
    if name is None:
        raise PublishError(
            f"{step.module} is in no registry, and GitLab could not fetch it",
            "publish into a registry ([registry] prefix)",
        )
    return name


def _script(pipeline: ResolvedPipeline, step: ResolvedStep) -> list[str]:
    """The lines of a job: folders, then the module."""
    output, sources = _output(step.name), step.step.sources
    lines = [f"mkdir -p {output}"]
    given = f"{FOLDER}/.input/{step.name}"  # no step has such a name
    if isinstance(sources, str) and sources:
        given = _place(pipeline, sources)
    else:
        lines.append(f"mkdir -p {given}")
    if not isinstance(sources, str):
        lines += [
            f'ln -sfn "$PWD/{_place(pipeline, source)}" {given}/{name}'
            for name, source in sources.items()
        ]
    return [*lines, _command(step, given, output)]


def _place(pipeline: ResolvedPipeline, source: str) -> str:
    return source if source in pipeline.inputs else _output(source)


def _output(step: str) -> str:
    return f"{FOLDER}/{step}"


def _command(step: ResolvedStep, given: str, output: str) -> str:
    parameters = step.version["parameters"]
    paths = {"input-path": given, "output-path": output}
    values = read_values(parameters, paths, given=step.values)
    words = [*step.version["command"], *write_arguments(parameters, values)]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word for the shell; GitLab itself replaces `$[[ ... ]]` in a whole file."""
    return shlex.quote(word).replace("$[[", "$''[[")
