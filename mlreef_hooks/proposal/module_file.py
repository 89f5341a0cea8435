"""The text of `mlreef.toml` that `init` proposes, with a comment for each key."""

import re

from mlreef_hooks.manifest import DATA_TYPES, KINDS

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


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
    words = " ".join(DATA_TYPES)
    lines = [
        "# What the code does not say of itself. Written by mlreef-hooks init; yours to change.",
        "[module]",
        "# What it is called in the index and in image names; without it as the repository is.",
        _key("name", name, "my-module"),
        "# What people read in lists.",
        _key("title", title),
        "# What it does, in a sentence or more.",
        _key("description", description or None, "What it does"),
        f"# One of {', '.join(KINDS.values())}.",
        _key("kind", kind),
        "# The file that is started, with --input-path, --output-path and the parameters.",
        _key("entry_point", entry_point),
        f"# Which data goes in and comes out: lists of {words}.",
        f"inputs = [{_words(inputs)}]",
        f"outputs = [{_words(outputs)}]",
        "# One of your site's base environments.",
        _key("base", base, "default"),
        "",
        "# Variables of the image; never put a secret here.",
        "# [module.environment]",
        '# OMP_NUM_THREADS = "4"',
        "",
        "# What a run needs; it gets no more memory.",
        "# [module.resources]",
        "# gpu = true",
        '# memory = "2g"',
    ]
    return "\n".join(lines) + "\n"


def _key(key: str, value: str | None, example: str = "") -> str:
    return f"# {key} = {_text(example)}" if value is None else f"{key} = {_text(value)}"


def _words(words: str) -> str:
    return ", ".join(map(_text, words.split()))


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(" ", escaped) + '"'
