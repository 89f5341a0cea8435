"""Which names of parameters are those of an input or an output, as far as the words of a name, its
help and its default tell. Every word of a name must be known: `image-size` is none.
"""

import re

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.source.argparse_call import ParsedParameter

_USUAL_INPUT = re.compile(
    r"in|i|(?:in|input|source|src)[-_]?(?:s|path|paths|file|files|filename|dir|directory|folder)?"
    r"|infiles|file|files|filename|filenames|file[-_]?path|path|paths|images?|image[-_]dir|data"
    r"|data[-_](?:dir|path|file)|dataset|dir|directory|folder|csv[-_]?files?|\w*[a-z]file"
)
_USUAL_OUTPUT = re.compile(
    r"out|o|(?:out|output|dest|destination|target)[-_]?(?:path|file|filename|dir|directory|folder)?"
    r"|save[-_](?:dir|path|to)|result[-_](?:dir|path)"
)
_NO_INPUT = re.compile(r"(?:out|log|config|ignore|exclude|settings|dest|save|tmp|pid).*")
_SPLIT = re.compile(r"[-_]+")
_IN = frozenset({"in", "input", "inputs", "source", "src"})
_OUT = frozenset({"out", "output", "outputs", "dest", "destination"})
_PATH = frozenset({
    "path", "paths", "file", "files", "filename", "filenames", "dir", "dirs", "directory",
    "directories", "folder", "folders",
})  # fmt: skip
_FORMATS = frozenset({
    "csv", "tsv", "xls", "xlsx", "parquet", "json", "jsonl", "xml", "yaml", "txt", "png", "jpg",
    "jpeg", "tif", "tiff", "pdf", "wav", "mp3", "npy", "npz", "h5",
})  # fmt: skip
_DATA = frozenset({
    "data", "dataset", "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures",
    "audio", "video", "videos", "table", "tables",
})  # fmt: skip
_LEARNED = frozenset({"train", "training"})
_MADE = frozenset({"save", "result", "results", "report", "plot", "figure", "chart"})
_MODEL = frozenset({"model", "models"})
_ALONE = frozenset({"csv", "tsv", "xlsx", "parquet", "photo", "photos", "picture", "pictures"})
_TRAINING = _LEARNED | {"epoch", "epochs", "lr"}
_ASIDE = _MODEL | {"weights", "checkpoint", "cache", "font", "labels", "template", "mask"}
_SAID_PATH = re.compile(r"\b(?:files?|paths?|folders?|director(?:y|ies)|where)\b", re.IGNORECASE)
_SAID_OUT = re.compile(r"\b(?:writ\w+|sav\w+|stor\w+|export\w*|outputs?|results?)\b", re.IGNORECASE)
_SAID_WRITTEN = re.compile(r"\b(?:writ(?:es?|ing|ten)|sav(?:es?|ed|ing)|stored?)\b", re.IGNORECASE)
_SAID_NO = re.compile(r"\b(?:url|number|column|name of|how many)\b", re.IGNORECASE)


def is_usual_input(parameter: Parameter) -> bool:
    """True for the names that most scripts have for their input."""
    name = parameter.name.lower()
    return bool(_USUAL_INPUT.fullmatch(name)) and not _NO_INPUT.fullmatch(name)


def is_usual_output(parameter: Parameter) -> bool:
    """True for the names that most scripts have for their output."""
    return bool(_USUAL_OUTPUT.fullmatch(parameter.name.lower()))


def is_path(parameter: Parameter) -> bool:
    """True where the type says that it is a path, such as `type=Path`."""
    return isinstance(parameter, ParsedParameter) and parameter.is_path


def is_input(parameter: Parameter) -> bool:
    """True for a name like `input-csv`, `images_dir` or `train-data`."""
    return _is_of_data(parameter) and not is_written(parameter)


def is_written(parameter: Parameter) -> bool:
    """True for a name like `csv_path`, where the help says that it is written."""
    said = bool(_SAID_WRITTEN.search(parameter.description))
    return said and _is_of_data(parameter) and not _words(parameter) & (_IN | _LEARNED)


def _is_of_data(parameter: Parameter) -> bool:
    words = _words(parameter)
    if _misfits(parameter) or not words <= _IN | _PATH | _FORMATS | _DATA | _LEARNED:
        return False
    told = words & (_PATH | _IN | _LEARNED) or (words & _DATA and words & _FORMATS)
    return len(words) > 1 and bool(told)


def is_likely_input(parameter: Parameter) -> bool:
    """True for a name that may be something else, like `csv`, and for any path that is required
    and is not a model or the like.
    """
    words = _words(parameter)
    if _misfits(parameter) or _SAID_OUT.search(parameter.description):
        return False
    if is_path(parameter) and parameter.required:
        return not words & (_ASIDE | _MADE | _OUT) and not _NO_INPUT.fullmatch(
            parameter.name.lower()
        )
    said = is_path(parameter) or _SAID_PATH.search(parameter.description)
    return len(words) == 1 and bool(words <= _ALONE or (said and words <= _FORMATS | _DATA))


def is_output(parameter: Parameter) -> bool:
    """True for a name like `output-csv` or `report_file`, and for `save`, `plot` and the like."""
    words, said = _words(parameter), parameter.description
    if _misfits(parameter) or not words <= _OUT | _MADE | _PATH | _FORMATS | _DATA | _MODEL:
        return False
    if len(words) > 1:
        return bool(words & (_OUT | _MADE)) and not words <= _MADE
    if not words <= _MADE or (isinstance(parameter.default, str) and not _is_file(parameter)):
        return False
    return is_path(parameter) or not said or bool(_SAID_PATH.search(said) or _SAID_OUT.search(said))


def is_trained_model(parameter: Parameter) -> bool:
    """True for `model-path` and the like, which is an output only of a script that trains."""
    words = _words(parameter)
    if _misfits(parameter) or not words & _MODEL or not words <= _MODEL | _PATH:
        return False
    return len(words) > 1 or is_path(parameter)


def says_input(parameter: Parameter) -> bool:
    """True where the name itself says that it is an input."""
    return bool(_words(parameter) & _IN)


def says_training(parameter: Parameter) -> bool:
    """True for a parameter that only a script that trains has."""
    return bool(_words(parameter) & _TRAINING)


def says_output(parameter: Parameter) -> bool:
    """True where the help says that something is written there."""
    return bool(_SAID_OUT.search(parameter.description))


def _words(parameter: Parameter) -> frozenset[str]:
    return frozenset(_SPLIT.split(parameter.name.lower().strip("-_")))


def _misfits(parameter: Parameter) -> bool:
    """True where the help says that it is something else than a path."""
    said = parameter.description
    return bool(_SAID_NO.search(said)) and not _SAID_PATH.search(said)


def _is_file(parameter: Parameter) -> bool:
    return any(each in str(parameter.default) for each in "./\\")
