"""Completion: a real bash with the script that is installed, and what it offers for each word."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.manifest import DATA_TYPES, KINDS
from mlreef_hooks.problems import RULES
from tests.support.catalogue import add_module
from tests.support.processes import PATH

PROGRAM = Path(sys.executable).with_name("mlreef-hooks")
ASK = """
eval "$(_MLREEF_HOOKS_COMPLETE=bash_source mlreef-hooks)"
declare -F _mlreef_hooks_completion >/dev/null
complete -p mlreef-hooks >&2
while IFS= read -r line; do
    read -ra COMP_WORDS <<<"$line"
    case $line in *' ') COMP_WORDS+=("") ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _mlreef_hooks_completion mlreef-hooks
    echo "${COMPREPLY[*]}"
done
"""


def complete(lines: list[str], home: Path) -> list[set[str]]:
    """What bash offers at the end of each line, by the function that our script defines."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-euc", ASK], input="\n".join(lines) + "\n", text=True,
        capture_output=True, check=True, cwd=home,
        env={"PATH": f"{PROGRAM.parent}:{PATH}", "HOME": str(home)},
    )  # fmt: skip
    assert done.stderr.endswith("-F _mlreef_hooks_completion mlreef-hooks\n")
    answers = done.stdout.split("\n")[:-1]
    return [set(answer.split()) for answer in answers]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose configuration names an index of two modules, and one elsewhere."""
    home = tmp_path_factory.mktemp("home")
    for name in ("add-noise", "blur"):
        add_module(
            IndexFiles(home / "index"), version="1.0", name=name, namespace="vision",
            visibility="public",
        )  # fmt: skip
    config = home / ".config/mlreef-hooks/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[index]\nread = ["{home}/index", "https://127.0.0.1:1/", "git@127.0.0.1"]\n'
    )
    return home


def test_bash_offers_commands_options_fixed_words_rules_and_modules(home: Path) -> None:
    expected = {
        "mlreef-hooks expl": {"explain"},
        "mlreef-hooks --": {"--config", "--version", "--help"},
        "mlreef-hooks check --fo": {"--format"},
        "mlreef-hooks check --format g": {"github", "gitlab"},
        "mlreef-hooks explain requirement-unp": {"requirement-unpinned"},
        "mlreef-hooks explain ": set(RULES),
        "mlreef-hooks search --input ": set(DATA_TYPES),
        "mlreef-hooks search --kind ": {*KINDS, *KINDS.values()},
        "mlreef-hooks init --output t": {"TABULAR", "TEXT", "TIME_SERIES"},
        "mlreef-hooks show ": {"vision/add-noise", "vision/blur"},
        "mlreef-hooks run vision/b": {"vision/blur"},
        "mlreef-hooks show --index elsewhere vision/": set(),
        "mlreef-hooks --config missing.toml show ": set(),
    }
    assert dict(zip(expected, complete([*expected], home), strict=True)) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_there_is_a_script_for_the_other_shells(shell: str) -> None:
    done = subprocess.run(
        [PROGRAM], env={"PATH": PATH, "_MLREEF_HOOKS_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "mlreef-hooks" in done.stdout
