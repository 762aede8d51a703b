"""`up --gateway-api`: the definitions of the Gateway API. Its class is made by the controller that serves it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from pybernetes.api.apiextensions.v1 import CustomResourceDefinition
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.errors import AlreadyExists
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.client.client import Client
from pybernetes.cluster.errors import ClusterError
from pybernetes.ingress import gateways

_APPROVAL = "api-approved.kubernetes.io"


def _manifests() -> list[dict[str, Any]]:
    import yaml

    file = Path(gateways.__file__).with_name("definitions.yaml")
    items: list[dict[str, Any]] = yaml.safe_load(file.read_text())["items"]
    return items


async def _established(client: Client, name: str, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            async for event in client.watch(CustomResourceDefinition, field_selector=f"metadata.name={name}"):
                if condition_holds(event.object.status.conditions, "Established"):
                    return
    raise ClusterError(f"the definition {name} is not served; see: kubectl describe crd {name}")


async def install(client: Client, timeout_s: float) -> None:
    """Definitions of somebody else are left as they are; ours of another version are brought up to date.

    Raises ClusterError for one that is not served in time.
    """
    definitions = _manifests()
    resource = resource_of(CustomResourceDefinition)
    for tree in definitions:
        try:
            await client.dynamic.create(resource, tree)
        except AlreadyExists:
            held = await client.get(CustomResourceDefinition, tree["metadata"]["name"])
            if held.metadata.annotations.get(_APPROVAL) == tree["metadata"]["annotations"][_APPROVAL]:
                await client.dynamic.apply(resource, tree, "pybernetes", force=True)
        await _established(client, tree["metadata"]["name"], timeout_s)
