"""`pybernetes status`: what runs, with process ids, and whether the API and the nodes are well."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from pybernetes import __version__
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.version import KUBERNETES_VERSION
from pybernetes.cli.output import table
from pybernetes.cli.selection import add_name, existing
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.process_table import INGRESS_PROXY, apiserver_processes, process_table, record, stopped_mark
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.processes import Process, memory_kb

_API_TIMEOUT_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("-o", "--output", choices=["json"], help="print JSON")


def run(args: argparse.Namespace) -> int:
    spec, layout = existing(args.name)
    components = [_component(layout, "supervisor", "")]
    components += [_component(layout, entry.name, entry.node) for entry in process_table(spec, layout)]
    if Process.recorded(record(layout, INGRESS_PROXY)) is not None:
        components.append(_component(layout, INGRESS_PROXY, ""))
    serving = apiserver_processes(spec)
    runs = any(part["name"] in serving and part["state"] == "running" for part in components)
    api, nodes = asyncio.run(_ask(layout)) if runs else (False, [])
    well = (
        api
        and all(component["state"] == "running" for component in components)
        and len(nodes) >= spec.nodes
        and all(node["ready"] for node in nodes)
    )
    told = {
        "name": spec.name,
        "context": spec.context,
        "ready": well,
        "kubernetes": KUBERNETES_VERSION,
        "pybernetes": __version__,
        "api": {"url": f"https://127.0.0.1:{spec.api_port}", "ready": api},
        "dataDir": str(layout.data),
        "podCIDR": spec.pod_cidr,
        "serviceCIDR": spec.service_cidr,
        "components": components,
        "nodes": nodes,
    }
    print(json.dumps(told, indent=2) if args.output == "json" else _text(spec, told))
    return 0 if well else 1


def _component(layout: Layout, name: str, node: str) -> dict[str, Any]:
    process = Process.recorded(record(layout, name))
    stopped = bool(node) and stopped_mark(layout, node).exists()
    state = "running" if process else "stopped" if stopped else "dead"
    resident, proportional = memory_kb(process.pid) if process else (0, 0)
    return {
        "name": name,
        "node": node,
        "state": state,
        "pid": process.pid if process else 0,
        "memoryKB": resident,
        "proportionalMemoryKB": proportional,
        "log": str(layout.logs / f"{name}.log"),
    }


async def _ask(layout: Layout) -> tuple[bool, list[dict[str, Any]]]:
    """Whether the API is ready, and the nodes as it knows them."""
    from pybernetes.api.core.v1 import Node
    from pybernetes.apimachinery.errors import StatusError
    from pybernetes.cli.readiness import admin

    try:
        async with asyncio.timeout(_API_TIMEOUT_S), admin(layout, "pybernetes-status") as client:
            if (await client.raw("GET", "/readyz")).status != 200:
                return False, []
            return True, [_node(node) for node in (await client.list(Node)).items]
    except (OSError, StatusError, TimeoutError):
        return False, []


def _node(node: Any) -> dict[str, Any]:
    ready = condition_of(node.status.conditions, "Ready")
    addresses = [address.address for address in node.status.addresses if address.type == "InternalIP"]
    return {
        "name": node.metadata.name,
        "ready": ready is not None and ready.status == "True",
        "message": (ready.message if ready else "") or "",
        "address": addresses[0] if addresses else "",
        "podCIDR": node.spec.podCIDR or "",
    }


def _text(spec: ClusterSpec, told: dict[str, Any]) -> str:
    rows = [
        (part["name"], part["state"], str(part["pid"] or "-"), f"{part['memoryKB'] / 1024:.0f} MB", part["log"])
        for part in told["components"]
    ]
    lines = [
        table(("COMPONENT", "STATE", "PID", "MEMORY", "LOG"), rows),
        "",
        table(
            ("NODE", "STATE", "ADDRESS", "PODS"),
            [
                (node["name"], "Ready" if node["ready"] else "NotReady", node["address"], node["podCIDR"])
                for node in told["nodes"]
            ],
        ),
        "",
        f"API {told['api']['url']} {'ready' if told['api']['ready'] else 'not ready'}, "
        f"Kubernetes {told['kubernetes']}, Pybernetes {told['pybernetes']}, state in {told['dataDir']}",
        f"The cluster {spec.name!r} is {'well' if told['ready'] else 'not well'}.",
    ]
    return "\n".join(lines)
