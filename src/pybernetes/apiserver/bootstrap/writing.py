"""How the bootstrap writes: through the registry like any request, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from pybernetes.apimachinery.errors import AlreadyExists, Conflict, Invalid, NotFound
from pybernetes.apimachinery.scheme import Resource, resource_of
from pybernetes.apiserver.feeds import APISERVER
from pybernetes.apiserver.registry.generic.interface import Registry, RequestContext

T = TypeVar("T", bound=msgspec.Struct)
_ATTEMPTS = 5
_PAUSE_S = 0.3
_AGENT = "kube-apiserver"


async def ensure(
    registry: Registry, wanted: T, reconcile: Callable[[T, T], bool] | None = None, *, subresource: str = ""
) -> None:
    """Creates `wanted`; when it is there, lets `reconcile(existing, wanted)` change it and writes that.

    `reconcile` returns whether it changed anything; `subresource` is where that is written. Safe against other
    writers at the same time.
    """
    resource = resource_of(type(wanted))
    storage = registry.storage_for(resource)
    metadata: Any = getattr(wanted, "metadata")  # noqa: B009
    namespace, name = metadata.namespace or "", metadata.name
    for attempt in range(_ATTEMPTS):
        try:
            held = await storage.get(context(resource, "get", namespace, name))
        except NotFound:
            try:
                await storage.create(context(resource, "create", namespace), wanted)
            except AlreadyExists:
                continue
            except Invalid:
                # Another apiserver of a new cluster holds the address that it is just writing.
                if attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_PAUSE_S)
                continue
            return
        if reconcile is None:
            return
        existing = msgspec.json.decode(held, type=type(wanted))
        if not reconcile(existing, wanted):
            return
        ctx = context(resource, "update", namespace, name)
        ctx.subresource = subresource
        try:
            await (storage.subresources[subresource] if subresource else storage).update(ctx, existing)
        except (Conflict, NotFound):
            continue
        return


def context(resource: Resource, verb: str, namespace: str = "", name: str = "") -> RequestContext:
    return RequestContext(APISERVER, resource, verb, namespace, name, user_agent=_AGENT)
