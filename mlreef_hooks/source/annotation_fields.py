"""What the three annotations say: a processor, a parameter, a metric."""

from dataclasses import dataclass, field

from mlreef_hooks.manifest import (
    DATA_TYPES,
    KINDS,
    METRICS,
    PARAMETER_NAME,
    PARAMETER_TYPES,
    PYTHON_TYPES,
    VISIBILITIES,
    JSONValue,
    Metric,
    Parameter,
)
from mlreef_hooks.problems import did_you_mean
from mlreef_hooks.source.annotation_arguments import AnnotationArguments, Signature
from mlreef_hooks.source.defaults import EXAMPLES, fits_type, parse_default
from mlreef_hooks.source.wording import QUOTED_LENGTH, proposed_name, quoted, shown

PROCESSOR = Signature(
    name="data_processor",
    line='@data_processor(name="Add Noise", type="OPERATION", input_type="IMAGE",'
    ' output_type="IMAGE")',
    arguments={
        "name": '"Add Noise"',
        "slug": '"add-noise"',
        "author": '"MLReef"',
        "command": '"add_noise"',
        "type": '"OPERATION"',
        "description": '"adds noise to an image"',
        "visibility": '"PUBLIC"',
        "input_type": '"IMAGE"',
        "output_type": '"IMAGE"',
    },
    spellings={"inputType": "input_type", "outputType": "output_type"},
)
PARAMETER = Signature(
    name="parameter",
    line='@parameter(name="angle", type="INTEGER", required=False, defaultValue=30)',
    arguments={
        "name": '"angle"',
        "type": '"INTEGER"',
        "required": "True",
        "defaultValue": "30",
        "description": '"degrees to turn by"',
    },
    keywords={"nullable": "True"},
    spellings={"datatype": "type", "default_value": "defaultValue"},
)
METRIC = Signature(
    name="metric",
    line='@metric(name="RECALL", ground_truth="test_truth", prediction="test_pred")',
    arguments={"name": '"RECALL"', "ground_truth": '"test_truth"', "prediction": '"test_pred"'},
)

_VISIBILITY_WORDS = tuple(word.upper() for word in VISIBILITIES)
_TYPE_WORDS = tuple(word.upper() for word in PARAMETER_TYPES)


@dataclass(frozen=True, kw_only=True)
class Processor:
    """What `data_processor` says: `kind` is a value of `KINDS`, `visibility` in lower case.

    `given` names the arguments that say something, whether it could be read or not: what the
    annotation leaves open `mlreef.toml` may say.
    """

    title: str | None
    slug: str | None
    author: str | None
    command: str | None
    kind: str | None
    description: str
    visibility: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    line: int
    given: frozenset[str] = field(default=frozenset(), compare=False)


def read_processor(arguments: AnnotationArguments) -> Processor:
    """What a `data_processor` says, as far as it can be read."""
    arguments.need("name")
    kind = arguments.word("type", KINDS)
    visibility = arguments.word("visibility", _VISIBILITY_WORDS)
    return Processor(
        title=arguments.text("name"),
        slug=arguments.text("slug"),
        author=arguments.text("author"),
        command=arguments.text("command"),
        kind=None if kind is None else KINDS[kind],
        description=arguments.text("description") or "",
        visibility=None if visibility is None else visibility.lower(),
        inputs=arguments.words("input_type", DATA_TYPES),
        outputs=arguments.words("output_type", DATA_TYPES),
        line=arguments.line,
        given=frozenset(name for name in PROCESSOR.arguments if _says(arguments, name)),
    )


def _says(arguments: AnnotationArguments, argument: str) -> bool:
    """True for an argument that is given and neither `None` nor an empty list."""
    if not arguments.given(argument):
        return False
    literal = arguments.literal(argument)
    return literal is None or literal.value not in (None, [])


def read_parameter(arguments: AnnotationArguments) -> Parameter | None:
    """The parameter of a `parameter` annotation, as far as it can be read; None without a name.

    A name that cannot stand gives way to the one that the hint proposes, so that what is found
    after it is what remains once the name is corrected.
    """
    arguments.need("name")
    arguments.need("type")
    name = _name(arguments)
    parameter_type = _type(arguments)
    required = _required(arguments)
    default = _default(arguments, parameter_type)
    description = arguments.text("description") or ""
    if not name:
        return None
    return Parameter(
        name=name,
        type=parameter_type,
        required=required,
        default=default,
        description=description,
        option=f"--{name}",
        line=arguments.line,
    )


def _name(arguments: AnnotationArguments) -> str | None:
    text = arguments.text("name")
    if text is None or PARAMETER_NAME.fullmatch(text):
        return text
    proposed = proposed_name(text)
    arguments.add(
        "parameter-name-invalid",
        f"{quoted(text)} is no name for a parameter",
        f"write name={quoted(proposed or 'angle')}",
    )
    return proposed


def _type(arguments: AnnotationArguments) -> str:
    text = arguments.text("type")
    if text is None:
        return "undefined"
    word = text.strip().lower()
    if word in PARAMETER_TYPES or word in PYTHON_TYPES:
        return PYTHON_TYPES.get(word, word)
    arguments.add(
        "parameter-type-unknown",
        f"{quoted(text)} is no type of a parameter",
        did_you_mean(text[:QUOTED_LENGTH], list(_TYPE_WORDS)),
    )
    return "undefined"


def _required(arguments: AnnotationArguments) -> bool:
    required = arguments.boolean("required")
    nullable = arguments.boolean("nullable")
    if required is not None and nullable is not None:
        arguments.add(
            "annotation-argument",
            "parameter has both required and nullable",
            f"keep required={required}",
        )
    if required is None and nullable is not None:
        return not nullable
    return bool(required)


def _default(arguments: AnnotationArguments, parameter_type: str) -> JSONValue:
    literal = arguments.literal("defaultValue")
    if literal is None:
        return None
    value = literal.value
    try:
        if isinstance(value, str):
            return parse_default(parameter_type, value)
        if fits_type(parameter_type, value):
            return value
    except (ValueError, OverflowError):
        pass
    arguments.add(
        "parameter-default-type",
        f"the default {shown(value)} is no {parameter_type}",
        f"write a default such as defaultValue={EXAMPLES[parameter_type]}, or another type",
    )
    return None


def read_metric(arguments: AnnotationArguments) -> Metric | None:
    """The metric of a `metric` annotation; None where a part of it is missing or unknown."""
    for argument in METRIC.arguments:
        arguments.need(argument)
    name = arguments.word("name", METRICS)
    ground_truth = arguments.variable("ground_truth")
    prediction = arguments.variable("prediction")
    if name is None or ground_truth is None or prediction is None:
        return None
    return Metric(name=name, ground_truth=ground_truth, prediction=prediction)
