"""The text of `mlreef_entry.py`: an entry point that hands folders and parameters on to a script,
which stays as its author wrote it.
"""

import posixpath
import re
from collections.abc import Iterator

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.proposal.arguments import (
    handing_lines,
    joined,
    literal,
    offered,
)
from mlreef_hooks.proposal.paths import Paths, Takes
from mlreef_hooks.proposal.script import Script
from mlreef_hooks.proposal.wrapper_parts import (
    END,
    FILES_OF,
    HELP,
    PRINTS,
    READS,
    head,
    parser_function,
)

_ENDING = re.compile(r"(?:2|_?to_?)(csv|tsv|txt|json|xml|html|md|pdf|png|jpg)$")
_BESIDE = """It runs where it finds the files of the input folder beside it, and what
it writes there is moved to the output folder."""
_NOTEBOOK = """

def main() -> int:
    args = parse_arguments()
    source, target = Path(args.input_path).resolve(), Path(args.output_path).resolve()
    with tempfile.TemporaryDirectory() as folder:
        for each in source.iterdir() if source.is_dir() else [source]:
            (Path(folder) / each.name).symlink_to(each)
        status = subprocess.run([sys.executable, SCRIPT], cwd=folder, check=False).returncode
        for each in Path(folder).iterdir():
            if not each.is_symlink():
                shutil.move(each, target / each.name)
    return status
"""


def write_wrapper(script: Script, paths: Paths) -> str:
    """The wrapper of a script that runs by itself."""
    if not script.has_parser:
        return _write_notebook(script)
    free = offered(script.parameters, (paths.source, paths.target))
    said = READS[paths.reads]
    if paths.writes is Takes.NOTHING:
        said = f"{said}\n{PRINTS}"
    return "".join(
        [
            head(script, said, ("argparse", "subprocess", "sys")),
            _script_line(script),
            parser_function(script, free, HELP[paths.reads]),
            FILES_OF if paths.reads in (Takes.FILE, Takes.FILES) else "",
            "".join(f"{line}\n" for line in _command_line(script, free, paths)),
            "".join(f"{line}\n" for line in _main(script, paths)),
            END,
        ]
    )


def _write_notebook(script: Script) -> str:
    """The wrapper of a script without parameters, whose data lie beside it."""
    modules = ("argparse", "shutil", "subprocess", "sys", "tempfile")
    parser = parser_function(script, [], "folder that is read")
    return "".join([head(script, _BESIDE, modules), _script_line(script), parser, _NOTEBOOK, END])


def _script_line(script: Script) -> str:
    return f"\nSCRIPT = Path(__file__).resolve().parent / {literal(script.path)}\n"


def _command_line(script: Script, free: list[Parameter], paths: Paths) -> Iterator[str]:
    """The function that makes the words of the script, its paths in their places."""
    many = paths.reads is Takes.FILES
    source = "list[Path]" if many else "Path"
    yield ""
    yield ""
    yield (
        f"def command_line(args: argparse.Namespace, source: {source}, target: Path) -> list[str]:"
    )
    yield '    """The words that the script gets; what is not given it decides itself."""'
    yield "    words: list[str] = []"
    yield "    rest: list[str] = []"
    for each in script.parameters:
        if each is paths.source:
            yield f"    {_path_words(each, 'source', many=many)}"
        elif each is paths.target:
            yield f"    {_path_words(each, 'target', many=False)}"
        elif any(each is one for one in free):
            yield from handing_lines(each)
    yield '    return [*words, "--", *rest] if rest else words'


def _path_words(parameter: Parameter, name: str, *, many: bool) -> str:
    if parameter.option is None:
        return f"rest += map(str, {name})" if many else f"rest.append(str({name}))"
    if many and parameter.repeated:
        return f"words += [{joined(parameter.option, 'each')} for each in {name}]"
    values = f"*map(str, {name})" if many else f"str({name})"
    return f"words += [{literal(parameter.option)}, {values}]"


def _main(script: Script, paths: Paths) -> Iterator[str]:
    yield ""
    yield ""
    yield "def main() -> int:"
    yield "    args = parse_arguments()"
    yield "    source, target = Path(args.input_path).resolve(), Path(args.output_path).resolve()"
    if paths.reads is Takes.FILE:
        yield "    statuses = [0]"
        yield "    for each in files_of(source):"
        yield "        base = source if source.is_dir() else source.parent"
        yield f"        result = target / each.relative_to(base){_suffix(script, paths)}"
        if paths.writes is Takes.FOLDER:
            yield "        result = target"
        yield "        result.parent.mkdir(parents=True, exist_ok=True)"
        yield from _run("        ", paths, "each", "result", "statuses.append({})")
        yield "    return max(map(abs, statuses))"
        return
    given = "files_of(source)" if paths.reads is Takes.FILES else "source"
    result = (
        "target" if paths.writes is Takes.FOLDER else f"target / {literal(_name(script, paths))}"
    )
    yield f"    result = {result}"
    yield from _run("    ", paths, given, "result", "return {}")


def _run(indent: str, paths: Paths, source: str, result: str, ending: str) -> Iterator[str]:
    yield f"{indent}words = command_line(args, {source}, {result})"
    run = "subprocess.run([sys.executable, SCRIPT, *words], cwd=target, check=False)"
    if paths.writes is Takes.NOTHING:
        yield f'{indent}with {result}.open("wb") as printed:'
        indent += "    "
        run = f"subprocess.run(\n{indent}    [sys.executable, SCRIPT, *words], cwd=target,"
        run += f" stdout=printed, check=False\n{indent})"
    yield f"{indent}done = {run}"
    yield f"{indent}{ending.format('done.returncode')}"


def _ending(script: Script) -> str:
    """The ending of what the script makes, as its name tells; empty where it does not."""
    found = _ENDING.search(posixpath.basename(script.path).removesuffix(".py"))
    return f".{found[1]}" if found else ""


def _suffix(script: Script, paths: Paths) -> str:
    ending = _ending(script)
    if paths.writes is Takes.FOLDER:
        return ""
    return f'.with_suffix("{ending}")' if ending else ""


def _name(script: Script, paths: Paths) -> str:
    return "result" + (_ending(script) or (".txt" if paths.writes is Takes.NOTHING else ""))
