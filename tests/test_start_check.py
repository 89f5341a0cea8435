"""The start check on a real engine: what does not start is refused, in words that help."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlreef_hooks.builders.docker_engine import DockerBuilder
from mlreef_hooks.config import Config
from mlreef_hooks.config_images import Base, DockerEngine, Pip, Registry
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, ImageSpec, entry_command
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.validation import validate
from tests.support.docker_cli import image_names, leftovers
from tests.support.publishing import jobs, publish, unwrapped
from tests.support.site import PROJECT, SCRIPT, GitSite
from tests.support.trees import memory_tree

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


@pytest.fixture
def builder(tmp_path: Path, engine: str, base_image: str) -> Iterator[DockerBuilder]:
    """A builder that gives modules three seconds and 256 MB to start; its log is `told`."""
    settings = DockerEngine(url=engine, network="host", start_seconds=3, memory="256m")
    client = Engine(engine)
    yield DockerBuilder(
        engine=client,
        settings=settings,
        pip=Pip(),
        registry=Registry(),
        locks=tmp_path,
        log=lambda line: None,
    )
    client.close()


def assemble(
    builder: DockerBuilder, base_image: str, project: Mapping[str, str]
) -> tuple[BuiltImage, ModuleManifest]:
    """The image of a project before it is started for the first time, and its manifest."""
    tree = memory_tree(project)
    (manifest,) = validate(tree, name="upper", config=Config()).manifests
    base = Base(image=base_image, python="3.11")
    spec = ImageSpec(
        reference="mlreef/text/upper:1.0.0",
        dependencies=builder.dependencies("default", base, manifest.requirements_files),
        tree=tree,
        created=0,
        command=entry_command(manifest.entry_point),
        environment=manifest.environment,
        labels={},
    )
    return builder.assemble(spec), manifest


def files(script: str, **more: str) -> dict[str, str]:
    """A code project with this entry point."""
    return {**PROJECT, "upper.py": script, **more}


REFUSED = {
    "missing-package": (
        files("import numpy.linalg\n" + SCRIPT),
        "upper.py does not start in its image: ModuleNotFoundError: No module named 'numpy'",
        "write numpy==<version>",
    ),
    "missing-package-of-another-name": (
        files("from sklearn.svm import SVC\n" + SCRIPT),
        "No module named 'sklearn'",
        "write scikit-learn==<version>",
    ),
    "missing-library": (
        files("import ctypes\nctypes.CDLL('libgomp.so.1')\n" + SCRIPT),
        "upper.py does not start in its image: OSError: libgomp.so.1: cannot open shared object",
        "libgomp.so.1 is a library of the system that the base lacks: name another base",
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
        "write pyyaml==<version>",
    ),
    "annotated-relative-import": (
        files(ANNOTATED.format(imports="from . import x"), **{"mlreef.toml": "", "x.py": ""}),
        "/module/upper.py:2: a relative import, but the entry point is no package",
        "in a new virtual environment",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_start_is_refused(
    builder: DockerBuilder, base_image: str, engine: str, case: str
) -> None:
    project, message, hint = REFUSED[case]
    before = leftovers(engine)
    told: list[str] = []
    image, manifest = assemble(builder, base_image, project)
    with pytest.raises(PublishError) as caught:
        replace(builder, log=told.append).check_start(image, manifest)
    builder.discard(image)
    assert message in caught.value.message
    assert len(caught.value.message) < 400
    assert hint in caught.value.hint
    assert not caught.value.passing
    assert len(told) <= 20
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
def test_what_starts_is_accepted(builder: DockerBuilder, base_image: str, case: str) -> None:
    image, manifest = assemble(builder, base_image, ACCEPTED[case])
    builder.check_start(image, manifest)
    builder.discard(image)


def test_the_pusher_sees_why_and_nothing_is_published(
    tmp_path: Path, engine: str, base_image: str
) -> None:
    site = GitSite(tmp_path / "site", engine, base_image)
    before = leftovers(engine)
    script = "def load():\n    raise ValueError('no weights')\n\nload()\n" + SCRIPT
    said = publish(site.author("refused/upper"), files(script))
    assert '  build   File "/module/upper.py", line 2, in load' in said.splitlines()
    assert "upper.py does not start in its image: ValueError: no weights" in unwrapped(said)
    assert max(map(len, said.splitlines())) <= 72
    log = (site.state / "logs" / "job-1-1.log").read_text()
    assert '\n    |   File "/module/upper.py", line 2, in load\n' in log
    assert jobs(site) == [(1, "failed")]
    assert site.document("refused/upper") is None
    assert not image_names(engine, "mlreef/refused/upper")
    assert leftovers(engine) <= before
