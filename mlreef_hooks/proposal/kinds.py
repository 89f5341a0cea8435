"""What kind of module a script is, and which data goes in and out, told by what it imports."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlreef_hooks.proposal.paths import Paths
from mlreef_hooks.proposal.script import Script

_DATA: Mapping[str, str] = {
    **dict.fromkeys(("PIL", "cv2", "skimage", "imageio", "exifread", "img2pdf"), "IMAGE"),
    **dict.fromkeys(("pandas", "csv", "openpyxl", "pyarrow", "polars", "xlrd"), "TABULAR"),
    **dict.fromkeys(("librosa", "soundfile", "wave", "torchaudio", "pydub"), "AUDIO"),
    **dict.fromkeys(("moviepy", "av", "decord"), "VIDEO"),
    **dict.fromkeys(("nltk", "spacy", "transformers", "sacremoses", "tokenize"), "TEXT"),
    **dict.fromkeys(("yaml", "xml", "lxml", "bs4", "h5py"), "HIERARCHICAL"),
}
_LEARNING = frozenset({
    "sklearn", "torch", "tensorflow", "keras", "xgboost", "lightgbm", "catboost", "jax",
})  # fmt: skip
_TRAINING = frozenset({"fit", "fit_transform", "backward", "train_on_batch", "partial_fit"})
_PLOTTING = frozenset({"matplotlib", "seaborn", "plotly", "bokeh", "altair"})
_WORDS: Mapping[str, str] = {
    "csv|tsv|xlsx?|table": "TABULAR",
    "image|png|jpe?g|picture|photo|exif|svg": "IMAGE",
    "txt|text|corpus|sentences?|source code": "TEXT",
    "json|xml|html|yaml": "HIERARCHICAL",
    "wav|mp3|audio": "AUDIO",
    "video|mp4": "VIDEO",
    "pdf|docx|odt": "BINARY",
}

_MADE = re.compile(r"(?:2|_to_)([a-z]+)\.py$")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Kind and data types (words with spaces between them), each None where nothing tells it;
    `because` says what did.
    """

    kind: str | None
    inputs: str | None
    outputs: str | None
    because: str = ""


def propose_kind(script: Script, paths: Paths) -> Proposal:
    """What the script's annotation says, and for the rest what its imports, calls and the words of
    its parameters tell.
    """
    told, said = _tell_kind(script, paths), script.processor
    if said is None:
        return told
    return Proposal(
        kind=said.kind or told.kind,
        inputs=" ".join(said.inputs) or told.inputs,
        outputs=" ".join(said.outputs) or told.outputs,
        because="its annotation says so" if said.kind else told.because,
    )


def _tell_kind(script: Script, paths: Paths) -> Proposal:
    imported = set(top_imports(script.module))
    data = next((_DATA[name] for name in _DATA if name in imported), None)
    # What is read is also told by the help of the input, and what is written by the output's.
    inputs = _by_words(_text(paths.source)) or data or _by_words(script.description)
    outputs = _by_words(_text(paths.target)) or _by_words(_made(script.path)) or data
    if not script.has_parser and not script.parameters:
        inputs, outputs = data, data
    if _trains(script.module) and imported & _LEARNING:
        because = f"it imports {min(imported & _LEARNING)} and trains"
        return Proposal(kind="model", inputs=inputs, outputs="MODEL", because=because)
    if imported & _PLOTTING:
        because = f"it imports {min(imported & _PLOTTING)}"
        return Proposal(kind="data-visualization", inputs=inputs, outputs="IMAGE", because=because)
    known = inputs is not None or outputs is not None
    return Proposal(
        kind="data-operation" if known else None,
        inputs=inputs,
        outputs=outputs or inputs,
    )


def top_imports(module: ast.Module) -> Iterator[str]:
    """The first parts of the names of all modules that a file imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _made(path: str) -> str:
    """What a script makes, as its name says: `csv` for `xlsx2csv.py`."""
    found = _MADE.search(path)
    return found[1] if found else ""


def _trains(module: ast.Module) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.attr in _TRAINING for each in ast.walk(module)
    )


def _text(parameter: object) -> str:
    name, said = getattr(parameter, "name", ""), getattr(parameter, "description", "")
    return f"{name} {said}".replace("_", " ").replace("-", " ")


def _by_words(text: str) -> str | None:
    for words, data in _WORDS.items():
        if re.search(rf"(?:\b|(?<=[a-z]2))(?:{words})s?(?:\b|file)", text, re.IGNORECASE):
            return data
    return None
