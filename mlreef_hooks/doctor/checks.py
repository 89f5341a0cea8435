"""The table of checks, in the order in which a push would meet what they look at."""

from collections.abc import Mapping

from mlreef_hooks.doctor.finding import Check
from mlreef_hooks.doctor.folder import look_at_folders
from mlreef_hooks.doctor.hook import look_at_hooks
from mlreef_hooks.doctor.images import look_at_bases, look_at_engines
from mlreef_hooks.doctor.machine import look_at_configuration, look_at_machine
from mlreef_hooks.doctor.modules import look_at_index
from mlreef_hooks.doctor.network import look_at_packages, look_at_registry
from mlreef_hooks.doctor.processes import look_at_processes
from mlreef_hooks.doctor.repository import look_at_repositories
from mlreef_hooks.doctor.service import look_at_service
from mlreef_hooks.doctor.signing import look_at_key
from mlreef_hooks.doctor.visibility import look_at_visibility
from mlreef_hooks.doctor.waiting import look_at_jobs, look_at_tags

# Where a service publishes, these are looked at as the account of the hook, all others as its own.
OF_THE_HOOK = ("hooks", "repositories", "service")
CHECK_SECONDS = 60.0  # of each check, where the repositories are few

CHECKS: Mapping[str, Check] = {
    "machine": look_at_machine,
    "configuration": look_at_configuration,
    "hooks": look_at_hooks,
    "repositories": look_at_repositories,
    "service": look_at_service,
    "processes": look_at_processes,
    "folders": look_at_folders,
    "jobs": look_at_jobs,
    "tags": look_at_tags,
    "packages": look_at_packages,
    "engine": look_at_engines,
    "bases": look_at_bases,
    "registry": look_at_registry,
    "visibility": look_at_visibility,
    "key": look_at_key,
    "index": look_at_index,
}
