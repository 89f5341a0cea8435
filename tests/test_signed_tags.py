"""A site that takes signed tags alone, by real pushes."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_signature import signature_fault
from mlreef_hooks.repository import GitRepository
from tests.support.git import Author, remote_lines
from tests.support.processes import find_program
from tests.support.publishing import unwrapped
from tests.support.site import PROJECT, GitSite
from tests.support.ssh_keys import allow, make_key, public_key


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys `ada` and `eve`, and `allowed`, which names the first alone."""
    folder = tmp_path_factory.mktemp("keys")
    allow(folder / "allowed", ada=make_key(folder / "ada"))
    make_key(folder / "eve")
    return folder


@pytest.fixture
def site(tmp_path: Path, stored_base: Path, keys: Path) -> GitSite:
    """A site that takes tags that ada has signed."""
    settings = {
        "images": {"path": str(stored_base)},
        "publish": {"signed_tags": str(keys / "allowed")},
    }
    return GitSite(tmp_path, "unix:///nowhere", "mlreef-base:bookworm", settings, "layers")


@pytest.fixture
def author(site: GitSite, keys: Path) -> Author:
    """An author with a commit, who signs with ada's key."""
    return make_author(site, keys)


def make_author(site: GitSite, keys: Path, object_format: str = "sha1") -> Author:
    """The author of text/upper, with a commit and ada's key."""
    author = site.author("text/upper", object_format)
    author.git("config", "gpg.format", "ssh")
    author.git("config", "user.signingKey", str(keys / "ada"))
    author.commit(PROJECT)
    author.push("master")
    return author


def push(author: Author, tag: str = "publish/1.0.0") -> str:
    """What the server says of a push of a tag."""
    return unwrapped("\n".join(remote_lines(author.push("--force", tag))))


def published(site: GitSite) -> list[str]:
    """What was published, or is going to be."""
    return [*site.versions("text/upper"), *map(str, site.state.glob("jobs.sqlite"))]


def sign(author: Author, tag: str = "publish/1.0.0") -> None:
    """Make a tag, or make it anew, that is signed."""
    author.git("tag", "--force", "--sign", "--message=signed", tag)


def write_tag(author: Author, content: str, tag: str = "publish/1.0.0") -> None:
    """Make a tag of the bytes of a tag object."""
    words = [find_program("git"), "hash-object", "-t", "tag", "-w", "--stdin"]
    done = subprocess.run(
        words, cwd=author.folder, env=author.environment, input=content.encode(), check=True,
        capture_output=True,
    )  # fmt: skip
    author.git("update-ref", f"refs/tags/{tag}", done.stdout.decode().strip())


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_signed_tag_publishes(site: GitSite, keys: Path, object_format: str) -> None:
    author = make_author(site, keys, object_format)
    sign(author)
    assert "success: upper 1.0.0 is published" in push(author)
    (version,) = (site.document("text/upper") or {})["versions"]
    assert version["notes"] == "signed"
    said = site.command("verify", "text/upper", "--provenance").stdout
    assert f"from    {version['commit']} (publish/1.0.0)" in said


def test_a_name_and_a_tag_without_a_signature_publish_nothing(
    site: GitSite, author: Author
) -> None:
    author.tag("publish/1.0.0")
    said = push(author)
    assert "error: publish/1.0.0: the tag is not signed: there is only a name" in said
    assert "git tag --force --sign publish/1.0.0" in said
    author.tag("publish/1.0.0", "notes", force=True)
    said = push(author)
    assert "the tag is not signed as the site wants: it has no signature" in said
    assert "[tag-signature]" in said
    assert published(site) == []
    sign(author)
    assert "is published" in push(author)


def test_the_key_of_a_stranger_publishes_nothing(site: GitSite, author: Author, keys: Path) -> None:
    author.git("config", "user.signingKey", str(keys / "eve"))
    sign(author)
    assert "the key is none that the site allows" in push(author)
    assert published(site) == []


def test_a_signed_tag_that_was_changed_publishes_nothing(site: GitSite, author: Author) -> None:
    sign(author)
    content = author.git("cat-file", "tag", "publish/1.0.0")
    write_tag(author, content.replace("\n\nsigned", "\n\nsigneD") + "\n")
    assert "[tag-signature]" in push(author)
    assert published(site) == []


def test_a_signed_tag_counts_under_its_own_name_alone(site: GitSite, author: Author) -> None:
    sign(author)
    signed = author.git("rev-parse", "publish/1.0.0")
    author.git("update-ref", "refs/tags/publish/2.0.0", signed)
    assert "the tag was signed as publish/1.0.0" in push(author, "publish/2.0.0")
    author.git("tag", "--annotate", "--message=around", "publish/3.0.0", signed)
    assert "it has no signature" in push(author, "publish/3.0.0")
    assert published(site) == []


@pytest.mark.parametrize("form", ["PGP SIGNATURE", "SIGNED MESSAGE", "SSH SIGNATURE"])
def test_the_settings_of_a_repository_choose_neither_program_nor_signers(
    site: GitSite, author: Author, keys: Path, tmp_path: Path, form: str
) -> None:
    run, ran = tmp_path / "run", tmp_path / "ran"
    run.write_text(f"#!/bin/sh\ntouch {ran}\necho '[GNUPG:] GOODSIG 1 ada'\nexit 0\n")
    run.chmod(0o755)
    everybody = allow(tmp_path / "everybody", eve=keys / "eve")
    for name, value in {
        "gpg.program": run, "gpg.openpgp.program": run, "gpg.x509.program": run,
        "gpg.ssh.program": run, "gpg.ssh.allowedSignersFile": everybody, "gpg.format": "openpgp",
        "gpg.ssh.defaultKeyCommand": run, "gpg.minTrustLevel": "undefined",
    }.items():  # fmt: skip
        words = [find_program("git"), "config", name, str(value)]
        subprocess.run(words, cwd=site.repositories / "text/upper.git", check=True)
    author.git("config", "user.signingKey", str(keys / "eve"))
    sign(author)
    content = author.git("cat-file", "tag", "publish/1.0.0")
    write_tag(author, content.replace("SSH SIGNATURE", form) + "\n")
    assert "[tag-signature]" in push(author)
    assert not ran.exists()
    assert published(site) == []


def test_a_missing_file_of_signers_keeps_the_tag(
    site: GitSite, author: Author, keys: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    site.config.write_text(site.config.read_text().replace(str(keys / "allowed"), str(away)))
    sign(author)
    assert "the file of those who may sign publish tags cannot be read" in push(author)
    assert site.document("text/upper") is None
    said = site.command("doctor", expect=1).stdout
    assert f"error: publish.signed_tags: {away} is not there" in said
    away.write_text(f"ada@site.example {public_key(keys / 'ada')}\n")
    author.commit({"README.md": "more"})
    sign(author, "publish/1.1.0")
    author.push("master", "publish/1.1.0")
    assert site.versions("text/upper") == ["1.1.0", "1.0.0"]


def test_without_ssh_keygen_nobody_is_blamed(
    author: Author, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(author)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(find_program("git"))
    monkeypatch.setenv("PATH", str(programs))
    with closing(GitRepository(author.folder)) as repository:
        tag = repository.refs("refs/tags/")["refs/tags/publish/1.0.0"]
        with pytest.raises(PublishError, match="ssh-keygen is not installed") as refused:
            signature_fault(repository.git_dir, tag, keys / "allowed")
    assert refused.value.passing
