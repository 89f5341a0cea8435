"""What is wrong with the service: whether it answers, and can read the repositories."""

from collections.abc import Iterator
from socket import AF_UNIX, SOCK_SEQPACKET, socket

from mlreef_hooks.doctor.finding import Finding, Visit, fault, fine
from mlreef_hooks.errors import PublishError
from mlreef_hooks.service_files import check_readable

_PATIENCE_SECONDS = 5.0


def look_at_service(visit: Visit) -> Iterator[Finding]:
    """Nothing where there is no service."""
    settings = visit.config.worker
    if not settings.service:
        return
    try:
        with socket(AF_UNIX, SOCK_SEQPACKET) as connection:
            connection.settimeout(_PATIENCE_SECONDS)
            connection.connect(settings.socket)
            greeted = bool(connection.recv(1))
        said = "" if greeted else f"it lets uid {visit.account.user} not in"
    except OSError as error:
        said = f"uid {visit.account.user} does not reach it: {error.strerror or error}"
    yield (
        fault("service-away", settings.socket, said)
        if said
        else fine(settings.socket, "the service answers")
    )
    for git_dir in visit.git_dirs:
        try:
            check_readable(git_dir, visit.config)
        except PublishError as error:
            yield fault("service-blind", git_dir, error.message).but(hint=error.hint)
