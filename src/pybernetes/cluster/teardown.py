"""Takes a cluster off the machine: processes, containers, mounts, namespaces, links, routes, tables, cgroups.

Works on whatever is left of a half-dead cluster: nothing here needs a component to answer. What belongs to
the cluster is told by exact names, ids and path prefixes, never by a pattern.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout, NodeLayout, home_of
from pybernetes.cluster.machine import cgroups, control_plane, etcd, load_balancer, topology
from pybernetes.cluster.process_table import down_mark, record
from pybernetes.cluster.spec import ClusterSpec, ranges
from pybernetes.host import mounts
from pybernetes.host.netns import CNI_RESULTS
from pybernetes.host.processes import Process, all_pids, arguments

NETWORK_NAME_PREFIX = "pybernetes-"
_SHIM = "containerd-shim-runc-v2"
_SUPERVISOR_GRACE_S = 40.0


def network_name(cluster: str) -> str:
    """The CNI network of a cluster's pods, by which their cached results are known."""
    return NETWORK_NAME_PREFIX + cluster


def tables(cluster: str) -> list[str]:
    """The nftables tables that a cluster has in the host's network namespace."""
    network = f"pybernetes-{cluster}-network"
    return [f"pybernetes-{cluster}-proxy", network, f"{network}-host-ports", f"{network}-policy"]


def remove_cluster(spec: ClusterSpec, layout: Layout) -> list[str]:
    """Removes all but the data directory; one line for each thing that would not go."""
    _stop_processes(spec, layout)
    if spec.simulated:  # its address ranges are those of the cluster that it was copied from
        shutil.rmtree(layout.run, ignore_errors=True)
        return []
    left: list[str] = []
    for node in spec.node_names:
        left += stop_machine(spec, layout, node)
    left += [f"process {pid}" for pid in cgroups.remove(f"/pybernetes-{spec.name}")]
    left += [f"mount {point}" for folder in (layout.run, layout.data) for point in mounts.unmount_below(folder)]
    _remove_tables(spec.name)
    _remove_routes(spec)
    topology.remove(spec)
    if not mounts.below(layout.run):
        shutil.rmtree(layout.run, ignore_errors=True)
    return left


def purge(layout: Layout) -> None:
    """Deletes the data directory. Raises ClusterError while something is mounted in it."""
    if points := mounts.below(layout.data):
        raise ClusterError(f"{points[0]} is still mounted; unmount it and run this again")
    for path in (
        *(
            layout.spec,
            layout.example_mark,
            layout.storage_class_mark,
            layout.pki,
            layout.kubeconfigs,
            layout.logs,
            layout.images,
        ),
        layout.data / "nodes",
        layout.data / "cache",
        layout.snapshots,
        layout.moved,
        layout.etcd,
        load_balancer.configuration_file(layout),
    ):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for file in layout.data.glob(layout.store.name + "*"):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a folder of the user's with files of the user's stays
        layout.data.rmdir()
    home = home_of(layout.name)
    if home.is_symlink():
        home.unlink()


def _stop_processes(spec: ClusterSpec, layout: Layout) -> None:
    with contextlib.suppress(OSError):
        down_mark(layout).touch()
    supervisor = Process.recorded(record(layout, "supervisor"))
    if supervisor is not None:
        supervisor.stop(_SUPERVISOR_GRACE_S)
    containerds = {f"containerd-{node}" for node in spec.node_names}
    with contextlib.suppress(OSError):
        for file in sorted(layout.processes.iterdir(), key=lambda file: file.name not in spec.node_names):
            process = Process.recorded(file) if file.name not in containerds else None
            if process is not None:
                process.stop(5)
    # Records may be lost; the arguments of our own processes name cluster and data directory.
    own = ["--name", spec.name, "--data-dir", str(layout.data)]
    for verb in ("supervisor", "standalone", "host-agent", "node-agent", "simulated-nodes"):
        for process in _running(partial(_contains, ["pybernetes", verb, *own])):
            process.stop(2)
    for verb in control_plane.COMPONENTS:
        for process in _running(partial(_names_a_file_of, ["pybernetes", verb], layout.data)):
            process.stop(2)
    for process in _running(partial(_contains, ["-f", str(load_balancer.configuration_file(layout))])):
        process.stop(2)
    # The proxy of Ingresses, and those that it replaced and that finish what they have.
    for process in _running(partial(_reads_below, layout.ingress)):
        process.stop(2)
    for member in etcd.members(spec, layout):
        for process in _running(partial(_contains, ["--name", member.name, "--data-dir", str(member.data)])):
            process.stop(5)


def stop_machine(spec: ClusterSpec, layout: Layout, node: str) -> list[str]:
    """Ends a node's containerd with all its containers and mounts; what would not go."""
    place = layout.node(node)
    _kill(_containerds(place))
    record(layout, f"containerd-{node}").unlink(missing_ok=True)
    sockets = _shim_sockets(place)
    results = _cni_results(spec.name, place)
    _kill(_shims(place))
    left = [f"process {pid}" for pid in cgroups.remove(spec.cgroup(node))]
    left += [f"mount {point}" for folder in (place.run, place.data) for point in mounts.unmount_below(folder)]
    for file in (*sockets, *results):
        file.unlink(missing_ok=True)
    if not mounts.below(place.run):
        shutil.rmtree(place.run, ignore_errors=True)
    return left


def _containerds(place: NodeLayout) -> list[Process]:
    wanted = ["--config", str(place.containerd_config)]
    return _running(lambda words: Path(words[0]).name == "containerd" and words[1:3] == wanted)


def _shims(place: NodeLayout) -> list[Process]:
    def ours(words: list[str]) -> bool:
        if Path(words[0]).name != _SHIM or "-address" not in words[:-1]:
            return False
        return words[words.index("-address") + 1] == str(place.containerd_socket)

    return _running(ours)


def _contains(part: list[str], words: list[str]) -> bool:
    return any(words[start : start + len(part)] == part for start in range(len(words)))


def _names_a_file_of(command: list[str], folder: Path, words: list[str]) -> bool:
    """Whether it is this command and a flag of it names a file in the folder."""
    return _contains(command, words) and any(f"={folder}/" in word for word in words)


def _reads_below(folder: Path, words: list[str]) -> bool:
    """Whether its configuration (-f) is in the folder."""
    return any(flag == "-f" and file.startswith(f"{folder}/") for flag, file in itertools.pairwise(words))


def _running(matches: Callable[[list[str]], bool]) -> list[Process]:
    """The processes whose arguments match."""
    found = []
    for pid in all_pids():
        words = arguments(pid)
        if words and matches(words) and (process := Process.of(pid)) is not None:
            found.append(process)
    return found


def _kill(processes: list[Process]) -> None:
    deadline = time.monotonic() + 5
    for process in processes:
        process.signal(signal.SIGKILL)
    for process in processes:
        process.wait(max(0.0, deadline - time.monotonic()))


def _shim_sockets(place: NodeLayout) -> list[Path]:
    """Sockets that shims made outside the node's folders; each is named in its bundle."""
    sockets = []
    for address in (place.containerd_state / "io.containerd.runtime.v2.task").glob("*/*/address"):
        with contextlib.suppress(OSError):
            text = address.read_text().strip()
            if text.startswith("unix:///run/containerd/s/"):
                sockets.append(Path(text.removeprefix("unix://")))
    return sockets


def _cni_results(cluster: str, place: NodeLayout, folder: Path = CNI_RESULTS) -> list[Path]:
    """What the CNI plugins remember of this node's pods, in files named after network, container and device."""
    sandboxes = (
        top / "io.containerd.grpc.v1.cri" / "sandboxes" for top in (place.containerd_root, place.containerd_state)
    )
    names = {entry.name for sandbox in sandboxes if sandbox.is_dir() for entry in sandbox.iterdir()}
    files = (
        folder / f"{network}-{name}-{device}"
        for name in names
        for network, device in ((network_name(cluster), "eth0"), ("cni-loopback", "lo"))
    )
    return [file for file in files if file.exists()]


def _remove_tables(cluster: str) -> None:
    from pybernetes.host.nft import LibNft, NftError

    names = set(tables(cluster))
    with contextlib.suppress(NftError):  # without libnftables no table was ever made
        nft = LibNft()
        for item in nft.query("list tables"):
            table = item.get("table", {})
            if table.get("name") in names:
                nft.apply(f"delete table {table['family']} {table['name']}")


def _remove_routes(spec: ClusterSpec) -> None:
    from pybernetes.host.netlink import KernelNetlink, NetlinkFault

    with contextlib.suppress(NetlinkFault):
        netlink, cidrs = KernelNetlink(), (*ranges(spec.pod_cidr), *ranges(spec.service_cidr))
        for route in netlink.our_routes():
            if route.within(cidrs):
                netlink.delete_route(route)
