"""A short way to a cluster's specification."""

from __future__ import annotations

from pybernetes.cluster.spec import ClusterSpec


def spec(**changes: object) -> ClusterSpec:
    values: dict[str, object] = {
        "name": "default", "slot": 0, "nodes": 2, "api_port": 6443, "pod_cidr": "10.244.0.0/16",
        "service_cidr": "10.96.0.0/16", "node_cidr": "172.31.255.0/24", "node_port_low": 30000,
        "node_port_high": 32767, "kubelet_port": 10250,
    }  # fmt: skip
    return ClusterSpec(**{**values, **changes})  # type: ignore[arg-type]
