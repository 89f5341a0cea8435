"""The text of `mlreef.toml` that `init` proposes, with a comment for each key."""

import re

from mlreef_hooks.manifest import DATA_TYPES, KINDS

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


_TEMPLATE = """\
# What the code does not say of itself. Written by mlreef-hooks init; yours to change.
[module]
# What it is called in the index and in image names; without it as the repository is.
{name}
# What people read in lists.
{title}
# What it does, in a sentence or more.
{description}
# One of {kinds}.
{kind}
# The file that is started, with --input-path, --output-path and the parameters.
{entry_point}
# Which data goes in and comes out, in lists of these words:
# {words}
inputs = [{inputs}]
outputs = [{outputs}]
# One of your site's base environments.
{base}

# Variables of the image; never put a secret here.
# [module.environment]
# OMP_NUM_THREADS = "4"

# What a run needs; it gets no more memory.
# [module.resources]
# gpu = true
# memory = "2g"
"""


def write_module_file(
    *,
    name: str | None,
    title: str,
    description: str,
    kind: str,
    entry_point: str,
    inputs: str,
    outputs: str,
    base: str | None,
) -> str:
    """The file; what is None stands there as a comment, for its default counts."""
    return _TEMPLATE.format(
        name=_key("name", name, "my-module"),
        title=_key("title", title),
        description=_key("description", description or None, "What it does"),
        kinds=", ".join(KINDS.values()),
        kind=_key("kind", kind),
        entry_point=_key("entry_point", entry_point),
        words=" ".join(DATA_TYPES),
        inputs=_words(inputs),
        outputs=_words(outputs),
        base=_key("base", base, "default"),
    )


def _key(key: str, value: str | None, example: str = "") -> str:
    return f"# {key} = {_text(example)}" if value is None else f"{key} = {_text(value)}"


def _words(words: str) -> str:
    return ", ".join(map(_text, words.split()))


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(" ", escaped) + '"'
