"""The script `install.sh`: what it does with words that it does not know, and what it leaves."""

import subprocess
from pathlib import Path

import pytest

from tests.support.doctor import root_only

SCRIPT = Path(__file__).parents[1] / "install.sh"


@pytest.mark.parametrize(
    "words",
    [["--uninstall", "--al", "/srv/git"], ["--dryrun", "--uninstall"], ["/srv/git"], ["--gate"],
     ["--registry", "registry.example"]],
)  # fmt: skip
def test_a_word_that_nobody_reads_is_refused(tmp_path: Path, words: list[str]) -> None:
    program = tmp_path / "venv" / "bin" / "mlreef-hooks"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    (tmp_path / "version").write_text("1")
    done = subprocess.run(
        [SCRIPT, "--prefix", tmp_path, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "means nothing without --repo or --all" in done.stderr
    assert (program.exists(), done.stdout) == (True, "")


# An /etc and a /usr/local of its own, in which nothing looks for completions yet.
_APART = """\
mkdir -p "$1/etc" && cp -a /etc/. "$1/etc" && rm -rf "$1/etc/fish"
mount --bind "$1/etc" /etc
mount -t tmpfs none /usr/local && mkdir -p /usr/local/bin /usr/local/share/man
found() { find /etc /usr/local | sort; }
found >"$1/before"
"$2" --prefix "$1/prefix" >/dev/null
[ -L /etc/fish/completions/mlreef-hooks.fish ]
[ -L /usr/local/share/man/man1/mlreef-hooks.1 ]
$3
"$2" --prefix "$1/prefix" --uninstall >/dev/null
found | diff "$1/before" - || :
"""


@root_only
@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [("", ""), ("touch /etc/fish/x", "> /etc/fish\n> /etc/fish/x\n")],
)
def test_uninstall_leaves_no_folder_that_install_made(
    tmp_path: Path, meanwhile: str, left: str
) -> None:
    programs = tmp_path / "prefix" / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "mlreef-hooks"):  # nothing has to be installed for this
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    words = ["unshare", "--mount", "sh", "-euc", _APART.replace("$3", meanwhile), "sh"]
    done = subprocess.run(
        [*words, tmp_path, SCRIPT], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
    said = "".join(line for line in done.stdout.splitlines(True) if line.startswith(("<", ">")))
    assert said == left
