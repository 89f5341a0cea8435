"""The script `install.sh`: what it does with words that it does not know."""

import subprocess
from pathlib import Path

import pytest

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
