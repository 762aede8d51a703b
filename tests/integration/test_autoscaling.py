"""HorizontalPodAutoscalers over the real apiserver and controllers in virtual time; the metrics are the test's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.apps.v1 import Deployment
from pybernetes.api.autoscaling.v2 import HorizontalPodAutoscaler
from pybernetes.api.core.v1 import Event, Pod
from pybernetes.apimachinery.times import format_time
from pybernetes.apimachinery.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.controllers.manager import ControllerManager
from pybernetes.host.random import Random
from pybernetes.http.messages import Request, Response
from tests.integration.cluster_world import World, deployment, in_world, local_client_for

CUSTOM = "/apis/custom.metrics.k8s.io"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
NO_BACK_OFF = {"scaleDown": {"stabilizationWindowSeconds": 0}}


class Measured(World):
    """Answers the metrics APIs: `load` thousandths of a CPU shared by all Pods, `values` by metric name."""

    def __init__(self, *args: Any) -> None:
        self.load = 0
        self.values: dict[str, str] = {}
        self.asked: list[str] = []
        super().__init__(*args)
        gates = dict(self._config.feature_gates)
        config = ApiServerConfig(bind_addresses=(), port=-1, feature_gates=gates)
        self.api = ApiServer(config, self.store, self.clock, self.random)
        self.client = Client(LocalTransport(self.api.handler, ADMIN), "test")

    def _manager(self) -> ControllerManager:
        return ControllerManager(local_client_for(self.handle), self._config, self.clock, Random(1))

    async def handle(self, request: Request) -> Any:
        if not request.path.startswith(("/apis/metrics.k8s.io/", CUSTOM, "/apis/external.metrics.k8s.io/")):
            return await self.api.handler(request)
        self.asked.append(f"{request.path}?{request.query}" if request.query else request.path)
        found = await self._metrics(request.path)
        return Response(200 if found else 404, [("Content-Type", "application/json")], msgspec.json.encode(found or {}))

    async def _metrics(self, path: str) -> dict[str, Any] | None:
        now, name = format_time(self.clock.now()), path.rpartition("/")[2]
        if path.startswith("/apis/metrics.k8s.io/"):
            pods = [
                p for p in await self.items(Pod) if p.status.phase == "Running" and not p.metadata.deletionTimestamp
            ]
            each = f"{self.load // max(1, len(pods))}m"
            return {
                "items": [
                    {
                        "metadata": {"name": pod.metadata.name},
                        "timestamp": now,
                        "window": "15s",
                        "containers": [{"name": "c", "usage": {"cpu": each, "memory": "10Mi"}}],
                    }
                    for pod in pods
                ]
            }
        if path == CUSTOM:
            return {"versions": [{"version": "v1beta1"}, {"version": "v1beta2"}]}
        if name not in self.values:
            return None
        value = {"timestamp": now, "value": self.values[name]}
        if "/pods/*/" in path:
            return {"items": [{"describedObject": {"name": p.metadata.name}, **value} for p in await self.items(Pod)]}
        return {"items": [{"describedObject": {"name": "main"}, **value}]}

    async def _tell(self, pod: Pod, phase: str, ready: bool, code: int | None = None) -> None:
        await super()._tell(pod, phase, ready, code)
        status = {"status": {"startTime": format_time(self.clock.now())}}
        await self.client.patch(Pod, pod.metadata.name or "", "default", status, subresource="status")

    async def autoscaler(self, metrics: list[dict[str, Any]], **spec: Any) -> None:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        wanted = {"minReplicas": 1, "maxReplicas": 10, "scaleTargetRef": target, "metrics": metrics, **spec}
        await self.create(HorizontalPodAutoscaler, {"metadata": {"name": "web"}, "spec": wanted})

    async def web(self, replicas: int = 1, **requests: str) -> None:
        tree = deployment(replicas=replicas)
        tree["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": requests or {"cpu": "100m"}}
        await self.create(Deployment, tree)

    async def size(self) -> int:
        return (await self.client.get(Deployment, "web", "default")).spec.replicas or 0

    async def of_size(self, count: int, within_s: float = 600) -> float:
        async def holds() -> bool:
            return await self.size() == count

        return await self.until(holds, within_s)

    async def found(self) -> HorizontalPodAutoscaler:
        return await self.client.get(HorizontalPodAutoscaler, "web", "default")

    async def condition(self, kind: str) -> tuple[str, str, str]:
        found = next(c for c in (await self.found()).status.conditions if c.type == kind)
        return found.status, found.reason or "", found.message or ""

    async def has_event(self, reason: str) -> bool:
        return any(event.reason == reason for event in await self.items(Event))

    async def is_told(self, message: str) -> bool:
        return any(event.message == message for event in await self.items(Event))


def cpu(percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def measured(body: Any, **config: Any) -> None:
    in_world(body, 1, Measured, **config)


def test_a_ramp_up_and_down() -> None:
    async def body(w: Measured) -> None:
        await w.web()
        await w.settle(330)  # past the time in which samples of young Pods are doubted
        w.load = 50
        await w.autoscaler([cpu(50)])
        await w.settle(60)
        assert await w.size() == 1, "50 of 50 percent"
        for load, expected in ((100, 2), (200, 4), (400, 8), (2000, 10)):
            w.load = load
            await w.of_size(expected)
            await w.settle(330)
        assert (await w.condition("ScalingLimited"))[:2] == ("True", "TooManyReplicas")
        w.load = 100
        took_s = await w.of_size(2)
        assert 285 <= took_s <= 330, "not before it was wanted for five minutes"
        w.load = 0
        await w.of_size(1)
        status = (await w.found()).status
        assert (status.currentReplicas, status.desiredReplicas) == (2, 1)
        assert status.lastScaleTime
        assert await w.has_event("SuccessfulRescale")
        await w.settle(60)
        asked = len(w.asked)
        await w.settle(150)
        assert 9 <= len(w.asked) - asked <= 11, "once a sync period"
        await w.client.delete(HorizontalPodAutoscaler, "web", "default")
        await w.settle(16)
        asked = len(w.asked)
        await w.settle(300)
        assert len(w.asked) == asked, "without an autoscaler nobody asks"
        page = "\n".join(w.manager.metrics())
        prefix = "horizontal_pod_autoscaler_controller_"
        for action in ("scale_up", "scale_down", "none"):
            assert f'{prefix}reconciliations_total{{action="{action}",error="none"}}' in page
        assert f"{prefix}num_horizontal_pod_autoscalers 0" in page

    measured(body)


def test_a_behavior_limits_how_fast() -> None:
    async def body(w: Measured) -> None:
        await w.web()
        await w.settle(330)
        slowly = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
        await w.autoscaler(
            [cpu(50)], behavior={"scaleUp": slowly, "scaleDown": {**slowly, "stabilizationWindowSeconds": 0}}
        )
        w.load = 1000
        sizes = []
        for _ in range(4):
            await w.settle(60)
            sizes.append(await w.size())
        assert sizes[-1] - sizes[0] == 3, "one a minute"
        assert (await w.condition("ScalingLimited"))[:2] == ("True", "ScaleUpLimit")
        w.load = 0
        before = await w.size()
        await w.settle(180)
        assert before - await w.size() in (3, 4)
        assert (await w.condition("ScalingLimited"))[:2] == ("True", "ScaleDownLimit")

    measured(body)


SERVICE = {"kind": "Service", "name": "main", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("metric", "value", "size", "asked"),
    [
        (
            {
                "type": "Pods",
                "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
            },
            "40",
            4,
            f"{CUSTOM}/v1beta2/namespaces/default/pods/*/qps?labelSelector=app%3Dweb",
        ),
        (
            {
                "type": "Object",
                "object": {
                    "metric": {"name": "hits", "selector": {"matchLabels": {"verb": "GET"}}},
                    "describedObject": {"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1"},
                    "target": {"type": "Value", "value": "10"},
                },
            },
            "30",
            3,
            f"{CUSTOM}/v1beta2/namespaces/default/ingresses.networking.k8s.io/main/hits?metricLabelSelector=verb%3DGET",
        ),
        (
            {
                "type": "External",
                "external": {
                    "metric": {"name": "queue", "selector": {"matchLabels": {"name": "q"}}},
                    "target": {"type": "AverageValue", "averageValue": "20"},
                },
            },
            "80",
            4,
            f"{EXTERNAL}/namespaces/default/queue?labelSelector=name%3Dq",
        ),
    ],
    ids=["pods", "object", "external"],
)
def test_other_sources(metric: dict[str, Any], value: str, size: int, asked: str) -> None:
    async def body(w: Measured) -> None:
        await w.web()
        name = next(part["metric"]["name"] for part in metric.values() if isinstance(part, dict))
        await w.autoscaler([metric])
        await w.until(lambda: w.has_event("FailedComputeMetricsReplicas"))
        status, reason, message = await w.condition("ScalingActive")
        assert (status, reason) == ("False", f"FailedGet{metric['type']}Metric")
        assert message.startswith("the HPA was unable to compute the replica count: unable to get ")
        w.values[name] = value
        # With a metric of all Pods alike, the number grows until it is limited: what counts is the first step.
        await w.until(lambda: w.has_event("SuccessfulRescale"))
        assert await w.size() == size
        assert asked in w.asked
        current = ((await w.found()).status.currentMetrics or [])[0]
        assert current.type == metric["type"]

    measured(body)


def test_what_cannot_be_scaled_is_told() -> None:
    async def body(w: Measured) -> None:
        await w.autoscaler([cpu(50)])
        await w.until(lambda: w.has_event("FailedGetScale"))
        assert await w.condition("AbleToScale") == (
            "False",
            "FailedGetScale",
            'the HPA controller was unable to get the target\'s current scale: deployments.apps "web" not found',
        )
        await w.web(replicas=0)
        await w.settle(20)
        assert (await w.condition("AbleToScale"))[1] == "SucceededGetScale"
        assert (await w.condition("ScalingActive"))[:2] == ("False", "ScalingDisabled")
        target = {"kind": "Gadget", "name": "g", "apiVersion": "example.com/v1"}
        await w.client.patch(HorizontalPodAutoscaler, "web", "default", {"spec": {"scaleTargetRef": target}})
        await w.settle(5)
        assert (await w.condition("AbleToScale"))[2].endswith('no matches for kind "Gadget" in group "example.com"')

    measured(body)


def test_two_autoscalers_of_the_same_pods_stand_still() -> None:
    async def body(w: Measured) -> None:
        await w.web()
        await w.autoscaler([cpu(50)])
        w.load = 1000
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        spec = {"maxReplicas": 5, "scaleTargetRef": target, "metrics": [cpu(50)]}
        await w.create(HorizontalPodAutoscaler, {"metadata": {"name": "other"}, "spec": spec})
        await w.settle(40)
        status, reason, message = await w.condition("ScalingActive")
        assert (status, reason) == ("False", "AmbiguousSelector")
        assert message == "pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]"
        await w.client.delete(HorizontalPodAutoscaler, "other", "default")
        await w.settle(400)
        assert await w.size() == 10

    measured(body)


def test_limits_hold_without_any_metric() -> None:
    async def body(w: Measured) -> None:
        await w.web(replicas=9)
        await w.autoscaler([cpu(50)], minReplicas=2, maxReplicas=4)
        await w.of_size(4)
        assert (await w.condition("AbleToScale"))[1] == "SucceededRescale"
        await w.client.patch(Deployment, "web", "default", {"spec": {"replicas": 1}})
        await w.of_size(2)
        for size, why in ((4, "above Spec.MaxReplicas"), (2, "below Spec.MinReplicas")):
            await w.until(
                lambda size=size, why=why: w.is_told(f"New size: {size}; reason: Current number of replicas {why}")
            )

    measured(body)


def test_to_zero_and_back() -> None:
    async def body(w: Measured) -> None:
        await w.web(replicas=2)
        target = {"type": "AverageValue", "averageValue": "1"}
        jobs = {"type": "External", "external": {"metric": {"name": "jobs"}, "target": target}}
        w.values["jobs"] = "0"
        await w.autoscaler([jobs], minReplicas=0, behavior=NO_BACK_OFF)
        await w.of_size(0)
        await w.settle(20)
        assert (await w.condition("ScaledToZero"))[:2] == ("True", "ScaledToZero")
        w.values["jobs"] = "3"
        await w.of_size(3)
        await w.settle(20)
        assert (await w.condition("ScaledToZero"))[:2] == ("False", "NotScaledToZero")
        # Whoever else empties the target switches the autoscaler off.
        await w.client.patch(Deployment, "web", "default", {"spec": {"replicas": 0}})
        await w.settle(60)
        assert await w.size() == 0
        assert (await w.condition("ScalingActive"))[:2] == ("False", "ScalingDisabled")

    measured(body, feature_gates={"HPAScaleToZero": True})
