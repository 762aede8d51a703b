"""Keeps the condition Dangling of every FlowSchema: whether its priority level is missing.

Source: apiserver/pkg/util/flowcontrol/apf_controller.go (syncPriorityLevel… presentFlowSchemaStatus).
"""

from __future__ import annotations

import logging

from pybernetes.api.flowcontrol.v1 import FlowSchema, FlowSchemaCondition
from pybernetes.apimachinery.conditions import condition_of
from pybernetes.apimachinery.errors import Conflict, NotFound, StatusError
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.bootstrap.writing import context
from pybernetes.apiserver.filters.flow_control import FlowTable
from pybernetes.apiserver.registry.generic.registry import Registry
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)
_DANGLING = "Dangling"


def condition(schema: FlowSchema, exists: bool, now: str) -> FlowSchemaCondition | None:
    """The condition to write; None when it is right already."""
    level = schema.spec.priorityLevelConfiguration.name
    status, reason = ("False", "Found") if exists else ("True", "NotFound")
    how = "and it exists" if exists else "but there is no such object"
    message = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}" {how}'
    held = condition_of(schema.status.conditions, _DANGLING)
    if held is not None and (held.status, held.reason, held.message) == (status, reason, message):
        return None
    return FlowSchemaCondition(type=_DANGLING, status=status, reason=reason, message=message, lastTransitionTime=now)


async def keep_conditions(registry: Registry, table: FlowTable, clock: Clock) -> None:
    """Writes conditions whenever schemas or levels change, until cancelled."""
    while True:
        table.changed.clear()
        for schema in table.schemas():
            wanted = condition(schema, table.has_level(schema), format_time(clock.now()))
            if wanted is not None:
                await _write(registry, schema, wanted)
        await table.changed.wait()


async def _write(registry: Registry, schema: FlowSchema, wanted: FlowSchemaCondition) -> None:
    changed = fresh(schema)
    changed.status.conditions = [*(c for c in schema.status.conditions if c.type != _DANGLING), wanted]
    resource = resource_of(FlowSchema)
    ctx = context(resource, "update", "", schema.metadata.name or "")
    ctx.subresource = "status"
    try:
        await registry.storage_for(resource).subresources["status"].update(ctx, changed)
    except (Conflict, NotFound):
        return  # its next event comes back here
    except StatusError as error:
        log.warning("condition of the FlowSchema %s: %s", schema.metadata.name, error)
