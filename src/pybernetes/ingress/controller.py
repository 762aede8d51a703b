"""The controller of the proxy: watches Ingresses and Gateways, makes the table, hands it over, tells what became of it.

Flow: informers → `ingresses.routes`, `gateways.routes` → `Table` → `DataPlane.apply` → statuses and Events. Nothing but
Ingresses and their classes is watched, and no proxy runs, until there is an Ingress or a Gateway of ours.

Source: docs of ingress-nginx for what users expect of Events and status.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
from dataclasses import dataclass

import msgspec

from pybernetes.api.core.v1 import Secret, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.networking.v1 import (
    Ingress,
    IngressClass,
    IngressClassSpec,
    IngressLoadBalancerIngress,
    IngressPortStatus,
)
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.default_class import INGRESS_MARKS, is_default
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.indexes import BY_SERVICE, SERVICE_NAME, service_of
from pybernetes.client.informer import Informer, InformerFactory
from pybernetes.host.clock import Clock
from pybernetes.ingress import certificates
from pybernetes.ingress.backends import moved
from pybernetes.ingress.data_plane import DataPlane, DataPlaneConfig, DataPlaneError
from pybernetes.ingress.gateways.controller import Gateways
from pybernetes.ingress.ingresses import routes
from pybernetes.ingress.ingresses.routes import Entry, Told, key_of
from pybernetes.ingress.table import Key, Problem, Table, World

log = logging.getLogger(__name__)

CLASS = "pybernetes"
_SECRET_TYPES = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"
"""Large or many, and no certificates."""
_GATHER_S = 0.02
"""Changes that come together are one change."""
_BETWEEN_PROCESSES_S = 0.2
"""A process that was replaced lives on for its connections: many at once would cost memory."""
_RETRY_S = 5.0
_LONGEST_RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class IngressConfig:
    data_plane: DataPlaneConfig
    entry: Entry
    publish: tuple[str, ...]
    """Addresses for the status of Ingresses."""
    gateways_at: str = ""
    """Where the proxy is reached by nodes and Pods; "": Gateways are not served."""
    balancer_pool: bool = False
    """Whether a Service of type LoadBalancer gets an address for itself."""


class IngressController:
    """Runs until cancelled; the proxy goes on then, and the next controller takes it over."""

    def __init__(self, client: Client, config: IngressConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._factory = InformerFactory(client, clock)
        self._ingresses = self._factory.informer(Ingress)
        self._classes = self._factory.informer(IngressClass)
        self._services: Informer[Service] | None = None
        self._slices: Informer[EndpointSlice] | None = None
        self._secrets: Informer[Secret] | None = None
        self._recorder = EventRecorder(client, "pybernetes-ingress", "", clock)
        self._wake = asyncio.Event()
        self._stale = True
        """Whether more changed than endpoints, or something failed."""
        self._refused = False
        """Whether the proxy did not take the last table: a port of it may be another program's."""
        self._moved: set[Key] = set()
        """Services whose endpoints changed."""
        self._table = Table()
        self._found = Told()
        self._told: dict[Key, tuple[str, int, frozenset[Problem]]] = {}
        """What was last told of an Ingress: of which uid and generation, and which problems."""
        self._plane: DataPlane | None = None
        self._gateways = Gateways(client, self._factory, clock, self._woken, config.gateways_at, config.balancer_pool)

    async def run(self) -> None:
        self._ingresses.add_handler(self._woken, self._woken, self._woken)
        self._classes.add_handler(self._woken, self._woken, self._woken)
        self._plane = DataPlane(self._config.data_plane, self._woken)
        try:
            async with asyncio.TaskGroup() as group:
                await self._factory.start(group)
                await self._factory.wait_synced()
                await self._ensure_class()
                retry_s = 0.0
                while True:
                    replaced = self._plane.reloads
                    again = not await self._followed(self._plane) and await self._sync(self._plane)
                    retry_s = min(retry_s * 2 or _RETRY_S, _LONGEST_RETRY_S) if again else 0.0
                    self._stale = self._stale or again
                    if self._plane.reloads != replaced:
                        await asyncio.sleep(_BETWEEN_PROCESSES_S)
                    try:
                        async with asyncio.timeout(retry_s or None):
                            await self._wake.wait()
                    except TimeoutError:
                        pass
                    await asyncio.sleep(_GATHER_S)
        finally:
            self._plane.close()
            await self._recorder.stop()

    async def _ensure_class(self) -> None:
        """Makes our IngressClass unless it is there; the default one unless there is another."""
        classes = self._classes.lister.list()
        if any(found.spec.controller == routes.CONTROLLER for found in classes):
            return
        default = {} if any(is_default(c, INGRESS_MARKS) for c in classes) else {INGRESS_MARKS[0]: "true"}
        made = IngressClass(
            metadata=ObjectMeta(name=CLASS, annotations=default), spec=IngressClassSpec(controller=routes.CONTROLLER)
        )
        try:
            await self._client.create(made)
        except errors.AlreadyExists:
            log.info("the IngressClass %s is another controller's", CLASS)

    async def _followed(self, plane: DataPlane) -> bool:
        """Whether nothing but endpoints changed, and the proxy has them."""
        if self._stale:
            return False
        self._wake.clear()
        services, self._moved = self._moved, set()
        changed = moved(self._table, self._world(), services)
        return changed is not None and await plane.move(self._table, changed)

    async def _sync(self, plane: DataPlane) -> bool:
        """One look at everything; whether to look again soon."""
        self._wake.clear()
        self._stale, self._moved = False, set()
        classes = {found.metadata.name or "": found for found in self._classes.lister.list()}
        ours = [ingress for ingress in self._ingresses.lister.list() if routes.is_ours(ingress, classes)]
        gateways = await self._gateways.gateways()
        if ours or gateways:
            secure = any(i.spec.tls for i in ours) or any(x.tls for g in gateways for x in g.spec.listeners)
            await self._follow(secure)
        before, self._table = {*self._found.ingresses}, Table()
        world = self._world()
        self._found = routes.add_to(self._table, ours, world, self._config.entry)
        running = plane.pid != 0 and not self._refused
        said = self._gateways.add_to(self._table, gateways, world, running=running)
        try:
            refused = await plane.apply(self._table)
        except (DataPlaneError, OSError, subprocess.SubprocessError) as error:
            log.error("%s", error)
            self._refused = True
            for key in self._found.ingresses:
                self._found.tell(key, Problem("NotServed", f"{error}; what was served is kept"))
            self._tell(ours, served=False)
            for gateway in gateways:
                self._recorder.event(gateway, "Warning", "NotServed", f"{error}; what was served is kept")
            return True
        self._refused = False
        for file, why in refused.items():
            secret = self._table.certificates[file].secret
            problem = Problem("BadCertificate", f"Secret {'/'.join(secret)}: {why}; a self-signed one is shown")
            for ingress in ours:
                if any((ingress.metadata.namespace, tls.secretName) == secret for tls in ingress.spec.tls):
                    self._found.tell(key_of(ingress), problem)
        self._tell(ours, served=True)
        failed = await self._gateways.publish(gateways, said, world)
        return await self._publish(ours, before - {*self._found.ingresses}) or failed

    async def _follow(self, certificates_too: bool) -> None:
        """Starts what backends and certificates need, once."""
        if self._services is None or self._slices is None:
            self._services, self._slices = self._factory.informer(Service), self._factory.informer(EndpointSlice)
            self._slices.add_index(BY_SERVICE, service_of)
            self._services.add_handler(
                self._service_changed, lambda _, new: self._service_changed(new), self._service_changed
            )
            self._slices.add_handler(self._slice_changed, lambda _, new: self._slice_changed(new), self._slice_changed)
        if certificates_too and self._secrets is None:
            self._secrets = self._factory.informer(Secret, field_selector=_SECRET_TYPES)
            self._secrets.add_handler(
                self._secret_changed, lambda _, new: self._secret_changed(new), self._secret_changed
            )
        await self._factory.wait_synced()

    def _world(self) -> World:
        services, slices, secrets = self._services, self._slices, self._secrets
        return World(
            service=lambda namespace, name: services.lister.get(namespace, name) if services else None,
            slices=lambda namespace, name: slices.lister.by_index(BY_SERVICE, f"{namespace}/{name}") if slices else (),
            secret=lambda namespace, name: secrets.lister.get(namespace, name) if secrets else None,
            certificate_fault=certificates.fault,
        )

    def _woken(self, *_changed: Ingress | IngressClass) -> None:
        self._stale = True
        self._wake.set()

    def _service_changed(self, service: Service) -> None:
        if (service.metadata.namespace, service.metadata.name) in self._table.services:
            self._woken()

    def _slice_changed(self, piece: EndpointSlice) -> None:
        service = (piece.metadata.namespace or "", piece.metadata.labels.get(SERVICE_NAME, ""))
        if service in self._table.services:
            self._moved.add(service)
            self._wake.set()

    def _secret_changed(self, secret: Secret) -> None:
        if (secret.metadata.namespace, secret.metadata.name) in self._table.secrets:
            self._woken()

    def _tell(self, ours: list[Ingress], *, served: bool) -> None:
        """Events about what is new: an Ingress that is served, a problem that was not there before."""
        now: dict[Key, tuple[str, int, frozenset[Problem]]] = {}
        for ingress in ours:
            key = key_of(ingress)
            problems = self._found.problems.get(key, [])
            uid, generation = ingress.metadata.uid or "", ingress.metadata.generation or 0
            before = self._told.get(key, ("", 0, frozenset()))
            known = before[2] if before[0] == uid else frozenset()
            if served and before[:2] != (uid, generation):
                where = ", ".join(self._config.publish)
                self._recorder.event(ingress, "Normal", "Sync", f"served at {where}")
            for problem in problems:
                if problem not in known:
                    self._recorder.event(ingress, "Warning", problem.reason, problem.message)
            now[key] = (uid, generation if served else before[1], frozenset(problems))
        self._told = now

    async def _publish(self, ours: list[Ingress], gone: set[Key]) -> bool:
        """Brings the addresses into the status of ours and out of those that are no longer; whether one failed."""
        entry = self._config.entry
        ports = [IngressPortStatus(port=port, protocol="TCP") for port in (entry.http_port, entry.https_port)]
        wanted = [IngressLoadBalancerIngress(ip=address, ports=ports) for address in self._config.publish]
        changes = [(ingress, wanted) for ingress in ours if ingress.status.loadBalancer.ingress != wanted]
        for key in gone:
            left = self._ingresses.lister.get(*key)
            if left is not None and left.status.loadBalancer.ingress == wanted:
                changes.append((left, []))
        return not all(await asyncio.gather(*(self._write(ingress, value) for ingress, value in changes)))

    async def _write(self, ingress: Ingress, value: list[IngressLoadBalancerIngress]) -> bool:
        """Whether its status is right now, or nobody's."""
        namespace, name = key_of(ingress)
        body = {"status": {"loadBalancer": {"ingress": msgspec.to_builtins(value)}}}
        try:
            await self._client.patch(Ingress, name, namespace, body, subresource="status")
        except errors.NotFound:
            return True
        except (errors.StatusError, OSError) as error:
            log.warning("the status of Ingress %s/%s cannot be written: %s", namespace, name, error)
            return False
        return True
