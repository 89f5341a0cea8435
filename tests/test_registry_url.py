"""Addresses of registries, and where a registry may lead one."""

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.registry_url import Url

FAR, NEAR = "https://registry.example/v2/a/?b=c", "http://localhost:5000/v2/"


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("https://registry.example:443/", "registry.example", False),
        ("https://registry.example:80/", "registry.example:80", False),
        ("http://LOCALHOST/", "localhost", True),
        ("http://127.8.0.1:5000/", "127.8.0.1:5000", True),
        ("http://[::1]:5000/", "[::1]:5000", True),
        ("https://127.0.0.1.example/", "127.0.0.1.example", False),
        ("https://localhost.example/", "localhost.example", False),
    ],
)
def test_the_server_of_an_address(text: str, address: str, loopback: bool) -> None:
    url = Url.parse(text)
    assert (url.address, url.is_loopback) == (address, loopback)


@pytest.mark.parametrize(
    ("start", "location", "end"),
    [
        (FAR, "/x?y=z#part", "https://registry.example/x?y=z"),
        (FAR, "x", "https://registry.example/v2/a/x"),
        (FAR, "?y", "https://registry.example/v2/a/?y"),
        (FAR, "//other.example/x", "https://other.example/x"),
        (FAR, "https://other.example:8443", "https://other.example:8443/"),
        (NEAR, "http://127.0.0.1:6000/", "http://127.0.0.1:6000/"),
        (NEAR, "https://other.example/", "https://other.example/"),
    ],
)
def test_where_a_registry_may_lead_one(start: str, location: str, end: str) -> None:
    assert str(Url.parse(start).follow(location)) == end


@pytest.mark.parametrize(
    ("start", "location"),
    [
        (FAR, "http://registry.example/x"),
        (FAR, "http://localhost:5000/x"),
        (FAR, "http://127.0.0.1/x"),
        (NEAR, "http://registry.example/x"),
        (NEAR, "http://169.254.169.254/x"),
        (NEAR, "unix:///var/run/docker.sock"),
        (NEAR, "https://ada:password@other.example/"),
        (NEAR, "https://other.example:0x50/"),
        (NEAR, "/a b"),
        (NEAR, "/a\r\nb"),
        (NEAR, "/" + "a" * 9000),
        (NEAR, ""),
    ],
)
def test_where_a_registry_may_not_lead_one(start: str, location: str) -> None:
    with pytest.raises(PublishError, match="leads to") as raised:
        Url.parse(start).follow(location)
    assert "password" not in raised.value.message


def test_a_query_is_added_to_the_one_that_is_there() -> None:
    assert str(Url.parse(FAR).asking({"digest": "sha256:0"})) == f"{FAR}&digest=sha256%3A0"
    assert Url.parse(NEAR).asking([("a", "b"), ("a", "c d")]).target == "/v2/?a=b&a=c+d"
