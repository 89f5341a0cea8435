"""A Slurm cluster of two nodes on loopback, from Debian packages; every file is in one folder.

`node1` is small, and taken first (`Weight`); a job of more than 600 MiB has room on `node2` only.
"""

import os
import pwd
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.processes import PATH, daemon, find_program, free_port, wait_until

NODES = ("node1", "node2")
_MEBIBYTES = (600, 4000)
_CONFIG = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended-jobs
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
ReturnToService=2
MailProg=/bin/true
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
_NODE = (
    "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2"
    " RealMemory={memory} Weight={memory}"
)
_ENDED = re.compile(r" Name=(\S+) JobState=COMPLETED .* NodeList=(\S+) ")


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which `sbatch` and the like speak to a cluster that is ready for jobs."""
    folder.chmod(0o755)  # munge wants its socket to be reached by everybody
    config = _write_config(folder)
    environment = {"SLURM_CONF": str(config)}
    with ExitStack() as ends:
        ends.enter_context(_munge(folder))
        commands = [["slurmctld", "-D", "-c"], *(["slurmd", "-D", "-N", node] for node in NODES)]
        for command in commands:
            program, log = find_program(command[0]), folder / f"{command[-1]}.log"
            ends.enter_context(
                daemon([program, *command[1:]], log=log, ready=log.exists, environment=environment)
            )
        wait_until(lambda: _idle_nodes(environment) == len(NODES))
        ends.callback(_end_jobs, environment)
        yield environment


def nodes_of_jobs(folder: Path) -> Mapping[str, str]:
    """The node that ran each job, by the job's name: Slurm's own record of those that went well."""
    return dict(_ENDED.findall((folder / "ended-jobs").read_text()))


def _write_config(folder: Path) -> Path:
    host, config = os.uname().nodename.partition(".")[0], folder / "slurm.conf"
    (folder / "state").mkdir()
    user = pwd.getpwuid(os.getuid()).pw_name
    nodes = [
        _NODE.format(node=node, host=host, port=free_port(), memory=memory)
        for node, memory in zip(NODES, _MEBIBYTES, strict=True)
    ]
    config.write_text(
        _CONFIG.format(
            host=host, port=free_port(), user=user, folder=folder, nodes="\n".join(nodes)
        )
    )
    return config


@contextmanager
def _munge(folder: Path) -> Iterator[int]:
    key, socket = folder / "munge.key", folder / "munge.socket"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    files = {name: folder / f"munge.{name}" for name in ("log", "pid", "seed")}
    options = [f"--{name}-file={path}" for name, path in files.items()]
    command = [find_program("munged"), "--foreground", "--force", f"--key-file={key}"]
    with daemon(
        [*command, f"--socket={socket}", *options], log=folder / "munge.out", ready=socket.exists
    ) as process:
        yield process


def _idle_nodes(environment: Mapping[str, str]) -> int:
    return _asked(environment, "sinfo", "--noheader", "--Node", "--format=%T").count("idle")


def _end_jobs(environment: Mapping[str, str]) -> None:
    """End what still runs where a test broke off: a job would outlive the daemon of its node."""
    _asked(environment, "scancel", "--partition=all")
    wait_until(lambda: not _asked(environment, "squeue", "--noheader"))


def _asked(environment: Mapping[str, str], command: str, *words: str) -> list[str]:
    """The words that a command of Slurm prints."""
    done = subprocess.run(
        [find_program(command), *words],
        env={"PATH": PATH, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.split()
