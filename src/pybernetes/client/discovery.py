"""Which resources the apiserver serves, and which of them are a kind.

Source: client-go/discovery (aggregated discovery first, then plain), apimachinery/pkg/api/meta/restmapper.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.client import Client

_STALE = "Stale"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

Tree = dict[str, Any]


@dataclass(slots=True)
class Discovered:
    resources: list[Resource] = field(default_factory=list)
    """Every one once, in its group's preferred version."""
    failed: dict[str, str] = field(default_factory=dict)
    """What is wrong, by the group-version that could not be discovered: their servers may be away."""


async def discover(client: Client) -> Discovered:
    """What there is. Raises StatusError or OSError when nothing can be discovered at all."""
    found: dict[tuple[str, str], Resource] = {}
    failed: dict[str, str] = {}
    for root in ("/api", "/apis"):
        tree = await _get(client, root, _AGGREGATED)
        if tree.get("kind") == "APIGroupDiscoveryList":
            served = _aggregated(tree, failed)
        else:
            served = await _plain(client, root, tree, failed)
        for resource in served:
            found.setdefault((resource.group, resource.plural), resource)
    return Discovered(list(found.values()), failed)


async def preferred_resources(client: Client) -> list[Resource]:
    """The resources of what can be discovered."""
    return (await discover(client)).resources


async def resources_in(client: Client, group: str, version: str) -> list[Resource]:
    """What one group-version has; nothing where it is not served."""
    try:
        return _resources(group, version, await _get(client, _place(group, version)))
    except errors.NotFound:
        return []


async def resource_in(client: Client, group: str, version: str, kind: str) -> tuple[Resource, bool] | None:
    """The resource of a kind in one group-version and whether it has a scale; None when there is none."""
    try:
        listed = await _get(client, _place(group, version))
    except errors.NotFound:
        return None
    names = {entry["name"] for entry in listed.get("resources", ())}
    for resource in _resources(group, version, listed):
        if resource.kind == kind:
            return resource, f"{resource.plural}/scale" in names
    return None


async def resources_of(client: Client, group: str, kind: str) -> list[Resource]:
    """The resource of a kind in every version of its group, the preferred version first."""
    versions = ["v1"]
    if group:
        try:
            versions = [each["version"] for each in (await _get(client, f"/apis/{group}")).get("versions", ())]
        except errors.NotFound:
            return []
    found = [await resource_in(client, group, version, kind) for version in versions]
    return [each[0] for each in found if each is not None]


async def _get(client: Client, path: str, accept: str = "application/json") -> Tree:
    answer = await client.raw("GET", path, headers={"accept": accept})
    tree: Tree = msgspec.json.decode(answer.body)
    return tree


def _aggregated(tree: Tree, failed: dict[str, str]) -> list[Resource]:
    """In the order of groups and versions, so preferred versions first."""
    found = []
    for group in tree.get("items", ()):
        group_name = group.get("metadata", {}).get("name", "")
        for version in group.get("versions", ()):
            if version.get("freshness") == _STALE:
                name = f"{group_name}/{version['version']}"
                failed[name] = f"stale GroupVersion discovery: {name}"
                continue
            found += [
                Resource(
                    group_name,
                    version["version"],
                    entry["resource"],
                    entry.get("responseKind", {}).get("kind", ""),
                    entry.get("scope") == "Namespaced",
                    tuple(entry.get("verbs", ())),
                )
                for entry in version.get("resources", ())
            ]
    return found


async def _plain(client: Client, root: str, tree: Tree, failed: dict[str, str]) -> list[Resource]:
    if root == "/api":
        places = [("", version) for version in tree.get("versions", ())]
    else:
        places = []
        for group in tree.get("groups", ()):
            preferred = group.get("preferredVersion", {}).get("version")
            versions = sorted((v["version"] for v in group["versions"]), key=lambda v: v != preferred)
            places += [(group["name"], version) for version in versions]
    found = []
    for name, version in places:
        try:
            listed = await _get(client, _place(name, version))
        except errors.StatusError as error:
            failed[f"{name}/{version}" if name else version] = error.message
            continue
        found += _resources(name, version, listed)
    return found


def _place(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _resources(group: str, version: str, listed: Tree) -> list[Resource]:
    return [
        Resource(group, version, entry["name"], entry["kind"], entry["namespaced"], tuple(entry.get("verbs", ())))
        for entry in listed.get("resources", ())
        if "/" not in entry["name"]
    ]
