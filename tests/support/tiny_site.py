"""A site that publishes without an engine, on a base image that holds next to nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlreef_hooks.bases import RootImage, import_root
from mlreef_hooks.oci_layout import OciLayouts
from tests.support.site import GitSite
from tests.test_bases import LIBC, layer

MODULE = "text/upper"
BASE = "tiny-base:1"
BASE_FILES: Mapping[str, bytes] = {
    "usr/bin/python3.11": b"", "usr/lib/python3.11/site-packages/pip/__init__.py": b"",
    "lib/x86_64-linux-gnu/libc.so.6": LIBC,
}  # fmt: skip


def make_site(folder: Path, **settings: Any) -> GitSite:
    """A site with nothing but a base image; `settings` are tables of its configuration."""
    site = GitSite(folder, "unix:///nowhere", BASE, settings, "layers")
    root = RootImage(environment=("PATH=/usr/bin",), architecture="amd64")
    import_root(OciLayouts(site.state / "images"), layer(BASE_FILES), BASE, root)
    (folder / "tmp").mkdir(exist_ok=True)
    return site
