"""NetworkPolicies cut off and let through, with real Pods on one node's bridge."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from pybernetes.cluster.teardown import tables

from .conftest import IMAGE, Cluster, eventually

pytestmark = pytest.mark.e2e

SERVE = "trap 'exit 0' TERM; echo served > /tmp/index.html; httpd -f -p 8080 -h /tmp & wait"


def policy(name: str, **spec: Any) -> str:
    tree = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}
    return json.dumps(tree)


def nft(*command: str) -> None:
    subprocess.run(["nft", *command], check=True)


def test_policies_under_traffic(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("run", "server", f"--image={IMAGE}", "--expose", "--port=8080", "--", "sh", "-c", SERVE)
    for name in ("friend", "stranger"):
        cluster.kubectl("run", name, f"--image={IMAGE}", "--", "sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
    cluster.kubectl("wait", "pod", "--all", "--for=condition=Ready", "--timeout=120s")

    def reaches(name: str, target: str = "server:8080") -> bool:
        done = cluster.kubectl(
            "exec", name, "--", "timeout", "3", "wget", "-q", "-O-", f"http://{target}", check=False
        )  # fmt: skip
        return "served" in done.stdout

    eventually("all reach the server", lambda: reaches("friend") and reaches("stranger"))
    cluster.kubectl("apply", "-f", "-", stdin=policy("closed", podSelector={}, policyTypes=["Ingress"]))
    eventually("nobody reaches it", lambda: not reaches("friend") and not reaches("stranger"))
    let = {"from": [{"podSelector": {"matchLabels": {"run": "friend"}}}], "ports": [{"port": 8080}]}
    cluster.kubectl(
        "apply", "-f", "-", stdin=policy("let", podSelector={"matchLabels": {"run": "server"}}, ingress=[let])
    )
    eventually("the friend reaches it", lambda: reaches("friend"))
    eventually("a stranger does not", lambda: not reaches("stranger"))
    nft("delete", "table", "inet", tables(cluster.name)[3])
    eventually("a stranger is kept out again, whatever was taken away", lambda: not reaches("stranger"))
    eventually("the friend is still let in", lambda: reaches("friend"))
    cluster.kubectl("label", "pod", "stranger", "run=friend", "--overwrite")
    eventually("who becomes a friend reaches it", lambda: reaches("stranger"))
    out = policy("out", podSelector={"matchLabels": {"run": "friend"}}, policyTypes=["Egress"])
    cluster.kubectl("apply", "-f", "-", stdin=out)
    eventually("nothing leaves", lambda: not reaches("friend"))
    service = cluster.get("service", "server")["spec"]["clusterIP"]
    lookup = ("exec", "friend", "--", "nslookup", f"server.{namespace}.svc.cluster.local")
    eventually("DNS stays", lambda: service in cluster.kubectl(*lookup, check=False).stdout)
    cluster.kubectl("delete", "networkpolicy", "--all")
    eventually("all is open again", lambda: reaches("friend"))
