"""Provenance by real pushes: what is written, who signed it, what `verify` finds."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement

from mlreef_hooks.index import Document
from mlreef_hooks.ssh_signature import NAMESPACE
from tests.support.package_index import make_wheel, package_index
from tests.support.publishing import entry, jobs, project, publish, unwrapped
from tests.support.site import GitSite
from tests.support.ssh_keys import allow, make_key

BUILDER = "https://git.example/mlreef-hooks"
FILES = ("upper@1.0.0.intoto.json", "upper@1.0.0.cdx.json", "upper@1.0.0.intoto.json.sig")
Change = Callable[[GitSite], object]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys `site` and `eve`, and `allowed`, which names the first alone."""
    folder = tmp_path_factory.mktemp("keys")
    allow(folder / "allowed", site=make_key(folder / "site"))
    allow(folder / "others", eve=make_key(folder / "eve"))
    return folder


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, stored_base: Path, keys: Path
) -> Iterator[GitSite]:
    """A site that signs, with the private module text/upper."""
    with package_index() as packages:
        packages.add(make_wheel("tiny", "1.0", {"tiny.py": ""}))
        site = make_site(tmp_path_factory.mktemp("published"), stored_base, key=str(keys / "site"))
        text = site.config.read_text().replace("[pip]", f'[pip]\nindex_url = "{packages.url}"')
        site.config.write_text(text)
        said = publish(site.author("text/upper"), project("tiny==1.0\n"))
        assert "success: upper 1.0.0 is published" in said
        yield site


def make_site(folder: Path, images: Path, **provenance: Any) -> GitSite:
    """A site that builds without an engine."""
    settings = {
        "images": {"path": str(images)},
        "server": {"url": "https://git.example/{repository}.git"},
        "provenance": {"builder_id": BUILDER, **provenance},
    }
    return GitSite(folder, "unix:///nowhere", "mlreef-base:bookworm", settings, "layers")


def folder_of(site: GitSite, audience: str = "private/text") -> Path:
    """Where the provenance of text/upper is."""
    return site.index / audience / "provenance" / "text" / "upper"


def statement_of(site: GitSite) -> Document:
    """The statement of text/upper 1.0.0."""
    statement: Document = json.loads((folder_of(site) / FILES[0]).read_bytes())
    return statement


def copied(site: GitSite, folder: Path) -> Path:
    """A copy of the index of a site, all that a reader gets."""
    return shutil.copytree(site.index, folder / "index")


def verify(site: GitSite, index: Path, *words: str | Path, expect: int = 0) -> str:
    """What `verify --provenance` says of text/upper 1.0.0 in an index."""
    done = site.command(
        "verify", "text/upper@1.0.0", "--provenance", "--index", index, *words, expect=expect
    )
    return done.stdout + done.stderr


# what is written


def test_a_version_names_its_provenance_beside_it(published: GitSite) -> None:
    version = entry(published, "text/upper")
    assert {path.name for path in folder_of(published).iterdir()} == {*FILES}
    paths = [version["provenance"][key]["path"] for key in ("statement", "sbom", "signature")]
    assert paths == [f"provenance/text/upper/{name}" for name in FILES]


def test_the_statement_is_one_of_in_toto_with_slsa_provenance(published: GitSite) -> None:
    said, version = statement_of(published), entry(published, "text/upper")
    statement = ParseDict(said, Statement([], "", {}).pb)
    Statement.copy_from_pb(statement).validate()
    provenance = ParseDict(said["predicate"], Provenance())
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {"sha256": statement.subject[0].digest["sha256"]} == {
        "sha256": version["image"]["digest"].removeprefix("sha256:")
    }
    assert provenance.run_details.builder.id == BUILDER
    code, base, tiny = provenance.build_definition.resolved_dependencies
    assert code.uri == "git+https://git.example/text/upper.git@refs/tags/publish/1.0.0"
    assert code.digest["gitCommit"] == version["commit"]
    assert f"sha256:{base.digest['sha256']}" == version["base"]["digest"]
    assert (tiny.name, tiny.uri) == ("tiny-1.0-py3-none-any.whl", "pkg:pypi/tiny@1.0")
    assert tiny.digest["sha256"] == version["wheels"][0]["sha256"]
    started, finished = provenance.run_details.metadata.started_on, version["published_at"]
    assert started.ToJsonString() <= finished


def test_the_bill_of_materials_is_one_of_cyclonedx(published: GitSite) -> None:
    content = (folder_of(published) / FILES[1]).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content) is None
    bill, version = json.loads(content), entry(published, "text/upper")
    _, tiny = bill["components"]
    assert (tiny["purl"], tiny["version"]) == ("pkg:pypi/tiny@1.0", "1.0")
    assert tiny["hashes"] == [{"alg": "SHA-256", "content": version["wheels"][0]["sha256"]}]


def test_nothing_of_the_server_is_told(published: GitSite, keys: Path) -> None:
    for path in folder_of(published).iterdir():
        content = path.read_text()
        assert str(published.folder) not in content
        assert str(keys) not in content


def test_ssh_keygen_alone_checks_the_signature(published: GitSite, keys: Path) -> None:
    statement, _, signature = (folder_of(published) / name for name in FILES)
    words = ["-I", "site@site.example", "-n", NAMESPACE, "-f", keys / "allowed", "-s", signature]
    with statement.open("rb") as file:
        subprocess.run(["ssh-keygen", "-Y", "verify", *map(str, words)], stdin=file, check=True)


# what verify finds


def test_verify_reads_nothing_but_the_index(published: GitSite, keys: Path, tmp_path: Path) -> None:
    index = copied(published, tmp_path)
    said = verify(published, index, "--allowed-signers", keys / "allowed")
    assert f"the same: {entry(published, 'text/upper')['image']['digest']}" in said
    assert "signed  by site@site.example (ED25519 key SHA256:" in said
    assert "--allowed-signers tells whose it is" in verify(published, index)


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_of_a_file_is_found(published: GitSite, tmp_path: Path, name: str) -> None:
    index = copied(published, tmp_path)
    path = index / "private/text/provenance/text/upper" / name
    content = path.read_bytes()
    for place in (0, len(content) // 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert f"not the same: provenance/text/upper/{name}" in verify(published, index, expect=1)
    path.write_bytes(content + b" ")
    assert f"{name} is not what" in verify(published, index, expect=1)
    path.unlink()
    assert f"{name} is not there" in verify(published, index, expect=1)


def change_version(index: Path, change: Callable[[Document], object]) -> None:
    """Change the version of text/upper in an index."""
    path = index / "private/text/modules/text/upper.json"
    document = json.loads(path.read_bytes())
    change(document["versions"][0])
    path.write_text(json.dumps(document))


ENTRY_CHANGES: Mapping[str, Callable[[Document], object]] = {
    "subject": lambda version: version["image"].update(digest="sha256:" + "0" * 64),
    "tag": lambda version: version.update(tag="publish/2.0.0"),
    "commit": lambda version: version.update(commit="0" * 40),
    "entryPoint": lambda version: version.update(entry_point="other.py"),
    "resolvedDependencies": lambda version: version["wheels"][0].update(sha256="0" * 64),
    "byproducts": lambda version: version["parameters"][0].update(default="/etc"),
    "published": lambda version: version.update(published_by="eve"),
}


@pytest.mark.parametrize("place", ENTRY_CHANGES)
def test_any_changed_field_of_the_entry_is_found(
    published: GitSite, tmp_path: Path, place: str
) -> None:
    index = copied(published, tmp_path)
    change_version(index, ENTRY_CHANGES[place])
    said = verify(published, index, expect=1)
    assert "the statement and the index entry differ" in said
    assert place in said or "byproducts[1]" in said


@pytest.mark.parametrize(
    "said", [{"yanked": True, "yank_reason": "broken"}, {"deprecated": "take lower"}]
)
def test_what_administrators_say_later_is_no_change(
    published: GitSite, tmp_path: Path, said: dict[str, Any]
) -> None:
    index = copied(published, tmp_path)
    change_version(index, lambda version: version.update(said))
    assert "the same" in verify(published, index)


def test_a_path_of_somebody_else_is_not_followed(published: GitSite, tmp_path: Path) -> None:
    index = copied(published, tmp_path)
    for path in ("provenance/../secret", "provenance/text/upper/../../../../secret"):
        other = {"path": path, "sha256": "0" * 64}
        change_version(index, lambda version: version["provenance"].update(sbom=other))  # noqa: B023
        said = verify(published, index, expect=1)
        assert "the path of the sbom" in said or "does not match" in said


def resign(index: Path, key: Path | None, content: bytes | None = None) -> None:
    """Write another statement, signed by a key or by nobody, and let the entry name it."""
    folder = index / "private/text/provenance/text/upper"
    statement = folder / FILES[0]
    if content is not None:
        statement.write_bytes(content)
    (folder / FILES[2]).unlink()
    if key is not None:
        names = [str(key), "-n", NAMESPACE, str(statement)]
        words = ["ssh-keygen", "-q", "-Y", "sign", "-f", *names]
        subprocess.run(words, check=True, capture_output=True)

    def name(version: Document) -> None:
        for key_, path in (("statement", statement), ("signature", folder / FILES[2])):
            done = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=False)
            version["provenance"][key_]["sha256"] = done.stdout[:64]
        if key is None:
            del version["provenance"]["signature"]

    change_version(index, name)


def test_the_signature_of_a_stranger_counts_for_nothing(
    published: GitSite, keys: Path, tmp_path: Path
) -> None:
    index = copied(published, tmp_path)
    resign(index, keys / "eve")
    assert "--allowed-signers tells whose it is" in verify(published, index)
    said = verify(published, index, "--allowed-signers", keys / "allowed", expect=1)
    assert "the statement is not signed by one of" in said
    verify(published, index, "--allowed-signers", keys / "others")


def test_a_signature_of_another_statement_is_found(
    published: GitSite, keys: Path, tmp_path: Path
) -> None:
    index = copied(published, tmp_path)
    statement = json.dumps(statement_of(published)).replace(BUILDER, "https://eve.example/builder")
    signature = (folder_of(published) / FILES[2]).read_bytes()
    resign(index, keys / "site", statement.encode())
    verify(published, index, "--allowed-signers", keys / "allowed")
    path = index / "private/text/provenance/text/upper" / FILES[2]
    path.write_bytes(signature)
    wanted = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    change_version(index, lambda v: v["provenance"]["signature"].update(sha256=wanted.stdout[:64]))
    assert "the signature is not of the statement" in verify(published, index, expect=1)
    said = verify(published, index, "--allowed-signers", keys / "allowed", expect=1)
    assert "the statement is not signed by one of" in said


def test_who_wants_a_signature_is_told_of_none(
    published: GitSite, keys: Path, tmp_path: Path
) -> None:
    index = copied(published, tmp_path)
    resign(index, None)
    assert "signed  by nobody" in verify(published, index)
    said = verify(published, index, "--allowed-signers", keys / "allowed", expect=1)
    assert "the statement is not signed" in said


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"predicate": 3}', b"[" * 100_000])
def test_a_statement_that_is_none_is_found(
    published: GitSite, keys: Path, tmp_path: Path, content: bytes
) -> None:
    index = copied(published, tmp_path)
    resign(index, keys / "site", content)
    assert "cannot be read" in verify(published, index, expect=1)


# who signs


def test_without_a_key_nothing_is_signed(tmp_path: Path, stored_base: Path) -> None:
    site = make_site(tmp_path, stored_base)
    publish(site.author("text/upper"), project(""))
    assert {*entry(site, "text/upper")["provenance"]} == {"statement", "sbom"}
    assert "signed  by nobody" in verify(site, site.index)


BAD_KEYS: Mapping[str, Callable[[Path], object]] = {
    "it is not there": lambda path: None,
    "it is locked by a passphrase": lambda path: make_key(path, "secret"),
    "it is open to others": lambda path: make_key(path).chmod(0o644),
}


@pytest.mark.parametrize("fault", BAD_KEYS)
def test_a_key_that_does_not_sign_keeps_the_job(
    tmp_path: Path, stored_base: Path, fault: str
) -> None:
    key = tmp_path / "key"
    site = make_site(tmp_path, stored_base, key=str(key))
    BAD_KEYS[fault](key)
    said = unwrapped(publish(site.author("text/upper"), project("")))
    assert f"the key of the site does not sign: {fault}" in said
    assert site.document("text/upper") is None
    assert jobs(site) == [(1, "queued")]
    doctor = site.command("doctor", expect=1).stdout
    assert "error: provenance.key: " in doctor
    for path in (key, key.with_name("key.pub")):
        path.unlink(missing_ok=True)
    make_key(key)
    site.command("retry", "1")
    assert "signature" in entry(site, "text/upper")["provenance"]
    assert "ok: provenance.key: signs" in site.command("doctor", expect=None).stdout


# where it is


def test_provenance_moves_with_its_module(tmp_path: Path, stored_base: Path) -> None:
    site = make_site(tmp_path, stored_base)
    author = site.author("text/upper")
    publish(author, project(""))
    for version, visibility, audience in (
        ("1.1.0", "public", "public"), ("1.2.0", "private", "private/text"),
    ):  # fmt: skip
        repository = site.repositories / "text/upper.git"
        subprocess.run(
            ["git", "config", "mlreef.visibility", visibility], cwd=repository, check=True
        )
        publish(author, {}, version)
        found = set(site.index.rglob("*@*"))
        assert {path.parent for path in found} == {folder_of(site, audience)}
        verify(site, site.index)
        for number in site.versions("text/upper"):
            assert folder_of(site, audience) / f"upper@{number}.cdx.json" in found
