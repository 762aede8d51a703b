"""The client's verbs for any Resource, custom ones too, on JSON trees (dict)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.query import PATCH_TYPES, body_of, delete_options, target

if TYPE_CHECKING:
    from pybernetes.client.client import Client

Tree = dict[str, Any]


@dataclass(slots=True)
class TreeList:
    items: list[Tree]
    resource_version: str
    continue_: str = ""


class DynamicClient:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, resource: Resource, name: str, namespace: str = "", subresource: str = "") -> Tree:
        return await self._send("GET", target(resource.path(namespace, name, subresource)))

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
    ) -> TreeList:
        where = target(
            resource.path(namespace),
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=limit,
            continue_=continue_,
            resourceVersion=resource_version,
        )
        tree = await self._send("GET", where)
        meta = tree.get("metadata") or {}
        return TreeList(tree.get("items") or [], meta.get("resourceVersion", ""), meta.get("continue", ""))

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
        timeout_s: int = 0,
    ) -> AsyncIterator[tuple[str, Tree]]:
        where = target(
            resource.path(namespace),
            watch=True,
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            allowWatchBookmarks=bookmarks,
            timeoutSeconds=timeout_s,
        )
        async with contextlib.aclosing(self._client.watch_lines(where)) as lines:
            async for kind, raw in lines:
                yield kind, msgspec.json.decode(raw)

    async def create(self, resource: Resource, tree: Tree, namespace: str = "") -> Tree:
        space = namespace or tree.get("metadata", {}).get("namespace", "")
        return await self._send("POST", target(resource.path(space)), body_of(tree))

    async def update(self, resource: Resource, tree: Tree, subresource: str = "") -> Tree:
        meta = tree["metadata"]
        path = resource.path(meta.get("namespace", ""), meta["name"], subresource)
        return await self._send("PUT", target(path), body_of(tree))

    async def update_status(self, resource: Resource, tree: Tree) -> Tree:
        return await self.update(resource, tree, "status")

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        body: Any,
        *,
        patch_type: str = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Tree:
        where = target(resource.path(namespace, name, subresource), fieldManager=field_manager, force=force)
        return await self._send("PATCH", where, body_of(body), PATCH_TYPES[patch_type])

    async def apply(self, resource: Resource, tree: Tree, field_manager: str, force: bool = False) -> Tree:
        meta = tree["metadata"]
        return await self.patch(
            resource,
            meta["name"],
            meta.get("namespace", ""),
            tree,
            patch_type="apply",
            field_manager=field_manager,
            force=force,
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_s: int | None = None,
        propagation: str = "",
    ) -> None:
        body = delete_options(
            uid=uid, resource_version=resource_version, grace_period_s=grace_period_s, propagation=propagation
        )
        await self._send("DELETE", target(resource.path(namespace, name)), body)

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        grace_period_s: int | None = None,
        propagation: str = "",
    ) -> None:
        body = delete_options(grace_period_s=grace_period_s, propagation=propagation)
        await self._send("DELETE", target(resource.path(namespace), labelSelector=label_selector), body)

    async def _send(self, method: str, where: str, body: bytes = b"", content_type: str = "application/json") -> Tree:
        path, _, query = where.partition("?")
        answer = await self._client.raw(method, path, query, {"content-type": content_type}, body)
        tree: Tree = msgspec.json.decode(answer.body) if answer.body else {}
        return tree
