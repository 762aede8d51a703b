"""`pybernetes schedule --dry-run`: verdicts on what is there and on a snapshot, and nothing written."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.api.scheduling.v1 import PriorityClass
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.cli.schedule import WAITS, rehearse
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.cluster import preparation
from pybernetes.cmd import main
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.storage import sqlite_snapshot
from pybernetes.storage.sqlite import SqliteStore


def pod(name: str, cpu: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": cpu}}}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


PODS = [
    pod("second", "1500m"),
    pod("first", "1500m", priorityClassName="high"),
    pod("third", "1"),
    pod("gated", "1", schedulingGates=[{"name": "example.com/wait"}]),
    pod("wrong", "1", restartPolicy="Sometimes"),
    pod("theirs", "1", schedulerName="other"),
]


async def _fill(client: Client) -> None:
    for name in ("a", "b"):
        await client.create(msgspec.convert({"metadata": {"name": name}}, Node))
        offered = {"cpu": "2", "memory": "4Gi", "pods": "10"}
        status = {"allocatable": offered, "capacity": offered}
        await client.patch(Node, name, "", {"status": status}, subresource="status")
        # As the node controller leaves a node that is ready.
        await client.patch(Node, name, "", {"spec": {"taints": None}})
    priority = {"metadata": {"name": "high"}, "value": 1000}
    await client.create(msgspec.convert(priority, PriorityClass))
    await client.raw("POST", "/api/v1/namespaces/default/serviceaccounts", body=b'{"metadata":{"name":"default"}}')
    for name in ("a", "b"):
        tree = pod(f"there-{name}", "1", nodeName=name)
        await client.create(msgspec.convert(tree, Pod))


async def _cluster(store_file: Path) -> list[dict[str, Any]]:
    clock, random = SystemClock(), Random()
    store = SqliteStore(store_file, clock)
    await store.start()
    server = ApiServer(ApiServerConfig(bind_addresses=(), port=-1), store, clock, random)
    await server.start()
    try:
        client = Client(
            LocalTransport(server.handler, UserInfo("admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))), "test"
        )
        await _fill(client)
        before = (await client.list(Pod)).items
        verdicts = await rehearse(client, PODS)
        assert (await client.list(Pod)).items == before
        return verdicts
    finally:
        await server.stop()
        await store.stop()


def test_on_a_cluster_and_on_its_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = asyncio.run(_cluster(tmp_path / "store.db"))
    snapshot = tmp_path / "snapshot.db"
    spec = preparation.settle(preparation.Wishes("dry-run-of-a-test", 1, str(tmp_path / "data"), runtime="simulated"))[
        0
    ]
    origin = json.dumps(dataclasses.asdict(spec))
    sqlite_snapshot.save(tmp_path / "store.db", snapshot, now_s=0.0, origin=origin)
    taken = snapshot.read_bytes()
    manifest = tmp_path / "pods.yaml"
    manifest.write_text(yaml.safe_dump_all(PODS))
    command = ["schedule", "--dry-run", "-f", str(manifest), "--snapshot", str(snapshot), "-o", "json"]
    assert main.main(command) == WAITS
    of_snapshot = json.loads(capsys.readouterr().out)
    assert snapshot.read_bytes() == taken
    for told in (verdicts, of_snapshot):
        by_pod = {verdict["pod"]: verdict for verdict in told}
        assert [verdict["pod"] for verdict in told] == [
            f"default/{name}" for name in ("wrong", "first", "second", "third", "gated", "theirs")
        ], "the most important first"
        first = by_pod["default/first"]
        assert first["node"] and first["victims"] == [f"default/there-{first['node']}"]
        assert first["text"][-1].startswith(
            f"  It goes to {first['node']} once these are evicted for it: default/there-"
        )
        assert by_pod["default/second"]["node"] == ""
        assert {entry["plugin"] for entry in by_pod["default/second"]["refusals"].values()} == {"NodeResourcesFit"}
        assert by_pod["default/second"]["changes"]
        assert by_pod["default/third"]["node"] == ({"a", "b"} - {first["node"]}).pop()
        assert "waiting for scheduling gates: [example.com/wait]" in by_pod["default/gated"]["text"][0]
        assert "not taken by the API server" in by_pod["default/wrong"]["text"][0]
        assert "waits for the scheduler 'other'" in by_pod["default/theirs"]["text"][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Service\napiVersion: v1\n", "has a Service; only Pods can be tried"),
        ("", "has no Pods"),
        ("a: [", "is not valid YAML"),
        ("apiVersion: v1\nkind: Pod\nmetadata: 3\n", "is no object"),
    ],
)
def test_a_file_that_cannot_be_used(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "pods.yaml"
    manifest.write_text(text)
    assert main.main(["schedule", "--dry-run", "-f", str(manifest)]) == 1
    assert message in capsys.readouterr().err
