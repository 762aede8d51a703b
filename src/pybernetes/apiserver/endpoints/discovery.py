"""Discovery: what is served, plain (one group-version a request) and aggregated (all in one).

Source: apiserver/pkg/endpoints/discovery, discovery/aggregated (KEP-3352), endpoints/installer.go.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from pybernetes.apimachinery.scheme import Resource, Subresource
from pybernetes.apiserver.aggregation import merging
from pybernetes.apiserver.aggregation.merging import NoRemotes, Remotes
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.endpoints.negotiation import PROTOBUF, Form, negotiate
from pybernetes.apiserver.endpoints.served import ServedResources
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import page_not_found

_AGGREGATED = tuple(("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{v}") for v in ("v2", "v2beta1"))
_FOREIGN: dict[str, tuple[str, str]] = {
    "Scale": ("autoscaling", "v1"),
    "TokenRequest": ("authentication.k8s.io", "v1"),
    "Eviction": ("policy", "v1"),
}
"""Kinds of subresources that belong to another group than their resource."""


class Discovery:
    """Answers discovery; every document is made once."""

    def __init__(
        self, served: ServedResources, server_address: Callable[[], str], remotes: Remotes | None = None
    ) -> None:
        self._served = served
        self.remotes: Remotes = remotes or NoRemotes()
        self._server_address = server_address
        self._documents: dict[tuple[str, ...], bytes] = {}
        self._made_of = self._state()

    def answer(self, request: Request) -> Response | None:
        """The answer to a discovery path; None when the path is none."""
        parts = request.path.strip("/").split("/")
        served = self._served
        if self._state() != self._made_of:
            self._documents.clear()
            self._made_of = self._state()
        if parts == ["api"]:
            return self._root(request, "api", self._api_versions)
        if parts == ["apis"]:
            return self._root(request, "apis", self._group_list)
        if parts[0] == "api" and len(parts) == 2 and served.has("", parts[1]):
            return self._plain(request, ("", parts[1]), lambda: self._resource_list("", parts[1]))
        if parts[0] == "apis" and len(parts) == 2 and self._versions(parts[1]):
            return self._plain(request, ("group", parts[1]), lambda: self._group(parts[1], alone=True))
        if parts[0] == "apis" and len(parts) == 3 and served.has(parts[1], parts[2]):
            return self._plain(request, (parts[1], parts[2]), lambda: self._resource_list(parts[1], parts[2]))
        return page_not_found() if parts[0] in ("api", "apis") and len(parts) <= 3 else None

    def _state(self) -> tuple[int, int]:
        return self._served.changes, self.remotes.changes

    def _groups(self) -> list[str]:
        return merging.groups(self._served.groups(), self.remotes)

    def _versions(self, group: str) -> list[str]:
        return merging.versions(group, self._served.versions(group), self.remotes)

    def _root(self, request: Request, prefix: str, plain: Callable[[], dict[str, Any]]) -> Response:
        form = negotiate(request, _AGGREGATED)
        if form.kind and form.media_type == PROTOBUF:
            form = negotiate(request, _AGGREGATED, protobuf=False)
        if not form.kind:
            return self._answer(request, form, (prefix,), plain)
        made = self._answer(request, form, (prefix, form.version), lambda: self._aggregated(prefix, form.version))
        media = f"{form.media_type};g=apidiscovery.k8s.io;v={form.version};as=APIGroupDiscoveryList"
        changed = {"Content-Type": media, "Cache-Control": "public"}
        made.headers = [(k, changed.get(k, v)) for k, v in made.headers]
        made.headers.append(("Vary", "Accept"))
        tag = f'"{hashlib.sha256(self._documents[(prefix, form.version)]).hexdigest().upper()}"'
        made.headers.append(("ETag", tag))
        if request.headers.get("if-none-match") == tag:
            return Response(304, [("ETag", tag), ("Vary", "Accept")])
        return made

    def _plain(self, request: Request, key: tuple[str, ...], make: Callable[[], dict[str, Any]]) -> Response:
        return self._answer(request, negotiate(request), key, make)

    def _answer(
        self, request: Request, form: Form, key: tuple[str, ...], make: Callable[[], dict[str, Any]]
    ) -> Response:
        document = self._documents.get(key)
        if document is None:
            document = self._documents[key] = orjson.dumps(make())
        return answer(request, form, document)

    def _api_versions(self) -> dict[str, Any]:
        return {
            "kind": "APIVersions",
            "versions": self._served.versions(""),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._server_address()}],
        }

    def _group_list(self) -> dict[str, Any]:
        groups = [self._group(group) for group in self._groups()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group(self, group: str, alone: bool = False) -> dict[str, Any]:
        versions = [{"groupVersion": f"{group}/{v}", "version": v} for v in self._versions(group)]
        head = {"kind": "APIGroup", "apiVersion": "v1"} if alone else {}
        return {**head, "name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resource_list(self, group: str, version: str) -> dict[str, Any]:
        resources: list[dict[str, Any]] = []
        for resource in self._served.resources(group, version):
            resources.append(_resource(resource))
            resources += [_subresource(resource, sub) for sub in resource.subresources]
        group_version = f"{group}/{version}" if group else version
        head = {"kind": "APIResourceList", "apiVersion": "v1"} if group else {"kind": "APIResourceList"}
        return {**head, "groupVersion": group_version, "resources": resources}

    def _aggregated(self, prefix: str, version: str) -> dict[str, Any]:
        groups = [""] if prefix == "api" else self._groups()
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": [
                {
                    "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
                    "versions": [self._version(group, v) for v in self._versions(group)],
                }
                for group in groups
            ],
        }

    def _version(self, group: str, version: str) -> dict[str, Any]:
        remote = self.remotes.remote.get((group, version))
        if remote is not None:
            return merging.discovered(remote)
        resources = [_discovered(resource) for resource in self._served.resources(group, version)]
        return {"version": version, "resources": resources, "freshness": "Current"}


def _resource(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        found["shortNames"] = list(resource.short_names)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if "watch" in resource.verbs:  # else nothing is stored
        digest = hashlib.sha256(_storage_version(resource).encode()).digest()
        found["storageVersionHash"] = base64.b64encode(digest[:8]).decode()
    return found


def _storage_version(resource: Resource) -> str:
    """group/version/kind of what lies in the store: clients see by its hash that objects are to be written again."""
    if resource.custom:
        return f"{resource.group}/{resource.stored_version}/{resource.kind}"
    from pybernetes.apiserver.registry.generic.versions import stored_as

    stored = stored_as(resource)
    return f"{stored.group}/{stored.version}/{stored.kind}"


def _subresource(resource: Resource, sub: Subresource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": f"{resource.plural}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if sub.kind in _FOREIGN:
        group, version = _FOREIGN[sub.kind]
        if group:
            found |= {"group": group, "version": version}
    found |= {"kind": sub.kind, "verbs": list(sub.verbs)}
    return found


def _discovered(resource: Resource) -> dict[str, Any]:
    kind = {**_own(resource), "kind": resource.kind}
    found: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        found["shortNames"] = list(resource.short_names)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if resource.subresources:
        found["subresources"] = [
            {"subresource": sub.name, "responseKind": _response_kind(resource, sub), "verbs": list(sub.verbs)}
            for sub in resource.subresources
        ]
    return found


def _response_kind(resource: Resource, sub: Subresource) -> dict[str, str]:
    if sub.kind not in _FOREIGN:
        return {**_own(resource), "kind": sub.kind}
    group, version = _FOREIGN[sub.kind]
    return {"group": group, "version": version, "kind": sub.kind}


def _own(resource: Resource) -> dict[str, str]:
    """The group and version of a kind in a document of just these; built-in kinds leave them out, as upstream's do."""
    return {"group": resource.group, "version": resource.version} if resource.custom else {"group": "", "version": ""}
