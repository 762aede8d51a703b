"""What an admission plugin says of an update of a Pod, in a cluster of one node."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.interface import Attributes, Plugin
from pybernetes.apiserver.registry.generic.interface import RequestContext


def refusal(kind: type[Plugin], node: core.Node, new: core.Pod, old: core.Pod) -> errors.StatusError | None:
    class Nodes:
        async def read(self, cls: type, name: str, namespace: str = "") -> Any:
            return node if (cls, name) == (core.Node, node.metadata.name) else None

    resource = find("", "v1", "pods")
    assert resource is not None
    ctx = RequestContext(
        user=UserInfo("u"), resource=resource, verb="update", namespace="default", name="p", subresource="resize"
    )
    try:
        asyncio.run(kind(Nodes()).validate(Attributes(ctx, "UPDATE", new, old)))  # type: ignore[arg-type]
    except errors.StatusError as error:
        return error
    return None
