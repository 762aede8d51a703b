"""`pybernetes node stop|start NODE`: one machine of several, as if it were switched off and on."""

from __future__ import annotations

import argparse
import os
import signal

from pybernetes.cli.output import Progress
from pybernetes.cli.selection import add_name, running
from pybernetes.cluster import teardown
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine import cgroups
from pybernetes.cluster.process_table import process_table, record, stopped_mark
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.processes import Process

_ENDED_S = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="stop|start")
    for action, text in (("stop", "end a node's agent, runtime and containers"), ("start", "bring it back")):
        verb = actions.add_parser(action, help=text, allow_abbrev=False)
        verb.add_argument("node", metavar="NODE", help="its name in `kubectl get nodes`")
        add_name(verb)


def run(args: argparse.Namespace) -> int:
    spec, layout = running(args.name)
    if os.geteuid() != 0:
        raise ClusterError("stopping and starting nodes needs root; run it with sudo")
    if args.node not in spec.machine_names:
        raise ClusterError(f"there is no node {args.node!r}; this cluster has {', '.join(spec.machine_names)}")
    if not spec.own_namespaces:
        raise ClusterError("the only node runs with the control plane; nodes of `up --nodes 2` can be stopped")
    if args.action == "stop":
        _stop(spec, layout, args.node)
    else:
        _start(spec, layout, args.node)
    return 0


def _stop(spec: ClusterSpec, layout: Layout, node: str) -> None:
    progress = Progress()
    progress.step(f"stopping {node}")
    ending = [entry.name for entry in process_table(spec, layout) if entry.node == node and not entry.outlives]
    processes = [process for name in ending if (process := Process.recorded(record(layout, name))) is not None]
    mark = stopped_mark(layout, node)
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    _tell_supervisor(layout)
    if not all(process.wait(_ENDED_S) for process in processes):
        raise ClusterError(f"{node} does not end; see {layout.logs}")
    left = teardown.stop_machine(spec, layout, node)
    progress.done()
    if left:
        raise ClusterError(f"these would not go: {', '.join(left[:5])}; run it again")
    print(f"{node} is stopped; start it with: pybernetes node start {node}")


def _start(spec: ClusterSpec, layout: Layout, node: str) -> None:
    if node in spec.node_names:
        cgroups.prepare(spec.cgroup(node))
    layout.node(node).run.mkdir(parents=True, exist_ok=True, mode=0o755)
    stopped_mark(layout, node).unlink(missing_ok=True)
    _tell_supervisor(layout)
    print(f"{node} is starting; watch it with: kubectl get nodes -w")


def _tell_supervisor(layout: Layout) -> None:
    supervisor = Process.recorded(record(layout, "supervisor"))
    if supervisor is None or not supervisor.signal(signal.SIGHUP):
        raise ClusterError("the cluster is not supervised; run `pybernetes up` first")
