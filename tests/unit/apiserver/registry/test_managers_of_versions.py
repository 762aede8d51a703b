"""managedFields of kinds whose versions have different paths, and of a Scale, as upstream keeps them."""

from __future__ import annotations

from typing import Any

from tests.unit.apiserver.registry.conftest import Cluster

NEW_EVENTS = "events.events.k8s.io"
HPA1, HPA2 = "horizontalpodautoscalers.autoscaling", "horizontalpodautoscalers.autoscaling/v2"
TIME = "2020-01-01T00:00:00.000001Z"


def managers(tree: dict[str, Any]) -> dict[str, Any]:
    return {entry["manager"]: (entry["apiVersion"], entry["fieldsV1"]) for entry in tree["metadata"]["managedFields"]}


def test_an_event_has_managers_of_the_group_that_was_written_last(run) -> None:
    async def scenario(cluster: Cluster) -> Any:
        event = {
            "metadata": {"name": "e"}, "eventTime": TIME, "regarding": {"namespace": "default"}, "reason": "R",
            "type": "Normal", "action": "A", "reportingController": "x.io/c", "reportingInstance": "i",
        }  # fmt: skip
        await cluster.create(NEW_EVENTS, event, field_manager="new")
        core = await cluster.patch("events", "e", {"message": "m"}, field_manager="core")
        series = {"series": {"count": 2, "lastObservedTime": TIME}}
        return managers(core), managers(await cluster.patch(NEW_EVENTS, "e", series, field_manager="again"))

    core, again = run(scenario)
    assert core == {"core": ("v1", {"f:message": {}})}
    fields = {".": {}, "f:count": {}, "f:lastObservedTime": {}}
    assert again == {"again": ("events.k8s.io/v1", {"f:series": fields})}


def test_managers_of_an_autoscaler_are_compared_in_the_version_they_wrote(run) -> None:
    async def scenario(cluster: Cluster) -> Any:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
        spec = {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
        made = await cluster.create(HPA1, {"metadata": {"name": "h"}, "spec": spec}, field_manager="one")
        use = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
        metrics = {"spec": {"metrics": [{"type": "Resource", "resource": use}]}}
        return managers(made), managers(await cluster.patch(HPA2, "h", metrics, field_manager="two"))

    made, changed = run(scenario)
    version, fields = made["one"]
    assert version == "autoscaling/v1" and fields["f:spec"].pop("f:targetCPUUtilizationPercentage") == {}
    assert changed == {"one": (version, fields), "two": ("autoscaling/v2", {"f:spec": {"f:metrics": {}}})}


def test_a_scale_that_changes_nothing_takes_nothing(run) -> None:
    async def scenario(cluster: Cluster) -> Any:
        labels = {"a": "1"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        await cluster.create("deployments.apps", {"metadata": {"name": "d"}, "spec": spec}, field_manager="one")
        for replicas, manager in ((1, "two"), (2, "three")):
            scale = {"spec": {"replicas": replicas}}
            await cluster.patch("deployments.apps", "d", scale, sub="scale", field_manager=manager)
            tree = await cluster.get("deployments.apps", "d")
            found.append([(entry["manager"], "time" in entry) for entry in tree["metadata"]["managedFields"]])

    found: list[Any] = []
    run(scenario)
    # An updater's share is kept apart, without a time; the next write makes one entry of both, without replicas.
    assert found == [[("one", False), ("one", True)], [("one", True)]]
