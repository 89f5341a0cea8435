"""What the pusher sees: outcomes as lines of at most 72 columns of plain text."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mlreef_hooks.change import Change
from mlreef_hooks.columns import COLUMNS, cut, short, size, wrapped
from mlreef_hooks.contract import RULE, Comparison
from mlreef_hooks.errors import PublishError
from mlreef_hooks.image import BuiltImage, Dependencies
from mlreef_hooks.manifest import ModuleManifest
from mlreef_hooks.plain_text import counted, plain
from mlreef_hooks.problems import Problem, did_you_mean
from mlreef_hooks.push import OPTIONS, PublishRequest
from mlreef_hooks.visibility import Visibility

_SHOWN_PROBLEMS = 50
_SHOWN_OF_BRANCH = 5
_SHOWN_CHANGES = 10
_SHOWN_PATH = 200  # characters of a finding's path
_SHOWN_TEXT = 500  # characters of its message, and of its hint
STORED = "hint: the push itself is stored; only the publishing did not happen"


def step(word: str, text: str) -> str:
    """The line of one step, such as `  build   3 of 3 dependency layers reused`."""
    return f"  {word:<7} {cut(text, COLUMNS - 10)}".rstrip()


def beginning(request: PublishRequest, name: str) -> list[str]:
    """The first line about a request."""
    what = f"{name} {request.release} ({request.asked_by}, {request.commit[:7]})"
    return wrapped(f"mlreef: publishing {what}")


def checked(files: int, manifest: ModuleManifest | None, problems: Sequence[Problem]) -> list[str]:
    """The line about the tree, then every finding."""
    facts = [counted(files, "file")]
    if manifest:
        facts.append(manifest.entry_point)
        facts.append(counted(len(manifest.parameters), "parameter"))
        facts.append(counted(len(manifest.requirements), "requirement"))
    return [step("check", ", ".join(facts)), *findings(problems)]


def findings(found: Sequence[Problem], most: int = _SHOWN_PROBLEMS) -> list[str]:
    """The findings, wrapped, at most so many; git colours lines by their first word."""
    shown = [_shortened(problem) for problem in found[:most]]
    lines = [line for problem in shown for line in wrapped(str(problem))]
    if len(found) > most:
        more = len(found) - most
        lines += wrapped(f"hint: and {more} more; mlreef-hooks check shows all of them")
    return lines


def checked_branch(problems: Sequence[Problem]) -> list[str]:
    """A few of the findings: most pushes of a branch are not about publishing."""
    return findings(problems, _SHOWN_OF_BRANCH)


def _shortened(problem: Problem) -> Problem:
    """The finding with texts that do not fill the screen, whatever was pushed."""
    path = problem.path
    return replace(
        problem,
        path=path if len(path) <= _SHOWN_PATH else "..." + path[3 - _SHOWN_PATH :],
        message=problem.message[:_SHOWN_TEXT],
        hint=problem.hint[:_SHOWN_TEXT],
    )


def refusal(found: Iterable[Problem], tag: str) -> PublishError:
    """The end of a request whose tree, or whose tag alone, has errors."""
    rules = [problem.rule for problem in found if problem.severity == "error"]
    moved = f"git tag -f -a {shlex.quote(tag)} (keeps its notes)"  # without -a they would be lost
    hint = f"correct it, commit, {moved}, and push the branch and (-f) the tag"
    if {*rules} == {"module-unknown"}:
        hint = f"push a tag with the right name, and delete {plain(tag)}"
    if {*rules} == {RULE}:
        hint = f"push a tag with a higher version, and delete {plain(tag)}"
    return PublishError(f"not published because of {counted(len(rules), 'error')}", hint)


def changed(found: Comparison) -> list[str]:
    """What changed since the version before; nothing where nothing did."""
    if not found.changes:
        return []
    more = len(found.changes) - _SHOWN_CHANGES
    return [
        step("change", f"{counted(len(found.changes), 'change')} since {found.since}"),
        *(_changed(change) for change in found.changes[:_SHOWN_CHANGES]),
        *([step("", f"and {more} more")] if more > 0 else []),
    ]


def _changed(change: Change) -> str:
    return step("", change.line())


def refusal_of_branch(found: Iterable[Problem], branch: str) -> PublishError:
    """The end of a push of a branch whose tree has errors."""
    errors = sum(problem.severity == "error" for problem in found)
    hint = f"correct it, and push {branch} again; mlreef-hooks check shows all"
    return PublishError(f"edge stays where it is because of {counted(errors, 'error')}", hint)


def prepared(dependencies: Dependencies) -> list[str]:
    """The line about the dependencies."""
    what = "reused" if dependencies.reused else "installed"
    packages = counted(len(dependencies.locked), "package")
    return [step("build", f"dependencies {what}: {packages} on base {dependencies.base_name}")]


def assembled(image: BuiltImage) -> list[str]:
    """The line about the code layer."""
    return [step("build", f"code layer {size(image.code_size)}")]


def published(
    request: PublishRequest, manifest: ModuleManifest, image: BuiltImage, seconds: float
) -> list[str]:
    """The end of a request that became a version, or a module's edge; that one in a line."""
    if request.version is None:
        what = f"edge of {manifest.name} is {request.commit[:7]} ({seconds:.1f} s)"
        return wrapped(f"success: {what}")
    repository = image.reference.rpartition(":")[0]
    module = f"{request.repository.namespace}/{manifest.name}@{request.version}"
    return [
        *wrapped(f"{repository}@{short(image.digest)}", " " * 10, first="  image   "),
        *wrapped(f"success: {manifest.name} {request.version} is published ({seconds:.1f} s)"),
        *wrapped(f"hint: mlreef-hooks run {module} --input DIR --output DIR"),
    ]


def untold(found: Visibility) -> list[str]:
    """What is said where nobody could tell who may read the repository; else nothing."""
    if not found.why:
        return []
    kept = f"the module stays {found.word}" if found.away else "the module is private"
    hint = "the next sweep asks again" if found.away else "the administrator runs doctor"
    return [*wrapped(f"warning: {kept}: {found.why}"), *wrapped(f"hint: {hint}")]


def failed(
    error: PublishError,
    job_id: int | None = None,
    *,
    delay: float | None = None,
    waits: bool = False,
) -> list[str]:
    """The end of what a person, or time, has to help; `job_id` where there is a job by then, that
    is tried again in `delay` seconds; `waits` where the next push to the repository does it.
    """
    lines = [*wrapped(f"error: {error.message}"), *wrapped(f"hint: {error.hint}")]
    if delay is not None:
        lines += wrapped(f"hint: job {job_id} is kept and tried again in {delay:.0f} s")
    elif waits:
        lines += wrapped("hint: it is not forgotten; the next push to this repository does it")
    return [*lines, STORED]


def parked(request: PublishRequest, branch: str) -> list[str]:
    """What is said of a tag whose commit the main branch does not contain yet."""
    commit = request.commit[:7]
    return [
        *wrapped(f"mlreef: {request.tag} is parked: {commit} is not on {branch}"),
        *wrapped(f"hint: it is published as soon as a push brings {commit} onto {branch}"),
    ]


def already_published(request: PublishRequest, name: str, *, back: bool = False) -> list[str]:
    """What is said where nothing was to be done; `back` where a yank was taken back."""
    if request.version is None:
        return wrapped(f"mlreef: edge of {name} is already {request.commit[:7]}")
    what = f"mlreef: {name} {request.version} is already published"
    return wrapped(f"{what} and no longer yanked" if back else what)


def busy(request: PublishRequest, job_id: int) -> list[str]:
    """What is said where another process publishes the same."""
    what = f"{request.asked_by} ({request.commit[:7]})"
    return wrapped(f"mlreef: {what} is being published already, by job {job_id}")


def queued(request: PublishRequest, job_id: int, ahead: int) -> list[str]:
    """What is said while others are built first."""
    jobs = counted(ahead, "job")
    return wrapped(f"mlreef: {request.asked_by} is job {job_id} and waits for {jobs} before it")


def goes_on(job_ids: Sequence[int]) -> list[str]:
    """What is said where the push ends before its jobs do."""
    verb = "goes" if len(job_ids) == 1 else "go"
    return [
        *wrapped(f"mlreef: {_named(job_ids)} {verb} on in the background"),
        *wrapped(f"hint: mlreef-hooks logs -f {job_ids[0]} on the server shows how"),
    ]


def planned(
    request: PublishRequest, manifest: ModuleManifest, reference: str, *, known: bool
) -> list[str]:
    """What is said of a version that could be published."""
    dependencies = "reused" if known else "to be found and installed"
    return [
        step("plan", f"dependencies {dependencies}, on base {manifest.base}"),
        *wrapped(reference, " " * 10, first="  plan    "),
        *wrapped(f"mlreef: {manifest.name} {request.release} could be published; it was not"),
        *wrapped(f"hint: to publish it, {_again(request)}"),
    ]


def _again(request: PublishRequest) -> str:
    """What publishes a request that was put aside."""
    if request.version is None:
        return "push another commit"
    return "delete the tag on the server and push it again"


def unbuilt(job_ids: Sequence[int]) -> list[str]:
    """What is said where no process could take the jobs, time after time."""
    return [
        *wrapped(f"error: no process on the server can build {_named(job_ids)} now"),
        *wrapped("hint: nothing is lost; the next push goes on with it, or mlreef-hooks sweep"),
        STORED,
    ]


def _named(job_ids: Sequence[int]) -> str:
    return ("job " if len(job_ids) == 1 else "jobs ") + ", ".join(map(str, job_ids))


def skipped(request: PublishRequest) -> list[str]:
    """What is said where the pusher wanted no publish."""
    return [
        *wrapped(f"mlreef: {request.asked_by} is not published, as you asked"),
        *wrapped(f"hint: to publish it after all, {_again(request)}"),
    ]


def strange(options: Sequence[str]) -> list[str]:
    """What is said of push options that mean nothing, of the first few."""
    lines: list[str] = []
    for option in options[:_SHOWN_PROBLEMS]:
        lines += wrapped(f"warning: the push option {cut(plain(option), COLUMNS)} means nothing")
        lines += wrapped(f"hint: {did_you_mean(option, [*OPTIONS])}")
    return lines


def stopped(request: PublishRequest) -> list[str]:
    """What is said where a job is cancelled while it is built."""
    return wrapped(f"mlreef: {request.asked_by} was cancelled and is not published")


def mistaken(job_id: int | None = None) -> list[str]:
    """What is said where something failed by a mistake of ours."""
    job = "" if job_id is None else f" in job {job_id}"
    return [*wrapped(f"error: mlreef-hooks failed by a mistake of its own{job}"), STORED]


def ended(request: PublishRequest, state: str, message: str) -> list[str]:
    """What is said of a job that another process ended, where nothing else is known of it."""
    said = f": {message}" if message else ""
    if state in ("queued", "failed"):
        return [*wrapped(f"error: {request.asked_by} is {state}{said}"), STORED]
    return wrapped(f"mlreef: {request.asked_by} is {state}{said}")


def overtaken(request: PublishRequest, reason: str) -> list[str]:
    """What is said of a push of a branch that is not its newest any more."""
    return wrapped(f"mlreef: edge does not become {request.commit[:7]}: {reason}")


def edge_stays(branch: str) -> list[str]:
    """What is said where the branch that edge follows is deleted."""
    return wrapped(f"mlreef: {branch} is deleted; edge stays at its last commit")


def waiting(name: str) -> list[str]:
    """What is said where another push publishes the same module."""
    return wrapped(f"mlreef: waiting for another push that publishes {name}")


def cancelled(request: PublishRequest) -> list[str]:
    """What is said where a tag is deleted before its version was published."""
    return wrapped(f"mlreef: {request.tag} is deleted and will not be published")


def yanked(request: PublishRequest, name: str) -> list[str]:
    """What is said where the tag of a published version is deleted."""
    return [
        *wrapped(f"mlreef: {name} {request.version} is yanked: {request.tag} was deleted"),
        *wrapped("hint: whatever pins this version still works; push the tag again to unyank"),
    ]
