"""The man page: what it holds, and that man reads it without a complaint."""

import re
import subprocess
from pathlib import Path

import click

from mlreef_hooks.cli.main import COMMANDS, commands
from mlreef_hooks.cli.manual import as_roff, manual
from tests.support.processes import find_program


def shown(page: str, folder: Path) -> str:
    """What groff makes of a page as plain text; it must have nothing to complain of."""
    file = folder / "page.1"
    file.write_text(page)
    words = [find_program("groff"), "-man", "-Tascii", "-ww", "-P-cbou", "-rLL=160n", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return str(done.stdout)


def test_the_page_has_every_command_with_each_of_its_options(tmp_path: Path) -> None:
    _, *parts = re.split(r"^   ([a-z-]+)$", shown(manual(), tmp_path), flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(sections) == list(COMMANDS)
    for name, text in sections.items():
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        assert " ".join((command.help or "").split("\n\n")[0].split()) in " ".join(text.split())
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts} has no help text"
                written = [line for line in text.splitlines() if parameter.opts[-1] in line.split()]
                assert written or f"{parameter.opts[-1]}," in text, parameter.opts


def test_words_are_never_requests_or_escapes(tmp_path: Path) -> None:
    words = [".so /etc/passwd", "'br", r"\fBx\n(.y", '"quoted"', "a -b --c", "new\n.line"]
    page = '.TH X 1 "" "" ""\n.SH NAME\n' + "".join(f".PP\n{as_roff(each)}\n" for each in words)
    text = shown(page, tmp_path)
    for each in words:
        assert " ".join(each.split()) in " ".join(text.split())
