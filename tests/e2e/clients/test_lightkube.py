"""The client library `lightkube` from PyPI, unchanged."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from ..conftest import IMAGE, PATIENCE_S, Cluster, eventually
from .conftest import BOX

pytestmark = pytest.mark.e2e
lightkube = pytest.importorskip("lightkube")


@pytest.fixture
def client(cluster: Cluster, namespace: str) -> Any:
    config = lightkube.KubeConfig.from_file(str(cluster.kubeconfig))
    return lightkube.Client(config=config, namespace=namespace, field_manager="lightkube")


def config_map(name: str, **labels: str) -> Any:
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    return ConfigMap(metadata=ObjectMeta(name=name, labels=labels), data={"a": "1"})


def execute(client: Any, *command: str, **options: Any) -> Any:
    """`client.exec` in the Pod box, and the end of what it leaves running.

    httpx2 closes the socket of an ended WebSocket while a thread of its pool may still be in SSL_read on the
    descriptor's number: a connection that takes the number over would lose the first bytes of its answer to it.
    """
    before = set(threading.enumerate())
    done = client.exec("box", command=list(command), **options)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=PATIENCE_S)
    return done


def test_pods_talk(client: Any) -> None:
    from lightkube.resources.core_v1 import Pod

    client.create(Pod.from_dict(BOX))
    client.wait(Pod, "box", for_conditions=["Ready"])
    eventually("the lines are there", lambda: list(client.log("box")) == ["one\n", "two\n"])
    assert list(client.log("box", tail_lines=1)) == ["two\n"]
    done = execute(client, "cat", stdin="typed", stdout=True)
    assert (done.stdout, done.exit_code) == ("typed", 0)
    failed = execute(client, "sh", "-c", "echo wrong >&2; exit 3", stderr=True)
    assert (failed.stderr, failed.exit_code) == ("wrong\n", 3)
    client.delete(Pod, "box", grace_period=0)


def test_pages_selectors_and_watches(client: Any) -> None:
    from lightkube.resources.core_v1 import ConfigMap

    for number in range(5):
        client.create(config_map(f"c{number}", parity="odd" if number % 2 else "even"))
    listed = client.list(ConfigMap, chunk_size=2, labels={"parity": lightkube.operators.exists()})
    assert [found.metadata.name for found in listed] == [f"c{number}" for number in range(5)]
    some = client.list(ConfigMap, labels={"parity": lightkube.operators.in_(["odd"])})
    assert [found.metadata.name for found in some] == ["c1", "c3"]
    assert [found.metadata.name for found in client.list(ConfigMap, fields={"metadata.name": "c2"})] == ["c2"]
    version = listed.resourceVersion
    client.delete(ConfigMap, "c0")
    client.delete(ConfigMap, "c1")
    seen = []
    for event, found in client.watch(
        ConfigMap, labels={"parity": lightkube.operators.exists()}, resource_version=version
    ):
        seen.append((event, found.metadata.name))
        if len(seen) == 2:
            break
    assert seen == [("DELETED", "c0"), ("DELETED", "c1")]
    client.deletecollection(ConfigMap)
    assert not list(client.list(ConfigMap, labels={"parity": lightkube.operators.exists()}))


def test_patches_and_apply(client: Any) -> None:
    from lightkube.resources.core_v1 import ConfigMap
    from lightkube.types import PatchType

    def patch(body: Any, kind: PatchType) -> Any:
        return client.patch(ConfigMap, "c", body, patch_type=kind).data

    client.create(config_map("c"))
    assert patch({"data": {"b": "2"}}, PatchType.STRATEGIC) == {"a": "1", "b": "2"}
    assert patch({"data": {"a": None}}, PatchType.MERGE) == {"b": "2"}
    assert patch([{"op": "replace", "path": "/data/b", "value": "3"}], PatchType.JSON) == {"b": "3"}
    wanted = config_map("c")
    wanted.data = {"c": "4"}
    assert client.apply(wanted).data == {"b": "3", "c": "4"}
    wanted.data = {"c": "5"}
    with pytest.raises(lightkube.ApiError) as conflict:
        client.apply(wanted, field_manager="other")
    assert conflict.value.status.reason == "Conflict"
    assert client.apply(wanted, field_manager="other", force=True).data == {"b": "3", "c": "5"}
    assert client.set(ConfigMap, "c", labels={"tier": "one"}).metadata.labels == {"tier": "one"}
    found = client.get(ConfigMap, "c")
    found.data = {"d": "6"}
    assert client.replace(found).data == {"d": "6"}
    with pytest.raises(lightkube.ApiError) as stale:
        client.replace(found)
    assert stale.value.status.code == 409


def test_subresources_and_custom_resources(client: Any, gadgets: str) -> None:
    from lightkube.generic_resource import create_namespaced_resource
    from lightkube.models.autoscaling_v1 import ScaleSpec
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.apps_v1 import Deployment

    template = {"metadata": {"labels": {"app": "idle"}}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "idle"}}, "template": template}
    client.apply(Deployment.from_dict({"metadata": {"name": "idle"}, "spec": spec}))
    scaled = client.replace(Deployment.Scale(metadata=ObjectMeta(name="idle"), spec=ScaleSpec(replicas=1)), name="idle")
    assert scaled.spec.replicas == 1
    gadget = create_namespaced_resource(gadgets, "v1", "Gadget", "gadgets")
    created = client.create(gadget(metadata={"name": "g"}, spec={"color": "red"}))
    assert created.spec == {"color": "red", "size": 1}
    told = client.patch(gadget.Status, "g", {"status": {"told": True}}, patch_type=lightkube.types.PatchType.MERGE)
    assert told.status == {"told": True}
    with pytest.raises(lightkube.ApiError) as invalid:
        client.create(gadget(metadata={"name": "h"}, spec={"color": "green"}))
    assert invalid.value.status.details.causes[0].field == "spec.color"
    client.delete(Deployment, "idle")


def test_async(cluster: Cluster, namespace: str) -> None:
    from lightkube.resources.core_v1 import ConfigMap

    async def run() -> list[str]:
        config = lightkube.KubeConfig.from_file(str(cluster.kubeconfig))
        client = lightkube.AsyncClient(config=config, namespace=namespace)
        await client.create(config_map("c", tier="one"))
        names = [found.metadata.name async for found in client.list(ConfigMap, labels={"tier": "one"})]
        async for event, found in client.watch(ConfigMap, labels={"tier": "one"}):
            names.append(f"{event} {found.metadata.name}")
            break
        await client.close()
        return names

    assert asyncio.run(run()) == ["c", "ADDED c"]
