"""ResourceClaims: made of templates for each Pod, kept while they are used, given back when they are not."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import Event, Pod
from pybernetes.api.resource.v1 import (
    AllocationResult,
    ResourceClaim,
    ResourceClaimConsumerReference,
    ResourceClaimTemplate,
)
from tests.integration.cluster_world import World, in_world

DEVICES = {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu"}}]}}


def pod(name: str, **claim: str) -> dict[str, Any]:
    container = {"name": "c", "image": "good", "resources": {"claims": [{"name": "gpu"}]}}
    spec = {"containers": [container], "resourceClaims": [{"name": "gpu", **claim}], "restartPolicy": "Never"}
    return {"metadata": {"name": name}, "spec": spec}


async def template(w: World) -> None:
    spec = {"metadata": {"labels": {"made": "so"}}, "spec": DEVICES}
    await w.create(ResourceClaimTemplate, {"metadata": {"name": "t"}, "spec": spec})


async def reserve(w: World, claim: ResourceClaim, owner: Pod) -> None:
    """As the scheduler does."""
    claim.metadata.finalizers = ["resource.kubernetes.io/delete-protection"]
    claim = await w.client.update(claim)
    claim.status.allocation = AllocationResult()
    meta = owner.metadata
    consumer = ResourceClaimConsumerReference(resource="pods", name=meta.name or "", uid=meta.uid or "")
    claim.status.reservedFor = [consumer]
    await w.client.update_status(claim)


def test_a_claim_is_made_of_the_template_and_goes_when_the_pod_has_run() -> None:
    async def body(w: World) -> None:
        await w.create(Pod, pod("p", resourceClaimTemplateName="t"))
        await w.settle()
        reasons = [e.reason for e in await w.items(Event) if e.involvedObject.name == "p"]
        assert "FailedResourceClaimCreation" in reasons, "the template is not there yet"
        await template(w)

        async def made() -> bool:
            return len(await w.items(ResourceClaim)) == 1

        await w.until(made)
        (claim,) = await w.items(ResourceClaim)
        assert (claim.metadata.name or "").startswith("p-gpu-")
        assert claim.metadata.labels == {"made": "so"}
        assert claim.metadata.annotations == {"resource.kubernetes.io/pod-claim-name": "gpu"}

        await w.client.patch(Pod, "p", "default", {"status": {"phase": "Succeeded"}}, subresource="status")

        async def gone() -> bool:
            return not await w.items(ResourceClaim)

        await w.until(gone)

    in_world(body)


def test_the_pods_status_names_the_claim_that_was_made() -> None:
    async def body(w: World) -> None:
        await template(w)
        await w.create(Pod, pod("p", resourceClaimTemplateName="t"))

        async def told() -> bool:
            found = await w.client.get(Pod, "p", "default")
            names = [c.metadata.name for c in await w.items(ResourceClaim)]
            return bool(names) and [s.resourceClaimName for s in found.status.resourceClaimStatuses] == names

        await w.until(told)
        assert len(await w.items(ResourceClaim)) == 1

    in_world(body)


def test_a_claim_of_ones_own_is_given_back_by_the_last_pod() -> None:
    async def body(w: World) -> None:
        claim = await w.create(ResourceClaim, {"metadata": {"name": "mine"}, "spec": DEVICES})
        owner = await w.create(Pod, pod("p", resourceClaimName="mine"))
        await reserve(w, claim, owner)
        await w.settle()
        held = await w.client.get(ResourceClaim, "mine", "default")
        assert held.status.reservedFor
        assert held.status.allocation is not None
        await w.client.delete(Pod, "p", "default", grace_period_s=0)

        async def free() -> bool:
            found = await w.client.get(ResourceClaim, "mine", "default")
            return not found.status.reservedFor and not found.status.allocation and not found.metadata.finalizers

        await w.until(free)

    in_world(body)
