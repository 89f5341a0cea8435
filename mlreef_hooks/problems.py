"""Findings about a pushed tree: the table of all rules, one finding, and their collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Literal

Severity = Literal["error", "warning"]
_WORD_LENGTH = 100  # comparing words takes the square of their length


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: its severity, and itself in a sentence; a site may soften an `adjustable` one."""

    severity: Severity
    summary: str
    adjustable: bool = False


def _error(summary: str, *, adjustable: bool = False) -> Rule:
    return Rule(severity="error", summary=summary, adjustable=adjustable)


def _warning(summary: str, *, adjustable: bool = False) -> Rule:
    return Rule(severity="warning", summary=summary, adjustable=adjustable)


RULES: Mapping[str, Rule] = {
    # the publish tag
    "tag-version-invalid": _error("The tag's version is not a public PEP 440 version."),
    "tag-target": _error("The tag does not point to a commit."),
    "tag-nested": _error("The tag points to a tag that points to a tag, and so on, too often."),
    "tag-signature": _error("The tag is not signed by somebody whom the site allows."),
    "tag-moved": _error("The tag was moved, but its version is published and stays as it is."),
    "version-taken": _error("The version is already published from another tag."),
    "version-breaking": _warning(
        "The version promises to break nothing, and breaks what worked before.", adjustable=True
    ),
    "module-taken": _error("The module's name belongs to another repository of the namespace."),
    "image-open": _error("The module is private, and its images would be everybody's."),
    "module-unknown": _error("The tag names no module, or one that `mlreef.toml` does not hold."),
    # the tree
    "tree-path": _error(
        "A path cannot be unpacked safely: absolute, `..`, `.git`, `.wh.*`, control characters."
    ),
    "tree-duplicate": _error("A folder holds the same name twice."),
    "tree-case-clash": _warning("Two paths differ only in upper and lower case."),
    "tree-symlink": _error("A symbolic link leads out of the repository."),
    "tree-submodule": _warning("A submodule's content is not part of the repository."),
    "tree-lfs-pointer": _error("A file is a Git LFS pointer, not the content itself."),
    "tree-file-too-large": _error("A file is larger than the site allows."),
    "tree-too-large": _error("All files together are larger than the site allows."),
    "tree-too-many-files": _error("The repository holds more files than the site allows."),
    "tree-too-deep": _error("Folders are nested deeper than the site allows."),
    # mlreef.toml
    "toml-invalid": _error("`mlreef.toml` is not TOML."),
    "toml-key-unknown": _error("`mlreef.toml` holds a key that means nothing here."),
    "toml-value-invalid": _error("A value in `mlreef.toml` has the wrong type or is out of range."),
    "toml-misplaced": _warning("A `mlreef.toml` below the root is not read."),
    "toml-drift": _warning("`mlreef.toml` and the annotation differ; `mlreef.toml` counts."),
    "module-name-invalid": _error("The module's name does not fit into an image reference."),
    "module-repeated": _error("Two `[[module]]` tables have the same name."),
    "base-unknown": _error("The site has no base environment of this name."),
    "kind-missing": _error("The `data_processor` annotation says no type."),
    "kind-assumed": _warning(
        "Nothing says what kind of module this is; data-operation is assumed."
    ),
    "data-types-missing": _error("The data types that the module's kind needs are missing."),
    "data-types-assumed": _warning("Nothing says which data goes in and out; ANY is assumed."),
    # the entry point
    "entry-point-missing": _error("No Python file carries annotations or an argparse parser."),
    "entry-point-several": _error("Several files could be the entry point."),
    "entry-point-not-found": _error(
        "The entry point, or the script behind it, is not in the tree."
    ),
    "syntax-error": _error("A Python file does not compile for the base's Python."),
    "import-missing": _error("Something is imported that nothing required has."),
    # annotations
    "annotation-order": _error("A `parameter` stands above or without its `data_processor`."),
    "annotation-repeated": _error("A file has a second `data_processor`."),
    "annotation-argument": _error("An annotation has an argument it does not know, or lacks one."),
    "annotation-not-literal": _error("A value in an annotation is not a literal."),
    "annotation-value": _error("A value in an annotation is not one of the known words."),
    # parameters
    "parameter-name-invalid": _error(
        "A parameter's name holds more than letters, digits, `_`, `-`."
    ),
    "parameter-repeated": _error("Two parameters have the same name."),
    "parameter-type-unknown": _error("A parameter's type is not one of MLReef's types."),
    "parameter-default-type": _error("A default is not of the parameter's type, or not a choice."),
    "parameter-path-missing": _error("`--input-path` or `--output-path` is missing."),
    "parameter-drift": _error(
        "The annotation and argparse, or `mlreef_entry.py` and its script, disagree on a parameter."
    ),
    "wrapper-outdated": _warning(
        "`mlreef_entry.py` offers less than its script, or says otherwise."
    ),
    "parameter-description-drift": _warning(
        "The annotation's description and argparse's help differ."
    ),
    # argparse
    "argparse-name-not-static": _error("An argparse option's name cannot be read from the source."),
    "argparse-value-not-static": _warning(
        "A part of an argparse option cannot be read from the source."
    ),
    "argparse-type": _warning(
        "An argparse type converts in a way that only running it could tell."
    ),
    "argparse-action": _warning(
        "An argparse action that takes no value from a pipeline is left out."
    ),
    "argparse-action-required": _error("A required argument takes no value from a pipeline."),
    "argparse-subcommands": _error("The parser has subcommands; a module is one function."),
    "argparse-parsers": _warning("The file makes several parsers; their options are read as one."),
    # requirements
    "requirements-missing": _error("There is no requirements file."),
    "requirements-name-old": _warning("The requirements file has one of MLReef's old names."),
    "requirement-invalid": _error("A requirement cannot be read."),
    "requirement-unpinned": _error(
        "A requirement has neither a version nor a hash.", adjustable=True
    ),
    "requirement-reference": _error("A direct reference has neither a full commit id nor a hash."),
    "requirement-repeated": _error("A package is required twice."),
    "requirement-hash-missing": _error("Some requirements have hashes and this one has none."),
    "requirement-local": _error("A requirement is a local path."),
    "requirement-option": _error("An option of pip that the site does not allow."),
    "requirement-variable": _error("A requirement holds an environment variable."),
    "requirement-credentials": _error("A URL holds a user, password or token."),
    "requirement-include": _error("A file named by `-r` or `-c` is not in the tree."),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding: the rule, the place (`line` counts from 1), what is wrong, what to do."""

    rule: str
    severity: Severity
    path: str
    line: int | None
    message: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        """The finding as the JSON object of `mlreef-hooks check --format json`."""
        return asdict(self)

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{self.severity}: {place}: {self.message}: {self.hint} [{self.rule}]"


class Problems:
    """Collects findings, so that an author sees all of them and never only the first."""

    def __init__(self, severities: Mapping[str, Severity] | None = None) -> None:
        """`severities` holds the rules that the site softened or hardened."""
        self._severities = dict(severities or {})
        self._found: dict[Problem, None] = {}  # in order, each once

    def add(self, rule: str, path: str, line: int | None, message: str, hint: str) -> None:
        """Add one finding; `rule` must stand in `RULES` (KeyError otherwise).

        What the texts quote from a pushed tree may hold any character: see `printable`.
        """
        found = Problem(
            rule=rule,
            severity=self._severities.get(rule, RULES[rule].severity),
            path=printable(path),
            line=line,
            message=printable(message),
            hint=printable(hint),
        )
        self._found.setdefault(found)

    def __iter__(self) -> Iterator[Problem]:
        """The findings in the order of their places, errors and warnings mixed."""
        return iter(sorted(self._found, key=lambda found: (found.path, found.line or 0)))

    @property
    def publishable(self) -> bool:
        """True where no finding is an error."""
        return not any(found.severity == "error" for found in self._found)


def printable(text: str) -> str:
    """The text with all that cannot be shown written as in Python source, such as `\\u202e`.

    A control or direction character would move the cursor, colour the line or reverse its order.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word nearest to `word`, None where none is near."""
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(word.lower()[:_WORD_LENGTH], [each.lower() for each in known], n=1)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint that names the known word nearest to `word`, or all of them where none is near."""
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near}?"
    return f"write one of {', '.join(known)}" if len(known) > 1 else f"write {''.join(known)}"
