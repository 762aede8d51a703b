"""Short ways to Nodes, Pods and policies for the network's tests."""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.networking.v1 import NetworkPolicy


def node(name: str, cidrs: str, address: str = "") -> Node:
    """Both texts may hold several, by comma."""
    addresses = [{"type": "InternalIP", "address": each} for each in address.split(",") if each]
    split = cidrs.split(",") if cidrs else []
    return msgspec.convert(
        {"metadata": {"name": name}, "spec": {"podCIDR": cidrs.partition(",")[0], "podCIDRs": split},
         "status": {"addresses": addresses}},
        Node,
    )  # fmt: skip


def pod(name: str, *ips: str, node: str = "n1", namespace: str = "default", port: int = 8080, **labels: str) -> Pod:
    ports = [{"name": "web", "containerPort": port, "protocol": "TCP"}]
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips], "phase": "Running"},
        },
        Pod,
    )


def policy(**spec: Any) -> NetworkPolicy:
    return msgspec.convert({"metadata": {"name": "p", "namespace": "default"}, "spec": spec}, NetworkPolicy)
