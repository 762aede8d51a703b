"""Whether a remote APIService is available, as its status tells it. Pure.

Source: kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go.
"""

from __future__ import annotations

from pybernetes.api.apiregistration.v1 import APIService, APIServiceCondition
from pybernetes.apimachinery.conditions import condition_holds, condition_of
from pybernetes.apiserver.service_backends import Problem

PASSED = ("Passed", "all checks passed")
LOCAL = ("Local", "Local APIServices are always available")
OPENAPI_V2, OPENAPI_V3 = "/openapi/v2", "/openapi/v3"
_AVAILABLE = "Available"


def is_available(api_service: APIService) -> bool:
    return condition_holds(api_service.status.conditions, _AVAILABLE)


def with_condition(
    api_service: APIService, problem: Problem | None, now: str, passed: tuple[str, str] = PASSED
) -> bool:
    """Writes the outcome of a check into the status; whether that changed anything."""
    reason, message = passed if problem is None else (problem.reason, problem.message)
    status = "True" if problem is None else "False"
    made = APIServiceCondition(type=_AVAILABLE, status=status, reason=reason, message=message, lastTransitionTime=now)
    conditions = api_service.status.conditions
    held = condition_of(conditions, _AVAILABLE)
    if held is None:
        api_service.status.conditions = [*conditions, made]
        return True
    if (held.status, held.reason, held.message) == (status, reason, message):
        return False
    if held.status == status:
        made.lastTransitionTime = held.lastTransitionTime
    api_service.status.conditions = [made if c is held else c for c in conditions]
    return True
