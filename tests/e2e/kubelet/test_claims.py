"""Claims of pods, prepared by a driver of the tests' own, which is a process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import ResourceClaim, ResourceClaimStatus
from tests.dra_driver import DEVICE, DRIVER, DraDriver

from .harness import Cluster, eventually, play
from .private_containerd import PrivateContainerd

pytestmark = pytest.mark.e2e
USES = {"name": "c", "command": ["sleep", "3600"], "resources": {"claims": [{"name": "mine"}]}}
HAS = {"resourceClaims": [{"name": "mine", "resourceClaimName": "gadgets"}]}


@contextlib.asynccontextmanager
async def driver(k: Cluster) -> AsyncIterator[DraDriver]:
    made = DraDriver(k.new_folder("driver"), k.folder / "kubelet" / "plugins_registry")
    made.start()
    try:
        yield made
        await k.delete_all()
    finally:
        made.gone()


async def claim(k: Cluster, *pods: Pod) -> ResourceClaim:
    """A claim that the scheduler gave a device to, and to the pods."""
    tree = {
        "metadata": {"name": "gadgets", "namespace": "default"},
        "spec": {"devices": {"requests": [{"name": "gadget", "exactly": {"deviceClassName": "gadgets"}}]}},
    }
    made = await k.admin.create(msgspec.convert(tree, ResourceClaim))
    result = {"request": "gadget", "driver": DRIVER, "pool": "node", "device": DEVICE}
    status: dict[str, Any] = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{"resource": "pods", "name": pod.metadata.name, "uid": pod.metadata.uid} for pod in pods],
    }
    made.status = msgspec.convert(status, ResourceClaimStatus)
    return await k.admin.update_status(made)


async def pods_with(k: Cluster, *names: str) -> list[Pod]:
    """Made before the claim is theirs: the kubelet waits."""
    return [await k.create(name, [USES], **HAS) for name in names]


def health(pod: Pod) -> list[tuple[str, str, str]]:
    told = pod.status.containerStatuses[0].allocatedResourcesStatus if pod.status.containerStatuses else []
    return [(status.name, each.resourceID, each.health or "") for status in told for each in status.resources]


def test_a_claim_is_prepared_once_for_all_and_given_back_by_the_last(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with driver(k) as made:
            pods = await pods_with(k, "one", "two")
            waits = "FailedPrepareDynamicResources: Failed to prepare dynamic resources: prepare dynamic resources: "
            assert await eventually(lambda: k.was_told("one", waits + "fetch ResourceClaim gadgets"))
            bound = await claim(k, *pods)
            for pod in pods:
                await k.running(pod.metadata.name or "")
            identity = f"{DRIVER}/gadget=gadgets"
            await k.until("one", lambda p: health(p) == [("claim:mine", identity, "Unknown")])
            made.order(health={DEVICE: [2, "too hot"]})
            pod = await k.until("one", lambda p: health(p) == [("claim:mine", identity, "Unhealthy")])
            assert pod.status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].message == "too hot"

            await k.stop_kubelet()
            await k.start_kubelet()
            assert [call["claims"][0]["uid"] for call in made.calls("NodePrepareResources")] == [bound.metadata.uid]
            await k.delete("one", 0)
            await k.gone("one")
            assert not made.calls("NodeUnprepareResources")
            made.order(refuse={"gadgets": "still busy"})
            await k.delete("two", 0)
            assert await eventually(lambda: _asked(made, "NodeUnprepareResources"))
            made.order()
            await k.gone("two")
            assert (k.folder / "kubelet" / "dra_manager_state").read_bytes() == b"[]"

    play(containerd, scene)


async def _asked(made: DraDriver, method: str) -> bool:
    return bool(made.calls(method))


def test_what_a_driver_refuses_is_told_and_tried_again(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        async with driver(k) as made:
            made.order(refuse={"gadgets": "no such gadget"})
            pods = await pods_with(k, "one")
            await claim(k, *pods)
            why = "NodePrepareResources failed for ResourceClaim gadgets: no such gadget"
            assert await eventually(lambda: k.was_told("one", why))
            made.order()
            await k.running("one")
            given = k.kubelet.giving
            assert given is not None
            assert (await given.given(await k.get("one"), pods[0].spec.containers[0])).cdi == [
                f"{DRIVER}/gadget=gadgets"
            ]

    play(containerd, scene)


def test_a_driver_that_is_not_there_is_waited_for(containerd: PrivateContainerd) -> None:
    async def scene(k: Cluster) -> None:
        pods = await pods_with(k, "one")
        await claim(k, *pods)
        assert await eventually(lambda: k.was_told("one", f"DRA driver {DRIVER} is not registered"))
        async with driver(k):
            await k.running("one")

    play(containerd, scene)
