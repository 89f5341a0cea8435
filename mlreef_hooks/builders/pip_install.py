"""How pip is run in a container: the script, its files, and what must not be seen of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlreef_hooks.config_images import DockerEngine, Pip
from mlreef_hooks.container import GRACE, Run
from mlreef_hooks.errors import PublishError
from mlreef_hooks.plain_text import plain

SECRETS = "/run/mlreef"  # a volume of this one run; nothing in it becomes part of the image
RESULT = f"{SECRETS}/locked.txt"
WHEELS = f"{SECRETS}/wheels"  # where one that is built is put
WHEELS_ONLY = "where the package index needs a password, only wheels are installed"
INDEX_SAID = "mlreef: the index: "  # before what a package index answered instead of a page
BASE_UNFIT = 90  # the exit status of the script where the base cannot be used

# Installed code may run in whatever Python is started after it, and what it calls itself may stand
# on the PATH before what the system calls so: the credentials are emptied by the shell itself.
_SCRIPT = r"""set -eu
forget() { : > @SECRETS@/pip.conf; : > @SECRETS@/netrc; }
unfit() { echo "mlreef: the base $1"; exit @BASE_UNFIT@; }
# pip takes an index that refuses to answer for one that has nothing, and tells it only to a log.
# With a log it would not show what a build prints, so that the pages are asked for once more.
finish() {
  status=$?
  case $status in 0 | @BASE_UNFIT@) ;; *) [ ! -s @SECRETS@/pip.conf ] || ask ;; esac
  forget
}
ask() {
  sed -n 's/^\([A-Za-z0-9][A-Za-z0-9._-]*\).*/\1/p' @SECRETS@/requirements.txt | head -n 3 |
  while read -r name; do
    timeout 60 python -I -m pip index versions --no-input --log @SECRETS@/pip.log "$name" </dev/null
  done >/dev/null 2>&1 || :
  sed -n 's/.*Could not fetch URL [^ ]*: \(.*\) - skipping$/@SAID@\1/p' @SECRETS@/pip.log || :
}
trap finish EXIT
trap 'exit 124' TERM
command -v python3 >/dev/null || unfit 'has no python3'
command -v python >/dev/null || ln -s "$(command -v python3)" /usr/local/bin/python
have=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$have" = '@PYTHON@' ] || unfit "has Python $have, not @PYTHON@"
export PIP_CONFIG_FILE=@SECRETS@/pip.conf NETRC=@SECRETS@/netrc @VARIABLES@
@DO@
"""
_CHECKED = """
python -I -m pip check
python -I -m pip freeze > @RESULT@"""
_INSTALL = """python -I -m pip install @OPTIONS@ --requirement @SECRETS@/requirements.txt
forget"""
# With credentials no code of others may run before they are gone, so that only wheels will do.
_DOWNLOAD = """python -I -m pip download @OPTIONS@ --only-binary=:all: \\
  --dest @SECRETS@/wheels --requirement @SECRETS@/requirements.txt
forget
python -I -m pip install @OPTIONS@ --quiet --only-binary=:all: --no-index \\
  --find-links @SECRETS@/wheels --requirement @SECRETS@/requirements.txt"""
# Times and hashes are fixed, so that most sources become the same bytes again.
_BUILD = """export SOURCE_DATE_EPOCH=315532800 PYTHONHASHSEED=0
python -I -m pip wheel @OPTIONS@ --no-deps --wheel-dir @WHEELS@ \\
  --requirement @SECRETS@/requirements.txt"""
_OPTIONS = "--no-input --no-cache-dir --progress-bar=off"
_VARIABLES: Mapping[str, str] = {
    "PIP_BREAK_SYSTEM_PACKAGES": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_WARN_SCRIPT_LOCATION": "0",  # what begins with no- is switched on by 0
    "PIP_ROOT_USER_ACTION": "ignore",
}
_PASSWORD = re.compile(r"""\bpassword\s+("[^"]*"|'[^']*'|\S+)""")
_LOCKED = re.compile(r"[A-Za-z0-9][\w.-]*(?:==\S+| @ \S+)")
_REFERENCE = re.compile(r"\S+://\S+")


def pip_script(python: str, pip: Pip) -> str:
    """The shell script of one installation on a base whose Python is `python`."""
    return _script((_DOWNLOAD if secret_texts(pip) else _INSTALL) + _CHECKED, python, pip)


def build_script(python: str, pip: Pip) -> str:
    """The shell script that makes a wheel in `WHEELS` of what is required.

    Not for a site with credentials: what is built could read them.
    """
    return _script(_BUILD, python, pip)


def _script(do: str, python: str, pip: Pip) -> str:
    variables = dict(_VARIABLES)
    if pip.ca_bundle:
        variables["PIP_CERT"] = f"{SECRETS}/ca.pem"
    values = {
        "@DO@": do,
        "@OPTIONS@": _OPTIONS,
        "@VARIABLES@": " ".join(f"{name}={value}" for name, value in variables.items()),
        "@PYTHON@": python,
        "@RESULT@": RESULT,
        "@WHEELS@": WHEELS,
        "@BASE_UNFIT@": str(BASE_UNFIT),
        "@SAID@": INDEX_SAID,
        "@SECRETS@": SECRETS,
    }
    script = _SCRIPT
    for mark, value in values.items():
        script = script.replace(mark, value)
    return script


def pip_run(settings: DockerEngine, image: str, script: str, files: Mapping[str, bytes]) -> Run:
    """The container that pip runs in; it ends by itself where this process is killed."""
    seconds = settings.build_seconds
    return Run(
        image=image,
        entrypoint=("timeout", "-k", "5", str(seconds), "sh", "-c"),
        command=(script,),
        network=settings.network,
        memory=settings.memory,
        disk=settings.disk,
        processes=settings.processes,
        seconds=seconds + GRACE,
        read_only=False,
        user="0:0",
        private=SECRETS,
        private_files=files,
    )


def pip_files(pip: Pip, requirements: Mapping[str, str]) -> dict[str, bytes]:
    """The files beside the script: requirements, pip's configuration, CA bundle, credentials.

    PublishError where the site's configuration names a file that cannot be read.
    """
    lines = ["[global]"]
    if pip.index_url:
        lines.append(f"index-url = {pip.index_url}")
    if pip.extra_index_urls:
        lines.append("extra-index-url = " + "\n    ".join(pip.extra_index_urls))
    files = {name: text.encode() for name, text in requirements.items()}
    files["pip.conf"] = "\n".join((*lines, "")).encode()
    if pip.ca_bundle:
        files["ca.pem"] = _site_file("pip.ca_bundle", pip.ca_bundle)
    if pip.netrc:
        files["netrc"] = _site_file("pip.netrc", pip.netrc)
    return files


def _site_file(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PublishError(
            f"{key} of the configuration cannot be read: {error.strerror}",
            "the administrator corrects the path",
            passing=True,
        ) from None


def secret_texts(pip: Pip) -> tuple[str, ...]:
    """The texts that must not be seen anywhere: passwords of index URLs and of the netrc file.

    As they are written and as they are meant, the longest first.
    """
    parts = [urlsplit(url) for url in (pip.index_url, *pip.extra_index_urls) if url]
    found = [part.password or part.username or "" for part in parts]
    if pip.netrc:
        netrc = _site_file("pip.netrc", pip.netrc).decode(errors="replace")
        found += [each.strip("\"'") for each in _PASSWORD.findall(netrc)]
    texts = {text for secret in found for text in (secret, unquote(secret)) if text}
    return tuple(sorted(texts, key=len, reverse=True))


def without_credentials(url: str) -> str:
    """The URL of a package index without user and password."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


def refuse_sources(requirements: Mapping[str, str]) -> None:
    """Return where every requirement can be a wheel; PublishError where one cannot.

    pip builds what a URL names from its source, whatever else it was told.
    """
    for line in (line for text in requirements.values() for line in text.splitlines()):
        url = _REFERENCE.search("" if line.startswith("-") else line)
        if line.startswith("--no-binary") or (url and not _is_wheel(url[0])):
            raise PublishError(
                f"{line.split(' --hash')[0][:200]} is built from source; {WHEELS_ONLY}",
                "require a wheel of it",
            )


def read_locked(result: bytes) -> list[str]:
    """The installed packages that `pip freeze` wrote, sorted; what is no package is left out."""
    lines = (plain(line) for line in result.decode(errors="replace").splitlines())
    return sorted(line for line in lines if _LOCKED.fullmatch(line))


def _is_wheel(url: str) -> bool:
    parts = urlsplit(url)
    return "+" not in parts.scheme and parts.path.endswith(".whl")
