"""The framework for operators `kopf` from PyPI, unchanged, running an operator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import PATIENCE_S, Cluster, eventually

pytestmark = pytest.mark.e2e
pytest.importorskip("kopf")

OPERATOR = Path(__file__).with_name("operator_with_kopf.py")
_PEERING_SCHEMA = {
    "type": "object",
    "properties": {"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
}
_PEERINGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "kopfpeerings.kopf.dev"},
    "spec": {
        "group": "kopf.dev",
        "names": {"plural": "kopfpeerings", "singular": "kopfpeering", "kind": "KopfPeering"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": _PEERING_SCHEMA}}],
    },
}


@pytest.fixture
def operator(cluster: Cluster, namespace: str, gadgets: str, tmp_path: Path) -> Iterator[Path]:
    """The log of the operator, which runs."""
    peering = {"apiVersion": "kopf.dev/v1", "kind": "KopfPeering", "metadata": {"name": "gadgets"}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_PEERINGS))
    cluster.kubectl("wait", "--for=condition=Established", "crd/kopfpeerings.kopf.dev", "--timeout=120s")
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(peering))
    log = tmp_path / "operator.log"
    with log.open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", f"--namespace={namespace}", "--verbose", str(OPERATOR)],
            env=cluster.env, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        yield log
        running.terminate()
        assert running.wait(PATIENCE_S) == 0, log.read_text()
    cluster.kubectl("delete", "crd", "kopfpeerings.kopf.dev", "--wait=false")


def test_an_operator_follows_its_objects(cluster: Cluster, namespace: str, operator: Path) -> None:
    def status(name: str) -> Any:
        return cluster.get("gadget", name).get("status", {})

    def make(name: str, **labels: str) -> None:
        metadata = {"name": name, "labels": labels}
        body = {
            "apiVersion": "clients.example.com/v1",
            "kind": "Gadget",
            "metadata": metadata,
            "spec": {"color": "red"},
        }
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))

    make("plain")
    make("fails", fails="once")
    eventually("the handler's patch is there", lambda: status("plain").get("phase") == "made red")
    eventually("the daemon runs", lambda: "daemon of plain runs" in operator.read_text())
    eventually("the timer ticked", lambda: status("plain").get("ticks") == 2)
    eventually("the second try came", lambda: status("fails").get("tries") == 2)
    eventually("what a handler returns is kept", lambda: status("plain").get("created") == "done")
    cluster.kubectl("patch", "gadget", "plain", "--type=merge", "-p", '{"spec":{"color":"blue"}}')
    eventually("the change is told", lambda: status("plain").get("phase") == "red became blue")
    assert cluster.get("gadget", "plain")["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
    peers = cluster.get("kopfpeering", "gadgets")["status"]
    assert [peer["priority"] for peer in peers.values()] == [0]
    eventually("the event is posted", lambda: "a gadget is there" in cluster.kubectl("get", "events").stdout)
    cluster.kubectl("delete", "gadget", "--all", "--timeout=120s")
    eventually("the daemon ended", lambda: "daemon of plain ended" in operator.read_text())
    assert "Traceback" not in operator.read_text()
