"""Commands that go on with what waits, by a timer or as a service."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import click

from mlreef_hooks.cli.background import follow_background
from mlreef_hooks.cli.cover import cover_by_sweep
from mlreef_hooks.cli.jobs import follow_all, open_own
from mlreef_hooks.cli.repositories import all_option, find_git_dirs, repo_option
from mlreef_hooks.cli.visibility import sweep_audiences
from mlreef_hooks.errors import PublishError
from mlreef_hooks.job import Job
from mlreef_hooks.plain_text import plain
from mlreef_hooks.repository import GitRepository
from mlreef_hooks.site import Site
from mlreef_hooks.sweep import sweep as sweep_repository


@click.command("sweep")
@repo_option
@all_option
@click.option("--no-follow", is_flag=True, help="Do not wait until they are built.")
@click.pass_obj
def sweep(
    config_file: str | None, repos: tuple[Path, ...], root: Path | None, no_follow: bool
) -> int:
    """Publish tags that no hook saw, in all repositories below [server] root or in those named.

    Such as those made on a server's page, or pushed while the program was away. What waits in a
    repository or in the job table goes on as well. Who may read the modules is asked anew, and the
    index says so.
    """
    site = open_own(config_file)
    if not repos and root is None and site.config.server.root:
        root = Path(site.config.server.root)
    git_dirs = find_git_dirs(repos, root)
    cover = cover_by_sweep(site.config, config_file)
    jobs, failed = list[Job](), False
    for git_dir in git_dirs:
        failed |= not cover(git_dir)
        failed |= not _sweep_one(git_dir, jobs, site)
    known = {job.id for job in jobs}
    due = [job for job in site.jobs.waiting() if job.due_at <= time.time()]
    jobs += [job for job in due if job.id not in known]
    everywhere = not repos and (root is None or str(root) == site.config.server.root)
    failed |= sweep_audiences(site, None if everywhere else git_dirs)
    site.index.tell_again()
    click.echo(f"{len(jobs)} jobs to build")
    follow_all(jobs, site) if not no_follow else _leave(jobs, site)
    site.show_figures()
    return int(failed)


def _sweep_one(git_dir: Path, jobs: list[Job], site: Site) -> bool:
    """True where the jobs of what no hook saw in a repository are added to `jobs`."""
    try:
        with contextlib.closing(GitRepository(git_dir)) as repository:
            name = site.server.repository_name(repository.git_dir, {})
            jobs += sweep_repository(name, repository, site)
    except PublishError as error:
        click.echo(f"error: {plain(str(git_dir))}: {plain(error.message)}")
        return False
    return True


def _leave(jobs: Sequence[Job], site: Site) -> None:
    for _ in follow_background(jobs, site, lambda: False) if jobs else ():
        pass


@click.command("worker")
@click.pass_obj
def worker(config_file: str | None) -> None:
    """Stay, take pushes and build what waits, as a service does; until it is stopped."""
    from mlreef_hooks.cli.configuration import config_path
    from mlreef_hooks.cli.worker import serve_forever

    try:
        serve_forever(str(config_path(config_file)))
    except BlockingIOError:
        hint = "it ends by itself after [worker] stay_seconds; or stop the other service"
        raise PublishError("another worker is there already", hint) from None
