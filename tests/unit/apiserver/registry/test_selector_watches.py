"""What a watch with a selector tells of objects that come to match it, change, and match no longer.

The expectations were read off an upstream v1.36 kube-apiserver that was sent the same writes.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pybernetes.apimachinery import errors
from tests.unit.apiserver.registry.conftest import Cluster

END = "end"


async def told(cluster: Cluster, watch: Any, writes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(type, label, data or phase, the write whose revision the object has), until `end` is told of."""
    numbers = {write["metadata"]["resourceVersion"]: number for number, write in enumerate(writes)}
    found: list[tuple[Any, ...]] = []
    while True:
        for frame in await anext(watch):
            event = orjson.loads(frame.line)
            tree, meta = event["object"], event["object"]["metadata"]
            if meta["name"] == END:
                await watch.aclose()
                return found
            content = tree.get("data", {}).get("k") or tree.get("status", {}).get("phase")
            number = numbers.get(meta["resourceVersion"], "gone")
            found.append((event["type"], meta.get("labels", {}).get("x"), content, number))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param(
            "x=1",
            [("ADDED", "1", "1", 1), ("MODIFIED", "1", "2", 2), ("DELETED", "1", "2", 3), ("ADDED", "1", "4", 5),
             ("DELETED", "1", "4", "gone")],
            id="leaving-shows-the-object-as-it-matched-at-the-revision-of-the-write",
        ),
        pytest.param(
            "x!=1",
            [("ADDED", None, "1", 0), ("DELETED", None, "1", 1), ("ADDED", "2", "3", 3), ("MODIFIED", "2", "4", 4),
             ("DELETED", "2", "4", 5)],
            id="the-other-way-round",
        ),
        pytest.param(
            "x",
            [("ADDED", "1", "1", 1), ("MODIFIED", "1", "2", 2), ("MODIFIED", "2", "3", 3), ("MODIFIED", "2", "4", 4),
             ("MODIFIED", "1", "4", 5), ("DELETED", "1", "4", "gone")],
            id="there-all-along",
        ),
    ],
)  # fmt: skip
def test_labels(run, selector, expected):
    async def scenario(cluster: Cluster) -> list[tuple[Any, ...]]:
        watch = await cluster.watch("configmaps", label_selector=selector)
        writes = [
            await cluster.create("configmaps", {"metadata": {"name": "a"}, "data": {"k": "1"}}),
            await cluster.patch("configmaps", "a", {"metadata": {"labels": {"x": "1"}}}),
            await cluster.patch("configmaps", "a", {"data": {"k": "2"}}),
            await cluster.patch("configmaps", "a", {"metadata": {"labels": {"x": "2"}}, "data": {"k": "3"}}),
            await cluster.patch("configmaps", "a", {"data": {"k": "4"}}),
            await cluster.patch("configmaps", "a", {"metadata": {"labels": {"x": "1"}}}),
        ]
        await cluster.delete("configmaps", "a")
        labels = {"x": "9"} if selector == "x!=1" else {"x": "1"}
        await cluster.create("configmaps", {"metadata": {"name": END, "labels": labels}})
        return await told(cluster, watch, writes)

    assert run(scenario) == expected


def test_fields(run):
    """Only changes that the phase of the Pod decides about are told as coming and going."""

    async def scenario(cluster: Cluster) -> list[tuple[Any, ...]]:
        watch = await cluster.watch("pods", field_selector="status.phase=Running")
        writes = [await cluster.create("pods", cluster.pod("p"))]
        for status in ({"phase": "Running"}, {"message": "m"}, {"phase": "Succeeded"}):
            writes.append(await cluster.patch("pods", "p", {"status": status}, sub="status"))
        await cluster.create("pods", cluster.pod(END))
        await cluster.patch("pods", END, {"status": {"phase": "Running"}}, sub="status")
        return await told(cluster, watch, writes)

    assert run(scenario) == [
        ("ADDED", None, "Running", 1), ("MODIFIED", None, "Running", 2), ("DELETED", None, "Running", 3)
    ]  # fmt: skip


def test_each_field_of_a_pod_selects_it(run):
    address = "10.1.2.3"
    fields = {
        "metadata.name": "p", "metadata.namespace": "default", "spec.nodeName": "n", "spec.host": "n",
        "spec.restartPolicy": "Never", "spec.schedulerName": "own", "spec.serviceAccountName": "default",
        "spec.hostNetwork": "true", "status.phase": "Running", "status.podIP": address, "status.podIPs": address,
        "status.nominatedNodeName": "other",
    }  # fmt: skip

    async def scenario(cluster: Cluster) -> dict[str, tuple[list[str], list[str]]]:
        spec = {"nodeName": "n", "restartPolicy": "Never", "schedulerName": "own", "serviceAccountName": "default"}
        await cluster.create("pods", cluster.pod("p", hostNetwork=True, **spec))
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "nominatedNodeName": "other"}
        await cluster.patch("pods", "p", {"status": status}, sub="status")
        return {
            field: (
                await cluster.names("pods", field_selector=f"{field}={value}"),
                await cluster.names("pods", field_selector=f"{field}!={value}"),
            )
            for field, value in fields.items()
        }

    assert run(scenario) == {field: (["p"], []) for field in fields}


ONLY = ' is not a known field selector: only "metadata.name", "metadata.namespace"'


@pytest.mark.parametrize(
    ("plural", "field", "why"),
    [
        ("configmaps", "data.a", f'"data.a"{ONLY}'),
        ("pods", "spec.x", "field label not supported: spec.x"),
        ("pods", "spec.host", ""),
        ("services", "spec.clusterIP", ""),
        ("secrets", "type", ""),
        ("nodes", "spec.unschedulable", ""),
        ("nodes", "metadata.namespace", "field label not supported: metadata.namespace"),
        ("events", "involvedObject.name", ""),
        ("events", "source", ""),
        ("events", "regarding.name", "field label not supported: regarding.name"),
        ("events.events.k8s.io", "regarding.name", ""),
        ("events.events.k8s.io", "reportingController", ""),
        ("events.events.k8s.io", "involvedObject.name", "field label not supported: involvedObject.name"),
        ("events.events.k8s.io", "source", "field label not supported: source"),
    ],
)
def test_which_fields_select(run, plural, field, why):
    async def scenario(cluster: Cluster) -> str:
        try:
            await cluster.list(plural, field_selector=f"{field}=x")
        except errors.BadRequest as error:
            return error.message
        return ""

    assert run(scenario) == why


def test_events_are_selected_by_either_groups_names(run):
    async def scenario(cluster: Cluster) -> Any:
        event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}}
        await cluster.create("events", {**event, "reportingComponent": "x.io/c", "reportingInstance": ""})
        return (
            await cluster.names("events", field_selector="involvedObject.name=p,reportingComponent=x.io/c"),
            await cluster.names("events.events.k8s.io", field_selector="regarding.name=p,reportingController=x.io/c"),
            await cluster.get("events.events.k8s.io", "e"),
        )

    old, new, event = run(scenario)
    assert (old, new, event["reportingController"]) == (["e"], ["e"], "x.io/c")
    assert "reportingInstance" not in event
