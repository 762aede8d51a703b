"""Deleting Pods that are in the way of something, so that their status tells why.

Source: pkg/controller/tainteviction/taint_eviction.go (addConditionAndDeletePod).
"""

from __future__ import annotations

from typing import Any

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.times import format_time
from pybernetes.client.client import Client

_TARGET = "DisruptionTarget"


async def evict(client: Client, pod: Pod, reason: str, message: str, now: float) -> None:
    """Writes the DisruptionTarget condition, where there is none yet, and deletes this very Pod."""
    name, namespace, uid = pod.metadata.name or "", pod.metadata.namespace or "", pod.metadata.uid or ""
    try:
        if not condition_holds(pod.status.conditions, _TARGET):
            told: dict[str, Any] = {
                "type": _TARGET,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": format_time(now),
            }
            if pod.metadata.generation:
                told["observedGeneration"] = pod.metadata.generation
            body = {"metadata": {"uid": uid}, "status": {"conditions": [told]}}
            await client.patch(Pod, name, namespace, body, patch_type="strategic", subresource="status")
        await client.delete(Pod, name, namespace, uid=uid)
    except errors.NotFound:
        return
