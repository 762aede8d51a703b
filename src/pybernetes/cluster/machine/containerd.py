"""A private containerd for one node: everything it owns is in folders of the node's own.

It runs in a session of its own and keeps running, with its containers, when our processes die.
Source: containerd docs/cri/config.md (configuration version 2, containerd 1.6).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import NodeLayout

_CAP_SYS_RESOURCE = 24
_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_UNUSED_PLUGINS = (
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.tracing",
)


def may_raise_limits(status: str) -> bool:
    """Whether a process with this /proc/PID/status may lower OOM scores (CAP_SYS_RESOURCE)."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)
    return True


def cni_folder() -> str:
    """Where the distribution puts the CNI plugins. Raises ClusterError where there are none."""
    for folder in _CNI_FOLDERS:
        if (Path(folder) / "bridge").exists():
            return folder
    raise ClusterError("the CNI plugins are missing; install them: apt-get install containernetworking-plugins")


def configuration(node: NodeLayout, *, sandbox_image: str, cni_bin: str, restrict_oom_score_adj: bool) -> str:
    """The configuration file, as TOML."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'

    def text(value: str | Path) -> str:
        return json.dumps(str(value))  # a JSON string is a TOML basic string

    return f"""version = 2
root = {text(node.containerd_root)}
state = {text(node.containerd_state)}
oom_score = 0
disabled_plugins = [{", ".join(text(plugin) for plugin in _UNUSED_PLUGINS)}]

[grpc]
  address = {text(node.containerd_socket)}

[debug]
  level = "warn"

[plugins."io.containerd.internal.v1.opt"]
  path = {text(node.containerd_root / "opt")}

[{cri}]
  sandbox_image = {text(sandbox_image)}
  restrict_oom_score_adj = {str(restrict_oom_score_adj).lower()}
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

[{cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
  Root = {text(node.runc_root)}
  SystemdCgroup = false

[{cri}.cni]
  bin_dir = {text(cni_bin)}
  conf_dir = {text(node.cni_conf)}
  max_conf_num = 1

[{cri}.registry]
  config_path = {text(node.certs_d)}
"""


def command(node: NodeLayout, network_namespace: str = "", hostname: str = "") -> list[str]:
    """The command line. Raises ClusterError when containerd is not installed.

    A node with a network namespace has a hostname of its own, too: Pods on the node's network see it.
    """
    program = shutil.which("containerd", path=_search_path())
    if program is None:
        raise ClusterError("containerd is missing; install it: apt-get install containerd runc")
    naming = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', hostname] if network_namespace else []
    return [*entering(network_namespace), *naming, program, "--config", str(node.containerd_config)]


def entering(network_namespace: str) -> list[str]:
    """The prefix that runs a command in a node's network namespace.

    Not `ip netns exec`, which also remounts /sys and so hides the cgroup hierarchies.
    """
    return ["nsenter", f"--net=/run/netns/{network_namespace}", "--"] if network_namespace else []


def _search_path() -> str:
    import os

    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
