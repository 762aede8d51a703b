"""Pure: from a cluster to the processes that must run for it, in the order in which they start."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine import containerd, control_plane, etcd, load_balancer
from pybernetes.cluster.spec import CONTROL_PLANE, ClusterSpec

ETCD = "etcd"
"""The store of a cluster with `--store etcd`."""
LOAD_BALANCER = "load-balancer"
INGRESS_PROXY = "ingress-proxy"
"""Serves Ingresses while there are some: the Ingress controller starts it, and it outlives that."""
HOST_AGENT = "host-agent"
"""Of several control planes: DNS and the host's network, which the process `control-plane` does otherwise."""

SIMULATED_NODES = "simulated-nodes"
"""All of them: what they do is no work of the control plane, nor is its time theirs."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    name: str
    """Names its record and its log."""
    argv: tuple[str, ...]
    node: str = ""
    """The machine it belongs to; "" for the host."""
    outlives: bool = False
    """Keeps running when the supervisor ends: containerd, because containers must not stop with us."""
    environment: dict[str, str] = field(default_factory=dict)
    """In addition to the supervisor's own."""


_OWN = {"MALLOC_ARENA_MAX": "1"}
"""One arena for all threads: a few megabytes less, and little is allocated outside the event loop's thread."""


def own_command(*arguments: str) -> tuple[str, ...]:
    """Pybernetes itself with other arguments; nothing of the working directory is imported."""
    return (sys.executable, "-P", "-m", "pybernetes", *arguments)


def supervisor_command(layout: Layout) -> tuple[str, ...]:
    return own_command("supervisor", "--name", layout.name, "--data-dir", str(layout.data))


def process_table(spec: ClusterSpec, layout: Layout) -> list[ProcessSpec]:
    """The store and the control plane first, because everything waits for them, and they end last.

    Raises ClusterError when a program is missing.
    """
    place = ("--name", spec.name, "--data-dir", str(layout.data))
    if spec.control_plane_names:
        table = _machines(spec, layout)
        table.append(ProcessSpec(LOAD_BALANCER, load_balancer.command(layout)))
        table.append(ProcessSpec(HOST_AGENT, own_command("host-agent", *place), environment=_OWN))
    else:
        table = [ProcessSpec(CONTROL_PLANE, own_command("standalone", *place), environment=_OWN)]
        if spec.local_etcd:
            table.insert(0, ProcessSpec(ETCD, etcd.command(spec, layout), environment=etcd.environment()))
    if spec.has_simulated_nodes:
        table.append(ProcessSpec(SIMULATED_NODES, own_command("simulated-nodes", *place), environment=_OWN))
    for node in () if spec.simulated else spec.node_names:
        namespace = spec.network_namespace(node) if spec.own_namespaces else ""
        argv = tuple(containerd.command(layout.node(node), namespace, node))
        table.append(ProcessSpec(f"containerd-{node}", argv, node, outlives=True))
        if spec.own_namespaces:
            argv = (*containerd.entering(namespace), *own_command("node-agent", *place, "--node", node))
            table.append(ProcessSpec(node, argv, node, environment=_OWN))
    return table


def _machines(spec: ClusterSpec, layout: Layout) -> list[ProcessSpec]:
    """What runs on each machine of several control planes: upstream's components with upstream's flags."""
    table = []
    for machine in spec.control_plane_names:
        enter = tuple(containerd.entering(spec.network_namespace(machine)))
        if spec.local_etcd:
            argv = (*enter, *etcd.command(spec, layout, machine))
            table.append(ProcessSpec(f"{ETCD}-{machine}", argv, machine, environment=etcd.environment()))
        for component, flags in control_plane.components(spec, layout, machine).items():
            argv = (*enter, *own_command(component, *flags))
            table.append(ProcessSpec(f"{component}-{machine}", argv, machine, environment=_OWN))
    return table


def apiserver_processes(spec: ClusterSpec) -> list[str]:
    """The processes that serve the API."""
    return [f"apiserver-{machine}" for machine in spec.control_plane_names] or [CONTROL_PLANE]


def record(layout: Layout, name: str) -> Path:
    """Where the id and start time of a process are kept."""
    return layout.processes / name


def stopped_mark(layout: Layout, node: str) -> Path:
    """Its presence says that the user stopped this node."""
    return layout.run / "stopped" / node


def down_mark(layout: Layout) -> Path:
    """Its presence says that the cluster is being taken down, so nothing is to be started again."""
    return layout.run / "down"
