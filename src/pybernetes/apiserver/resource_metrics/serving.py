"""Answers metrics.k8s.io/v1beta1: get and list of nodes and pods, as objects, Tables or metadata.

It stands where the server of a remote APIService would: an APIService without a Service names it. When somebody
installs a metrics server of their own, that APIService names its Service, and requests go there.
Source: metrics-server pkg/api/{node,pod,table}.go, pkg/api/install.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from pybernetes.api.core.v1 import Node, Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.errors import MethodNotAllowed, NotFound, not_found
from pybernetes.apimachinery.pods import is_terminal
from pybernetes.apimachinery.scheme import Resource, resource_of
from pybernetes.apimachinery.times import format_duration, format_time
from pybernetes.apiserver.endpoints import answers, tables
from pybernetes.apiserver.endpoints.negotiation import LIST_FORMS, OBJECT_FORMS, Form, negotiate
from pybernetes.apiserver.feeds import APISERVER
from pybernetes.apiserver.registry.generic.interface import Column, ListOptions, RequestContext
from pybernetes.apiserver.resource_metrics.openapi import DOCUMENT
from pybernetes.apiserver.resource_metrics.resources import GROUP, NODES, PATH, PODS, RESOURCES, VERBS, VERSION
from pybernetes.apiserver.resource_metrics.sampler import Pair, Sampler
from pybernetes.apiserver.resource_metrics.samples import Usage, pod_usage, used
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import page_not_found

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry
    from pybernetes.apiserver.request_info import RequestInfo
    from pybernetes.host.clock import Clock

_NOT_ALLOWED = "the server does not allow this method on the requested resource"
_FRESH_S = 1.0


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}


class _Spec(msgspec.Struct, frozen=True):
    nodeName: str = ""


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Subject(msgspec.Struct, frozen=True):
    """What of a Node or Pod is needed."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


_subjects = msgspec.json.Decoder(_Subject)


class Shown:
    """The columns of a Table of nodes or pods."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.columns: Sequence[Column] = [
            Column("Name", "string", "name"),
            Column("cpu"),
            Column("memory"),
            Column("Window", "string", "duration"),
        ]

    def row(self, value: bytes, now: float) -> list[Any]:
        tree = orjson.loads(value)
        usages = [tree["usage"]] if "usage" in tree else [each["usage"] for each in tree["containers"]]
        cpu = sum(quantity.nano(each["cpu"]) for each in usages)
        memory = sum(quantity.value(each["memory"]) for each in usages)
        cells = [quantity.from_nano(cpu), quantity.from_value(memory, "BinarySI")]
        return [tree["metadata"]["name"], *cells, tree["window"]]

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        return []


class Serving:
    def __init__(self, registry: Registry, sampler: Sampler, clock: Clock) -> None:
        self._registry = registry
        self._sampler = sampler
        self._clock = clock

    async def serve(self, request: Request) -> Response:
        info: RequestInfo = request.context["info"]
        if not info.is_resource:
            return _page(request)
        resource = {"nodes": NODES, "pods": PODS}.get(info.resource)
        if resource is None or info.subresource or (info.resource == "nodes" and info.namespace):
            raise NotFound("the server could not find the requested resource")
        if info.verb not in VERBS or (info.verb == "get" and resource is PODS and not info.namespace):
            raise MethodNotAllowed(_NOT_ALLOWED)
        form = negotiate(request, LIST_FORMS if info.verb == "list" else OBJECT_FORMS)
        params = request.params()
        options = ListOptions(params.get("labelSelector", [""])[0], params.get("fieldSelector", [""])[0])
        found = await self._found(resource, info, options)
        if info.verb == "get":
            if not found:
                raise not_found(GROUP, resource.plural, info.name)
            return answers.answer(request, form, self._one(resource, found[0], form, params))
        return answers.answer(request, form, self._list(resource, found, form, params))

    def _one(self, resource: Resource, value: bytes, form: Form, params: dict[str, list[str]]) -> bytes:
        include = tables.include_object(params)
        return tables.transformed(Shown(resource), value, form, include, self._clock.now())

    def _list(self, resource: Resource, found: list[bytes], form: Form, params: dict[str, list[str]]) -> bytes:
        if form.kind == "Table":
            include = tables.include_object(params)
            return tables.table(Shown(resource), found, b"{}", form, include, self._clock.now())
        if form.kind:
            return tables.partial_list(found, b"{}", form)
        head = b'{"kind":"%bList","apiVersion":"%b/%b","metadata":{},"items":[%b]}'
        return head % (resource.kind.encode(), GROUP.encode(), VERSION.encode(), b",".join(found))

    async def _found(self, resource: Resource, info: RequestInfo, options: ListOptions) -> list[bytes]:
        subjects = await self._subjects(resource, info, options)
        if resource is NODES:
            sampled = await self._sampler.sampled(subject.metadata.name for subject in subjects)
            if info.verb == "list" and not options.label_selector and not options.field_selector:
                self._sampler.forget(subject.metadata.name for subject in subjects)
            return [
                self._node(subject, usage)
                for subject in subjects
                if (pair := sampled.get(subject.metadata.name)) is not None
                and (usage := used(pair[0].node, pair[1].node)) is not None
            ]
        running = [s for s in subjects if s.spec.nodeName and not is_terminal(s.status.phase)]
        sampled = await self._sampler.sampled(subject.spec.nodeName for subject in running)
        unseen = {s.spec.nodeName for s in running if s.spec.nodeName in sampled and not _usages(s, sampled)}
        if unseen:
            # Pods that began after the last sample need not wait for the next.
            sampled |= await self._sampler.sampled(unseen, _FRESH_S)
        return [self._pod(subject, usages) for subject in running if (usages := _usages(subject, sampled))]

    async def _subjects(self, resource: Resource, info: RequestInfo, options: ListOptions) -> list[_Subject]:
        stored = resource_of(Node if resource is NODES else Pod)
        storage = self._registry.storage_for(stored)
        namespace = info.namespace if stored.namespaced else ""
        ctx = RequestContext(APISERVER, stored, info.verb, namespace, info.name)
        if info.verb == "list":
            return [_subjects.decode(value) for value in (await storage.list(ctx, options)).items]
        try:
            return [_subjects.decode(await storage.get(ctx))]
        except NotFound:
            raise not_found(GROUP, resource.plural, info.name) from None

    def _node(self, subject: _Subject, usage: Usage) -> bytes:
        return orjson.dumps({**self._head(NODES, subject, [usage]), "usage": _told(usage)})

    def _pod(self, subject: _Subject, usages: Mapping[str, Usage]) -> bytes:
        containers = [{"name": name, "usage": _told(usage)} for name, usage in usages.items()]
        return orjson.dumps({**self._head(PODS, subject, usages.values()), "containers": containers})

    def _head(self, resource: Resource, subject: _Subject, usages: Iterable[Usage]) -> dict[str, Any]:
        first = min(usages, key=lambda usage: usage.at)
        metadata: dict[str, Any] = {"name": subject.metadata.name}
        if subject.metadata.namespace:
            metadata["namespace"] = subject.metadata.namespace
        metadata["creationTimestamp"] = format_time(self._clock.now())
        if subject.metadata.labels:
            metadata["labels"] = subject.metadata.labels
        return {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "timestamp": format_time(first.at),
            "window": format_duration(round(first.window_s, 3)),
        }


def _usages(subject: _Subject, sampled: Mapping[str, Pair]) -> dict[str, Usage]:
    pair = sampled.get(subject.spec.nodeName)
    return pod_usage(*pair, (subject.metadata.namespace, subject.metadata.name)) if pair is not None else {}


def _told(usage: Usage) -> dict[str, str]:
    memory = quantity.from_value(usage.memory_bytes, "BinarySI")
    return {"cpu": quantity.from_nano(usage.cpu_nano), "memory": memory}


def _page(request: Request) -> Response:
    """The paths of the group-version that are no resources: its list of resources and its description."""
    if request.path.rstrip("/") == PATH:
        return answers.answer(request, negotiate(request), orjson.dumps(RESOURCES))
    if request.path == f"/openapi/v3{PATH}":
        return Response(200, [("Content-Type", "application/json")], orjson.dumps(DOCUMENT))
    return page_not_found()
