"""A real cluster, encrypted: the past of an object, a fork beside it, its way to etcd; containers go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Cluster, eventually, make_cluster

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
ENCRYPTION = """
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: ["*."]
  providers:
  - secretbox: {keys: [{name: one, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}
"""


def test_history_fork_and_migration(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path, "moves")
    fork = f"{cluster.name}-fork"
    encryption = tmp_path / "encryption.yaml"
    encryption.write_text(ENCRYPTION)
    cluster.down()
    cluster.command("down", "--name", fork, "--purge")
    try:
        cluster.up("--encryption-config", str(encryption))
        cluster.kubectl("create", "secret", "generic", "password", "--from-literal=value=TopSecretPlain")
        cluster.kubectl("create", "deployment", "web", "--image=pybernetes.local/hello:1.0", "--replicas=2")
        cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        _history(cluster)
        containers = _containers(cluster)
        objects = _uids(cluster)
        _fork(cluster, fork)
        assert _containers(cluster) == containers, "the fork touched nothing of the original"
        cluster.command("store", "migrate", "--to", "etcd", "--name", cluster.name)
        assert _uids(cluster) == objects
        assert _containers(cluster) == containers
        assert cluster.get("secret", "password")["data"]["value"] == "VG9wU2VjcmV0UGxhaW4="
        assert "kubernetes-admin" in cluster.command("history", "deploy/web", "--name", cluster.name).stdout
        cluster.kubectl("scale", "deployment/web", "--replicas=3")
        cluster.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
        for file in (tmp_path / "data").rglob("*"):
            if file.is_file() and file.parent.name in ("data", "moved", "snap", "wal"):
                assert b"TopSecretPlain" not in file.read_bytes(), file
    finally:
        cluster.command("down", "--name", fork, "--purge")
        cluster.down()


def _history(cluster: Cluster) -> None:
    name = ("--name", cluster.name)
    cluster.kubectl("label", "deployment/web", "tier=front")
    told = cluster.command("history", "deployment/web", *name).stdout
    assert "+ metadata.labels.tier: front" in told and "kubernetes-admin" in told
    undone = cluster.command("undo", "deployment/web", *name).stdout
    assert "- metadata.labels.tier: front" in undone
    assert "tier" not in cluster.get("deployment", "web")["metadata"]["labels"]
    refused = cluster.command("history", "secret/password", *name, "--as", "nobody", check=False)
    assert refused.returncode == 1 and "is forbidden" in refused.stderr and refused.stderr.count("\n") == 1
    assert "TopSecret" not in cluster.command("history", "secret/password", *name, "--at", "0s").stdout
    assert "web" in cluster.command("history", "deployments", *name, "--at", "0s").stdout


def _fork(cluster: Cluster, fork: str) -> None:
    cluster.command("snapshot", "fork", fork, "--name", cluster.name)
    context = f"pybernetes-{fork}"
    cluster.kubectl("--context", context, "scale", "deployment/web", "--replicas=5")
    cluster.kubectl("--context", context, "rollout", "status", "deployment/web", "--timeout=120s")
    cluster.kubectl("--context", context, "delete", "pods", "--all", "--timeout=120s")
    cluster.kubectl("--context", context, "rollout", "status", "deployment/web", "--timeout=120s")
    assert len(cluster.get("pods")["items"]) == 2
    cluster.command("down", "--name", fork, "--purge")
    assert context not in cluster.kubectl("config", "get-contexts", "-o", "name").stdout


def _containers(cluster: Cluster) -> list[str]:
    def all_of_them() -> list[str]:
        pods = cluster.get("pods")["items"]
        states = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        return sorted(f"{s['containerID']} {s['restartCount']}" for s in states) if len(states) == 2 else []

    return list(eventually("two containers", all_of_them))


def _uids(cluster: Cluster) -> dict[str, str]:
    items = cluster.get("deployments,replicasets,pods,secrets,services,nodes", "-A")["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["uid"] for item in items}
