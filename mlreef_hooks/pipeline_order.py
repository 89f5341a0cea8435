"""How the steps of a pipeline hang together: names, an order to run them in, what is left over."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from mlreef_hooks.pipeline import Findings, Pipeline, Place, Step
from mlreef_hooks.problems import did_you_mean, nearest
from mlreef_hooks.toml_lines import KeyLines


def order_steps(pipeline: Pipeline, lines: KeyLines, findings: Findings) -> tuple[Step, ...]:
    """The steps, each after those whose data it takes; as the file has them, with findings, where
    there is no such order.
    """
    for place, message, hint in _faults(pipeline):
        findings.add(lines.of(*place), message, hint)
    steps = {step.name: step for step in pipeline.steps}
    graph = {
        name: [source for source in step.source_names() if source in steps]
        for name, step in steps.items()
    }
    try:
        ordered = tuple(steps[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = error.args[1]
        line = lines.of("step", steps[circle[0]].number, "input")
        said = f"the steps go round in a circle: {' <- '.join(circle)}"
        findings.add(line, said, "let one of them take its data from elsewhere")
        return pipeline.steps
    return ordered if len(ordered) == len(pipeline.steps) else pipeline.steps


def _faults(pipeline: Pipeline) -> Iterator[tuple[Place, str, str]]:
    """The place of each fault, what is wrong there, and what to do."""
    seen = set(pipeline.inputs)
    for step in pipeline.steps:
        if step.name and step.name in seen:
            place: Place = ("step", step.number, "name")
            yield place, f"{step.name} is the name of something else too", "rename one of them"
        seen.add(step.name)
        yield from _input_faults(pipeline, step)
    steps = [step.name for step in pipeline.steps]
    for name, source in pipeline.outputs.items():
        if name in pipeline.inputs:
            yield ("outputs", name), f"{name} is the name of an input too", "rename one of them"
        if source and source not in steps:
            said = f"there is no step {source}"
            yield ("outputs", name), said, did_you_mean(source, steps)
    yield from _unused(pipeline)


def _input_faults(pipeline: Pipeline, step: Step) -> Iterator[tuple[Place, str, str]]:
    place: Place = ("step", step.number, "input")
    known = [*pipeline.inputs, *(each.name for each in pipeline.steps if each is not step)]
    for name in step.source_names():
        if name not in known:
            hint = did_you_mean(name, known) if known else "write it under [inputs]"
            yield place, f"there is no input and no other step {name}", hint
    if len(set(step.source_names())) < len(step.source_names()):
        yield place, f"{step.name} takes the same data twice", "leave one out"


def _unused(pipeline: Pipeline) -> Iterator[tuple[Place, str, str]]:
    taken = {name for step in pipeline.steps for name in step.source_names()}
    meant = _meant(pipeline)
    for name in pipeline.inputs:
        if name not in taken | meant:
            yield ("inputs", name), f"no step takes the input {name}", "use it, or leave it out"
    wanted = taken | {*pipeline.outputs.values()} | meant
    for step in pipeline.steps:
        if pipeline.outputs and step.name and step.name not in wanted:
            said = f"what {step.name} makes is no output, and no step takes it"
            yield ("step", step.number), said, "name it under [outputs], or leave the step out"


def _meant(pipeline: Pipeline) -> set[str]:
    """The inputs and steps that a mistyped name seems to mean, which are not said to be unused."""
    steps = [step.name for step in pipeline.steps]
    known = [*pipeline.inputs, *steps]
    taken = {name for step in pipeline.steps for name in step.source_names()}
    meant = {nearest(name, known) for name in taken if name not in known}
    meant |= {nearest(name, steps) for name in pipeline.outputs.values() if name not in steps}
    return {name for name in meant if name}
