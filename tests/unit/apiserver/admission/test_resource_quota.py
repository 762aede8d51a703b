"""What is charged to a quota, and what is refused."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
import pytest

from pybernetes.api.apps.v1 import ReplicaSet
from pybernetes.api.core import v1 as core
from pybernetes.api.resource.v1 import DeviceClass, DeviceClassSpec, ResourceClaim
from pybernetes.apimachinery import errors
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.admission.resource_quota import ResourceQuotas
from tests.unit.apiserver.admission.builders import Objects, attributes, meta, pod


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> core.ResourceQuota:
    status = core.ResourceQuotaStatus(hard=hard, used=dict.fromkeys(hard, "0") if used is None else used)
    return core.ResourceQuota(metadata=meta("q"), spec=core.ResourceQuotaSpec(hard=hard, **spec), status=status)


def container(name: str = "c", **requests: str) -> core.Container:
    return core.Container(name=name, resources=core.ResourceRequirements(requests=requests))


def charged(found: core.ResourceQuota, given: Attributes) -> dict[str, str]:
    plugin = ResourceQuotas(Objects(found))
    resource = given.resource
    if plugin.wants(given.operation, resource.group, resource.plural, given.subresource):
        asyncio.run(plugin.validate(given))
    return found.status.used


def refusal(found: core.ResourceQuota, given: Attributes) -> str:
    with pytest.raises(errors.Forbidden) as caught:
        charged(found, given)
    return caught.value.message.partition("forbidden: ")[2]


def test_a_pod_is_charged_and_the_next_one_refused() -> None:
    found = quota({"pods": "5", "requests.cpu": "1", "secrets": "1"})
    given = attributes("pods", pod(containers=[container(cpu="600m")]))
    assert charged(found, given) == {"pods": "1", "requests.cpu": "600m", "secrets": "0"}
    assert refusal(found, given) == "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, " \
                                    "limited: requests.cpu=1"  # fmt: skip
    assert found.status.used["pods"] == "1"


LIMITED = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "ResourceQuotaConfiguration",
    "limitedResources": [
        {"resource": "pods", "matchContains": ["requests.cpu"]},
        {
            "resource": "pods",
            "matchScopes": [{"scopeName": "PriorityClass", "operator": "In", "values": ["dear"]}],
        },
    ],
}
DEAR = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["dear"]}]}


@pytest.mark.parametrize(
    ("found", "given", "refused"),
    [
        pytest.param(None, {}, "", id="nothing-that-is-limited"),
        pytest.param(None, {"cpu": "1"}, "insufficient quota to consume: requests.cpu", id="no-quota"),
        pytest.param({"hard": {"pods": "5"}}, {"cpu": "1"}, "insufficient quota to consume: requests.cpu", id="other"),
        pytest.param({"hard": {"requests.cpu": "5"}}, {"cpu": "1"}, "", id="covered"),
        pytest.param(
            {"hard": {"requests.cpu": "5"}, "scopes": ["Terminating"]},
            {"cpu": "1"},
            "insufficient quota to consume: requests.cpu",
            id="covered-in-another-scope",
        ),
        pytest.param(
            {"hard": {"pods": "5"}},
            {"priorityClassName": "dear"},
            "insufficient quota to match these scopes: [{PriorityClass In [dear]}]",
            id="scope-without-quota",
        ),
        pytest.param({"hard": {"pods": "5"}, "scopeSelector": DEAR}, {"priorityClassName": "dear"}, "", id="scope"),
    ],
)
def test_what_is_limited_by_default_needs_a_quota(
    found: dict[str, Any] | None, given: dict[str, str], refused: str
) -> None:
    requests = {"cpu": given["cpu"]} if "cpu" in given else {}
    asked = attributes(
        "pods", pod(containers=[container(**requests)], priorityClassName=given.get("priorityClassName"))
    )
    there = [msgspec.convert({"spec": found}, core.ResourceQuota)] if found is not None else []
    for each in there:
        each.metadata = meta("q")
        each.status = core.ResourceQuotaStatus(hard=each.spec.hard, used=dict.fromkeys(each.spec.hard, "0"))
    plugin = ResourceQuotas(Objects(*there))
    plugin.configure(LIMITED)
    if refused:
        with pytest.raises(errors.Forbidden, match=re.escape(refused)):
            asyncio.run(plugin.validate(asked))
    else:
        asyncio.run(plugin.validate(asked))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "Other"}, "it must be of kind ResourceQuotaConfiguration"),
        ({"limitedResources": [{"matchContains": ["x"]}]}, r"limitedResources\[0\].resource: Required value"),
        ({"limitedResources": [{"resources": "pods"}]}, "unknown field `resources`"),
    ],
    ids=["another-kind", "no-resource", "a-field-there-is-not"],
)
def test_a_wrong_configuration_is_told_of(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ResourceQuotas(Objects()).configure({**LIMITED, **changed})


def test_every_container_has_to_say_what_is_limited() -> None:
    given = attributes("pods", pod(containers=[container("b", cpu="1"), container("a")]))
    assert refusal(quota({"cpu": "4", "limits.memory": "1Gi"}), given) == (
        "failed quota: q: must specify cpu for: a; limits.memory for: a,b"
    )


def test_a_quota_not_yet_counted_lets_nothing_in() -> None:
    assert refusal(quota({"pods": "5"}, used={}), attributes("pods", pod())) == (
        "status unknown for quota: q, resources: pods"
    )


@pytest.mark.parametrize(
    ("scope", "deadline", "counted"),
    [("Terminating", 5, "1"), ("Terminating", None, "0"), ("NotTerminating", 5, "0"), ("NotTerminating", None, "1")],
)
def test_scopes(scope: str, deadline: int | None, counted: str) -> None:
    given = attributes("pods", pod(activeDeadlineSeconds=deadline))
    assert charged(quota({"pods": "1"}, scopes=[scope]), given) == {"pods": counted}


def test_a_pod_that_moves_into_a_scope_is_charged_by_the_update() -> None:
    found = quota({"pods": "1"}, scopes=["Terminating"])
    assert charged(found, attributes("pods", pod(activeDeadlineSeconds=5), "UPDATE", pod())) == {"pods": "1"}


def test_a_service_that_gets_node_ports_is_charged_for_them_alone() -> None:
    def service(kind: str) -> core.Service:
        return core.Service(metadata=meta("s"), spec=core.ServiceSpec(type=kind, ports=[core.ServicePort(port=80)]))

    found = quota({"services": "1", "services.nodeports": "1"}, used={"services": "1", "services.nodeports": "0"})
    update = attributes("services", service("NodePort"), "UPDATE", service("ClusterIP"))
    assert charged(found, update) == {"services": "1", "services.nodeports": "1"}


def test_what_a_status_tells_is_charged_and_never_refused() -> None:
    def claim(allocated: str) -> core.PersistentVolumeClaim:
        wanted = core.VolumeResourceRequirements(requests={"storage": "1Gi"})
        status = core.PersistentVolumeClaimStatus(allocatedResources={"storage": allocated})
        return core.PersistentVolumeClaim(
            metadata=meta("c"), spec=core.PersistentVolumeClaimSpec(resources=wanted), status=status
        )

    found = quota({"requests.storage": "1Gi"}, used={"requests.storage": "1Gi"})
    given = attributes("persistentvolumeclaims", claim("2Gi"), "UPDATE", claim("1Gi"), sub="status")
    assert charged(found, given) == {"requests.storage": "2Gi"}
    assert "exceeded quota" in refusal(found, attributes("persistentvolumeclaims", claim("1Gi")))


def test_any_kind_can_be_counted_and_reading_subresources_costs_nothing() -> None:
    found = quota({"count/replicasets.apps": "1"})
    given = attributes("replicasets.apps", ReplicaSet(metadata=meta("r")))
    assert charged(found, given) == {"count/replicasets.apps": "1"}
    assert "exceeded quota" in refusal(found, given)
    given = attributes("pods", core.Binding(metadata=meta("b")), sub="binding")
    assert charged(quota({"pods": "0"}), given) == {"pods": "0"}


def test_a_quota_that_goes_meanwhile_limits_nothing() -> None:
    reader = Objects(quota({"pods": "1"}))
    found = reader.objects.pop(next(iter(reader.objects)))

    class Late(Objects):
        async def read_all(self, cls: type, namespace: str = "") -> list[Any]:
            return [found]

    asyncio.run(ResourceQuotas(Late()).validate(attributes("pods", pod())))


@pytest.mark.parametrize(("of_devices", "used"), [(True, "2"), (False, "0")], ids=["on", "off"])
def test_devices_count_for_extended_resources_where_these_may_stand_for_them(of_devices: bool, used: str) -> None:
    found = quota({"requests.example.com/gpu": "5"})
    gpu = DeviceClass(metadata=meta("gpu"), spec=DeviceClassSpec(extendedResourceName="example.com/gpu"))
    exactly = {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2}
    spec = {"devices": {"requests": [{"name": "r", "exactly": exactly}]}}
    claim = msgspec.convert({"metadata": {"name": "c", "namespace": "default"}, "spec": spec}, ResourceClaim)
    plugin = ResourceQuotas(Objects(found, gpu), of_devices=of_devices)
    asyncio.run(plugin.validate(attributes("resourceclaims.resource.k8s.io", claim)))
    assert found.status.used == {"requests.example.com/gpu": used}
