"""Follows APIServices: passes on the requests of remote ones, checks that their servers are there, keeps local ones.

Nothing but one feed of APIServices runs while all of them are local. The first remote one starts feeds of
Services and EndpointSlices; each remote one has a task that checks its server when something about it
changed and every half minute, and writes the Available condition.

Source: kube-aggregator/pkg/apiserver/apiserver.go, pkg/controllers/{status,autoregister}.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.apiregistration.v1 import APIService
from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import Resource, find, resource_of
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver import service_backends
from pybernetes.apiserver.aggregation import local, merging, plan
from pybernetes.apiserver.bootstrap.writing import context, ensure
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.feeds import APISERVER, Feed, Key
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, RequestContext
from pybernetes.apiserver.registry.generic.registry import Registry
from pybernetes.apiserver.service_backends import Problem
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Handler, Request, Response, Upgrade

if TYPE_CHECKING:
    from pybernetes.apiserver.aggregation.backend import Backend
    from pybernetes.apiserver.aggregation.in_process import InProcess

log = logging.getLogger(__name__)
_CHECK_EVERY_S = 30.0
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 30.0

GroupVersion = tuple[str, str]


class _CrdVersion(msgspec.Struct):
    name: str = ""
    served: bool = False


class _CrdSpec(msgspec.Struct):
    group: str = ""
    versions: list[_CrdVersion] = []


class _Crd(msgspec.Struct):
    """What of a CustomResourceDefinition says which group-versions there are."""

    spec: _CrdSpec


@dataclass(slots=True)
class Remote:
    """A group-version that another server serves, or this process in the place of one."""

    api_service: APIService
    backend: Backend | InProcess
    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    resources: dict[str, Any] = field(default_factory=dict)
    """Its APIResourceList, as last read."""
    openapi_url: str = ""

    @property
    def target(self) -> tuple[str, str]:
        service = self.api_service.spec.service
        return (service.namespace or "", service.name or "") if service is not None else ("", "")


class Aggregator:
    def __init__(
        self,
        registry: Registry,
        config: ApiServerConfig,
        clock: Clock,
        in_process: Mapping[GroupVersion, InProcess] | None = None,
    ) -> None:
        self.remote: dict[GroupVersion, Remote] = {}
        self.described: dict[GroupVersion, merging.Described] = {}
        """What the remote ones are in OpenAPI v2, as last read."""
        self.changes = 0
        """Rises whenever what discovery tells of remote groups may have changed."""
        self._registry = registry
        self._config = config
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._custom: dict[str, set[GroupVersion]] = {}
        self._in_process = dict(in_process or {})

    def wrap(self, inner: Handler) -> Handler:
        """The innermost filter: requests of remote group-versions go to their servers."""

        def handle(request: Request) -> Any:
            if self.remote:
                if request.path == plan.OPENAPI_V3:
                    return self._openapi_index(inner, request)
                if request.path == plan.OPENAPI_V2:
                    return self._openapi_v2(inner, request)
                remote = self.remote.get(group_version_of(request.path.removeprefix(plan.OPENAPI_V3)))
                if remote is not None:
                    return self._pass_on(remote, request)
            return inner(request)

        return handle

    def feeds(self) -> list[Feed]:
        """What must be followed from the start on."""
        definitions = find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        assert definitions is not None
        return [
            self._feed(resource_of(APIService), self._put, self._remove),
            self._feed(definitions, self._put_crd, self._remove_crd),
        ]

    async def register(self, built_in: Iterable[GroupVersion]) -> None:
        """Writes the APIServices of what is served here."""
        async with asyncio.TaskGroup() as group:
            for wanted in local.built_in(built_in):
                group.create_task(ensure(self._registry, wanted, local.reconciled))
            for at in self._in_process:
                group.create_task(ensure(self._registry, local.in_process(*at)))

    async def stop(self) -> None:
        """Ends the checks and the connections to backends."""
        tasks = [*self._tasks.values(), *(r.task for r in self.remote.values() if r.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for remote in self.remote.values():
            await remote.backend.close()

    async def _pass_on(self, remote: Remote, request: Request) -> Response | Upgrade:
        from pybernetes.apiserver.aggregation.backend import unavailable

        if not plan.is_available(remote.api_service):
            return unavailable()
        return await remote.backend.serve(request)

    async def _openapi_index(self, inner: Handler, request: Request) -> Response | Upgrade:
        """What is described in OpenAPI v3, by other servers too."""
        headers = {name: value for name, value in request.headers.items() if name != "if-none-match"}
        answer = await inner(dataclasses.replace(request, headers=headers))
        urls = {r.backend.path[1:]: r.openapi_url for r in self.remote.values() if r.openapi_url}
        if not urls or not isinstance(answer, Response) or answer.status != 200 or not isinstance(answer.body, bytes):
            return answer
        return merging.openapi_index(answer, urls, request.headers.get("if-none-match", ""))

    async def _openapi_v2(self, inner: Handler, request: Request) -> Response | Upgrade:
        """The document of all, with what other servers describe as it is now."""
        async with asyncio.TaskGroup() as group:
            for at, remote in self.remote.items():
                if plan.is_available(remote.api_service):
                    group.create_task(self._describe(at, remote))
        return await inner(request)

    async def _describe(self, at: GroupVersion, remote: Remote) -> None:
        held = self.described.get(at)
        found = await remote.backend.openapi_v2(held.tag if held is not None else "")
        if found is not None and self.remote.get(at) is remote:
            from pybernetes.apiserver.openapi import protobuf

            tag, document = found
            try:
                paths, definitions = merging.described(document, remote.backend.path)
                protobuf.addition(paths.items(), definitions.items())
            except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
                # What one server says wrongly must not take the document from all.
                log.warning("OpenAPI v2 of %s cannot be used: %r", remote.api_service.metadata.name, error)
                paths, definitions = {}, {}
            self.described[at] = merging.Described(tag, paths, definitions)

    # following

    def _feed(self, resource: Resource, put: Any, remove: Any) -> Feed:
        return Feed(self._registry.storage_for(resource), put, remove)

    def _start(self, name: str, work: Any) -> None:
        self._tasks[name] = asyncio.get_running_loop().create_task(work, name=f"aggregator {name}")

    def _put(self, key: Key, value: bytes) -> None:
        api_service = msgspec.json.decode(value, type=APIService)
        spec = api_service.spec
        at = (spec.group or "", spec.version or "")
        held = self.remote.get(at)
        if spec.service is None:
            self._remove(("", local.name_of(*at)))
            if at in self._in_process:
                own = self._in_process[at]
                self.remote[at] = Remote(api_service, own, resources=own.resources, openapi_url=own.openapi_url)
                self.changes += 1
            if not plan.is_available(api_service):
                # It was another server's until now.
                self._start(f"local {key[1]}", self._publish(api_service, None, plan.LOCAL))
            return
        if held is not None and held.api_service.spec == spec:
            if plan.is_available(held.api_service) != plan.is_available(api_service):
                self.changes += 1
            held.api_service = api_service
            return
        if held is not None:
            self._remove(("", local.name_of(*at)))
        # Imported with the first remote APIService: nothing at the start needs it.
        from pybernetes.apiserver.aggregation.backend import Backend

        self._follow_services()
        backend = Backend(api_service, self._config)
        remote = self.remote[at] = Remote(api_service, backend)
        remote.task = asyncio.get_running_loop().create_task(self._keep(remote, backend), name=f"aggregator {at}")
        self.changes += 1

    def _remove(self, key: Key) -> None:
        version, _, group = key[1].partition(".")
        remote = self.remote.pop((group, version), None)
        self.described.pop((group, version), None)
        if remote is not None:
            self.changes += 1
            if remote.task is not None:
                remote.task.cancel()

    def _follow_services(self) -> None:
        if "services" in self._tasks:
            return

        def service_changed(key: Key, value: bytes = b"") -> None:
            self._wake(key)

        def slice_changed(key: Key, value: bytes = b"") -> None:
            for remote in self.remote.values():
                if remote.target[0] == key[0]:
                    remote.wake.set()

        self._start("services", self._feed(resource_of(Service), service_changed, service_changed).run())
        self._start("endpointslices", self._feed(resource_of(EndpointSlice), slice_changed, slice_changed).run())

    def _wake(self, target: Key) -> None:
        for remote in self.remote.values():
            if remote.target == target:
                remote.wake.set()

    # availability

    async def _keep(self, remote: Remote, backend: Backend) -> None:
        """Checks one backend for as long as it is wanted."""
        delay_s = _FIRST_RETRY_S
        try:
            while True:
                remote.wake.clear()
                try:
                    problem = await self._check(remote, backend)
                    await self._publish(remote.api_service, problem)
                except StatusError as error:
                    problem = Problem("ServiceAccessError", str(error))
                    log.warning("availability of %s: %s", remote.api_service.metadata.name, error)
                failing = problem is not None and problem.reason in ("FailedDiscoveryCheck", "ServiceAccessError")
                delay_s = min(delay_s * 2, _LAST_RETRY_S) if failing else _FIRST_RETRY_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay_s if failing else _CHECK_EVERY_S):
                        await remote.wake.wait()
        finally:
            await backend.close()

    async def _check(self, remote: Remote, backend: Backend) -> Problem | None:
        namespace, name = remote.target
        service = await self._registry.read(Service, name, namespace)
        slices = await self._registry.read_all(EndpointSlice, namespace)
        wanted = remote.api_service.spec.service
        assert wanted is not None
        found = service_backends.addresses(wanted, service, slices)
        if isinstance(found, Problem):
            backend.addresses = []
            return found
        backend.addresses = found
        answer = await backend.discover()
        if isinstance(answer, Problem):
            return answer
        if answer != remote.resources:
            remote.resources = answer
            self.changes += 1
        remote.openapi_url = await backend.openapi_url()
        return None

    async def _publish(
        self, api_service: APIService, problem: Problem | None, passed: tuple[str, str] = plan.PASSED
    ) -> None:
        """Writes the condition when it changed; a conflict is looked at with the next check."""
        resource = resource_of(APIService)
        storage = self._registry.storage_for(resource)
        name = api_service.metadata.name or ""
        held = await self._registry.read(APIService, name)
        if held is None or held.spec != api_service.spec:
            return
        wanted = fresh(held)
        if not plan.with_condition(wanted, problem, format_time(self._clock.now()), passed):
            return
        ctx = RequestContext(APISERVER, resource, "update", "", name, subresource="status", user_agent="kube-apiserver")
        await storage.subresources["status"].update(ctx, wanted)

    # custom resources

    def _put_crd(self, key: Key, value: bytes) -> None:
        spec = msgspec.json.decode(value, type=_Crd).spec
        self._set_custom(key[1], {(spec.group, version.name) for version in spec.versions if version.served})

    def _remove_crd(self, key: Key) -> None:
        self._set_custom(key[1], set())

    def _set_custom(self, name: str, wanted: set[GroupVersion]) -> None:
        held = self._custom.pop(name, set())
        if wanted:
            self._custom[name] = wanted
        still = set().union(*self._custom.values()) if self._custom else set()
        for at in wanted - held:
            self._start(f"register {at}", self._register(at))
        for at in held - still:
            self._start(f"register {at}", self._unregister(at))

    async def _register(self, at: GroupVersion) -> None:
        try:
            await ensure(self._registry, local.custom(*at), local.reconciled)
        except StatusError as error:
            log.warning("registering %s: %s", at, error)

    async def _unregister(self, at: GroupVersion) -> None:
        """Takes the APIService away, unless somebody else made it."""
        resource = resource_of(APIService)
        name = local.name_of(*at)
        held = await self._registry.read(APIService, name)
        if held is None or (held.metadata.labels or {}).get(local.MANAGED) != local.ALWAYS:
            return
        with contextlib.suppress(StatusError):
            await self._registry.storage_for(resource).delete(context(resource, "delete", "", name), DeleteOptions())


def group_version_of(path: str) -> GroupVersion:
    """The group and version that a path names; ("", "") for paths that name none."""
    parts = path.split("/", 4)
    if len(parts) >= 4 and parts[1] == "apis":
        return parts[2], parts[3]
    if len(parts) >= 3 and parts[1] == "api":
        return "", parts[2]
    return "", ""
