"""What the pusher sees: the lines of the contract, at most 72 columns wide whatever was pushed."""

import unicodedata
from dataclasses import replace

import pytest
from packaging.version import Version

from mlreef_hooks import report
from mlreef_hooks.columns import COLUMNS, cut
from mlreef_hooks.config import Config
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, Dependencies
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.problems import Problem
from mlreef_hooks.push import PublishRequest, RepositoryName
from mlreef_hooks.validation import validate
from tests.support.trees import memory_tree

SCRIPT = """\
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-path", required=True)
    parser.add_argument("--output-path", required=True)
    parser.add_argument("--mode")
    parser.add_argument("--angle", type=int)
"""
TREE = {
    "add_noise.py": SCRIPT,
    "requirements.txt": "a==1\nb==1\nc==1\n",
    "mlreef.toml": '[module]\nkind = "data-operation"\ninputs = ["IMAGE"]\noutputs = ["IMAGE"]\n',
}
REQUEST = PublishRequest(
    repository=RepositoryName(key="vision/add-noise", namespace="vision", name="add-noise"),
    tag="publish/1.2.0",
    module=None,
    version=Version("1.2.0"),
    commit="4f1c9ab" + "0" * 33,
    pusher="ada",
    notes="",
)
IMAGE = BuiltImage(
    reference="registry.example/vision/add-noise:1.2.0",
    digest="sha256:69d6eda1b48e" + "0" * 52,
    id="sha256:" + "d" * 64,
    size=123_456_789,
    code_size=12_345,
    platform="linux/amd64",
)
DEPENDENCIES = Dependencies(
    id="",
    layers=(),
    environment=(),
    architecture="amd64",
    locked=("a==1", "b==1", "c==1"),
    base_name="python:3.11",
    base_image="python:3.11",
    base_digest="",
    reused=True,
)
PROBLEM = Problem(
    rule="requirement-unpinned",
    severity="error",
    path="requirements.txt",
    line=3,
    message="numpy is not pinned",
    hint="write numpy==<version>",
)
# Escape sequences, a faked line, directions, not UTF-8, nothing at all, wide, long, and all of it.
HOSTILE = [
    "\x1b[31mred\x1b[0m\x07",
    "a\nsuccess: published\r\n",
    "\u202egnp.exe\u2066\u200f\u061c",
    "\udcff\ud800",
    "",
    "\u754c" * 200,
    "\U0001f600 " * 100,
    "x" * 5000,
    ("word " * 300),
    "\x1b\u202e\udcff\n" + "\u754c" * 70 + " " + "x" * 100,
]


def manifest() -> ModuleManifest:
    """The module of the contract's example."""
    (found,) = validate(memory_tree(TREE), name="add-noise", config=Config()).manifests
    return found


def test_the_lines_of_the_contract() -> None:
    module = manifest()
    lines = [
        *report.beginning(REQUEST, module.name),
        *report.checked(41, module, []),
        *report.prepared(DEPENDENCIES),
        *report.assembled(IMAGE),
        *report.published(REQUEST, module, IMAGE, 0.4),
    ]
    assert lines == [
        "mlreef: publishing add-noise 1.2.0 (publish/1.2.0, 4f1c9ab)",
        "  check   41 files, add_noise.py, 4 parameters, 3 requirements",
        "  build   dependencies reused: 3 packages on base python:3.11",
        "  build   code layer 12 kB",
        "  image   registry.example/vision/add-noise@sha256:69d6eda1b48e",
        "success: add-noise 1.2.0 is published (0.4 s)",
        "hint: mlreef-hooks run vision/add-noise@1.2.0 --input DIR --output DIR",
    ]


def test_the_lines_about_other_outcomes() -> None:
    passing = PublishError("the engine is away", "start it", passing=True)
    lines = [
        *report.failed(PublishError("it failed", "do better"), 3),
        *report.failed(passing, 3, delay=20),
        *report.failed(passing),
        *report.parked(REQUEST, "master"),
        *report.already_published(REQUEST, "add-noise"),
        *report.already_published(REQUEST, "add-noise", back=True),
        *report.busy(REQUEST, 3),
        *report.queued(REQUEST, 3, 2),
        *report.goes_on([3]),
        *report.goes_on([3, 4]),
        *report.skipped(REQUEST),
        *report.stopped(REQUEST),
        *report.mistaken(3),
        *report.ended(REQUEST, "failed", "no room"),
        *report.ended(REQUEST, "superseded", ""),
        *report.cancelled(REQUEST),
        *report.yanked(REQUEST, "add-noise"),
    ]
    assert lines == [
        "error: it failed",
        "hint: do better",
        report.STORED,
        "error: the engine is away",
        "hint: start it",
        "hint: job 3 is kept and tried again in 20 s",
        report.STORED,
        "error: the engine is away",
        "hint: start it",
        report.STORED,
        "mlreef: publish/1.2.0 is parked: 4f1c9ab is not on master",
        "hint: it is published as soon as a push brings 4f1c9ab onto master",
        "mlreef: add-noise 1.2.0 is already published",
        "mlreef: add-noise 1.2.0 is already published and no longer yanked",
        "mlreef: publish/1.2.0 (4f1c9ab) is being published already, by job 3",
        "mlreef: publish/1.2.0 is job 3 and waits for 2 jobs before it",
        "mlreef: job 3 goes on in the background",
        "hint: mlreef-hooks logs -f 3 on the server shows how",
        "mlreef: jobs 3, 4 go on in the background",
        "hint: mlreef-hooks logs -f 3 on the server shows how",
        "mlreef: publish/1.2.0 is not published, as you asked",
        "hint: to publish it after all, delete the tag on the server and push it",
        "  again",
        "mlreef: publish/1.2.0 was cancelled and is not published",
        "error: mlreef-hooks failed by a mistake of its own in job 3",
        report.STORED,
        "error: publish/1.2.0 is failed: no room",
        report.STORED,
        "mlreef: publish/1.2.0 is superseded",
        "mlreef: publish/1.2.0 is deleted and will not be published",
        "mlreef: add-noise 1.2.0 is yanked: publish/1.2.0 was deleted",
        "hint: whatever pins this version still works; push the tag again to",
        "  unyank",
    ]


def test_a_finding_is_wrapped_and_nothing_of_it_is_lost() -> None:
    hint = "write numpy==<version>, or a hash; " + "word " * 20
    lines = report.findings([replace(PROBLEM, hint=hint.strip())])
    assert lines[0] == "error: requirements.txt:3: numpy is not pinned: write numpy==<version>,"
    assert all(line.startswith("  ") for line in lines[1:])
    assert " ".join(line.strip() for line in lines) == str(replace(PROBLEM, hint=hint.strip()))


def test_fifty_findings_are_shown_and_the_others_are_counted() -> None:
    lines = report.findings([replace(PROBLEM, line=line) for line in range(1, 61)])
    assert sum(line.startswith("error: ") for line in lines) == 50
    assert lines[-1] == "hint: and 10 more; mlreef-hooks check shows all of them"


def test_a_huge_finding_does_not_fill_the_screen() -> None:
    huge = replace(PROBLEM, path="a/" * 50_000 + "end.py", message="m" * 99_999, hint="h" * 99_999)
    lines = report.findings([huge])
    assert len(lines) < 25
    assert any("end.py:3:" in line for line in lines)
    assert "[requirement-unpinned]" in lines[-1]


def test_the_end_of_a_refused_request() -> None:
    warning = replace(PROBLEM, severity="warning")
    assert report.refusal([PROBLEM, warning], "t").message == "not published because of 1 error"
    assert report.refusal([PROBLEM, PROBLEM], "t").message == "not published because of 2 errors"


# -- whatever was pushed ---------------------------------------------------------------------------


def all_lines(text: str) -> list[str]:
    """Every line that could hold a text from outside."""
    request = replace(REQUEST, tag=text, commit=text, pusher=text)
    module = replace(manifest(), name=text, entry_point=text)
    image = replace(IMAGE, reference=text, digest=text)
    problem = replace(PROBLEM, path=text, message=text, hint=text)
    error = PublishError(text, text, passing=True)
    return [
        *report.beginning(request, text),
        *report.checked(1, module, [problem]),
        *report.prepared(replace(DEPENDENCIES, base_name=text)),
        *report.assembled(image),
        *report.published(request, module, image, 0.4),
        *report.failed(error, 1),
        *report.parked(request, text),
        *report.already_published(request, text, back=True),
        *report.busy(request, 1),
        *report.cancelled(request),
        *report.yanked(request, text),
        report.step("build", text),
        cut(text),
    ]


def width(text: str) -> int:
    """The columns of a text, by the Unicode standard's annex 11."""
    return sum(2 if unicodedata.east_asian_width(each) in ("W", "F") else 1 for each in text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_line_is_too_wide_or_moves_the_cursor(text: str) -> None:
    for line in all_lines(text):
        assert width(line) <= COLUMNS
        assert line.isprintable(), ascii(line)
        line.encode()


@pytest.mark.parametrize(
    ("word", "text", "line"),
    [
        ("check", "41 files", "  check   41 files"),
        ("build", "  x\n", "  build   x"),
        ("build", "x" * 62, "  build   " + "x" * 62),
        ("build", "x" * 63, "  build   " + "x" * 59 + "..."),
        ("build", "", "  build"),
    ],
)
def test_step(word: str, text: str, line: str) -> None:
    assert report.step(word, text) == line
