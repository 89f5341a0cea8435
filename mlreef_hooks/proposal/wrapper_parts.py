"""What all wrappers have: their head, the parser, and how files of a folder are found."""

import posixpath
from collections.abc import Sequence

from mlreef_hooks.manifest import Parameter
from mlreef_hooks.proposal.arguments import call, literal, reading_line
from mlreef_hooks.proposal.paths import Takes
from mlreef_hooks.proposal.script import Script
from mlreef_hooks.source.wrapped_script import BEGINNING

READS = {
    Takes.NOTHING: "It reads no file of the input folder.",
    Takes.FILE: "It runs once for each file of the input folder.",
    Takes.FILES: "It gets all files of the input folder.",
    Takes.FOLDER: "It gets the input folder.",
}
PRINTS = "What it prints becomes a file of the output folder."
RETURNS = "What it returns becomes a file."
HELP = {
    Takes.NOTHING: "folder that is not read",
    Takes.FILE: "folder of files, each of which is read by itself",
    Takes.FILES: "folder of files",
    Takes.FOLDER: "folder that is read",
}
FILES_OF = '''

def files_of(path: Path) -> list[Path]:
    """The file, or the files of a folder, in the order of their names."""
    if path.is_file():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file())
'''
END = """

if __name__ == "__main__":
    sys.exit(main())
"""


def head(script: Script, said: str, modules: Sequence[str]) -> str:
    imports = "".join(f"import {name}\n" for name in modules)
    name = posixpath.basename(script.path)
    return f'"""{BEGINNING}{_plain(name)}.\n\n{said}\n"""\n\n{imports}from pathlib import Path\n'


def _plain(name: str) -> str:
    """A file name that can stand in a docstring."""
    return literal(name)[1:-1].replace('"', "")


def parser_function(script: Script, free: Sequence[Parameter], said: str) -> str:
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
