"""Requirements pinned to what is installed: the lines, the rest byte for byte, what is left."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.installed_packages import read_installed
from mlreef_hooks.requirement_pinning import Installed, pin_requirements

INSTALLED = {
    "numpy": Installed(version="2.4.6"),
    "ruamel-yaml": Installed(version="0.18.6"),
    "torch": Installed(version="2.9.0+cpu"),
    "tool": Installed(version="1.0", elsewhere="file:///home/ada/tool"),
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("numpy" + " " * 20_000 + ">=2\n", "numpy==2.4.6\n"),
        ("numpy\n", "numpy==2.4.6\n"),
        ("numpy", "numpy==2.4.6"),
        ("  NumPy >= 2 , <3 # why\r\n", "  NumPy==2.4.6 # why\r\n"),
        ("numpy~=2.4;python_version>'3'\n", "numpy==2.4.6;python_version>'3'\n"),
        ("numpy (>=2) ; python_version > '3'\n", "numpy==2.4.6 ; python_version > '3'\n"),
        ("ruamel.yaml[jinja2]\n", "ruamel.yaml[jinja2]==0.18.6\n"),
        ("numpy==2.*\n", "numpy==2.4.6\n"),
        ("torch\n", "torch==2.9.0\n"),
        ("numpy>=2 \\\n  ; python_version > '3'\n", "numpy==2.4.6 \\\n  ; python_version > '3'\n"),
        ("\ufeffnumpy\n", "\ufeffnumpy==2.4.6\n"),
        ("numpy\x0c\n", "numpy==2.4.6\x0c\n"),
    ],
)
def test_a_line_is_pinned_and_pinned_only_once(before: str, after: str) -> None:
    around = "# caf\xe9\r\nflask==3.0 # a\n"
    marked = before.startswith("\ufeff")
    content = before.encode() if marked else (around + before).encode()
    number = 1 if marked else 3
    pinning = pin_requirements(content, {number}, INSTALLED)
    assert pinning.content == (after.encode() if marked else (around + after).encode())
    assert [*pinning.pinned] == [number]
    again = pin_requirements(pinning.content, {number}, INSTALLED)
    assert again.content == pinning.content
    assert again.pinned == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("flask\n", "flask is not installed in your Python"),
        ("tool\n", "tool is installed from file:///home/ada/tool, not from an index"),
        ("numpy<2\n", "numpy 2.4.6 is installed, and the line wants <2"),
        ("numpy\\\n>=2\n", "numpy has to be pinned by hand"),
        ("numpy==1.0\n", "numpy was changed meanwhile"),
    ],
)
def test_what_is_not_sure_is_left(line: str, said: str) -> None:
    pinning = pin_requirements(line.encode(), {1}, INSTALLED)
    assert pinning.content == line.encode()
    assert pinning.pinned == {}
    assert said in pinning.left[1]


def test_other_lines_and_files_that_are_no_text_stay() -> None:
    assert pin_requirements(b"numpy\nnumpy\n", {2}, INSTALLED).content == b"numpy\nnumpy==2.4.6\n"
    assert pin_requirements(b"numpy\n", {7}, INSTALLED).content == b"numpy\n"
    content = "numpy\n".encode("utf-16")
    assert pin_requirements(content, {1}, INSTALLED).content == content


# -- what is installed -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with two packages, one of them from a folder, and code that must not run."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name, version in {"Num.Py": "2.4.6", "tool": "1.0"}.items():
        info = packages / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (packages / "tool-1.0.dist-info" / "direct_url.json").write_text('{"url": "file:///tool"}')
    (packages / "left-behind.dist-info").mkdir()
    (packages / "run.pth").write_text(
        f"import pathlib; pathlib.Path({str(folder / 'ran')!r}).touch()"
    )
    return folder


def test_what_an_environment_has_is_read_and_not_run(environment: Path) -> None:
    path = "/usr/bin:/bin"
    wanted = {
        "num-py": Installed(version="2.4.6"),
        "tool": Installed(version="1.0", elsewhere="file:///tool"),
    }
    active = {"VIRTUAL_ENV": str(environment), "PATH": path}
    assert read_installed(None, active) == wanted
    assert read_installed(str(environment / "bin" / "python"), {"PATH": path}) == wanted
    assert read_installed(None, {"PATH": f"{environment / 'bin'}:{path}"}) == wanted
    assert not (environment / "ran").exists()


def test_a_python_without_an_environment_is_asked_for_its_folders() -> None:
    ask = "import site, os; print(any(map(os.path.isdir, site.getsitepackages())))"
    python = str(Path(sys.base_prefix) / "bin" / "python3")
    assert subprocess.run([python, "-c", ask], capture_output=True, check=True).stdout == b"True\n"
    assert isinstance(read_installed(python, {"PATH": "/usr/bin"}), dict)


@pytest.mark.parametrize("python", ["/nowhere/python", "true", "no-such-python"])
def test_what_is_no_python_is_an_error(python: str) -> None:
    with pytest.raises(PublishError) as raised:
        read_installed(python, {"PATH": "/usr/bin:/bin"})
    assert "--python" in raised.value.hint
