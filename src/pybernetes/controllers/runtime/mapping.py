"""From a kind to the resources that are it, as the apiserver's discovery tells.

Source: apimachinery/pkg/api/meta/restmapper.go (RESTMappings), client-go/restmapper.
"""

from __future__ import annotations

import msgspec

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import Resource
from pybernetes.client.client import Client


async def resource_in(client: Client, group: str, version: str, kind: str) -> tuple[Resource, bool] | None:
    """The resource of a kind in one group-version and whether it has a scale; None when there is none."""
    try:
        answer = await client.raw("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
    except errors.NotFound:
        return None
    served = msgspec.json.decode(answer.body).get("resources", [])
    names = {entry["name"] for entry in served}
    for entry in served:
        if entry["kind"] == kind and "/" not in entry["name"]:
            resource = Resource(group, version, entry["name"], kind, entry["namespaced"], tuple(entry.get("verbs", ())))
            return resource, f"{entry['name']}/scale" in names
    return None


async def resources_of(client: Client, group: str, kind: str) -> list[Resource]:
    """The resource of a kind in every version of its group, the preferred version first."""
    versions = ["v1"]
    if group:
        try:
            answer = await client.raw("GET", f"/apis/{group}")
        except errors.NotFound:
            return []
        versions = [each["version"] for each in msgspec.json.decode(answer.body).get("versions", [])]
    found = [await resource_in(client, group, version, kind) for version in versions]
    return [each[0] for each in found if each is not None]
