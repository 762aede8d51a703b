"""ResourceClaims of Pods: made from their template, reserved for those that run, let go when these have ended."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import ResourceClaim, ResourceClaimTemplate
from pybernetes.apimachinery.resource_claims import FINALIZER, reserved
from pybernetes.controllers.resourceclaim import plan
from tests.unit.controllers.builders import make
from tests.unit.controllers.world import World, scenario

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "p", "controller": True}
USER = {"resource": "pods", "name": "p", "uid": "p"}
ALLOCATED: dict[str, Any] = {"allocation": {}}
TEMPLATE = {"metadata": {"name": "t", "namespace": "default"}, "spec": {"spec": {}, "metadata": {"labels": {"a": "b"}}}}


def pod(name: str = "p", template: bool = True, known: str | None = None, **facts: Any) -> Pod:
    wanted = {"resourceClaimTemplateName": "t"} if template else {"resourceClaimName": "c"}
    statuses = [{"name": "gpu", "resourceClaimName": known}] if known is not None else []
    spec = {"containers": [], "resourceClaims": [{"name": "gpu", **wanted}], "nodeName": facts.get("node")}
    meta = {"name": name, "namespace": "default", "uid": name, **facts.get("meta", {})}
    status = {"phase": facts.get("phase", "Pending"), "resourceClaimStatuses": statuses}
    return make(Pod, {"metadata": meta, "spec": spec, "status": status})


def claim(
    name: str = "c", owned: bool = False, finalizer: bool = True, deleted: bool = False, **status: Any
) -> ResourceClaim:
    meta: dict[str, Any] = {"name": name, "namespace": "default", "ownerReferences": [OWNER] if owned else []}
    meta["finalizers"] = [FINALIZER] if finalizer else []
    if deleted:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return make(ResourceClaim, {"metadata": meta, "spec": {}, "status": status})


@pytest.mark.parametrize(
    ("user", "there", "expected"),
    [
        (pod(), [], ["gpu"]),
        (pod(known="c"), [], ["gpu"]),
        (pod(known="c"), [claim()], ["gpu"]),
        (pod(known="c"), [claim(owned=True)], []),
        (pod(known=""), [], []),
        (pod(template=False), [], []),
    ],
    ids=["new", "gone", "another's", "there", "not needed", "no template"],
)
def test_which_claims_are_made(user: Pod, there: list[ResourceClaim], expected: list[str]) -> None:
    by_name = {each.metadata.name: each for each in there}
    assert [wanted.name for wanted in plan.to_make(user, by_name.get)] == expected


@pytest.mark.parametrize(
    ("user", "there", "expected"),
    [
        (pod(template=False, node="n"), claim(**ALLOCATED), True),
        (pod(template=False), claim(**ALLOCATED), False),
        (pod(template=False, node="n"), claim(), False),
        (pod(template=False, node="n"), claim(reservedFor=[USER], **ALLOCATED), False),
        (pod(template=False, node="n", phase="Failed"), claim(**ALLOCATED), False),
        (pod(known="c", node="n"), claim(**ALLOCATED), False),
        (pod(known="c", node="n"), claim(owned=True, **ALLOCATED), True),
    ],
    ids=["bound", "not bound", "not allocated", "reserved", "ended", "another's", "its own"],
)
def test_which_claims_are_reserved(user: Pod, there: ResourceClaim, expected: bool) -> None:
    found = plan.to_reserve(user, {"c": there}.get)
    assert found == ([there] if expected else [])
    if expected:
        assert [ref.uid for ref in reserved(there, user).status.reservedFor] == ["p"]


@pytest.mark.parametrize(
    ("held", "gone", "expected"),
    [
        (claim(reservedFor=[USER], **ALLOCATED), ["p"], ([], False)),
        (claim(reservedFor=[USER, {**USER, "uid": "q"}], **ALLOCATED), ["p"], (["q"], True)),
        (claim(reservedFor=[USER], **ALLOCATED), [], None),
        (claim(**ALLOCATED), [], None),
        (claim(deleted=True, **ALLOCATED), [], ([], False)),
        (claim(finalizer=False, reservedFor=[USER], **ALLOCATED), ["p"], ([], True)),
    ],
    ids=["the last", "one of two", "none", "allocated ahead", "to be deleted", "not of a driver with a controller"],
)
def test_what_is_released(held: ResourceClaim, gone: list[str], expected: tuple[list[str], bool] | None) -> None:
    found = plan.released(held, gone)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert ([ref.uid for ref in found.status.reservedFor], found.status.allocation is not None) == expected


def test_the_finalizer_goes_with_the_allocation() -> None:
    bare = plan.without_finalizer(claim())
    assert bare is not None and bare.metadata.finalizers == []
    assert plan.without_finalizer(claim(**ALLOCATED)) is None
    assert plan.without_finalizer(claim(reservedFor=[USER])) is None


@pytest.mark.parametrize(
    ("pod_name", "expected"),
    [("p", "p-gpu-"), ("p" * 70, "p" * 53 + "-gp")],
    ids=["short", "too long"],
)
def test_the_name_of_a_claim_tells_the_pod_and_what_for(pod_name: str, expected: str) -> None:
    user = pod(pod_name)
    made = plan.new_claim(user, user.spec.resourceClaims[0], make(ResourceClaimTemplate, TEMPLATE))
    assert made.metadata.generateName == expected
    assert (made.metadata.labels, made.metadata.annotations) == ({"a": "b"}, {plan.POD_CLAIM: "gpu"})


def test_a_claim_from_the_template_until_its_pod_has_ended() -> None:
    async def body(w: World) -> None:
        await w.settle()
        assert w.events("FailedResourceClaimCreation") == [
            'PodResourceClaim gpu: resource claim template "t" not found'
        ]
        w.api.put(make(ResourceClaimTemplate, TEMPLATE), "resourceclaimtemplates")
        await w.settle()
        (made,) = w.api.all("resourceclaims")
        name = made["metadata"]["name"]
        assert w.api.get("pods", "p", "default")["status"]["resourceClaimStatuses"] == [
            {"name": "gpu", "resourceClaimName": name}
        ]
        w.api.put({**made, "status": {"allocation": {}, "reservedFor": [USER]}}, "resourceclaims")
        w.api.put(pod(known=name, node="n", phase="Succeeded"), "pods")
        await w.settle()
        assert w.api.all("resourceclaims") == [], "its Pod will not run again"

    def world() -> World:
        made = World("resourceclaim-controller")
        made.api.put(pod(), "pods")
        return made

    scenario(world, body)
