"""Services: defaults, addresses and node ports, columns.

Source: pkg/registry/core/service/{strategy.go,storage/storage.go,storage/alloc.go}, apis/core/v1/defaults.go.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pybernetes.api.core import v1 as core
from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery import errors, names
from pybernetes.apimachinery.conditions import condition_holds
from pybernetes.apimachinery.field_errors import FieldError, invalid
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apiserver.registry.core.services import ip_families, validation
from pybernetes.apiserver.registry.core.services.address_objects import AddressObjects
from pybernetes.apiserver.registry.core.services.allocators import (
    AddressRanges,
    Full,
    OutOfRange,
    PortAllocator,
    Taken,
)
from pybernetes.apiserver.registry.core.services.shared_claims import SharedClaims
from pybernetes.apiserver.registry.core.services.type_change import drop_fields_of_the_old_type
from pybernetes.apiserver.registry.core.services.validation import SPEC, externally_accessible, needs_health_port
from pybernetes.apiserver.registry.core.services.warnings import service_warnings
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.strategy import Finish, Strategy, nothing_to_finish
from pybernetes.apiserver.registry.generic.table import NONE, age, columns, labels_text

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.registry import Registry

_AFFINITY_TIMEOUT_S = 10800
_CLAIM_ATTEMPTS = 50

_HIGHEST_PORT = 65535


class ServiceStrategy(Strategy):
    returns_deleted_object = True
    allow_create_on_update = True
    columns = columns("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector*")
    extra_fields = frozenset({"spec.clusterIP", "spec.type"})

    def __init__(self, resource: Resource, registry: Registry) -> None:
        super().__init__(resource, registry)
        config, choose = registry.config, registry.random.choice_index
        self._addresses = AddressRanges(config.service_cidr.split(","), choose)
        self._objects = AddressObjects(registry)
        self._shared_claims = SharedClaims(registry.store, registry.clock) if registry.store.shared else None
        self._ports = PortAllocator(*config.node_port_range, choose)
        self._loaded = False

    def validate_name(self, name: str) -> list[str]:
        return names.dns1123_label(name)

    # -- defaults --------------------------------------------------------------------------------

    def default(self, obj: core.Service) -> None:
        spec = obj.spec
        spec.sessionAffinity = spec.sessionAffinity or "None"
        if spec.sessionAffinity == "None":
            spec.sessionAffinityConfig = None
        elif spec.sessionAffinity == "ClientIP":
            config = spec.sessionAffinityConfig
            if config is None or config.clientIP is None or config.clientIP.timeoutSeconds is None:
                spec.sessionAffinityConfig = core.SessionAffinityConfig(
                    clientIP=core.ClientIPConfig(timeoutSeconds=_AFFINITY_TIMEOUT_S)
                )
        spec.type = spec.type or "ClusterIP"
        for port in spec.ports:
            port.protocol = port.protocol or "TCP"
            if port.targetPort in (None, 0, ""):
                port.targetPort = port.port
        if externally_accessible(spec) and not spec.externalTrafficPolicy:
            spec.externalTrafficPolicy = "Cluster"
        if spec.internalTrafficPolicy is None and spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
            spec.internalTrafficPolicy = "Cluster"
        if spec.type == "LoadBalancer":
            if spec.allocateLoadBalancerNodePorts is None:
                spec.allocateLoadBalancerNodePorts = True
            for point in obj.status.loadBalancer.ingress if obj.status.loadBalancer is not None else ():
                if point.ip and point.ipMode is None:
                    point.ipMode = "VIP"

    def prepare_for_create(self, ctx: RequestContext, obj: core.Service) -> None:
        obj.status = core.ServiceStatus(loadBalancer=core.LoadBalancerStatus())

    def prepare_for_update(self, ctx: RequestContext, obj: core.Service, old: core.Service) -> None:
        obj.status = old.status
        if obj.spec.type != "LoadBalancer":
            obj.status.loadBalancer = core.LoadBalancerStatus()

    def validate(self, obj: core.Service) -> list[FieldError]:
        return validation.validate_service(obj)

    def validate_update(self, obj: core.Service, old: core.Service) -> list[FieldError]:
        return validation.validate_service_update(obj, old)

    def validate_status_update(self, obj: core.Service, old: core.Service) -> list[FieldError]:
        return validation.validate_service_status(obj, old)

    def warnings(self, obj: core.Service, old: core.Service | None) -> list[str]:
        return list(service_warnings(obj))

    # -- addresses and ports ----------------------------------------------------------------------

    async def begin_create(self, ctx: RequestContext, obj: core.Service) -> Finish:
        await self._load()
        await self._follow()
        self._settle_families(obj, None)
        return await self._claim(obj, None)

    async def begin_update(self, ctx: RequestContext, obj: core.Service, old: core.Service) -> Finish:
        await self._load()
        await self._follow()
        drop_fields_of_the_old_type(obj, old)
        self._keep_from(obj, old)
        self._settle_families(obj, old)
        return await self._claim(obj, old)

    async def after_delete(self, obj: core.Service, dry_run: bool) -> None:
        if not dry_run:
            await self._load()
            for address in _addresses_of(obj):
                await self._objects.delete(address)
                self._addresses.give_back(address)
            for number, protocol in _ports_of(obj):
                self._ports.give_back(number, protocol)
            if self._shared_claims is not None:
                await self._shared_claims.release(_claims_of(obj), obj.metadata.uid or "")

    async def _load(self) -> None:
        """Reads once who has what; from then on every claim goes through here, unless others claim too."""
        if self._shared_claims is not None:
            await (await self.registry.storage_for_struct(core.Service).cache()).sync()
        elif self._loaded:
            return
        services = await self.registry.read_all(core.Service)
        if self._shared_claims is not None or not self._loaded:
            self._addresses.replace([address for s in services for address in _addresses_of(s)])
            self._ports.replace([port for s in services for port in _ports_of(s)])
        if not self._loaded:
            self._loaded = True
            await self._objects.repair(services)

    async def _follow(self) -> None:
        """Serves from the ServiceCIDRs there are now."""
        ranges = []
        for found in await self.registry.read_all(networking.ServiceCIDR):
            if found.metadata.deletionTimestamp is None and _ready(found):
                ranges += found.spec.cidrs
        self._addresses.follow(ranges)

    def _keep_from(self, obj: core.Service, old: core.Service) -> None:
        """What a client that knows nothing of allocation leaves out stays as it was."""
        new_spec, old_spec = obj.spec, old.spec
        if new_spec.type == "ExternalName" or old_spec.type == "ExternalName":
            return
        new_spec.clusterIP = new_spec.clusterIP or old_spec.clusterIP
        new_spec.clusterIPs = new_spec.clusterIPs or list(old_spec.clusterIPs)
        if new_spec.clusterIP != old_spec.clusterIP and new_spec.clusterIPs == old_spec.clusterIPs:
            new_spec.clusterIPs = [new_spec.clusterIP] if new_spec.clusterIP else []
        if needs_health_port(new_spec) and needs_health_port(old_spec) and not new_spec.healthCheckNodePort:
            new_spec.healthCheckNodePort = old_spec.healthCheckNodePort
        if new_spec.type in ("NodePort", "LoadBalancer") and old_spec.type in ("NodePort", "LoadBalancer"):
            used = {p.nodePort for p in new_spec.ports if p.nodePort}
            by_name = {(p.name, p.protocol, p.port): p.nodePort for p in old_spec.ports}
            for port in new_spec.ports:
                kept = by_name.get((port.name, port.protocol, port.port))
                if not port.nodePort and kept and kept not in used:
                    port.nodePort = kept

    def _settle_families(self, obj: core.Service, old: core.Service | None) -> None:
        """ipFamilyPolicy and ipFamilies. Raises Invalid."""
        found = ip_families.settle(obj.spec, old.spec if old is not None else None, self._addresses.families)
        if found:
            raise invalid(self.resource.gvk, obj.metadata.name or "", found)

    async def _claim(self, obj: core.Service, old: core.Service | None) -> Finish:
        """Takes what is new; what is no longer used goes back when the write is done.

        Raises Invalid for an address or port that cannot be had.
        """
        shared = self._shared_claims
        if shared is None:
            return await self._claim_here(obj, old)
        uid, asked = obj.metadata.uid or "", fresh(obj.spec)
        before = _claims_of(old) if old is not None else []
        for _ in range(_CLAIM_ATTEMPTS):
            finish_here = await self._claim_here(obj, old)
            claims = _claims_of(obj)
            new = [claim for claim in claims if claim not in before]
            try:
                refused = await shared.hold(new, uid)
            except BaseException:
                await finish_here(False)
                raise
            if not refused:
                break
            # Somebody else's, though no Service says so yet: not to be chosen, and refused where it was asked for.
            await finish_here(False)
            obj.spec = fresh(asked)
            self._mark(refused)
        else:
            raise errors.InternalError("failed to allocate addresses and ports: others take them at the same time")

        async def finish(success: bool) -> None:
            await finish_here(success)
            await shared.release([claim for claim in before if claim not in claims] if success else new, uid)

        return finish

    def _mark(self, claim: str) -> None:
        protocol, slash, port = claim.partition("/")
        with contextlib.suppress(Taken, OutOfRange):
            if slash:
                self._ports.take(int(port), protocol)
            else:
                self._addresses.take(claim)

    async def _claim_here(self, obj: core.Service, old: core.Service | None) -> Finish:
        """The same within this process, where nothing can come between."""
        taken_addresses: list[str] = []
        taken_ports: list[tuple[int, str]] = []

        def undo() -> None:
            for address in taken_addresses:
                self._addresses.give_back(address)
            for number, protocol in taken_ports:
                self._ports.give_back(number, protocol)

        before_addresses = _addresses_of(old) if old is not None else []
        before_ports = _ports_of(old) if old is not None else []
        try:
            await self._claim_address(obj, before_addresses, taken_addresses)
            self._claim_ports(obj, before_ports, taken_ports)
        except BaseException:
            undo()
            raise
        if not taken_addresses and not taken_ports and old is None:
            return nothing_to_finish

        async def finish(success: bool) -> None:
            if not success:
                undo()
                return
            kept, ports = set(_addresses_of(obj)), set(_ports_of(obj))
            for address in taken_addresses:
                await self._objects.create(address, obj)
            for address in before_addresses:
                if address not in kept:
                    await self._objects.delete(address)
                    self._addresses.give_back(address)
            for port in before_ports:
                if port not in ports:
                    self._ports.give_back(*port)

        return finish

    async def _claim_address(self, obj: core.Service, before: list[str], taken: list[str]) -> None:
        spec = obj.spec
        if spec.type == "ExternalName" or spec.clusterIP == "None":
            return
        at = SPEC.child("clusterIPs")
        for address in spec.clusterIPs[: len(spec.ipFamilies)]:
            if address in before:
                continue
            try:
                self._addresses.take(address)
                if await self._objects.foreign(address):
                    self._addresses.give_back(address)
                    raise Taken
            except Taken:
                why = f"failed to allocate IP {address}: provided IP is already allocated"
            except OutOfRange:
                why = f"failed to allocate IP {address}: the provided network does not match the current range"
            except ValueError:
                continue  # validation says that it is no address
            else:
                taken.append(address)
                continue
            raise invalid(self.resource.gvk, obj.metadata.name or "", [FieldError.invalid(at, spec.clusterIPs, why)])
        for family in spec.ipFamilies[len(spec.clusterIPs) :]:
            try:
                address = await self._any_address(family)
            except Full:
                text = self._addresses.text(family)
                raise errors.InternalError(f"failed to allocate IP in {text}: range is full") from None
            taken.append(address)
            spec.clusterIPs = [*spec.clusterIPs, address]
        spec.clusterIP = spec.clusterIP or spec.clusterIPs[0]

    async def _any_address(self, family: str) -> str:
        """A free address of the family that nobody else has an IPAddress for. Raises Full."""
        refused = []
        try:
            while await self._objects.foreign(address := self._addresses.take_any(family)):
                refused.append(address)
        finally:
            for each in refused:
                self._addresses.give_back(each)
        return address

    def _claim_ports(self, obj: core.Service, before: list[tuple[int, str]], taken: list[tuple[int, str]]) -> None:
        spec = obj.spec
        if spec.type not in ("NodePort", "LoadBalancer"):
            return
        wanted = spec.type == "NodePort" or spec.allocateLoadBalancerNodePorts is not False
        shared: dict[int, list[str]] = {}
        for index, port in enumerate(spec.ports):
            protocol = port.protocol or "TCP"
            if port.nodePort:
                self._claim_port(obj, index, port.nodePort, protocol, before, taken)
                shared.setdefault(port.port, []).append(protocol)
        for port in spec.ports:
            if port.nodePort or not wanted:
                continue
            protocol = port.protocol or "TCP"
            if protocol not in ("TCP", "UDP", "SCTP"):
                continue
            # The same port shares its node port, for another protocol where that is free.
            same = [p for p in spec.ports if p.nodePort and p.port == port.port]
            if any(p.protocol == protocol for p in same):
                port.nodePort = next(p.nodePort for p in same if p.protocol == protocol)
                continue  # validation says that it is there twice
            twin = same[0].nodePort if same else None
            if twin is not None:
                try:
                    self._ports.take(twin, protocol)
                    port.nodePort = twin
                    taken.append((twin, protocol))
                    continue
                except (Taken, OutOfRange):
                    pass
            try:
                port.nodePort = self._ports.take_any(protocol)
            except Full:
                raise errors.InternalError("failed to allocate a nodePort: range is full") from None
            taken.append((port.nodePort, protocol))
        if needs_health_port(spec):
            self._claim_health_port(obj, before, taken)

    def _claim_health_port(
        self, obj: core.Service, before: list[tuple[int, str]], taken: list[tuple[int, str]]
    ) -> None:
        spec = obj.spec
        port = spec.healthCheckNodePort
        if not port:
            port = spec.healthCheckNodePort = self._ports.take_any("TCP")
        elif (port, "TCP") in before:
            return
        else:
            try:
                if self._ports.in_use(port):
                    raise Taken
                self._ports.take(port, "TCP")
            except Taken:
                raise self._no_health_port(obj, "provided port is already allocated") from None
            except OutOfRange:
                if not 1 <= port <= _HIGHEST_PORT:
                    return  # validation says that it is no port
                why = f"provided port is not in the valid range. The range of valid ports is {self._ports.text}"
                raise self._no_health_port(obj, why) from None
        taken.append((port, "TCP"))

    def _no_health_port(self, obj: core.Service, why: str) -> errors.Invalid:
        """Differs: upstream answers 500, though it is the Service that asks for what cannot be had."""
        error = FieldError.invalid(SPEC.child("healthCheckNodePort"), obj.spec.healthCheckNodePort, why)
        return invalid(self.resource.gvk, obj.metadata.name or "", [error])

    def _claim_port(
        self, obj: core.Service, index: int, number: int, protocol: str,
        before: list[tuple[int, str]], taken: list[tuple[int, str]],
    ) -> None:  # fmt: skip
        if (number, protocol) in before or (number, protocol) in taken or protocol not in ("TCP", "UDP", "SCTP"):
            return
        at = SPEC.child("ports").index(index).child("nodePort")
        try:
            if self._ports.in_use(number) and number not in {own for own, _ in (*before, *taken)}:
                raise Taken
            self._ports.take(number, protocol)
            taken.append((number, protocol))
            return
        except Taken:
            why = "provided port is already allocated"
        except OutOfRange:
            why = f"provided port is not in the valid range. The range of valid ports is {self._ports.text}"
        raise invalid(self.resource.gvk, obj.metadata.name or "", [FieldError.invalid(at, number, why)])

    # -- reading ---------------------------------------------------------------------------------

    def fields(self, obj: core.Service) -> dict[str, str]:
        return {"spec.clusterIP": obj.spec.clusterIP or "", "spec.type": obj.spec.type or ""}

    def row(self, obj: core.Service, now: float) -> list[Any]:
        spec = obj.spec
        ports = [f"{p.port}:{p.nodePort}/{p.protocol}" if p.nodePort else f"{p.port}/{p.protocol}" for p in spec.ports]
        return [
            obj.metadata.name,
            spec.type,
            spec.clusterIPs[0] if spec.clusterIPs else NONE,
            _external(obj),
            ",".join(ports) or NONE,
            age(obj.metadata.creationTimestamp, now),
            labels_text(spec.selector),
        ]


def _ready(found: networking.ServiceCIDR) -> bool:
    return condition_holds(found.status.conditions, "Ready")


def _addresses_of(obj: core.Service) -> list[str]:
    if obj.spec.type == "ExternalName":
        return []
    return [address for address in obj.spec.clusterIPs if address and address != "None"]


def _ports_of(obj: core.Service) -> list[tuple[int, str]]:
    found = [(p.nodePort, p.protocol or "TCP") for p in obj.spec.ports if p.nodePort]
    if obj.spec.healthCheckNodePort:
        found.append((obj.spec.healthCheckNodePort, "TCP"))
    return found


def _claims_of(obj: core.Service) -> list[str]:
    """Addresses, and protocol/port of node ports."""
    return [*_addresses_of(obj), *(f"{protocol}/{number}" for number, protocol in _ports_of(obj))]


def _external(obj: core.Service) -> str:
    spec = obj.spec
    if spec.type == "ExternalName":
        return spec.externalName or ""
    if spec.type != "LoadBalancer":
        return ",".join(spec.externalIPs) or NONE
    ingress = obj.status.loadBalancer.ingress if obj.status.loadBalancer else []
    found = sorted({i.ip or i.hostname or "" for i in ingress} - {""})
    return ",".join([*found, *spec.externalIPs]) or "<pending>"
