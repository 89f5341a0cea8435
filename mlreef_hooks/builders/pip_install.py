"""How pip is run in a container: the script, its files, and what its failures mean."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mlreef_hooks.config import DockerEngine, Pip
from mlreef_hooks.engine import Ended
from mlreef_hooks.errors import PublishError

SECRETS = "/run/mlreef"  # a volume of this one run; nothing in it becomes part of the image
RESULT = f"{SECRETS}/locked.txt"

# `timeout` ends the container by itself when whoever started it was killed. The configuration is
# removed before any installed code could run and read it: `pip check` loads .pth files.
_SCRIPT = """set -eu
command -v python >/dev/null || ln -s "$(command -v python3)" /usr/local/bin/python
have=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$have" = '@PYTHON@' ] || { echo "mlreef: the base has Python $have, not @PYTHON@"; exit 90; }
PIP_CONFIG_FILE=@SECRETS@/pip.conf NETRC=@SECRETS@/netrc timeout @SECONDS@ \\
  python -I -m pip install @OPTIONS@ --requirement @SECRETS@/requirements.txt
rm -f @SECRETS@/pip.conf @SECRETS@/netrc @SECRETS@/requirements.txt
python -I -m pip --disable-pip-version-check check
python -I -m pip --disable-pip-version-check freeze > @RESULT@
"""
_OPTIONS = (
    "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location",
    "--progress-bar=off", "--root-user-action=ignore",
)  # fmt: skip
_AWAY = re.compile(r"connection|timed out|temporary failure|max retries|\b50[0-9]\b", re.IGNORECASE)


def pip_script(python: str, seconds: int, pip: Pip) -> str:
    """The shell script of one installation.

    With credentials only wheels are installed, for a source distribution runs code of its author
    where the credentials could be read.
    """
    wheels_only = ("--only-binary=:all:",) if secret_texts(pip) else ()
    values = {
        "@PYTHON@": python,
        "@SECONDS@": str(seconds),
        "@OPTIONS@": " ".join((*_OPTIONS, *wheels_only)),
        "@SECRETS@": SECRETS,
        "@RESULT@": RESULT,
    }
    script = _SCRIPT
    for mark, value in values.items():
        script = script.replace(mark, value)
    return script


def pip_files(pip: Pip, requirements: Mapping[str, str]) -> dict[str, bytes]:
    """The files beside the script: requirements, pip's configuration, CA bundle, credentials.

    PublishError where the site's configuration names a file that cannot be read.
    """
    lines = ["[global]", "break-system-packages = true"]
    if pip.index_url:
        lines.append(f"index-url = {pip.index_url}")
    if pip.extra_index_urls:
        lines.append("extra-index-url = " + "\n    ".join(pip.extra_index_urls))
    files = {name: text.encode() for name, text in requirements.items()}
    if pip.ca_bundle:
        lines.append(f"cert = {SECRETS}/ca.pem")
        files["ca.pem"] = _site_file("pip.ca_bundle", pip.ca_bundle)
    if pip.netrc:
        files["netrc"] = _site_file("pip.netrc", pip.netrc)
    return {**files, "pip.conf": "\n".join((*lines, "")).encode()}


def _site_file(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PublishError(
            f"{key} of the configuration cannot be read: {error}", "correct the path", passing=True
        ) from None


def secret_texts(pip: Pip) -> tuple[str, ...]:
    """The texts that must not be seen anywhere: passwords of index URLs and of the netrc file."""
    parts = [urlsplit(url) for url in (pip.index_url, *pip.extra_index_urls) if url]
    found = [part.password or part.username or "" for part in parts]
    if pip.netrc:
        netrc = _site_file("pip.netrc", pip.netrc).decode(errors="replace")
        found += re.findall(r"\bpassword\s+(\S+)", netrc)
    return tuple(secret for secret in found if secret)


def explain_failure(ended: Ended, output: Sequence[str], settings: DockerEngine) -> PublishError:
    """What went wrong in an installation, in words for the pusher."""
    errors = [line.removeprefix("ERROR: ") for line in output if line.startswith("ERROR:")]
    bounds: Mapping[bool, tuple[str, str]] = {
        ended.late or ended.status == 124: (
            f"the requirements were not installed within {settings.build_seconds} s",
            "require wheels instead of source distributions, or fewer packages",
        ),
        ended.out_of_memory: (
            f"installing the requirements took more than {settings.memory} of memory",
            "require wheels instead of source distributions",
        ),
    }
    if True in bounds:
        return PublishError(*bounds[True])
    said = errors[-1] if errors else (output[-1] if output else f"exit status {ended.status}")
    if ended.status == 90:
        return PublishError(
            said.removeprefix("mlreef: "), "the administrator corrects [base] python", passing=True
        )
    passing = any(_AWAY.search(line) for line in output[-50:]) and not _is_final(output)
    hint = "try the same in a new virtual environment: pip install -r requirements.txt"
    return PublishError(f"pip could not install the requirements: {said}", hint, passing=passing)


def _is_final(output: Sequence[str]) -> bool:
    return any("(from versions: " in line and "none" not in line for line in output)
