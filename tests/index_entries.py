"""Index entries to publish in tests, as complete as real ones."""

from dataclasses import replace
from typing import Any

from packaging.version import Version

from mlreef_hooks.image import BuiltImage, Dependencies
from mlreef_hooks.index import IndexEntry
from mlreef_hooks.manifest import Metric, ModuleManifest, Parameter, Resources
from mlreef_hooks.push import PublishRequest, RepositoryName

PARAMETERS = (
    Parameter(
        name="input-path", type="string", required=True, default=None, description="Where from",
        option="--input-path",
    ),
    Parameter(
        name="output-path", type="string", required=True, default=None, description="Where to",
        option="--output-path",
    ),
    Parameter(
        name="mode", type="string", required=False, default="speckle", description="",
        choices=("speckle", "salt"), option="--mode",
    ),
    Parameter(
        name="size", type="list", required=False, default=[1, 2], description="Two numbers",
        option="--size", nargs=2,
    ),
    Parameter(
        name="pair", type="list", required=False, default=None, description="", option="--pair",
        nargs=2, repeated=True,
    ),
    Parameter(
        name="colours", type="list", required=False, default=None, description="",
        choices=("red", "blue"), option="--colours", nargs="+",
    ),
    Parameter(
        name="shuffle", type="boolean", required=False, default=True, description="",
        option="--shuffle", nargs=0, negative="--no-shuffle",
    ),
)  # fmt: skip
MANIFEST = ModuleManifest(
    name="add-noise",
    title="Add noise",
    description="Adds noise to images \N{SNOWMAN}",
    kind="data-operation",
    author="Ada",
    visibility=None,
    inputs=("IMAGE",),
    outputs=("IMAGE", "ANY"),
    entry_point="src/add_noise.py",
    parameters=PARAMETERS,
    metrics=(Metric(name="RECALL", ground_truth="truth", prediction="guess"),),
    requirements=("scikit-image==0.24.0",),
    requirements_files={"requirements.txt": "scikit-image==0.24.0\n"},
    base="default",
    environment={"OMP_NUM_THREADS": "1"},
    resources=Resources(gpu=True, memory="4g"),
    licenses="MIT",
    argparse=True,
)
DEPENDENCIES = Dependencies(
    id="sha256:" + "a" * 64,
    layers=("sha256:" + "1" * 64,),
    environment=("PATH=/usr/bin",),
    architecture="amd64",
    locked=("numpy==2.1.0", "scikit-image==0.24.0"),
    base_name="default",
    base_image="python:3.11",
    base_digest="sha256:" + "b" * 64,
    reused=True,
)
IMAGE = BuiltImage(
    reference="mlreef/vision/add-noise:1.2.0",
    digest="sha256:" + "c" * 64,
    id="sha256:" + "d" * 64,
    size=1234,
    code_size=12,
    platform="linux/amd64",
)


def make_entry(
    version: str = "1.2.0",
    *,
    name: str = "add-noise",
    namespace: str = "vision",
    repository: str = "vision/add-noise",
    commit: str = "4" * 40,
    tag: str | None = None,
    visibility: str = "public",
    published_at: str = "2026-11-23T02:33:00Z",
    notes: str = "First\n\nnotes",
    **manifest: Any,
) -> IndexEntry:
    """A version of a module, or its edge where `version` is empty; `manifest` changes fields."""
    request = PublishRequest(
        repository=RepositoryName(key=repository, namespace=namespace, name=name),
        tag=tag or f"publish/{version}",
        module=None,
        version=Version(version) if version else None,
        commit=commit,
        pusher="ada",
        notes=notes,
    )
    return IndexEntry(
        request=request,
        manifest=replace(MANIFEST, name=name, **manifest),
        dependencies=DEPENDENCIES,
        visibility=visibility,
        source="ssh://git@git.example/vision/add-noise.git",
        image=IMAGE,
        published_at=published_at,
        published_by="ada",
    )
