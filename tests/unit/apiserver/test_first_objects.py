"""What an apiserver writes for itself gets written while others write the same objects."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.flowcontrol.v1 import FlowSchema, FlowSchemaCondition, FlowSchemaSpec, FlowSchemaStatus
from pybernetes.api.flowcontrol.v1 import PriorityLevelConfigurationReference as Reference
from pybernetes.apiserver.bootstrap.after_start import DEFAULT_SERVICE_CIDR, default_service_cidr
from pybernetes.apiserver.bootstrap.flow_conditions import condition
from pybernetes.apiserver.registry.generic.interface import RequestContext
from tests.unit.apiserver.registry.conftest import Cluster


def test_the_service_cidr_gets_ready_although_its_finalizer_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        cluster = Cluster()
        await cluster.start()
        plural = "servicecidrs.networking.k8s.io"
        await cluster.create(
            plural, {"metadata": {"name": DEFAULT_SERVICE_CIDR}, "spec": {"cidrs": ["10.96.0.0/16"]}}, ns=""
        )
        storage = cluster.storage(cluster.context(plural, "get", "", ""))
        read, left = storage.get, 2

        async def get(ctx: RequestContext, resource_version: str = "") -> bytes:
            nonlocal left
            value = await read(ctx, resource_version)
            if left:
                left -= 1
                labels = {"metadata": {"labels": {"seen": str(left)}}}
                await cluster.patch(plural, DEFAULT_SERVICE_CIDR, labels, ns="")
            return value

        monkeypatch.setattr(storage, "get", get)
        await default_service_cidr(cluster.registry, "10.96.0.0/16", cluster.clock)
        found = await cluster.get(plural, DEFAULT_SERVICE_CIDR, ns="")
        assert found["metadata"]["labels"] == {"seen": "0"}
        assert [(c["type"], c["status"]) for c in found["status"]["conditions"]] == [("Ready", "True")]
        assert left == 0
        await cluster.stop()

    asyncio.run(body())


NOW = "2027-01-15T08:00:00Z"
THERE = 'This FlowSchema references the PriorityLevelConfiguration object named "low" and it exists'
MISSING = 'This FlowSchema references the PriorityLevelConfiguration object named "low" but there is no such object'


@pytest.mark.parametrize(
    ("held", "exists", "expected"),
    [
        (None, True, ("False", "Found", THERE)),
        (None, False, ("True", "NotFound", MISSING)),
        (("False", "Found", THERE), True, None),
        (("True", "NotFound", MISSING), False, None),
        (("False", "Found", THERE), False, ("True", "NotFound", MISSING)),
        (("True", "NotFound", MISSING), True, ("False", "Found", THERE)),
        (("False", "Found", "of another level"), True, ("False", "Found", THERE)),
    ],
)
def test_a_flow_schema_dangles_while_its_level_is_missing(
    held: tuple[str, str, str] | None, exists: bool, expected: tuple[str, str, str] | None
) -> None:
    conditions = []
    if held is not None:
        status, reason, message = held
        conditions = [FlowSchemaCondition(type="Dangling", status=status, reason=reason, message=message)]
    schema = FlowSchema(
        spec=FlowSchemaSpec(priorityLevelConfiguration=Reference(name="low")),
        status=FlowSchemaStatus(conditions=conditions),
    )
    found = condition(schema, exists, NOW)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.status, found.reason, found.message) == expected
    assert (found.type, found.lastTransitionTime) == ("Dangling", NOW)
