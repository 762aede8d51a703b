"""Where the files of a cluster lie.

What must survive a restart of the machine is under the data directory; sockets, process records and
mounts are under a run directory with a short path, because the path of a unix socket holds 107 bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pybernetes.cluster.errors import ClusterError

DEFAULT_NAME = "default"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?")


def check_name(name: str) -> str:
    """The name itself. Raises ClusterError unless it can stand in file, interface and context names."""
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"{name!r} is no cluster name: use at most 30 lower-case letters, digits and dashes, such as --name blue"
        )
    return name


def state_home() -> Path:
    """The folder that holds one folder (or a link to one) a cluster."""
    if home := os.environ.get("PYBERNETES_HOME"):
        return Path(home)
    if os.geteuid() == 0:
        return Path("/var/lib/pybernetes")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "pybernetes"


def run_home() -> Path:
    if os.geteuid() == 0:
        return Path("/run/pybernetes")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "pybernetes" if runtime else state_home() / "run"


def home_of(name: str) -> Path:
    """Where `up` records the cluster: its data directory, or a link to the one that --data-dir named."""
    return state_home() / check_name(name)


def known_names() -> list[str]:
    """The clusters that `up` made for this user, running or not."""
    try:
        entries = sorted(entry.name for entry in state_home().iterdir())
    except OSError:
        return []
    return [entry for entry in entries if (state_home() / entry / "cluster.json").is_file()]


@dataclass(frozen=True, slots=True)
class NodeLayout:
    """The files of one node. `data` survives a restart of the machine, `run` need not."""

    data: Path
    run: Path

    @property
    def containerd_root(self) -> Path:
        return self.data / "containerd"

    @property
    def containerd_config(self) -> Path:
        return self.data / "containerd.toml"

    @property
    def containerd_state(self) -> Path:
        return self.run / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    @property
    def runc_root(self) -> Path:
        return self.run / "runc"

    @property
    def certs_d(self) -> Path:
        """Registry settings in containerd's hosts.toml form, one folder a registry."""
        return self.data / "certs.d"

    @property
    def cni_conf(self) -> Path:
        return self.data / "cni" / "net.d"

    @property
    def cni_state(self) -> Path:
        """The addresses that host-local gave out."""
        return self.data / "cni" / "networks"

    @property
    def kubelet(self) -> Path:
        return self.data / "kubelet"

    @property
    def local_volumes(self) -> Path:
        """The folders of the volumes that are made on this node."""
        return self.data / "volumes"

    @property
    def manifests(self) -> Path:
        """Static Pods."""
        return self.data / "manifests"

    @property
    def pod_logs(self) -> Path:
        return self.data / "pod-logs"


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    data: Path

    @classmethod
    def of(cls, name: str, data_dir: str | Path = "") -> Layout:
        """The layout of a cluster that `up` made or is about to make."""
        home = home_of(name)
        data = Path(data_dir).absolute() if data_dir else Path(os.path.realpath(home))
        return cls(name, data)

    @property
    def run(self) -> Path:
        return run_home() / self.name

    @property
    def spec(self) -> Path:
        return self.data / "cluster.json"

    @property
    def pki(self) -> Path:
        return self.data / "pki"

    @property
    def kubeconfigs(self) -> Path:
        return self.data / "kubeconfig"

    def kubeconfig(self, identity: str) -> Path:
        return self.kubeconfigs / f"{identity}.conf"

    @property
    def store(self) -> Path:
        return self.data / "state.db"

    @property
    def etcd(self) -> Path:
        """The data of the cluster's own etcd."""
        return self.data / "etcd"

    @property
    def moved(self) -> Path:
        """The store that the cluster was moved from."""
        return self.data / "moved"

    @property
    def snapshots(self) -> Path:
        """Scheduled ones, unless the cluster names another folder."""
        return self.data / "snapshots"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def images(self) -> Path:
        return self.data / "images"

    @property
    def storage_class_mark(self) -> Path:
        """Set once the default StorageClass was made: it is not made again when the user deletes it."""
        return self.data / "storage-class-made"

    @property
    def example_mark(self) -> Path:
        """Its presence says that the example was applied once."""
        return self.data / "example-applied"

    @property
    def ingress(self) -> Path:
        """The files of the proxy that serves Ingresses, private keys among them: they are gone with a restart."""
        return self.run / "ingress"

    @property
    def processes(self) -> Path:
        """One record a process: its id and start time."""
        return self.run / "processes"

    @property
    def lock(self) -> Path:
        """Held by `up` and `down`, so that two of them do not work on one cluster at once."""
        return run_home() / f"{self.name}.lock"

    @property
    def preparing(self) -> Path:
        """Locked while `up` writes keys and configurations; processes wait for it before they read those."""
        return self.run / "preparing.lock"

    def forget_lock(self) -> None:
        """Removes the lock, and the folder of all runs when this was the last."""
        self.lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            run_home().rmdir()

    def node(self, node: str) -> NodeLayout:
        return NodeLayout(self.data / "nodes" / node, self.run / node)
