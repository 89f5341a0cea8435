"""MLReef annotations for an entry point that `init` writes, beside its parser."""

import ast

from mlreef_hooks.manifest import KINDS, Parameter
from mlreef_hooks.problems import Problems
from mlreef_hooks.proposal.arguments import call, literal
from mlreef_hooks.source.argparse_parameters import read_argparse

_PLACE = "\n\ndef parse_arguments("
_DEFINITIONS = '''

def data_processor(*_, **__):
    """An annotation, which is read from the source and does nothing."""
    return lambda function: function


parameter = data_processor

'''


def annotate(text: str, *, title: str, kind: str, inputs: str, outputs: str) -> str:
    """The text of an entry point with the annotations that say what its parser does.

    `inputs` and `outputs` are data types with spaces between them.
    """
    parsed = read_argparse(ast.parse(text), "", Problems()) or ()
    word = next(word for word, meaning in KINDS.items() if meaning == kind)
    said = [
        f"name={literal(title)}", f'type="{word}"', f"input_type={literal([*inputs.split()])}",
        f"output_type={literal([*outputs.split()])}",
    ]  # fmt: skip
    lines = [call("@data_processor", said), *map(_annotation, parsed)]
    return text.replace(_PLACE, f"{_DEFINITIONS}\n" + "\n".join(lines) + _PLACE[1:], 1)


def _annotation(parameter: Parameter) -> str:
    parts = [literal(parameter.name), f'"{parameter.type.upper()}"']
    parts.append(f"required={parameter.required}")
    if parameter.default is not None:
        parts.append(f"defaultValue={literal(parameter.default)}")
    if parameter.description:
        parts.append(f"description={literal(parameter.description)}")
    return call("@parameter", parts)
