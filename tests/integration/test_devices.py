"""Claims to devices with a real API server, scheduler and controller: given, shared, waited for, given back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pybernetes.api.core.v1 import Event, Node, Pod, ResourceQuota
from pybernetes.api.resource.v1 import DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice
from pybernetes.apimachinery.errors import Forbidden
from tests.integration.cluster_world import in_world
from tests.integration.scheduled_world import ScheduledWorld

DRIVER = "gpu.example.com"


class Devices(ScheduledWorld):
    async def start(self) -> None:
        await super().start()
        selector = {"cel": {"expression": f'device.driver == "{DRIVER}"'}}
        await self.create(DeviceClass, {"metadata": {"name": "gpu"}, "spec": {"selectors": [selector]}})
        for name in ("a", "b"):
            await self.add_node(name)

    async def publish(self, node: str, memory: dict[str, str], **device: Any) -> None:
        """Devices of a node by name, each with its memory."""
        devices = [
            {
                "name": name,
                "capacity": {"memory": {"value": size}},
                "attributes": {"kind": {"string": "fast"}},
                **device,
            }
            for name, size in memory.items()
        ]
        pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
        spec = {"driver": DRIVER, "nodeName": node, "pool": pool, "devices": devices}
        await self.create(ResourceSlice, {"metadata": {"name": f"{node}-slice"}, "spec": spec})

    async def template(self, name: str, **request: Any) -> None:
        requests = [{"name": "gpu", "exactly": {"deviceClassName": "gpu", **request}}]
        await self.create(
            ResourceClaimTemplate, {"metadata": {"name": name}, "spec": {"spec": {"devices": {"requests": requests}}}}
        )

    async def pod(self, name: str, **claim: str) -> None:
        container = {"name": "c", "image": "good", "resources": {"claims": [{"name": "gpu"}]}}
        spec = {"containers": [container], "resourceClaims": [{"name": "gpu", **claim}], "restartPolicy": "Never"}
        await self.create(Pod, {"metadata": {"name": name}, "spec": spec})

    async def bound_to(self, name: str) -> str:
        return (await self.client.get(Pod, name, "default")).spec.nodeName or ""

    async def until_bound(self, name: str) -> str:
        async def bound() -> bool:
            return bool(await self.bound_to(name))

        await self.until(bound)
        return await self.bound_to(name)

    async def until_told(self, name: str, part: str) -> None:
        async def told() -> bool:
            events = await self.items(Event)
            return any(part in (e.message or "") for e in events if e.involvedObject.name == name)

        await self.until(told)

    async def claims(self) -> dict[str, tuple[list[str], list[str]]]:
        """Per claim the devices, and the Pods it is reserved for."""
        return {
            (claim.metadata.name or ""): (
                [r.device for r in claim.status.allocation.devices.results] if claim.status.allocation else [],
                [reference.name for reference in claim.status.reservedFor],
            )
            for claim in await self.items(ResourceClaim)
        }


def with_devices(body: Callable[[Any], Awaitable[None]]) -> None:
    in_world(body, made=Devices)


def test_a_pod_goes_where_its_device_is_and_the_next_one_waits_for_it() -> None:
    async def body(d: Devices) -> None:
        await d.publish("b", {"gpu-0": "40Gi"})
        await d.template("one")
        await d.pod("first", resourceClaimTemplateName="one")
        assert await d.until_bound("first") == "b"
        (claim,) = (await d.claims()).values()
        assert claim == (["gpu-0"], ["first"])
        await d.pod("second", resourceClaimTemplateName="one")
        await d.until_told("second", "cannot allocate all claims. still not schedulable, preemption: 0/")
        await d.client.delete(Pod, "first", "default")
        assert await d.until_bound("second") == "b"
        assert (["gpu-0"], ["second"]) in (await d.claims()).values()

    with_devices(body)


def test_expressions_choose_and_new_slices_wake() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {"small": "10Gi"})
        wanted = f'device.capacity["{DRIVER}"].memory.compareTo(quantity("20Gi")) >= 0'
        await d.template("large", selectors=[{"cel": {"expression": wanted}}])
        await d.pod("p", resourceClaimTemplateName="large")
        await d.until_told("p", "cannot allocate all claims")
        await d.publish("b", {"tiny": "1Gi", "large": "40Gi"})
        assert await d.until_bound("p") == "b"
        assert [devices for devices, _ in (await d.claims()).values()] == [["large"]]

    with_devices(body)


def test_a_claim_is_shared_by_its_pods() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {"gpu-0": "40Gi"})
        requests = [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]
        await d.pod("first", resourceClaimName="ours")
        await d.create(ResourceClaim, {"metadata": {"name": "ours"}, "spec": {"devices": {"requests": requests}}})
        assert await d.until_bound("first") == "a"
        await d.pod("second", resourceClaimName="ours")
        assert await d.until_bound("second") == "a"
        assert await d.claims() == {"ours": (["gpu-0"], ["first", "second"])}

    with_devices(body)


def test_a_class_that_is_not_there_and_an_expression_that_fails_are_told() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {"gpu-0": "40Gi"})
        await d.template("nothing", deviceClassName="nobodys")
        await d.pod("waits", resourceClaimTemplateName="nothing")
        await d.until_told("waits", "request gpu: device class nobodys does not exist. no new claims to deallocate")
        broken = f'device.attributes["{DRIVER}"].missing == "x"'
        await d.template("broken", selectors=[{"cel": {"expression": broken}}])
        await d.pod("fails", resourceClaimTemplateName="broken")
        await d.until_told("fails", "selector #0: CEL runtime error")
        await d.create(DeviceClass, {"metadata": {"name": "nobodys"}})
        assert await d.until_bound("waits") == "a"

    with_devices(body)


def test_a_device_that_has_to_get_ready_is_waited_for() -> None:
    async def body(d: Devices) -> None:
        conditions = {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"], "bindsToNode": True}
        await d.publish("a", {"gpu-0": "40Gi"}, **conditions)
        await d.template("one")
        await d.pod("p", resourceClaimTemplateName="one")
        await d.until_told("p", "waiting for binding conditions for device on node a")
        assert await d.bound_to("p") == ""
        (claim,) = await d.items(ResourceClaim)
        ready = {"type": "attached", "status": "True", "reason": "Done", "message": "",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
        device = {"driver": DRIVER, "pool": "a", "device": "gpu-0", "conditions": [ready]}
        name = claim.metadata.name or ""
        await d.client.patch(ResourceClaim, name, "default", {"status": {"devices": [device]}}, subresource="status")
        assert await d.until_bound("p") == "a"

    with_devices(body)


NAME = "example.com/gpu"
EXTENDED = "deviceclass.resource.kubernetes.io/gpu"


async def asking(d: Devices, name: str, *containers: dict[str, str], init: dict[str, str] | None = None) -> None:
    """A Pod whose containers ask for these extended resources."""

    def container(name: str, asked: dict[str, str]) -> dict[str, Any]:
        return {"name": name, "image": "good", "resources": {"limits": asked, "requests": asked}}

    spec: dict[str, Any] = {"containers": [container(f"c{i}", asked) for i, asked in enumerate(containers)]}
    if init is not None:
        spec["initContainers"] = [container("init", init)]
    await d.create(Pod, {"metadata": {"name": name}, "spec": {**spec, "restartPolicy": "Never"}})


async def name_it(d: Devices, resource: str = NAME) -> None:
    change = {"spec": {"extendedResourceName": resource}}
    await d.client.patch(DeviceClass, "gpu", "", change, patch_type="merge")


def test_extended_resources_are_made_of_devices() -> None:
    async def body(d: Devices) -> None:
        await d.publish("b", {"gpu-0": "40Gi", "gpu-1": "40Gi"})
        await asking(d, "first", {NAME: "1"}, {EXTENDED: "1"})
        await d.until_told("first", f"Insufficient {NAME}")
        await name_it(d)
        assert await d.until_bound("first") == "b"
        (claim,) = await d.items(ResourceClaim)
        assert (claim.metadata.name or "").startswith("first-extended-resources-")
        assert claim.metadata.annotations == {"resource.kubernetes.io/extended-resource-claim": "true"}
        requests = [(r.name, r.exactly and r.exactly.count) for r in claim.spec.devices.requests or ()]
        assert requests == [("container-0-request-0", 1), ("container-1-request-0", 1)]
        status = (await d.client.get(Pod, "first", "default")).status.extendedResourceClaimStatus
        assert status is not None and status.resourceClaimName == claim.metadata.name
        told = [(m.containerName, m.resourceName, m.requestName) for m in status.requestMappings]
        assert told == [("c1", EXTENDED, "container-1-request-0"), ("c0", NAME, "container-0-request-0")]
        assert list((await d.claims()).values()) == [(["gpu-0", "gpu-1"], ["first"])]
        await asking(d, "second", {NAME: "1"})
        await d.until_told("second", "cannot allocate all claims")
        await d.client.delete(Pod, "first", "default")
        assert await d.until_bound("second") == "b"

    with_devices(body)


def test_what_a_node_offers_itself_is_not_made_of_devices() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {"gpu-0": "40Gi"})
        await name_it(d)
        await d.client.patch(
            Node, "b", "", {"status": {"allocatable": {NAME: "2"}}}, patch_type="merge", subresource="status"
        )
        await asking(d, "two", {NAME: "2"})
        assert await d.until_bound("two") == "b"
        assert await d.claims() == {}
        await asking(d, "one", {NAME: "1"})
        assert await d.until_bound("one") == "a"
        assert [devices for devices, _ in (await d.claims()).values()] == [["gpu-0"]]

    with_devices(body)


def test_a_claim_that_an_attempt_left_behind_goes_before_the_next_one() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {"gpu-0": "40Gi"})
        await name_it(d)
        await d.client.patch(Node, "a", "", {"spec": {"unschedulable": True}})
        await d.client.patch(Node, "b", "", {"spec": {"unschedulable": True}})
        await asking(d, "p", {NAME: "1"})
        await d.until_told("p", "unschedulable")
        pod = await d.client.get(Pod, "p", "default")
        owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": pod.metadata.uid, "controller": True}
        annotations = {"resource.kubernetes.io/extended-resource-claim": "true"}
        requests = [{"name": "container-0-request-0", "exactly": {"deviceClassName": "gpu"}}]
        await d.create(
            ResourceClaim,
            {
                "metadata": {"name": "left", "annotations": annotations, "ownerReferences": [owner]},
                "spec": {"devices": {"requests": requests}},
            },
        )
        await d.client.patch(Node, "a", "", {"spec": {"unschedulable": False}})
        assert await d.until_bound("p") == "a"
        assert "left" not in await d.claims()
        assert list((await d.claims()).values()) == [(["gpu-0"], ["p"])]

    with_devices(body)


def test_a_quota_charges_for_an_extended_resource_once() -> None:
    async def body(d: Devices) -> None:
        await d.publish("a", {f"gpu-{index}": "40Gi" for index in range(4)})
        await name_it(d)
        hard = {f"requests.{NAME}": "3", "count/resourceclaims.resource.k8s.io": "9"}
        await d.create(ResourceQuota, {"metadata": {"name": "q"}, "spec": {"hard": hard}})

        async def uses(gpus: str, claims: str) -> None:
            async def shows() -> bool:
                used = (await d.client.get(ResourceQuota, "q", "default")).status.used
                return used == dict(zip(hard, (gpus, claims), strict=True))

            await d.until(shows)

        await uses("0", "0")
        await asking(d, "two", {NAME: "2"})
        assert await d.until_bound("two") == "a"
        await uses("2", "1")
        with pytest.raises(Forbidden, match=f"requested: requests.{NAME}=2, used: requests.{NAME}=2"):
            await asking(d, "more", {NAME: "2"})
        requests = [{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 2}}]
        claim = {"metadata": {"name": "c"}, "spec": {"devices": {"requests": requests}}}
        with pytest.raises(Forbidden, match=f"requested: requests.{NAME}=2, used: requests.{NAME}=2"):
            await d.create(ResourceClaim, claim)

    with_devices(body)
