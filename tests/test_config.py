"""The configuration: defaults, every value that is taken, every fault at once with its key."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlreef_hooks.config import parse_config
from mlreef_hooks.config_images import Base, Registry
from mlreef_hooks.errors import PublishError
from mlreef_hooks.problems import RULES

STATE = "/var/lib/mlreef-hooks"

EVERYTHING = """\
state = "/srv/state"
[publish]
tags = ["v{version}", "{module}@v{version}"]
main_branch = "main"
signed_tags = "/etc/signers"
publish_on = "push"
gate_seconds = 5
[provenance]
key = "/etc/key"
builder_id = "https://site.example/builder"
attach = true
allowed_signers = "/etc/site-signers"
[server]
root = "/srv/git"
url = "https://git.example/{repository}.git"
lfs = "/srv/git-lfs"
kind = "gitlab"
hooks_dir = "/srv/hooks"
config_hook = true
cover_new = true
[visibility]
ask = ["export-ok", "probe"]
url = "https://git.example"
token = "/etc/token"
ca_bundle = "/etc/git.pem"
probe = "https://git.example/{repository}"
gitolite = "/usr/bin/gitolite"
seconds = 2
[worker]
stay = false
stay_seconds = 60
follow_seconds = 30
builds = 2
queue = 10
job_seconds = 600
retry_seconds = 5
service = "mlreef-hooks"
group = "git"
socket = "/run/w.sock"
[index]
path = "/srv/www"
read = ["https://modules.example", "git@git.example"]
netrc = "/etc/netrc-of-modules"
token = "/etc/token-of-modules"
ca_bundle = "/etc/modules.pem"
seconds = 3
[catalog]
path = "/srv/catalog"
[registry]
prefix = "registry.example:5000/a/b-c"
private_prefix = "registry.example:5000/own"
private_images = "anywhere"
docker_config = "/etc/docker.json"
ca_bundle = "/etc/ssl/site.pem"
[images]
path = "/srv/images"
[builder]
use = "layers"
[builder.layers]
start = "never"
[builder.docker]
url = "tcp://engine.example:2376"
engines = ["tcp://a.example:2376", "ssh://b@b.example/run/docker.sock"]
builds_per_engine = 2
tls_ca = "/etc/ca.pem"
tls_cert = "/etc/cert.pem"
tls_key = "/etc/key.pem"
network = "host"
memory = "512m"
disk = "64m"
processes = 1
build_seconds = 2
start_seconds = 3
[base.gpu]
image = "registry.example/torch@sha256:0"
python = "3.12"
gpu = true
environment = { OMP_NUM_THREADS = "4" }
[pip]
index_url = "https://pypi.example/simple"
extra_index_urls = ["https://a.example", "https://b.example"]
ca_bundle = "/etc/ssl/ca.pem"
netrc = "/etc/netrc"
allow_index_options = true
[limits]
files = 1
depth = 2
file_bytes = 3
tree_bytes = 4
image_bytes = 5
[metrics]
path = "/srv/metrics.prom"
[gc]
keep_versions = 0
yanked_days = 1
grace_seconds = 2
log_days = 3
package_bytes = 4
registry = true
[rules]
requirement-unpinned = "warning"
"""

DEFAULTS = {
    "state": STATE,
    "publish.tags": ("publish/{version}", "publish/{module}/{version}"),
    "publish.main_branch": "master",
    "publish.publish_on": "tag",
    "publish.gate_seconds": 20,
    "server.root": "",
    "server.url": "",
    "server.lfs": "",
    "server.kind": "auto",
    "server.hooks_dir": "",
    "server.config_hook": False,
    "server.cover_new": False,
    "visibility.ask": (),
    "visibility.url": "",
    "visibility.token": "",
    "visibility.ca_bundle": "",
    "visibility.probe": "",
    "visibility.gitolite": "gitolite",
    "visibility.seconds": 5,
    "worker.stay": True,
    "worker.stay_seconds": 600,
    "worker.follow_seconds": 300,
    "worker.builds": 4,
    "worker.queue": 1000,
    "worker.job_seconds": 7200,
    "worker.retry_seconds": 10,
    "worker.service": "",
    "worker.group": "",
    "worker.socket": "/run/mlreef-hooks/worker.sock",
    "index.path": "",
    "index.read": (),
    "index.netrc": "",
    "index.token": "",
    "index.ca_bundle": "",
    "index.seconds": 60,
    "catalog.path": "",
    "registry.prefix": "mlreef",
    "registry.private_prefix": "",
    "registry.private_images": "closed",
    "registry.docker_config": "",
    "registry.ca_bundle": "",
    "images.path": "",
    "builder.use": "auto",
    "builder.layers.start": "changed",
    "builder.docker.url": "unix:///var/run/docker.sock",
    "builder.docker.engines": (),
    "builder.docker.builds_per_engine": 4,
    "builder.docker.tls_ca": "",
    "builder.docker.tls_cert": "",
    "builder.docker.tls_key": "",
    "builder.docker.network": "bridge",
    "builder.docker.memory": "4g",
    "builder.docker.disk": "20g",
    "builder.docker.processes": 512,
    "builder.docker.build_seconds": 1800,
    "builder.docker.start_seconds": 60,
    "base": {"default": Base()},
    "pip.index_url": "",
    "pip.extra_index_urls": (),
    "pip.ca_bundle": "",
    "pip.netrc": "",
    "pip.allow_index_options": False,
    "limits.files": 250_000,
    "limits.depth": 100,
    "limits.file_bytes": 200 << 20,
    "limits.tree_bytes": 4 << 30,
    "limits.image_bytes": 30 << 30,
    "metrics.path": "",
    "publish.signed_tags": "",
    "provenance.key": "",
    "provenance.builder_id": "https://mlreef-hooks.example/builder",
    "provenance.attach": False,
    "provenance.allowed_signers": "",
    "gc.keep_versions": 0,
    "gc.yanked_days": 0,
    "gc.grace_seconds": 86_400,
    "gc.log_days": 90,
    "gc.package_bytes": 1 << 30,
    "gc.registry": False,
    "rules": {},
}
BASE_DEFAULTS = {
    "image": "python:3.11-slim-bookworm",
    "python": "3.11",
    "gpu": False,
    "environment": {},
}


def values(table: Any, where: str = "") -> Iterator[tuple[str, object]]:
    """Each key of the configuration with its value."""
    for each in dataclasses.fields(table):
        value = getattr(table, each.name)
        if dataclasses.is_dataclass(value):
            yield from values(value, f"{where}{each.name}.")
        else:
            yield where + each.name, value


def faults(text: str) -> list[str]:
    """What is said to be wrong with a configuration."""
    with pytest.raises(PublishError) as raised:
        parse_config(text, path="config.toml", state=STATE)
    path, _, said = raised.value.message.partition(": ")
    assert path == "config.toml"
    assert "docs/config.md" in raised.value.hint
    return said.split("; ")


def test_every_key_has_a_default() -> None:
    config = parse_config("", path="config.toml", state=STATE)
    assert dict(values(config)) == DEFAULTS
    assert dict(values(Base())) == BASE_DEFAULTS


def test_every_key_can_be_set() -> None:
    config = parse_config(EVERYTHING, path="config.toml", state=STATE)
    assert dict(values(config)) == {
        "state": "/srv/state",
        "publish.tags": ("v{version}", "{module}@v{version}"),
        "publish.main_branch": "main",
        "publish.signed_tags": "/etc/signers",
        "provenance.key": "/etc/key",
        "provenance.builder_id": "https://site.example/builder",
        "provenance.attach": True,
        "provenance.allowed_signers": "/etc/site-signers",
        "publish.publish_on": "push",
        "publish.gate_seconds": 5,
        "server.root": "/srv/git",
        "server.url": "https://git.example/{repository}.git",
        "server.lfs": "/srv/git-lfs",
        "server.kind": "gitlab",
        "server.hooks_dir": "/srv/hooks",
        "server.config_hook": True,
        "server.cover_new": True,
        "visibility.ask": ("export-ok", "probe"),
        "visibility.url": "https://git.example",
        "visibility.token": "/etc/token",
        "visibility.ca_bundle": "/etc/git.pem",
        "visibility.probe": "https://git.example/{repository}",
        "visibility.gitolite": "/usr/bin/gitolite",
        "visibility.seconds": 2,
        "worker.stay": False,
        "worker.stay_seconds": 60,
        "worker.follow_seconds": 30,
        "worker.builds": 2,
        "worker.queue": 10,
        "worker.job_seconds": 600,
        "worker.retry_seconds": 5,
        "worker.service": "mlreef-hooks",
        "worker.group": "git",
        "worker.socket": "/run/w.sock",
        "index.path": "/srv/www",
        "index.read": ("https://modules.example", "git@git.example"),
        "index.netrc": "/etc/netrc-of-modules",
        "index.token": "/etc/token-of-modules",
        "index.ca_bundle": "/etc/modules.pem",
        "index.seconds": 3,
        "catalog.path": "/srv/catalog",
        "registry.prefix": "registry.example:5000/a/b-c",
        "registry.private_prefix": "registry.example:5000/own",
        "registry.private_images": "anywhere",
        "registry.docker_config": "/etc/docker.json",
        "registry.ca_bundle": "/etc/ssl/site.pem",
        "images.path": "/srv/images",
        "builder.use": "layers",
        "builder.layers.start": "never",
        "builder.docker.url": "tcp://engine.example:2376",
        "builder.docker.engines": ("tcp://a.example:2376", "ssh://b@b.example/run/docker.sock"),
        "builder.docker.builds_per_engine": 2,
        "builder.docker.tls_ca": "/etc/ca.pem",
        "builder.docker.tls_cert": "/etc/cert.pem",
        "builder.docker.tls_key": "/etc/key.pem",
        "builder.docker.network": "host",
        "builder.docker.memory": "512m",
        "builder.docker.disk": "64m",
        "builder.docker.processes": 1,
        "builder.docker.build_seconds": 2,
        "builder.docker.start_seconds": 3,
        "base": {
            "gpu": Base(
                image="registry.example/torch@sha256:0",
                python="3.12",
                gpu=True,
                environment={"OMP_NUM_THREADS": "4"},
            )
        },
        "pip.index_url": "https://pypi.example/simple",
        "pip.extra_index_urls": ("https://a.example", "https://b.example"),
        "pip.ca_bundle": "/etc/ssl/ca.pem",
        "pip.netrc": "/etc/netrc",
        "pip.allow_index_options": True,
        "limits.files": 1,
        "limits.depth": 2,
        "limits.file_bytes": 3,
        "limits.tree_bytes": 4,
        "limits.image_bytes": 5,
        "metrics.path": "/srv/metrics.prom",
        "gc.keep_versions": 0,
        "gc.yanked_days": 1,
        "gc.grace_seconds": 2,
        "gc.log_days": 3,
        "gc.package_bytes": 4,
        "gc.registry": True,
        "rules": {"requirement-unpinned": "warning"},
    }


@pytest.mark.parametrize("text", ["\ufeff[limits]\nfiles = 7\n", "[limits]\r\nfiles = 7\r\n"])
def test_a_file_from_another_system_is_read(text: str) -> None:
    assert parse_config(text, path="config.toml", state=STATE).limits.files == 7


def test_a_key_leaves_the_others_of_its_table_as_they_are() -> None:
    config = parse_config("[base.gpu]\ngpu = true\n", path="config.toml", state=STATE)
    assert config.base == {"gpu": Base(gpu=True)}
    assert config.publish.main_branch == "master"


def test_the_state_folder_is_the_given_one_unless_the_file_names_it() -> None:
    assert parse_config('state = ""', path="config.toml", state=STATE).state_path == Path(STATE)
    config = parse_config('state = "/s"', path="config.toml", state=STATE)
    assert (config.state_path, config.index_path) == (Path("/s"), Path("/s/index"))
    config = parse_config('[index]\npath = "/i"', path="config.toml", state=STATE)
    assert config.index_path == Path("/i")


@pytest.mark.parametrize(
    ("prefix", "remote"),
    [
        ("mlreef", False),
        ("a/b", False),
        ("localhost", True),
        ("localhost/a", True),
        ("localhost:5000", True),
        ("registry:5000", True),
        ("registry.example/a", True),
        ("[::1]:5000/a", True),
    ],
)
def test_a_prefix_that_names_a_host_is_pushed_to(prefix: str, remote: bool) -> None:
    config = parse_config(f'[registry]\nprefix = "{prefix}"', path="config.toml", state=STATE)
    assert config.registry == Registry(prefix=prefix)
    assert config.registry.remote is remote


# -- what is wrong ---------------------------------------------------------------------------------

WORDS = {str: "a text in quotes", int: "a whole number above 0", bool: "true or false"}
WRONG = {str: "3", int: '"3"', bool: "1"}
CHOICES = (  # of a few words
    "builder.use", "builder.layers.start", "publish.publish_on", "registry.private_images",
    "server.kind",
)  # fmt: skip
COUNTS = ("gc.keep_versions", "gc.yanked_days")  # may be 0
KEYS = [
    (key, type(value))
    for key, value in DEFAULTS.items()
    if type(value) in WORDS and key not in (*CHOICES, *COUNTS)
]


@pytest.mark.parametrize(("key", "kind"), KEYS, ids=[key for key, _ in KEYS])
def test_a_value_of_another_type(key: str, kind: type) -> None:
    assert faults(f"{key} = {WRONG[kind]}") == [f"{key}: write {WORDS[kind]}"]
    assert faults(f"{key} = {{}}") == [f"{key}: write {WORDS[kind]}"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("builder.use", "auto or layers or docker"),
        ("builder.layers.start", "changed or always or never"),
        ("publish.publish_on", "tag or push"),
        ("server.kind", "auto or plain or gitolite or gitea or forgejo or gitlab or soft-serve"),
        ("registry.private_images", "closed or anywhere"),
    ],
)
def test_a_word_that_is_no_choice(key: str, words: str) -> None:
    assert faults(f'{key} = "other"') == [f"{key}: write {words}"]
    assert faults(f"{key} = 3") == [f"{key}: write {words}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("limits.files = 0", "limits.files: write a whole number above 0"),
        ("limits.files = -1", "limits.files: write a whole number above 0"),
        ("limits.files = 1.5", "limits.files: write a whole number above 0"),
        ("limits.files = true", "limits.files: write a whole number above 0"),
        ("limits.files = 2026-11-23", "limits.files: write a whole number above 0"),
        ("publish.tags = 'v{version}'", "publish.tags: write a list of texts"),
        ("publish.tags = [1]", "publish.tags: write a list of texts"),
        ("publish.tags = []", "publish.tags: write at least one form"),
        ("publish.main_branch = ''", "publish.main_branch: write the branch's short name"),
        (
            "publish.main_branch = 'refs/heads/main'",
            "publish.main_branch: write the branch's short name",
        ),
        ("server.root = 'git'", "server.root: write an absolute path"),
        ("state = 'state'", "state: write an absolute path"),
        ("index.path = '~/index'", "index.path: write an absolute path"),
        ("pip.netrc = 'netrc'", "pip.netrc: write an absolute path"),
        (
            "server.url = 'https://git.example'",
            "server.url: write {repository} where the repository's name belongs",
        ),
        ("registry.prefix = ''", "registry.prefix: write it as in registry.example/mlreef"),
        ("registry.prefix = 'A/b c'", "registry.prefix: write it as in registry.example/mlreef"),
        (
            "registry.prefix = 'r.example/a'\nregistry.private_prefix = 's.example/a'",
            "registry.private_prefix: write one of the registry of registry.prefix",
        ),
        ("registry.prefix = 'a/'", "registry.prefix: write it as in registry.example/mlreef"),
        (
            "builder.docker.url = '/var/run/docker.sock'",
            "builder.docker.url: write it as in unix:///var/run/docker.sock",
        ),
        (
            "builder.docker.engines = ['unix://docker.sock']",
            "builder.docker.engines[0]: write it as in unix:///var/run/docker.sock"
            " or ssh://user@host",
        ),
        (
            "builder.docker.engines = ['ssh://-oProxyCommand=x']",
            "builder.docker.engines[0]: write it as in unix:///var/run/docker.sock"
            " or ssh://user@host",
        ),
        (
            "registry.prefix = 'r.example/m'\nbuilder.docker.engines = ['tcp://a', 'tcp://a']",
            "builder.docker.engines[1]: the same engine again",
        ),
        (
            "builder.docker.engines = ['tcp://a', 'tcp://b']",
            "builder.docker.engines: several engines need a registry that all of them reach,"
            " write its host into registry.prefix",
        ),
        (
            "builder.docker.tls_ca = '/a'\nbuilder.docker.tls_cert = '/b'",
            "builder.docker.tls_cert: write tls_cert and tls_key, or neither",
        ),
        (
            "builder.docker.tls_cert = '/a'\nbuilder.docker.tls_key = '/b'",
            "builder.docker.tls_ca: write it too, for tls_cert",
        ),
        ("builder.docker.memory = '4 GB'", 'builder.docker.memory: write it as in "4g"'),
        ("builder = 3", "builder: write a table"),
        ("[[base]]", "base: write a table"),
        ("base = {}", "base: write at least [base.default]"),
        ("base.x = 3", "base.x: write a table"),
        ("base.x.imag = ''", "base.x.imag: unknown key, did you mean image?"),
        ("base.x.python = '3'", 'base.x.python: write it as in "3.11"'),
        ("base.x.python = '3.11.2'", 'base.x.python: write it as in "3.11"'),
        ("base.x.python = '2.7'", 'base.x.python: write it as in "3.11"'),
        ("base.x.environment.A = 3", "base.x.environment.A: write a text in quotes"),
        (
            "base.x.environment.'A B' = ''",
            "base.x.environment.A B: not the name of a variable, use letters, digits, _",
        ),
        (
            "rules.requirement-unpinned = 'eror'",
            "rules.requirement-unpinned: write error or warning, did you mean error?",
        ),
        ("rules.requirement-unpinned = []", "rules.requirement-unpinned: write error or warning"),
        (
            "rules.requirement-unpined = 'error'",
            "rules.requirement-unpined: unknown rule, did you mean requirement-unpinned?",
        ),
        (
            "rules.tree-path = 'warning'",
            "rules.tree-path: stays as it is, "
            "a site may set version-breaking, requirement-unpinned",
        ),
        ("publsh.tags = []", "publsh: unknown key, did you mean publish?"),
        ("gc.keep_versions = -1", "gc.keep_versions: write a whole number"),
        ("gc.yanked_days = '0'", "gc.yanked_days: write a whole number"),
        ("gc.keep_versions = false", "gc.keep_versions: write a whole number"),
        ("gc.grace_seconds = 0", "gc.grace_seconds: write a whole number above 0"),
        ("limits.file = 3", "limits.file: unknown key, did you mean files?"),
        (
            "zzz = 3",
            "zzz: unknown key, write one of state, publish, server, visibility, worker, index, "
            "catalog, registry, images, builder, base, pip, provenance, limits, metrics, "
            "gc, rules",
        ),
        ("x = [", "Invalid value (at end of document)"),
        ("x = " + "9" * 5000, "a number is too long, or it is nested too deeply"),
        ("x = " + "[" * 5000, "a number is too long, or it is nested too deeply"),
    ],
)
def test_a_fault_is_told_with_its_key(text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_all_faults_are_told_at_once() -> None:
    text = """\
        stat = "/s"
        state = 3
        [publish]
        tags = ["{version}{version}", "v{version}", "{module}{version}"]
        main_branch = true
        [limits]
        files = 0
        depth = "deep"
        [base.a]
        python = "three"
        gpu = "no"
        [base.b.environment]
        "A=B" = "x"
        C = 1
        [rules]
        requirement-unpinned = "ignore"
        tree-path = 3
    """
    assert [fault.partition(":")[0] for fault in faults(text)] == [
        "stat",
        "state",
        "publish.tags[0]",
        "publish.tags[2]",
        "publish.main_branch",
        "limits.files",
        "limits.depth",
        "base.a.python",
        "base.a.gpu",
        "base.b.environment.C",
        "base.b.environment.A=B",
        "rules.requirement-unpinned",
        "rules.tree-path",
        "rules.tree-path",
    ]


def test_every_rule_that_a_site_may_set_can_be_set() -> None:
    for rule, about in RULES.items():
        text = f"[rules]\n{rule} = 'warning'\n"
        if about.adjustable:
            config = parse_config(text, path="config.toml", state=STATE)
            assert config.rules == {rule: "warning"}
        else:
            assert faults(text)[0].startswith(f"rules.{rule}: ")
