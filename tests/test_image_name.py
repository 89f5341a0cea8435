"""Names of images: what docker takes them for, and what is none."""

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.image_name import ImageName

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("debian", ("docker.io", "library/debian", "latest")),
        ("debian:12", ("docker.io", "library/debian", "12")),
        ("docker.io/debian", ("docker.io", "library/debian", "latest")),
        ("index.docker.io/debian", ("docker.io", "library/debian", "latest")),
        ("ada/tool:1", ("docker.io", "ada/tool", "1")),
        ("localhost/tool", ("localhost", "tool", "latest")),
        ("localhost:5000/tool", ("localhost:5000", "tool", "latest")),
        ("registry:5000/a/b:1.0", ("registry:5000", "a/b", "1.0")),
        ("registry.example/a__b/c-d", ("registry.example", "a__b/c-d", "latest")),
        ("[::1]:5000/a", ("[::1]:5000", "a", "latest")),
        (f"registry.example/a@{DIGEST}", ("registry.example", "a", DIGEST)),
        (f"registry.example/a:1@{DIGEST}", ("registry.example", "a", DIGEST)),
    ],
)
def test_the_parts_of_a_name(text: str, expected: tuple[str, str, str]) -> None:
    name = ImageName.parse(text)
    assert (name.host, name.repository, name.reference) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "/", "a//b", "A", "a:", "a:b:c", "a@", "a@sha256:0", "a@latest", f"a:{DIGEST}",
        "../a", "registry.example/", "registry.example/../a", "a b", "a\n", "http://a.example/b",
        "registry.example:port/a", "user@registry.example/a", "a" * 256, "a:" + "b" * 129,
    ],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(PublishError, match="is not the name of an image"):
        ImageName.parse(text)
