"""Eviction from devices with NoExecute taints. Source: pkg/controller/devicetainteviction/*_test.go (cases)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import ResourceClaim, ResourceSlice
from pybernetes.apimachinery.times import format_time
from pybernetes.controllers.device_taint_eviction import plan
from tests.unit.controllers.builders import NOW, make
from tests.unit.controllers.world import World, scenario

DRIVER = "gpu.example.com"


def taint(key: str = "broken", effect: str = "NoExecute", since: float = NOW) -> dict[str, Any]:
    return {"key": key, "effect": effect, "timeAdded": format_time(since)}


def toleration(seconds: int | None = None, key: str = "broken", effect: str | None = "NoExecute") -> dict[str, Any]:
    return {"key": key, "operator": "Exists", "effect": effect, "tolerationSeconds": seconds}


def resource_slice(
    *taints: dict[str, Any], generation: int = 1, name: str = "s", device: str = "gpu-0"
) -> ResourceSlice:
    pool = {"name": "p", "generation": generation, "resourceSliceCount": 1}
    spec = {"driver": DRIVER, "nodeName": "n1", "pool": pool, "devices": [{"name": device, "taints": list(taints)}]}
    return make(ResourceSlice, {"metadata": {"name": name}, "spec": spec})


def claim(*tolerations: dict[str, Any], user: str = "u-pod", owner: str = "") -> ResourceClaim:
    result = {"request": "r", "driver": DRIVER, "pool": "p", "device": "gpu-0", "tolerations": list(tolerations)}
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "pod", "uid": owner, "controller": True}] if owner else []
    return make(
        ResourceClaim,
        {
            "metadata": {"name": "c", "namespace": "default", "ownerReferences": owners},
            "spec": {},
            "status": {
                "allocation": {"devices": {"results": [result]}},
                "reservedFor": [{"resource": "pods", "name": "pod", "uid": user}],
            },
        },
    )


def pod(node: str = "n1", *, generated: bool = False) -> Pod:
    wanted = {"name": "r", "resourceClaimTemplateName": "t"} if generated else {"name": "r", "resourceClaimName": "c"}
    status = {"resourceClaimStatuses": [{"name": "r", "resourceClaimName": "c"}]} if generated else {}
    return make(
        Pod,
        {
            "metadata": {"name": "pod", "namespace": "default", "uid": "u-pod"},
            "spec": {"containers": [], "nodeName": node or None, "resourceClaims": [wanted]},
            "status": status,
        },
    )


@pytest.mark.parametrize(
    ("taints", "tolerations", "ends"),
    [
        ([], [], None),
        ([taint()], [], NOW),
        ([taint(effect="NoSchedule")], [], None),
        ([taint()], [toleration()], None),
        ([taint()], [toleration(60)], NOW + 60),
        ([taint()], [toleration(-5)], NOW),
        ([taint()], [toleration(60), toleration(30)], NOW + 30),
        ([taint()], [toleration(60), toleration()], None),
        ([taint()], [toleration(effect=None)], NOW),
        ([taint()], [toleration(key="other")], NOW),
        ([taint(), taint("hot", since=NOW + 5)], [toleration(60), toleration(10, "hot")], NOW + 15),
    ],
    ids=[
        "no taint",
        "not tolerated",
        "of scheduling",
        "for ever",
        "for a while",
        "negative",
        "the shortest",
        "one is for ever",
        "all effects",
        "another key",
        "the first to end",
    ],
)
def test_when_a_claim_ends(taints: list[Any], tolerations: list[Any], ends: float | None) -> None:
    assert plan.claim_ends(claim(*tolerations), lambda pool: [resource_slice(*taints)]) == ends


def test_old_generations_of_a_pool_say_nothing() -> None:
    old, new = resource_slice(taint(), name="a"), resource_slice(generation=2, name="b")
    assert plan.claim_ends(claim(), lambda pool: [old, new]) is None
    assert plan.claim_ends(claim(), lambda pool: [resource_slice(taint(), device="gpu-1")]) is None


@pytest.mark.parametrize(
    ("found", "of", "ends"),
    [
        (claim(), pod(), NOW),
        (claim(), pod(node=""), None),
        (claim(user="u-another"), pod(), None),
        (claim(owner="u-pod"), pod(generated=True), NOW),
        (claim(owner="u-another"), pod(generated=True), None),
        (None, pod(), None),
    ],
    ids=["used", "not scheduled", "reserved for another", "generated", "generated for another", "no claim"],
)
def test_when_a_pod_ends(found: ResourceClaim | None, of: Pod, ends: float | None) -> None:
    assert plan.pod_ends(of, lambda name: found, lambda each: NOW) == ends


def test_pods_go_when_their_time_is_up_and_stay_when_the_taint_goes() -> None:
    async def body(world: World) -> None:
        api, now = world.api, world.clock.now()
        api.put(claim(toleration(60)), "resourceclaims")
        api.put(pod(), "pods")
        api.put(resource_slice(taint(since=now)), "resourceslices")
        await world.settle()
        assert len(api.all("pods")) == 1
        api.put(resource_slice(), "resourceslices")
        await world.settle()
        assert world.events("DeviceTaintManagerEviction") == ["Cancelling deletion"]
        await asyncio.sleep(120)
        assert len(api.all("pods")) == 1
        api.put(resource_slice(taint(since=world.clock.now())), "resourceslices")
        await asyncio.sleep(59)
        assert len(api.all("pods")) == 1
        await asyncio.sleep(2)
        assert api.all("pods") == []
        assert world.events("DeviceTaintManagerEviction")[-1] == "Marking for deletion"

    scenario(lambda: World("device-taint-eviction-controller"), body)
