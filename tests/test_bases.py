"""Base images without an engine: where they come from, and what is read from their layers."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from mlreef_hooks.base_facts import BaseFacts
from mlreef_hooks.base_image import BASE_PATH
from mlreef_hooks.base_reading import read_base_facts
from mlreef_hooks.base_sources import EngineSource, LayoutSource, RegistrySource
from mlreef_hooks.bases import BASES, BaseImages, RootImage, import_root, read_image
from mlreef_hooks.config_images import Base
from mlreef_hooks.engine import Engine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.oci import INDEX, MANIFEST, Descriptor, encode
from mlreef_hooks.oci_layout import REF, OciLayouts
from mlreef_hooks.registry import Registry
from tests.support.engine import BASE_IMAGE
from tests.support.processes import free_port
from tests.support.site import GitSite

LIBC = b"GNU C Library (Debian GLIBC 2.36-9+deb12u8) stable release version 2.36.\n"
PYTHON: Mapping[str, bytes] = {
    "usr/local/bin/python3.12": b"", "usr/local/bin/python": b"",
    "usr/local/lib/python3.12/json/__init__.py": b"",
    "usr/local/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.so": b"",
    "usr/local/lib/python3.12/site-packages/pip/__init__.py": b"",
    "usr/local/lib/python3.12/site-packages/pip/__pycache__/__init__.cpython-312.pyc": b"",
    "usr/local/lib/python3.12/site-packages/pip-24.0.dist-info/RECORD":
        b"pip/__init__.py,sha256=x,1\n../../../bin/pip,,\npip/gone.py,,\n",
    "usr/local/bin/pip": b"", "lib/x86_64-linux-gnu/libc.so.6": LIBC,
}  # fmt: skip
SITE = "usr/local/lib/python3.12/site-packages"


def layer(files: Mapping[str, bytes], *, packed: bool = False) -> IO[bytes]:
    """A layer's tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted({str(each) for path in files for each in Path(path).parents} - {"."}):
            member = tarfile.TarInfo(f"./{folder}")
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return io.BytesIO(gzip.compress(out.getvalue()) if packed else out.getvalue())


def facts(
    *layers: IO[bytes], python: str = "3.12", path: str = "/usr/local/bin:/usr/bin"
) -> BaseFacts:
    """What is read of a base."""
    return read_base_facts(layers, [f"PATH={path}", "A=b"], python, bytecode=True)


def opened(layouts: OciLayouts, digest: str) -> IO[bytes]:
    """A blob to read."""
    return layouts.blob_path(digest).open("rb")


def test_a_base_with_a_python_of_its_own() -> None:
    found = facts(layer(PYTHON, packed=True))
    assert (found.place.interpreter, found.place.site) == ("/usr/local/bin/python3.12", SITE)
    assert (found.place.prefix, found.glibc, found.python_missing) == ("usr/local", (2, 36), False)
    assert {"json", "_ssl", "pip"} <= found.modules
    assert found.distributions == {"pip": (
        "usr/local/bin/pip", f"{SITE}/pip/__init__.py",
        f"{SITE}/pip/__pycache__/__init__.cpython-312.pyc",
    )}  # fmt: skip
    assert BaseFacts.from_json(found.to_json()) == found


def test_what_a_layer_above_hides_is_not_there() -> None:
    hidden = {"usr/local/bin/.wh.python": b"", f"{SITE}/.wh.pip": b"", f"{SITE}/other.py": b""}
    found = facts(layer(PYTHON), layer(hidden))
    assert found.python_missing
    assert "pip" not in found.modules
    assert "other" in found.modules
    assert found.distributions["pip"] == ("usr/local/bin/pip",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no GNU C library"),
        ({"lib/libc.so.6": LIBC}, "has no python3.12 on its PATH"),
        ({"lib/libc.so.6": LIBC, "usr/bin/python3.12": b""}, "has no folder /usr/lib/python3.12"),
        ({"lib/ld-musl-x86_64.so.1": b"musl", **dict.fromkeys(list(PYTHON)[:3], b"")}, "GNU C"),
    ],
)
def test_a_base_that_will_not_do(files: Mapping[str, bytes], message: str) -> None:
    with pytest.raises(PublishError, match=message):
        facts(layer(files))


def test_debians_python_keeps_packages_apart(stored_base: Path, tmp_path: Path) -> None:
    bases = BaseImages(
        layouts=OciLayouts(stored_base), sources=list, facts=tmp_path / "facts",
        locks=tmp_path / "locks", can_compile=lambda python: True, say=print,
    )  # fmt: skip
    image = bases.find(Base(image=BASE_IMAGE, python="3.11"))
    assert image.facts.place.site == "usr/local/lib/python3.11/dist-packages"
    assert {"argparse", "pip", "_ssl"} <= image.facts.modules
    assert image.environment == (BASE_PATH,)
    for path in (tmp_path / "facts").iterdir():
        path.touch()
    (stored_base / "blobs").rename(stored_base / "away")  # facts are read from the layers once
    try:
        with pytest.raises(PublishError):
            bases.find(Base(image=BASE_IMAGE, python="3.11"))
    finally:
        (stored_base / "away").rename(stored_base / "blobs")
    assert bases.find(Base(image=BASE_IMAGE, python="3.11")) == image


def test_several_pushes_read_a_new_base_at_once(tmp_path: Path) -> None:
    layouts = OciLayouts(tmp_path / "images")
    root = RootImage(environment=(BASE_PATH,), architecture="amd64")
    import_root(layouts, layer(PYTHON), "base:1", root)
    for number in range(20):
        bases = BaseImages(
            layouts=layouts, sources=list, facts=tmp_path / f"facts{number}",
            locks=tmp_path / "locks", can_compile=lambda python: True, say=print,
        )  # fmt: skip
        find = partial(bases.find, Base(image="base:1", python="3.12"))
        with ThreadPoolExecutor(8) as pool:
            found = [each.result() for each in [pool.submit(find) for _ in range(8)]]
        assert all(each == found[0] for each in found)


def test_the_same_root_is_the_same_base(tmp_path: Path) -> None:
    root = RootImage(environment=(BASE_PATH,), architecture="amd64")
    content = layer(PYTHON).read()
    digests = {
        import_root(OciLayouts(tmp_path / name), io.BytesIO(content), "base:1", root).digest
        for name in ("one", "two")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("indexed", [False, True])
def test_a_base_from_a_registry(
    registry: str, stored_base: Path, tmp_path: Path, indexed: bool
) -> None:
    stored = OciLayouts(stored_base)
    manifest = stored.find(BASES, BASE_IMAGE)
    assert manifest is not None
    image = read_image(stored, manifest)
    repository = f"bases/{'indexed' if indexed else 'plain'}"
    with Registry(registry) as client:
        for blob in (image.config, *(each.blob for each in image.layers)):
            client.upload_blob(repository, blob, partial(opened, stored, blob.digest))
        content = stored.read(manifest.digest)
        client.put_manifest(repository, manifest.digest if indexed else "1", content, MANIFEST)
        if indexed:
            platforms = [("arm", "linux"), ("amd64", "windows"), ("amd64", "linux")]
            entries = [
                {**manifest.to_json(), "platform": {"architecture": name, "os": system}}
                for name, system in platforms
            ]
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[2:]}
            client.put_manifest(repository, "1", encode(index), INDEX)
    layouts = OciLayouts(tmp_path / "images")
    found = RegistrySource(open_registry=Registry).fetch(f"{registry}/{repository}:1", layouts)
    assert found == manifest
    assert read_image(layouts, manifest) == image
    assert RegistrySource(open_registry=Registry).fetch(f"{registry}/no/where:1", layouts) is None


def write_layout(folder: Path, stored: OciLayouts, manifest: Descriptor, *tags: str) -> Path:
    """An OCI layout that has the image under each tag."""
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / "sha256").symlink_to(stored.root / "blobs" / "sha256")
    entries = [{**manifest.to_json(), "annotations": {REF: tag}} for tag in tags]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    (folder / "index.json").write_bytes(encode(index))
    return folder


def test_a_base_from_a_layout(stored_base: Path, tmp_path: Path) -> None:
    stored, image = OciLayouts(stored_base), "registry.example/base:2"
    manifest = stored.find(BASES, BASE_IMAGE)
    assert manifest is not None
    for name, tags in (("one", ["any"]), ("two", ["1", "2"])):
        folder = write_layout(tmp_path / name, stored, manifest, *tags)
        named = {"base": {"default": {"image": image}}} if name == "two" else {}
        site = GitSite(tmp_path / f"site-{name}", settings=named)
        said = site.command("base", "--layout", folder, "--image", image).stdout
        then = f'name it in the configuration: [base.default] image = "{image}"'
        assert said == f"took {image}; {'the configuration names it already' if named else then}\n"
        layouts = OciLayouts(site.state / "images")
        assert layouts.find(BASES, image) == manifest
        assert read_image(layouts, manifest) == read_image(stored, manifest)


def test_a_layout_that_is_not_what_it_should_be(stored_base: Path, tmp_path: Path) -> None:
    stored, layouts = OciLayouts(stored_base), OciLayouts(tmp_path / "images")
    manifest = stored.find(BASES, BASE_IMAGE)
    assert manifest is not None
    with pytest.raises(PublishError, match="is no OCI layout that could be read"):
        LayoutSource(folder=tmp_path).fetch("base:1", layouts)
    several = write_layout(tmp_path / "several", stored, manifest, "2", "\x1b[3")
    with pytest.raises(PublishError, match=r"has 2 images: 2, \[3"):
        LayoutSource(folder=several).fetch("base:1", layouts)
    content = encode({"config": manifest.to_json(), "layers": []})
    false = replace(manifest, digest=f"sha256:{'0' * 64}", size=len(content))
    for named, why in (
        (false, "No such file"),
        (replace(false, digest="sha256:../x"), "is no SHA-256"),
    ):
        folder = write_layout(tmp_path / why, stored, named, "1")
        with pytest.raises(PublishError, match=why):
            LayoutSource(folder=folder).fetch("base:1", layouts)
    forged = OciLayouts(tmp_path / "forged")
    forged.blob_path(manifest.digest).parent.mkdir(parents=True)
    forged.blob_path(manifest.digest).write_bytes(b"{}")
    entry = {"config": manifest.to_json(), "layers": []}
    above = Descriptor.of(MANIFEST, encode(entry))
    forged.put(encode(entry))
    for number, named in enumerate((above, manifest)):
        folder = write_layout(tmp_path / f"forgery{number}", forged, named, "1")
        with pytest.raises(PublishError, match="is not what its digest says"):
            LayoutSource(folder=folder).fetch("base:1", layouts)
    assert layouts.find(BASES, "base:1") is None


@pytest.mark.engine
def test_a_base_from_an_engine(engine: str, base_image: str, tmp_path: Path) -> None:
    layouts, client = OciLayouts(tmp_path / "images"), Engine(engine)
    source = EngineSource(open_engine=lambda: client)
    try:
        manifest = source.fetch(base_image, layouts)
        assert manifest is not None
        image = read_image(layouts, manifest)
        there = client.image(base_image)
        assert there is not None
        assert image.config.digest == there.id
        assert tuple(each.diff_id for each in image.layers) == there.layers
        config = json.loads(layouts.read(image.config.digest))
        assert config["rootfs"]["diff_ids"] == list(there.layers)
        assert source.fetch("not-there:1", layouts) is None
    finally:
        client.close()
    assert EngineSource(open_engine=lambda: None).fetch(base_image, layouts) is None


def test_a_registry_that_is_away_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Where none can be reached, a base is made of Debian packages."""
    source = RegistrySource(open_registry=lambda _: Registry(f"localhost:{free_port()}"))
    bases = BaseImages(
        layouts=OciLayouts(tmp_path / "images"), sources=lambda: [source],
        facts=tmp_path / "facts", locks=tmp_path / "locks", can_compile=lambda _: False,
        say=lambda _: None,
    )  # fmt: skip
    with pytest.raises(PublishError, match="base image python:3 cannot be fetched: ") as failed:
        bases.find(Base(image="python:3", python="3.11"))
    assert failed.value.hint.endswith("or makes one: mlreef-hooks base")
    assert failed.value.passing
