"""Git servers on loopback with real transports: OpenSSH, and nginx with `git http-backend`.

Both serve every repository of the machine by its absolute path, to nobody but this machine.
"""

import getpass
import os
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.git import git_environment
from tests.support.processes import accepts, daemon, find_program, free_port

# UsePAM is off because PAM wants services (audit, logind) that a container does not have.
_SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/author_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
AcceptEnv GIT_PROTOCOL
SetEnv {variables}
"""

# http://127.0.0.1:PORT/as/USER/PATH is the repository PATH with REMOTE_USER set to USER.
# One process, so that its id is the only one to stop.
_NGINX_CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location ~ ^/as/(?<author>[^/]+)(?<path>/.+)$ {{
            fastcgi_pass unix:{folder}/cgi.sock;
            fastcgi_buffering off;
            fastcgi_read_timeout 600s;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param SCRIPT_FILENAME {backend};
            fastcgi_param PATH_INFO $path;
            fastcgi_param REMOTE_USER $author;
            fastcgi_param GIT_PROJECT_ROOT /;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param GIT_PROTOCOL $http_git_protocol;
            fastcgi_param NO_BUFFERING 1;
        }}
    }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class SshServer:
    """An OpenSSH server; authors need its `environment` (`GIT_SSH_COMMAND` with their key)."""

    port: int
    user: str
    ssh_command: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What an `Author` adds to git's environment."""
        return {"GIT_SSH_COMMAND": self.ssh_command}

    def url(self, repository: Path) -> str:
        """The URL of a repository of this machine."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{repository.absolute()}"


@dataclass(frozen=True, kw_only=True)
class HttpServer:
    """A web server for git's smart protocol."""

    port: int

    def url(self, repository: Path, author: str = "ada") -> str:
        """The URL of a repository of this machine; hooks see `author` as `REMOTE_USER`."""
        return f"http://127.0.0.1:{self.port}/as/{author}{repository.absolute()}"


@contextmanager
def ssh_server(environment: Mapping[str, str] | None = None) -> Iterator[SshServer]:
    """An OpenSSH server that lets the user of the tests in; hooks also see `environment`."""
    with _folder() as folder:
        port = free_port()
        variables = {**git_environment(folder / "home"), **(environment or {})}
        config = write_sshd_config(folder, port, variables)
        if os.getuid() == 0:  # sshd wants this folder, which only its own start at boot makes
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [find_program("sshd"), "-D", "-e", "-f", str(config)]
        with daemon(command, log=folder / "sshd.log", ready=lambda: accepts(port)):
            yield SshServer(port=port, user=getpass.getuser(), ssh_command=ssh_command(folder))


def write_sshd_config(folder: Path, port: int, variables: Mapping[str, str]) -> Path:
    """The configuration of an OpenSSH server in a folder, with keys that are made; hooks see
    `variables`.
    """
    _make_keys(folder, port)
    config = folder / "sshd_config"
    words = " ".join(f'"{name}={value}"' for name, value in variables.items())
    config.write_text(_SSHD_CONFIG.format(port=port, folder=folder, variables=words))
    return config


def _make_keys(folder: Path, port: int) -> None:
    for name in ("host_key", "author_key"):
        subprocess.run(
            [find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / name],
            stdin=subprocess.DEVNULL,
            check=True,
        )
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")


def ssh_command(folder: Path) -> str:
    """`GIT_SSH_COMMAND` of an author whom the server in a folder lets in."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": str(folder / "author_key"),
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(folder / "known_hosts"),
    }
    arguments = [argument for name in options for argument in ("-o", f"{name}={options[name]}")]
    return shlex.join([find_program("ssh"), "-F", "/dev/null", *arguments])


@contextmanager
def http_server(environment: Mapping[str, str] | None = None) -> Iterator[HttpServer]:
    """A web server for git; hooks also see `environment`. Its answers are not buffered."""
    with _folder() as folder, _fcgiwrap(folder, environment or {}):
        port = free_port()
        backend = subprocess.check_output([find_program("git"), "--exec-path"], text=True).strip()
        config = folder / "nginx.conf"
        config.write_text(
            _NGINX_CONFIG.format(port=port, folder=folder, backend=f"{backend}/git-http-backend")
        )
        command = [find_program("nginx"), "-e", "stderr", "-c", str(config)]
        with daemon(command, log=folder / "nginx.log", ready=lambda: accepts(port)):
            yield HttpServer(port=port)


@contextmanager
def _fcgiwrap(folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    path = folder / "cgi.sock"

    def accepts_cgi() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    command = [find_program("fcgiwrap"), "-f", "-c", "4", "-s", f"unix:{path}"]
    variables = {**git_environment(folder / "home"), **environment}
    with daemon(
        command, log=folder / "fcgiwrap.log", ready=accepts_cgi, environment=variables
    ) as pid:
        yield pid


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder with a path short enough for sockets (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="mlreef-", dir="/tmp") as folder:
        yield Path(folder)
