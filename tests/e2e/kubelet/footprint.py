"""What a node's containers have on the machine, as the kernel and the runtime's own files tell it; not the kubelet."""

from __future__ import annotations

import subprocess
from glob import glob
from pathlib import Path

from pybernetes.host.processes import all_pids, arguments
from pybernetes.kubelet.resources.cgroups import detect
from pybernetes.kubelet.volumes.mounts import mounts_below

from .private_containerd import PrivateContainerd


def footprint(containerd: PrivateContainerd, node: Path) -> dict[str, list[str]]:
    """By kind, of the runtime and of the kubelet whose folders lie below `node`."""
    folder = containerd.folder
    group = containerd.cgroup_root
    members = [pid for pid in all_pids() if f":{group}/" in _read(Path(f"/proc/{pid}/cgroup"))]
    roots = [root / group.lstrip("/") for root in detect().folders()]
    state = folder / "state"
    return {
        "containers": _rows(containerd, "containers", "ls", "-q"),
        "tasks": _rows(containerd, "tasks", "ls", "-q"),
        "snapshots": [row for row in _rows(containerd, "snapshots", "ls") if row.endswith("Active")],
        "processes in cgroups": [" ".join(arguments(pid)) for pid in members],
        "shims": shims(containerd),
        "mounts of volumes": [str(place) for place in mounts_below(node)],
        "mounts of containers": [str(place) for place in mounts_below(state)],
        "network namespaces": _names(state / "io.containerd.grpc.v1.cri", "**/netns/*"),
        "links": _ports_of(containerd.bridge),
        "addresses": _names(folder / "ipam", "*/[0-9]*"),
        "cgroups": [f"{root}/{name}" for root in roots for name in _names(root, "kubepods/**/pod*")],
        "bundles": _names(state / "io.containerd.runtime.v2.task" / "k8s.io", "*"),
        "runc's": _names(folder / "runc" / "k8s.io", "*"),
        "records of the CRI": _names(folder / "root" / "io.containerd.grpc.v1.cri", "*/*"),
        "folders of pods": _names(node / "kubelet" / "pods", "*"),
        "folders of logs": _names(node / "pods", "*"),
    }


def shims(containerd: PrivateContainerd) -> list[str]:
    """The sandboxes whose shims run; not the short-lived ones that start or delete another."""
    return sorted(sandbox for sandbox, _ in shim_processes(containerd))


def shim_processes(containerd: PrivateContainerd) -> list[tuple[str, int]]:
    """Sandbox and process of every shim."""
    found = []
    for pid in all_pids():
        words = arguments(pid)
        mine = words and "containerd-shim" in words[0] and str(containerd.socket) in words and "-id" in words
        if mine and words[-1] not in ("start", "delete"):
            found.append((words[words.index("-id") + 1], pid))
    return found


def _rows(containerd: PrivateContainerd, *words: str) -> list[str]:
    lines = [line.strip() for line in containerd.ctr(*words).stdout.splitlines()]
    return [line for line in lines if line and not line.startswith("KEY")]


def _names(folder: Path, pattern: str) -> list[str]:
    # Path.glob raises where a folder vanishes meanwhile.
    return sorted(glob(pattern, root_dir=folder, recursive=True, include_hidden=True))  # noqa: PTH207


def _ports_of(bridge: str) -> list[str]:
    done = subprocess.run(["ip", "-br", "link", "show", "master", bridge], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
