"""Documents and words: the index, the configuration, what `check` remembers, text for people."""

import json
import math
from contextlib import suppress

from fuzz.harness import PART, Harness, check_lines, check_refusal, parts_of, text_of
from mlreef_hooks import report
from mlreef_hooks.columns import cut, size, wrapped
from mlreef_hooks.command_line import complete_values, read_pairs, write_arguments
from mlreef_hooks.config import Config, parse_config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import find_version, listing_line
from mlreef_hooks.index_check import check_document
from mlreef_hooks.index_document import encode_document
from mlreef_hooks.plain_text import plain, plain_lines
from mlreef_hooks.problems import Problem, printable
from mlreef_hooks.tree_entry import FolderSummary
from tests.index_entries import make_entry


def check_index_document(data: bytes) -> bool:
    """A document is refused, or is one that readers can use: by its words and its parameters."""
    document_bytes, *pairs = data.split(PART)
    try:
        document = json.loads(document_bytes)
    except (ValueError, RecursionError):
        return False
    if not isinstance(document, dict):
        return False
    for kind in ("listing", "index"):
        with suppress(PublishError):
            check_document(kind, document, "x.json")
    try:
        checked = check_document("module", document, "x.json")
    except PublishError as error:
        check_refusal(error)
        return False
    with suppress(ValueError):  # of a number that JSON has no word for
        encode_document(checked)
    with suppress(PublishError):
        line = listing_line(checked)
        found = find_version(checked, line["version"])
        assert found is not None
        values, _ = read_pairs(found["parameters"], [text_of(pair) for pair in pairs])
        paths = {"input-path": "/in", "output-path": "/out"}
        write_arguments(found["parameters"], complete_values(found["parameters"], values, paths))
    return True


def check_config(data: bytes) -> bool:
    """A configuration is refused with words, or is one."""
    try:
        config = parse_config(text_of(data), path="config.toml", state="/nowhere")
    except PublishError as error:
        check_lines(report.failed(error))
        return False
    assert isinstance(config, Config)
    assert config.publish.patterns
    assert config.base
    return True


def check_folder_summary(data: bytes) -> bool:
    """What is remembered of a folder is nothing, or the same when it is written and read again."""
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        return False
    summary = FolderSummary.from_json(facts)
    if summary is not None:
        assert FolderSummary.from_json(json.loads(json.dumps(summary.to_json()))) == summary
    return summary is not None


def check_plain_text(data: bytes) -> bool:
    """Plain text is printable, said once and for all, and not longer than before."""
    text = text_of(data)
    shown = plain(text)
    assert shown.isprintable(), ascii(shown)
    assert plain(shown) == shown
    assert len(shown) <= len(text)
    lines = plain_lines(text)
    assert all(line.isprintable() for line in lines.replace("\t", "").split("\n")), ascii(lines)
    assert plain_lines(lines) == lines
    for each in (shown, lines):
        each.encode()
    assert printable(text).isprintable()
    printable(text).encode()
    return bool(shown)


def check_report(data: bytes) -> bool:
    """Whatever is said fits 72 columns, and nothing of it is lost but white space."""
    first, rest = parts_of(data, 2)
    text, name = text_of(rest), text_of(first)
    lines = wrapped(text)
    check_lines(lines[:1000])
    assert "".join("".join(lines).split()) == "".join(plain(text).split())
    problem = Problem(
        rule="tree-path", severity="error", path=printable(name), line=1, message=printable(text),
        hint=printable(name),
    )  # fmt: skip
    check_lines(report.findings([problem] * 3))
    check_lines([cut(text), report.step("build", text)])
    check_lines(report.failed(PublishError(text[:500], name[:500])))
    with suppress(OverflowError):
        check_lines([report.step("x", size(int(math.exp(min(len(data), 80)))))])
    return bool(lines)


_DOCUMENT = json.dumps(make_entry().document()).encode()
_SUMMARY = json.dumps(
    FolderSummary(
        entries=1, files=1, size=1, largest=1, depth=0, longest=1, links={"a": "b"},
        special=("mlreef.toml",), python={"x y": ("a.py",)}, pointers=True,
    ).to_json()
).encode()  # fmt: skip
_SITE = b"""state = "/var"
[publish]
tags = ["v{version}"]
main_branch = "main"
[builder.docker]
memory = "4g"
processes = 5
[base.default]
image = "x"
environment = {A = "b"}
[rules]
requirement-unpinned = "warning"
"""
_UNSHOWN = (
    "\x1b[31m",
    "\u202e",
    "\u2028",
    "\u0085",
    "\u00ad",
    "\ufeff",
    "\u754c",
    "e\u0301",
    "\0",
    " ",
)
_WORDS = (*(each.encode() for each in _UNSHOWN), b"\xff", b"\r", b"x" * 80, b"\xed\xa0\x80")
HARNESSES = {
    "index_document": Harness(
        check_index_document,
        (_DOCUMENT, _DOCUMENT + PART + b"size=[1, 2]" + PART + b"mode=salt"),
        (PART, b"null", b"true", b"1e999", b'"nargs": ', b'"type": "list"', b'"choices": ', b"..."),
    ),
    "config": Harness(
        check_config, (_SITE,),
        (b"[base.x]\n", b"[limits]\nfiles = ", b"{version}", b"{module}", b"true", b"inf", b"[1]"),
    ),
    "folder_summary": Harness(check_folder_summary, (_SUMMARY,), (b"null", b"-1", b"[]", b"{}")),
    "plain_text": Harness(check_plain_text, (b"a \xe7\x95\x8c",), _WORDS),
    "report": Harness(check_report, (b"a" + PART + b"words to be wrapped",), (PART, *_WORDS)),
}  # fmt: skip
