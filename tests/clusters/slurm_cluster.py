"""A Slurm of two nodes on this machine, from Debian's packages, which a test starts and stops.

    apt-get install --no-install-recommends munge slurmctld slurmd slurm-client

Two `slurmd` of different names stand for two machines; the file system is what they share. A job of
the partition `urgent` takes the place of one of `main`, which is requeued. An array has two tasks
at most, so that each sweep is of several arrays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from servers import free_port

__all__ = ["NODES", "SlurmCluster", "missing_tools", "slurm_cluster"]

NODES = ("n1", "n2")
MARK = "SLURM_TEST_DAEMON"
"""In the environment of a daemon, and of what a node's daemon starts of itself."""
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "srun")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,requeue_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=3
OverTimeLimit=0
MinJobAge=300
MaxArraySize=2
ReturnToService=2
SlurmdTimeout={node_timeout}
InactiveLimit=0
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={port1} CPUs=2 RealMemory=4000 Gres=gpu:2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={port2} CPUs=2 RealMemory=4000 Gres=gpu:2
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
"""
GRES = """
NodeName=n1 Name=gpu File=/dev/tty[0-1]
NodeName=n2 Name=gpu File=/dev/tty[0-1]
"""


def missing_tools() -> list[str]:
    """Return what Slurm needs and this machine or user has not: its daemons change users."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    return missing if os.getuid() == 0 else [*missing, "root's rights"]


@dataclass
class SlurmCluster:
    """A cluster that runs. `env` is what its commands need."""

    folder: Path
    env: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a daemon of the cluster."""
        with (self.folder / f"{name}.out").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                env={**self.env, MARK: name},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self.start(name, "/usr/sbin/slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """Take a node down, with all that runs on it, as a power cut does."""
        daemon = self.processes.pop(name)
        for end in (signal.SIGSTOP, signal.SIGKILL):  # none is to tell of the death of another
            for pid in self._of_node(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, end)
        daemon.wait()

    def _of_node(self, name: str) -> list[int]:
        """Return the processes that run on a node: those whose environment says so.

        Of this cluster alone: another test's, at the same time, has nodes of these names.
        """
        ours = f"SLURM_CONF={self.env['SLURM_CONF']}".encode()
        marks = {f"SLURMD_NODENAME={name}".encode(), f"{MARK}={name}".encode()}
        found = []
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if path.name.isdecimal():
                    environment = set((path / "environ").read_bytes().split(b"\0"))
                    if ours in environment and marks & environment:
                        found.append(int(path.name))
        return found

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command of Slurm's; return what it prints."""
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Return state and reason or nodes of each task of an array that Slurm knows of."""
        text = self.run("squeue", "--array", "--noheader", "--states=all", "-o", "%i|%T|%R")
        rows = [line.split("|") for line in text.splitlines()]
        return {job: (state, reason) for job, state, reason in rows}

    def wait_for_nodes(self) -> None:
        """Wait until both nodes take jobs."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            text = self.run("sinfo", "--noheader", "-N", "-p", "main", "-o", "%n %T", check=False)
            if text.split().count("idle") == len(NODES):
                return
            time.sleep(0.2)
        raise AssertionError(f"the nodes do not come up: {self.logs()}")

    def logs(self) -> str:
        """Return the ends of all logs."""
        texts = [
            f"== {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log")
        ]
        return "\n".join(texts)

    def stop(self) -> None:
        """End all jobs and all daemons."""
        for job in {name.partition("_")[0] for name in self.jobs()}:
            self.run("scancel", "--signal=KILL", "--full", job, check=False)
            self.run("scancel", job, check=False)
        for node in NODES:
            for pid in self._of_node(node):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def slurm_cluster(*, node_timeout: int = 10) -> Iterator[SlurmCluster]:
    """Yield a cluster of the nodes `NODES`; one that is silent for `node_timeout` s is down."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        for node in NODES:
            (folder / f"spool-{node}").mkdir()
        host = socket.gethostname().partition(".")[0]
        ports = {"ctld_port": free_port(), "port1": free_port(), "port2": free_port()}
        conf = CONF.format(folder=folder, host=host, node_timeout=node_timeout, **ports)
        (folder / "slurm.conf").write_text(conf)
        (folder / "gres.conf").write_text(GRES)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        cluster = SlurmCluster(
            folder, {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}
        )
        try:
            files = [
                f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "log", "pid", "seed")
            ]
            cluster.start(
                "munged",
                "/usr/sbin/munged",
                "-F",
                "--force",
                f"--socket={folder}/munge.socket",
                *files,
            )
            deadline = time.monotonic() + 20
            while not (folder / "munge.socket").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            cluster.start("ctld", "/usr/sbin/slurmctld", "-D", "-f", str(folder / "slurm.conf"))
            for node in NODES:
                cluster.start_node(node)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            cluster.stop()
