"""The start check by real pushes: what does not start is refused, in words that help."""

import pytest

from tests.support.docker_cli import image_names, leftovers
from tests.support.publishing import jobs, publish, unwrapped
from tests.support.site import PROJECT, SCRIPT, GitSite

pytestmark = pytest.mark.engine

TABLE = PROJECT["mlreef.toml"]
ANNOTATED = """\
import json
{imports}

def data_processor(**_):
    return lambda function: function

parameter = data_processor

@data_processor(name="Upper", author="Ada", command="upper", type="OPERATION", visibility="PUBLIC",
                description="Upper case", input_type="TEXT", output_type="TEXT")
@parameter(name="input-path", type="str", required=True, defaultValue="in", description="in")
@parameter(name="output-path", type="str", required=True, defaultValue="out", description="out")
def init_params():
    pass
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, engine: str, base_image: str) -> GitSite:
    """A site that gives modules three seconds and 256 MB to start."""
    bounds = {"url": engine, "network": "host", "start_seconds": 3, "memory": "256m"}
    settings = {"builder": {"docker": bounds}}
    return GitSite(tmp_path_factory.mktemp("site"), engine, base_image, settings)


def files(script: str, **more: str) -> dict[str, str]:
    """A code project with this entry point."""
    return {**PROJECT, "upper.py": script, **more}


REFUSED = {
    "missing-package": (
        files("import numpy.linalg\n" + SCRIPT),
        "upper.py does not start in its image: ModuleNotFoundError: No module named 'numpy'",
        "such as numpy==VERSION",
    ),
    "missing-package-of-another-name": (
        files("from sklearn.svm import SVC\n" + SCRIPT),
        "No module named 'sklearn'",
        "such as scikit-learn==VERSION",
    ),
    "crash": (
        files('raise RuntimeError("no \\x1b[31mgood")\n' + SCRIPT),
        "upper.py does not start in its image: RuntimeError: no [31mgood",
        "try python upper.py --help in a new virtual environment",
    ),
    "prints-megabytes": (
        files('print("line\\n" * 1_000_000 + "y" * 5_000_000)\nraise SystemExit(3)\n' + SCRIPT),
        "upper.py does not start in its image: yyyy",
        "in a new virtual environment",
    ),
    "never-ends": (
        files("import time\ntime.sleep(1000)\n" + SCRIPT),
        "upper.py does not start in its image: it did not end within 3 s",
        "in a new virtual environment",
    ),
    "takes-memory": (
        files("x = []\nwhile True:\n    x.append(bytearray(1 << 20))\n" + SCRIPT),
        "upper.py does not start in its image: it needs more than 256m of memory",
        "in a new virtual environment",
    ),
    "writes-beside-itself": (
        files("open(__file__ + '.log', 'w')\n" + SCRIPT),
        "OSError: [Errno 30] Read-only file system: '/module/upper.py.log'",
        "in a new virtual environment",
    ),
    "needs-a-network": (
        files("import socket\nsocket.create_connection(('127.0.0.1', 9))\n" + SCRIPT),
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "in a new virtual environment",
    ),
    "breaks-its-own-path": (
        files(SCRIPT, **{"mlreef.toml": TABLE + '[module.environment]\nPATH = "/nowhere"\n'}),
        'exec: "timeout": executable file not found in $PATH',
        "in a new virtual environment",
    ),
    "annotated-missing-import": (
        files(ANNOTATED.format(imports="import yaml"), **{"mlreef.toml": ""}),
        "upper.py does not start in its image: /module/upper.py:2: No module named 'yaml'",
        "such as pyyaml==VERSION",
    ),
    "annotated-relative-import": (
        files(ANNOTATED.format(imports="from . import x"), **{"mlreef.toml": "", "x.py": ""}),
        "/module/upper.py:2: a relative import, but the entry point is no package",
        "in a new virtual environment",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_start_is_refused(site: GitSite, engine: str, case: str) -> None:
    project, message, hint = REFUSED[case]
    before = leftovers(engine)
    said = publish(site.author(f"refused/{case}"), project)
    assert message in unwrapped(said)
    assert hint in unwrapped(said)
    assert len(said.splitlines()) < 60
    assert max(map(len, said.splitlines())) <= 72
    assert jobs(site)[-1][1] == "failed"
    assert site.document(f"refused/{case}") is None
    assert not image_names(engine, f"mlreef/refused/{case}")
    assert leftovers(engine) <= before


LATE_IMPORT = "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n"
ACCEPTED = {
    "sibling-module": {
        **files("", **{"upper.py": "", "src/upper.py": "import words\n" + SCRIPT}),
        "src/words.py": "",
    },
    "optional-import": files(LATE_IMPORT + SCRIPT),
    "no-help-option": files(SCRIPT.replace("description=", "add_help=False, description=")),
    "exits-without-help": files("import sys\nif '--help' in sys.argv:\n    sys.exit()\n" + SCRIPT),
    "annotated": files(
        ANNOTATED.format(imports="import os.path, helper"), **{"mlreef.toml": "", "helper.py": ""}
    ),
    "annotated-that-would-crash": files(
        ANNOTATED.format(imports="from __main__ import __name__ as name")
        + "raise RuntimeError('run without its arguments')\n",
        **{"mlreef.toml": ""},
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_starts_is_published(site: GitSite, case: str) -> None:
    said = publish(site.author(f"accepted/{case}"), ACCEPTED[case])
    assert "success: " in said, said


def test_the_last_lines_of_what_does_not_start_are_shown(site: GitSite) -> None:
    script = "def load():\n    raise ValueError('no weights')\n\nload()\n" + SCRIPT
    said = publish(site.author("refused/traceback"), files(script)).splitlines()
    assert '  build   File "/module/upper.py", line 2, in load' in said
    log = max(site.state.glob("logs/job-*.log"), key=lambda path: path.stat().st_mtime)
    assert '\n  File "/module/upper.py", line 2, in load\n' in log.read_text()
