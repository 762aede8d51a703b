"""Objects of any resource with nothing but their metadata: for those who ask only who owns whom."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.client import Client, ListResult, WatchEvent
from pybernetes.client.decode import decode_list, decode_object
from pybernetes.client.query import PATCH_TYPES, body_of, target


class PartialObject(msgspec.Struct, kw_only=True):
    """The decoder skips all other fields, which is cheaper than any conversion by the server."""

    apiVersion: str = ""
    kind: str = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


class MetadataClient:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, resource: Resource, name: str, namespace: str = "") -> PartialObject:
        answer = await self._client.raw("GET", target(resource.path(namespace, name)))
        return decode_object(PartialObject, answer.body)

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
    ) -> ListResult[PartialObject]:
        where = target(resource.path(namespace), limit=limit, continue_=continue_, resourceVersion=resource_version)
        path, _, query = where.partition("?")
        page = decode_list(PartialObject, (await self._client.raw("GET", path, query)).body)
        return ListResult(page.items, page.metadata.resourceVersion or "", page.metadata.continue_ or "")

    async def patch(
        self, resource: Resource, name: str, namespace: str, body: Any, patch_type: str = "merge"
    ) -> PartialObject:
        where = target(resource.path(namespace, name))
        headers = {"content-type": PATCH_TYPES[patch_type]}
        return decode_object(PartialObject, (await self._client.raw("PATCH", where, "", headers, body_of(body))).body)


class MetadataSource:
    """Lists and watches one resource for a reflector."""

    def __init__(self, client: Client, resource: Resource) -> None:
        self.name = f"metadata of {resource.qualified}"
        self._client = client
        self._resource = resource
        self._metadata = MetadataClient(client)

    async def list(self, limit: int, continue_: str, resource_version: str) -> ListResult[PartialObject]:
        return await self._metadata.list(
            self._resource, limit=limit, continue_=continue_, resource_version=resource_version
        )

    async def watch(self, resource_version: str, timeout_s: int) -> AsyncIterator[WatchEvent[PartialObject]]:
        where = target(
            self._resource.path(),
            watch=True,
            resourceVersion=resource_version,
            allowWatchBookmarks=True,
            timeoutSeconds=timeout_s,
        )
        async with contextlib.aclosing(self._client.watch_lines(where)) as lines:
            async for kind, raw in lines:
                yield WatchEvent(kind, decode_object(PartialObject, raw))
