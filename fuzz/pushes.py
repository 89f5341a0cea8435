"""What git hands over: ref lines and tags, trees, commits, tag objects, packed deltas."""

import re
import zlib
from collections.abc import Sequence

from dulwich.errors import ObjectFormatException
from dulwich.objects import parse_tree
from packaging.version import Version

from fuzz.harness import PART, Harness, check_findings, check_lines, check_refusal, text_of
from mlreef_hooks import report
from mlreef_hooks.config import Limits
from mlreef_hooks.delta_chain import is_too_large
from mlreef_hooks.errors import PublishError
from mlreef_hooks.git_objects import (
    commit_seconds,
    entry_mode,
    object_of_tag,
    tag_message,
    tree_entries,
    tree_of_commit,
)
from mlreef_hooks.image import image_reference, timestamp
from mlreef_hooks.lfs_pointer import read_pointer
from mlreef_hooks.plain_text import plain
from mlreef_hooks.problems import Problems
from mlreef_hooks.push import (
    PublishRequest,
    RepositoryName,
    TagPattern,
    parse_ref_updates,
    read_tag,
)
from mlreef_hooks.tree import ReadObjects, SourceTree
from mlreef_hooks.tree_entry import TreeEntry
from mlreef_hooks.tree_listing import ListedEntry, list_tree
from mlreef_hooks.tree_rules import check_tree

_ID = "4" * 40
_FORMS = ("publish/{version}", "publish/{module}/{version}", "{module}@v{version}", "v{version}")
_PATTERNS = tuple(TagPattern.parse(form) for form in _FORMS)
_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # of the OCI distribution format
_LIMITS = Limits(files=200, depth=10, file_bytes=1000, tree_bytes=10_000)
_ROW = 24  # bytes of a tree's entry, at least
_SPECIFICATION = "version https://git-lfs.github.com/spec/v1"
_HEX = re.compile(r"[0-9a-f]{40}")


def check_ref_lines(data: bytes) -> bool:
    """Every update is a line of the input, and its tag is read without harm."""
    lines = data.split(b"\n")
    taken = False
    for update in parse_ref_updates(data):
        line = f"{update.old} {update.new} {update.ref}".encode(errors="surrogateescape")
        assert line in lines, update
        taken |= update.tag is not None and _check_tag(update.tag, _PATTERNS)
    return taken


def check_tag_pattern(data: bytes) -> bool:
    """A pattern (the first line) is refused for people, or reads tags (the other lines)."""
    form, *tags = text_of(data).split("\n")
    try:
        pattern = TagPattern.parse(form)
    except PublishError as error:
        check_refusal(error)
        return False
    pattern.grep_expression().encode(errors="surrogateescape")
    taken = [_check_tag(tag, [pattern]) for tag in tags]
    return any(taken)


def _check_tag(tag: str, patterns: Sequence[TagPattern]) -> bool:
    """True where the tag asks for a version."""
    found = read_tag(tag, patterns)
    if found is None or found.version is None:
        return False
    assert found.tag == tag
    assert found.module is None or (found.module and "/" not in found.module), found
    version = found.version
    assert version.local is None
    assert Version(str(version)) == version
    reference = image_reference("mlreef", "vision", "add-noise", str(version))
    assert _IMAGE_TAG.fullmatch(reference.rpartition(":")[2]), reference
    request = PublishRequest(
        repository=RepositoryName(key="vision/a", namespace="vision", name="a"), tag=tag,
        module=found.module, version=version, commit=_ID, pusher="ada", notes="",
    )  # fmt: skip
    check_lines(report.beginning(request, found.module or "a"))
    check_lines(report.parked(request, "master"))
    check_refusal(report.refusal([], tag))
    return True


def check_tree_object(data: bytes) -> bool:
    """Trees are read as dulwich reads them, listed up to a bound, and judged.

    What is found to be without fault can be unpacked anywhere.
    """
    objects = data.split(PART)
    for each in objects:
        _check_same_reading(each)
    try:
        return _check_listed(objects)
    except ValueError:
        return False


def _check_same_reading(content: bytes) -> None:
    """Trees of a megabyte are read by us, which may be stricter, and smaller ones by dulwich."""
    try:
        theirs = [*parse_tree(content, 20)]
    except (ObjectFormatException, ValueError):
        theirs = None
    try:
        ours = [*tree_entries(content, 20)]
    except ValueError:
        ours = None
    assert ours in (None, theirs), (ours, theirs)


def _check_listed(objects: list[bytes]) -> bool:
    def read(tree: str, most: int) -> list[ListedEntry]:
        content = objects[int(tree[:2] or "0", 16) % len(objects)]
        return [
            ListedEntry(name.decode(errors="surrogateescape"), entry_mode(mode), id_.decode())
            for name, mode, id_ in tree_entries(content, 20)
        ]

    listing = list_tree("00" * 20, read, _LIMITS)
    assert len(listing.entries) <= _LIMITS.files + 1
    entries = [
        TreeEntry(path=each.path, mode=each.mode, size=int(each.id[:2], 16), id=each.id)
        for each in listing.entries
    ]
    content = {each.id: bytes.fromhex(each.id)[: each.size] for each in entries}
    tree = SourceTree(
        entries, ReadObjects(lambda entry: content[entry.id]), folders=listing.folders,
        known=listing.known, doubled=listing.doubled, beyond=listing.beyond,
    )  # fmt: skip
    problems = Problems()
    within = check_tree(tree, _LIMITS, problems)
    check_findings(problems)
    unpackable = within and problems.publishable
    if unpackable:
        _check_unpackable(entries)
    return unpackable


def _check_unpackable(entries: list[TreeEntry]) -> None:
    paths = [each.path for each in entries]
    assert len({*paths}) == len(paths)
    folders = {path.rpartition("/")[0] for path in paths}
    for path in paths:
        assert path not in folders, path
        path.encode()
        assert "\0" not in path
        parts = path.split("/")
        assert not {"", ".", "..", ".git"} & {part.lower() for part in parts}, path
        assert plain(path) or not path.isprintable(), path


def check_git_object(data: bytes) -> bool:
    """Commits and tags are read, or malformed."""
    taken = False
    for read in (tree_of_commit, object_of_tag):
        try:
            taken |= bool(_HEX.fullmatch(read(_ID, data)))
            assert taken
        except PublishError as error:
            check_refusal(error)
    assert len(timestamp(commit_seconds(data))) == 20
    message = tag_message(data)
    message.encode()
    assert len(message) <= len(data)
    return taken


def check_delta(data: bytes) -> bool:
    """A pack is judged, or damaged; whatever its deltas stand on."""

    def read(start: int, size: int) -> bytes:
        if start < 0:
            raise ValueError("before the pack")
        return data[start : start + size]

    def find(id_: bytes) -> int:
        if len(id_) != 20:
            raise KeyError(id_)
        return id_[0]

    try:
        return is_too_large(read, find, 0, 20) in (True, False)
    except (KeyError, ValueError, zlib.error):
        return False


def check_pointer(data: bytes) -> bool:
    """A pointer of Git LFS says exactly what is read from it; its hash may be part of a path."""
    pointer = read_pointer(data)
    if pointer is None:
        return False
    assert re.fullmatch(r"[0-9a-f]{64}", pointer.oid)
    said = f"{_SPECIFICATION}\noid sha256:{pointer.oid}\nsize {pointer.size}\n"
    assert said.encode() in (data, data + b"\n")
    return True


def _row(mode: bytes, name: bytes, id_: int = 1) -> bytes:
    return mode + b" " + name + b"\0" + bytes([id_]) * 20


_LINE = f"{'0' * 40} {_ID} refs/tags/".encode()
_COMMIT = (
    f"tree {_ID}\nauthor Ada <a@b> 1 +0000\ncommitter Ada <a@b> 1767225600 +0000\n\nx\n".encode()
)
_TAG = f"object {_ID}\ntype commit\ntag x\ntagger Ada <a@b> 1 +0000\n\nnotes\n".encode()
_DELTA = zlib.compress(b"\x0a\x0a\x0a")
HARNESSES = {
    "ref_lines": Harness(
        check_ref_lines,
        tuple(
            _LINE + tag + b"\n"
            for tag in (b"publish/1.2.0", b"publish/add-noise/1!2.0rc1", b"x@v1", b"v2.post1.dev3")
        ),
        (_LINE, b"publish/", b"@v", b"1.0", b"rc1", b"!", b"+local", b"0" * 40, b"refs/heads/"),
    ),
    "tag_pattern": Harness(
        check_tag_pattern,
        (b"publish/{version}\npublish/1.0", b"{module}-{version}\nadd-noise-1.0-1\na-1"),
        (b"{version}", b"{module}", b"\n", b"1.0", b"/", b"@v", b"-"),
    ),
    "tree_object": Harness(
        check_tree_object,
        (
            _row(b"100644", b"a.py") + _row(b"40000", b"d") + PART + _row(b"100755", b"b"),
            _row(b"40000", b"d", 3) + _row(b"160000", b"s") + PART + _row(b"120000", b"l", 65),
            _row(b"100644", b"a") * 2,
            _row(b"160000", b"sub") + _row(b"100755", b"..") + _row(b"100644", b".git"),
        ),
        (b"100644 ", b"40000 ", b"120000 ", b"\0", b"\1" * 20, b"..", b".git", b"/", PART, b"0o"),
    ),
    "git_object": Harness(
        check_git_object,
        (_COMMIT, _TAG, _TAG + b"-----BEGIN PGP SIGNATURE-----\nx\n"),
        (b"tree ", b"object ", b"committer ", b"> ", b"\n\n", b"-----BEGIN SSH SIGNATURE-----"),
    ),
    "lfs_pointer": Harness(
        check_pointer,
        (f"{_SPECIFICATION}\noid sha256:{'4' * 64}\nsize 12345\n".encode(),),
        (b"size ", b"oid sha256:", b"4" * 64, b"../", b"\n", b"0", b"version ", b"ext-0-x sha256:"),
    ),
    "delta": Harness(
        check_delta,
        (
            bytes([0x7A]) + b"\x1f" * 20 + _DELTA + b"\x3a" + _DELTA,
            bytes([0x6A, 5]) + _DELTA,
            bytes([0x3A]) + _DELTA,
        ),
        (b"\xff", b"\x80", b"\x6a", b"\x7a", _DELTA),
    ),
}
