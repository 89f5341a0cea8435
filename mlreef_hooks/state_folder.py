"""What lies where in a site's state folder."""

from pathlib import Path


class StateFolder:
    """The places in the state folder `path`; index, images and metrics may be elsewhere."""

    def __init__(self, path: Path) -> None:
        self.jobs = path / "jobs.sqlite"  # the job table
        self.cache = path / "cache.sqlite"  # what is remembered of builds and folders
        self.logs = path / "logs"  # of jobs
        self.events = self.logs / "events.jsonl"
        self.errors = self.logs / "errors.log"  # what only a developer understands
        self.locks = path / "locks"  # whose turn it is
        self.worker_lock = path / "worker.lock"  # one process stays for what is to be tried again
        self.bases = path / "bases"  # what was read in base images
        self.locked = path / "locked"  # which wheels requirements came to
        self.packages = path / "packages"  # what is remembered of package indexes
        self.wheels = path / "wheels"  # those that were fetched
        self.built = path / "built"  # those that were built here
        self.collection = path / "gc.json"  # when things were seen to be needed no more
        self.index = path / "index"
        self.images = path / "images"
        self.metrics = path / "metrics.prom"
