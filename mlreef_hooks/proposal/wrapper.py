"""The text of `mlreef_entry.py`: an entry point that hands folders and parameters on to a script,
which stays as its author wrote it.
"""

import posixpath
import re
from collections.abc import Iterator

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.proposal.arguments import (
    call,
    handing_lines,
    joined,
    literal,
    offered,
    reading_line,
    variable,
)
from mlreef_hooks.proposal.paths import Paths, Takes
from mlreef_hooks.proposal.script import Script

_ENDING = re.compile(r"(?:2|_?to_?)(csv|tsv|txt|json|xml|html|md|pdf|png|jpg)$")
_READS = {
    Takes.NOTHING: "It reads no file of the input folder.",
    Takes.FILE: "It runs once for each file of the input folder.",
    Takes.FILES: "It gets all files of the input folder.",
    Takes.FOLDER: "It gets the input folder.",
}
_PRINTS = "What it prints becomes a file of the output folder."
_HELP = {
    Takes.NOTHING: "folder that is not read",
    Takes.FILE: "folder of files, each of which is read by itself",
    Takes.FILES: "folder of files",
    Takes.FOLDER: "folder that is read",
}
_FILES = '''

def files_of(path: Path) -> list[Path]:
    """The file, or the files of a folder, in the order of their names."""
    if path.is_file():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file())
'''
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
_END = """

if __name__ == "__main__":
    sys.exit(main())
"""


def write_wrapper(script: Script, paths: Paths) -> str:
    """The wrapper of a script that runs by itself."""
    free = offered(script.parameters, (paths.source, paths.target))
    if not script.has_parser:
        modules = ("argparse", "shutil", "subprocess", "sys", "tempfile")
        return "".join([
            _head(script, "It runs where it finds the files of the input folder beside it, and what"
                  "\nit writes there is moved to the output folder.", modules),
            _script_line(script),
            _parser(script, [], "folder that is read"),
            _NOTEBOOK,
            _END,
        ])  # fmt: skip
    said = _READS[paths.reads]
    if paths.writes is Takes.NOTHING:
        said = f"{said}\n{_PRINTS}"
    return "".join(
        [
            _head(script, said, ("argparse", "subprocess", "sys")),
            _script_line(script),
            _parser(script, free, _HELP[paths.reads]),
            _FILES if paths.reads in (Takes.FILE, Takes.FILES) else "",
            "".join(f"{line}\n" for line in _command_line(script, free, paths)),
            "".join(f"{line}\n" for line in _main(script, paths)),
            _END,
        ]
    )


def _head(script: Script, said: str, modules: tuple[str, ...]) -> str:
    imports = "".join(f"import {name}\n" for name in modules)
    name = posixpath.basename(script.path)
    return (
        f'"""What pipelines start: hands folders and parameters on to {_plain(name)}.\n\n'
        f'{said}\n"""'
        f"\n\n{imports}from pathlib import Path\n"
    )


def _plain(name: str) -> str:
    """A file name that can stand in a docstring."""
    return literal(name)[1:-1].replace('"', "")


def _script_line(script: Script) -> str:
    return f"\nSCRIPT = Path(__file__).resolve().parent / {literal(script.path)}\n"


def _parser(script: Script, free: list[Parameter], said: str) -> str:
    described = literal(script.description.replace("%", "%%"))
    parser = call("    parser = argparse.ArgumentParser", [f"description={described}"])
    lines = [
        "\n\ndef parse_arguments() -> argparse.Namespace:",
        parser if script.description else "    parser = argparse.ArgumentParser()",
        f'    parser.add_argument("--input-path", required=True, help="{said}")',
        '    parser.add_argument("--output-path", required=True, help="folder for what comes out")',
        *map(reading_line, free),
        "    return parser.parse_args()\n",
    ]
    return "\n".join(lines)


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
        yield "    return max(statuses)"
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


def write_function_wrapper(script: Script, paths: Paths) -> str:
    """The wrapper of a script whose work a function does; it is imported when it is needed."""
    free = offered(script.parameters, (paths.source, paths.target))
    stem = posixpath.basename(script.path).removesuffix(".py")
    module = script.path.removesuffix(".py").replace("/", ".")
    files = paths.reads is Takes.FILE
    given = [
        *(
            [f"{variable(paths.source)}=str({'each' if files else 'source'})"]
            if paths.source
            else []
        ),
        *([f"{variable(paths.target)}=str(result)"] if paths.target else []),
        *(f"{variable(each)}=args.{variable(each)}" for each in free),
    ]
    said = _READS[paths.reads] + ("" if paths.target else "\nWhat it returns becomes a file.")
    lines = [
        "\n\ndef main() -> int:",
        "    args = parse_arguments()",
        "    source, target = Path(args.input_path).resolve(), Path(args.output_path).resolve()",
        *_calls(script, paths, given),
        "    return 0\n",
    ]
    return "".join(
        [
            _head(script, f"Its function {script.function} does the work. {said}",
                  ("argparse", "sys")),
            f"\nfrom {module} import {script.function}\n" if stem.isidentifier() else "",
            _parser(script, free, _HELP[paths.reads]),
            _FILES if files else "",
            "\n".join(lines),
            _END,
        ]
    )  # fmt: skip


def _calls(script: Script, paths: Paths, given: list[str]) -> Iterator[str]:
    indent = "    "
    result = "target" if paths.writes is Takes.FOLDER else 'target / "result"'
    if paths.reads is Takes.FILE:
        yield "    for each in files_of(source):"
        indent = "        "
        if paths.writes is not Takes.FOLDER:
            result = "target / each.name"
    yield f"{indent}result = {result}"
    if paths.target:
        yield call(f"{indent}{script.function}", given)
    else:
        yield call(f"{indent}returned = {script.function}", given)
        yield f"{indent}if returned is not None:"
        yield f'{indent}    result.with_suffix(".txt").write_text(str(returned))'
