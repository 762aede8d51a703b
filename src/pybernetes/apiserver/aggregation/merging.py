"""Remote groups among this apiserver's own, as discovery tells of them. Pure.

Source: kube-aggregator/pkg/apiserver/{handler_apis,handler_discovery}.go,
apiserver/pkg/endpoints (ConvertGroupVersionIntoToDiscovery).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from pybernetes.apiserver.aggregation import local, plan
from pybernetes.http.messages import Response

if TYPE_CHECKING:
    from pybernetes.apiserver.aggregation.aggregator import Remote


_DEFINITIONS = "#/definitions/"
_SHARED = "io.k8s.apimachinery.pkg."


class Described(NamedTuple):
    """A remote group-version in OpenAPI v2."""

    tag: str
    """Changes when the rest does."""
    paths: Mapping[str, Any]
    definitions: Mapping[str, Any]


class Remotes(Protocol):
    """What other servers serve: an Aggregator."""

    @property
    def described(self) -> Mapping[tuple[str, str], Described]: ...

    @property
    def changes(self) -> int: ...

    @property
    def remote(self) -> Mapping[tuple[str, str], Remote]: ...


class NoRemotes:
    """All groups are this server's own."""

    changes = 0
    described: Mapping[tuple[str, str], Described] = {}
    remote: Mapping[tuple[str, str], Remote] = {}


def groups(own: list[str], remotes: Remotes) -> list[str]:
    """All groups but the core one, those of greater priority first."""
    foreign = {group for group, _ in remotes.remote if group} - set(own)
    if not foreign:
        return own
    rank = {group: _own_priority(group) for group in own}
    for (group, _), remote in remotes.remote.items():
        if group in foreign:
            rank[group] = max(rank.get(group, 0), remote.api_service.spec.groupPriorityMinimum)
    position = {group: index for index, group in enumerate(own)}
    return sorted(rank, key=lambda group: (-rank[group], position.get(group, len(own)), group))


def versions(group: str, own: list[str], remotes: Remotes) -> list[str]:
    """The versions of a group, the preferred first."""
    foreign = {version: remote for (g, version), remote in remotes.remote.items() if g == group}
    if not foreign:
        return own

    def rank(version: str) -> int:
        if version in foreign:
            return foreign[version].api_service.spec.versionPriority
        given = local.priorities(group, version)
        return given[1] if given is not None else local.CUSTOM_VERSION_PRIORITY

    return sorted({*own, *foreign}, key=lambda version: (-rank(version), version))


def discovered(remote: Remote) -> dict[str, Any]:
    """One version of a group in the aggregated document."""
    spec = remote.api_service.spec
    found: dict[str, dict[str, Any]] = {}
    listed = [
        r for r in remote.resources.get("resources", []) if isinstance(r, dict) and isinstance(r.get("name"), str)
    ]
    for resource in listed:
        name, _, sub = resource["name"].partition("/")
        kind = {
            "group": resource.get("group") or spec.group,
            "version": resource.get("version") or spec.version,
            "kind": resource.get("kind", ""),
        }
        verbs = resource.get("verbs", [])
        if sub:
            parent = found.setdefault(name, {"resource": name, "scope": _scope(resource), "verbs": []})
            subresource = {"subresource": sub, "responseKind": kind, "verbs": verbs}
            parent.setdefault("subresources", []).append(subresource)
            continue
        made = found.setdefault(name, {})
        made |= {"resource": name, "responseKind": kind, "scope": _scope(resource)}
        made |= {"singularResource": resource.get("singularName", ""), "verbs": verbs}
        made |= {key: resource[key] for key in ("shortNames", "categories") if resource.get(key)}
    freshness = "Current" if plan.is_available(remote.api_service) else "Stale"
    return {"version": spec.version, "resources": list(found.values()), "freshness": freshness}


def openapi_index(answer: Response, urls: Mapping[str, str], known_tag: str) -> Response:
    """The index of OpenAPI v3 documents with further ones; 304 when the client has it."""
    assert isinstance(answer.body, bytes)
    index = orjson.loads(answer.body)
    index["paths"] |= {path: {"serverRelativeURL": url} for path, url in urls.items()}
    body = orjson.dumps(index)
    tag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
    headers = [(name, tag if name.lower() == "etag" else value) for name, value in answer.headers]
    if tag in [each.strip() for each in known_tag.split(",")]:
        return Response(304, [(name, value) for name, value in headers if name.lower() != "content-type"])
    return Response(200, headers, body)


def described(document: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The paths of one group-version in a server's OpenAPI v2 document, and the definitions that they need.

    Those of the API machinery are ours, so theirs are left out.
    """
    paths = {
        path: item
        for path, item in (document.get("paths") or {}).items()
        if path.rstrip("/") == prefix or path.startswith(f"{prefix}/")
    }
    known = document.get("definitions") or {}
    wanted: dict[str, Any] = {}
    left = list(_references(paths))
    while left:
        name = left.pop()
        if name in wanted or name not in known or name.startswith(_SHARED):
            continue
        wanted[name] = known[name]
        left += _references(known[name])
    return paths, wanted


def _references(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == "$ref" and isinstance(value, str):
                yield value.removeprefix(_DEFINITIONS)
            else:
                yield from _references(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _references(item)


def _scope(resource: dict[str, Any]) -> str:
    return "Namespaced" if resource.get("namespaced") else "Cluster"


def _own_priority(group: str) -> int:
    given = local.priorities(group, "v1")
    if given is not None:
        return given[0]
    return 20000 if group == "apiregistration.k8s.io" else local.CUSTOM_GROUP_PRIORITY
