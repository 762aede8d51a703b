"""What a status update is refused for."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.api.batch import v1 as batch
from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.field_errors import Path
from pybernetes.apiserver.registry.batch.jobs.status import validate_job_status_update
from pybernetes.apiserver.registry.core.persistentvolumeclaims.validation import validate_claim_status
from pybernetes.apiserver.registry.core.pods.claim_statuses import validate_claim_statuses
from pybernetes.apiserver.registry.core.services.validation import validate_service_status
from pybernetes.apiserver.registry.generic.conditions import validate_conditions

T1, T2 = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"


def true(*types):
    return [{"type": name, "status": "True"} for name in types]


RUNNING = {"startTime": T1, "active": 1, "succeeded": 1, "failed": 1}
DONE = {
    "startTime": T1, "completionTime": T2, "succeeded": 1, "failed": 1,
    "conditions": true("SuccessCriteriaMet", "Complete"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (RUNNING, DONE, []),
        (
            RUNNING,
            {**DONE, "conditions": true("Complete")},
            ["cannot set Complete=True condition without the SuccessCriteriaMet=true condition"],
        ),
        (RUNNING, {**DONE, "active": 1}, ["active>0 is invalid for finished job"]),
        (RUNNING, {**RUNNING, "failed": 0}, ["cannot decrease the failed counter"]),
        (RUNNING, {**RUNNING, "startTime": T2}, ["field is immutable for unsuspended job once set"]),
        (
            DONE,
            {**DONE, "conditions": true("SuccessCriteriaMet")},
            [
                "cannot set completionTime when there is no Complete=True condition",
                "cannot disable the terminal Complete=True condition",
            ],
        ),
        (
            RUNNING,
            {**RUNNING, "uncountedTerminatedPods": {"succeeded": ["a", "a", ""]}},
            ["Duplicate value", "must not be empty"],
        ),
        (
            RUNNING,
            {**RUNNING, "completedIndexes": "0-1"},
            ["cannot set non-empty completedIndexes when non-indexed completion mode"],
        ),
    ],
)
def test_a_jobs_status(before, after, told):
    old, new = (msgspec.convert({"status": status}, batch.Job) for status in (before, after))
    assert [error.detail or "Duplicate value" for error in validate_job_status_update(new, old)] == told


@pytest.mark.parametrize(
    ("kind", "ingress", "told"),
    [
        ("ClusterIP", {"ip": "1.2.3.4", "ipMode": "VIP"}, ["may only be used when `spec.type` is 'LoadBalancer'"]),
        ("LoadBalancer", {"ip": "1.2.3.4", "ipMode": "VIP"}, []),
        ("LoadBalancer", {"ip": "1.2.3.4"}, ["must be specified when `ip` is set"]),
        ("LoadBalancer", {"hostname": "a.b", "ipMode": "VIP"}, ["may not be specified when `ip` is not set"]),
        ("LoadBalancer", {"hostname": "1.2.3.4"}, ["must be a DNS name, not an IP address"]),
    ],
)
def test_a_services_load_balancer(kind, ingress, told):
    new = msgspec.convert({"spec": {"type": kind}, "status": {"loadBalancer": {"ingress": [ingress]}}}, core.Service)
    assert [error.detail for error in validate_service_status(new, core.Service())] == told


def test_a_claims_resize():
    status = core.PersistentVolumeClaimStatus(
        capacity={"storage": "-5"}, allocatedResources={"cpu": "1"}, allocatedResourceStatuses={"storage": "Soon"}
    )
    fields = ["status.capacity[storage]", "status.allocatedResourceStatuses", "status.allocatedResources"]
    assert [error.field for error in validate_claim_status(status)] == fields


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"type": ""}, "type"),
        ({"status": "Maybe"}, "status"),
        ({"reason": ""}, "reason"),
        ({"reason": "not a reason"}, "reason"),
        ({"observedGeneration": -1}, "observedGeneration"),
        ({"lastTransitionTime": None}, "lastTransitionTime"),
    ],
)
def test_conditions(change, field):
    good = {"type": "Ready", "status": "True", "reason": "Ok", "message": "", "lastTransitionTime": T1}
    found = validate_conditions([Condition(**{**good, **change})], Path("c"))
    assert {error.field for error in found} == ({f"c[0].{field}"} if field else set())


_MAPPING = {"containerName": "c", "resourceName": "example.com/gpu", "requestName": "container-0-request-0"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param({"requestMappings": [_MAPPING], "resourceClaimName": "made"}, [], id="as the scheduler writes it"),
        pytest.param(
            {}, ["requestMappings: FieldValueRequired", "resourceClaimName: FieldValueRequired"], id="nothing said"
        ),
        pytest.param(
            {"requestMappings": [_MAPPING | {"containerName": "d", "requestName": "A_"}], "resourceClaimName": "_"},
            [
                "requestMappings[0].containerName: FieldValueInvalid",
                "requestName: FieldValueInvalid",
                "resourceClaimName: FieldValueInvalid",
            ],
            id="names of nothing",
        ),
        pytest.param(
            {"requestMappings": [_MAPPING, _MAPPING | {"resourceName": "cpu"}, _MAPPING], "resourceClaimName": "made"},
            [
                "requestMappings[1].resourceName: FieldValueInvalid",
                "requestMappings[2].containerName: FieldValueDuplicate",
                "requestMappings[2].resourceName: FieldValueDuplicate",
                "requestMappings[2].requestName: FieldValueDuplicate",
            ],
            id="not asked for, and twice",
        ),
    ],
)
def test_what_a_pod_is_said_to_get_from_its_claim(status, told):
    container = {"name": "c", "resources": {"requests": {"example.com/gpu": "1"}}}
    tree = {"spec": {"containers": [container]}, "status": {"extendedResourceClaimStatus": status}}
    found = validate_claim_statuses(msgspec.convert(tree, core.Pod), Path("status"))
    shown = [f"{error.field}: {error.type}" for error in found]
    assert [each.removeprefix("status.extendedResourceClaimStatus.") for each in shown] == told


def test_claims_in_a_pods_status_are_those_of_its_spec():
    statuses = [{"name": "a", "resourceClaimName": "A"}, {"name": "a"}, {"name": "b"}]
    tree = {
        "spec": {"containers": [], "resourceClaims": [{"name": "a"}]},
        "status": {"resourceClaimStatuses": statuses},
    }
    found = validate_claim_statuses(msgspec.convert(tree, core.Pod), Path("status"))
    assert [error.field for error in found] == [
        "status.resourceClaimStatuses[0].resourceClaimName",
        "status.resourceClaimStatuses[1].name",
        "status.resourceClaimStatuses[2].name",
    ]
