"""What a namespace's objects count for."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.v1 import PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service
from pybernetes.api.resource.v1 import DeviceClass, ResourceClaim
from pybernetes.apimachinery import quota
from pybernetes.apimachinery.extended_resources import ClassesByResource
from pybernetes.controllers.resourcequota import plan
from tests.unit.controllers.builders import NOW, make, pod


def quota_of(hard: dict[str, str], **spec: Any) -> ResourceQuota:
    return make(ResourceQuota, {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}})


def with_resources(**more: Any) -> Pod:
    def container(cpu: str, **fields: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu, "example.com/gpu": "1"}}, **fields}

    spec = {
        "containers": [container("100m"), container("200m")],
        "initContainers": [container("50m", restartPolicy="Always"), container("1")],
        **more,
    }
    return make(Pod, {"metadata": {"name": "p"}, "spec": spec})


def test_the_greediest_step_counts() -> None:
    found = quota_of({"cpu": "4", "pods": "4", "requests.example.com/gpu": "9", "limits.cpu": "1"})
    status = plan.status(found, {quota.PODS: [with_resources(), with_resources(overhead={"cpu": "10m"})]}, NOW)
    assert status.used == {"cpu": "2110m", "pods": "2", "requests.example.com/gpu": "6", "limits.cpu": "0"}


@pytest.mark.parametrize(
    ("facts", "counted"),
    [({}, "1"), ({"phase": "Succeeded"}, "0"), ({"phase": "Failed"}, "0"), ({"deleted": True}, "1")],
)
def test_what_has_ended_is_not_charged(facts: dict[str, Any], counted: str) -> None:
    one = pod("p", **facts)
    status = plan.status(quota_of({"pods": "1", "count/pods": "1"}), {quota.PODS: [one]}, NOW)
    assert status.used == {"pods": counted, "count/pods": "1"}


def test_a_pod_that_should_have_gone_is_released_in_time() -> None:
    one = pod("p", deleted=True)
    one.metadata.deletionGracePeriodSeconds = 30
    found = quota_of({"pods": "1"})
    assert plan.status(found, {quota.PODS: [one]}, NOW + 29).used == {"pods": "1"}
    assert plan.next_release_s([one], NOW) == 31
    assert plan.status(found, {quota.PODS: [one]}, NOW + 31).used == {"pods": "0"}


def test_services_claims_and_plain_counts() -> None:
    service = make(Service, {"spec": {"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 81}]}})
    claim = make(
        PersistentVolumeClaim,
        {"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}},
    )
    hard = dict.fromkeys(
        ("services", "services.nodeports", "services.loadbalancers", "persistentvolumeclaims", "requests.storage",
         "gold.storageclass.storage.k8s.io/requests.storage", "secrets", "count/secrets"), "9")  # fmt: skip
    objects = {quota.SERVICES: [service], quota.CLAIMS: [claim], ("", "secrets"): [Secret(), Secret()]}
    assert plan.status(quota_of(hard), objects, NOW).used == {
        "services": "1", "services.nodeports": "2", "services.loadbalancers": "1", "persistentvolumeclaims": "1",
        "requests.storage": "1Gi", "gold.storageclass.storage.k8s.io/requests.storage": "1Gi", "secrets": "2",
        "count/secrets": "2",
    }  # fmt: skip


def test_a_pod_counts_for_the_most_that_a_resize_may_take() -> None:
    def resized(wanted: str, allocated: str, actual: str, **status: Any) -> Pod:
        resources = {"requests": {"cpu": wanted}, "limits": {"cpu": wanted}}
        actuated = {"requests": {"cpu": actual}, "limits": {"cpu": actual}}
        told = {"name": "c", "image": "", "imageID": "", "ready": True, "restartCount": 0}
        return make(
            Pod,
            {
                "spec": {"containers": [{"name": "c", "resources": resources}]},
                "status": {
                    "containerStatuses": [{**told, "resources": actuated, "allocatedResources": {"cpu": allocated}}],
                    **status,
                },
            },
        )

    def used(found: Pod) -> dict[str, str]:
        return plan.status(quota_of({"requests.cpu": "9", "limits.cpu": "9"}), {quota.PODS: [found]}, NOW).used

    assert used(resized("1", "2", "1")) == {"requests.cpu": "2", "limits.cpu": "1"}
    assert used(resized("3", "2", "1")) == {"requests.cpu": "3", "limits.cpu": "3"}
    refused = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
    assert used(resized("3", "2", "1", conditions=refused)) == {"requests.cpu": "2", "limits.cpu": "1"}


def test_device_claims_count_by_class_and_for_the_greediest_alternative() -> None:
    def request(mode: str, count: int, device_class: str = "gpu") -> dict[str, Any]:
        return {"deviceClassName": device_class, "allocationMode": mode, "count": count}

    alternatives = [{"name": "a", **request("ExactCount", 2)}, {"name": "b", **request("ExactCount", 5)}]
    alternatives.append({"name": "c", **request("ExactCount", 3, "nic")})
    requests = [
        {"name": "one", "exactly": request("ExactCount", 1)},
        {"name": "all", "exactly": request("All", 0, "disk")},
        {"name": "some", "firstAvailable": alternatives},
    ]
    claim = make(ResourceClaim, {"spec": {"devices": {"requests": requests}}})
    expected = {"gpu": "6", "nic": "3", "disk": "32", "none": "0"}
    wanted = {f"{name}.deviceclass.resource.k8s.io/devices": count for name, count in expected.items()}
    wanted["count/resourceclaims.resource.k8s.io"] = "1"
    assert plan.status(quota_of(dict.fromkeys(wanted, "99")), {quota.DEVICE_CLAIMS: [claim]}, NOW).used == wanted


def test_devices_asked_for_like_other_resources_count_for_pods() -> None:
    name = "deviceclass.resource.kubernetes.io/gpu"
    one = make(Pod, {"spec": {"containers": [{"name": "c", "resources": {"requests": {name: "2"}}}]}})
    assert plan.status(quota_of({f"requests.{name}": "4"}), {quota.PODS: [one]}, NOW).used == {f"requests.{name}": "2"}


def test_what_cannot_be_counted_yet_keeps_its_number() -> None:
    found = quota_of({"secrets": "5", "pods": "1"})
    found.status.used = {"secrets": "3", "configmaps": "1"}
    assert plan.counted(found) == {("", "secrets")}
    assert plan.status(found, {quota.PODS: []}, NOW).used == {"secrets": "3", "pods": "0"}


def test_amounts_are_compared_not_their_texts() -> None:
    found = quota_of({"cpu": "1"})
    status = plan.status(found, {quota.PODS: []}, NOW)
    same = plan.status(quota_of({"cpu": "1000m"}), {quota.PODS: []}, NOW)
    assert not plan.differs(status, same)
    assert plan.differs(found.status, status)


def claim_for(owner: str, count: int, name: str = "made") -> ResourceClaim:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner, "controller": True}
    annotations = {"resource.kubernetes.io/extended-resource-claim": "true"}
    meta = {"name": name, "annotations": annotations, "ownerReferences": [reference]}
    asked = {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": count}
    return make(ResourceClaim, {"metadata": meta, "spec": {"devices": {"requests": [{"name": "r", "exactly": asked}]}}})


@pytest.mark.parametrize(
    ("claims", "by_name", "by_class"),
    [
        pytest.param([], "2", "0", id="the Pod alone"),
        pytest.param([claim_for("p", 2)], "2", "2", id="what the Pod asks for counts once"),
        pytest.param([claim_for("p", 3)], "3", "3", id="what is more counts too"),
        pytest.param([claim_for("p", 2), claim_for("p", 2, "second")], "4", "4", id="of two the first is its own"),
        pytest.param([claim_for("other", 1)], "3", "1", id="of a Pod that is not there"),
    ],
)
def test_claims_for_extended_resources_and_their_pods(claims: list[ResourceClaim], by_name: str, by_class: str) -> None:
    named = make(DeviceClass, {"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "example.com/gpu"}})
    requests = {"requests": {"example.com/gpu": "2"}}
    spec = {"containers": [{"name": "c", "resources": requests}]}
    one = make(Pod, {"metadata": {"name": "p", "uid": "p"}, "spec": spec})
    per_class = "requests.deviceclass.resource.kubernetes.io/gpu"
    found = quota_of({"requests.example.com/gpu": "9", per_class: "9", "gpu.deviceclass.resource.k8s.io/devices": "9"})
    objects = {quota.PODS: [one], quota.DEVICE_CLAIMS: claims}
    used = plan.status(found, objects, NOW, ClassesByResource([named])).used
    devices = "gpu.deviceclass.resource.k8s.io/devices"
    assert used == {"requests.example.com/gpu": by_name, per_class: by_class, devices: by_class}
