"""Objects that clients may look for and nothing waits for: written when the API is ready already.

Source: pkg/controlplane/controller/defaultservicecidr, apiserver/pkg/apis/flowcontrol/bootstrap,
pkg/controlplane/apiserver/server.go (identity leases).
Differs: the identity lease is renewed three times in its hour rather than every ten seconds, since an idle
cluster writes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os

from pybernetes.api.coordination.v1 import Lease, LeaseSpec
from pybernetes.api.meta.v1 import Condition, ObjectMeta
from pybernetes.api.networking.v1 import ServiceCIDR, ServiceCIDRSpec
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.times import format_micro_time, format_time
from pybernetes.apiserver.bootstrap.flow_conditions import keep_conditions
from pybernetes.apiserver.bootstrap.master_leases import MasterLeases
from pybernetes.apiserver.bootstrap.writing import ensure
from pybernetes.apiserver.filters.flow_control import FlowTable
from pybernetes.apiserver.registry.flowcontrol import built_in
from pybernetes.apiserver.registry.generic.registry import Registry
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)
DEFAULT_SERVICE_CIDR = "kubernetes"
IDENTITY_LABEL = "apiserver.kubernetes.io/identity"
LEASE_S = 3600
_RENEW_S = LEASE_S / 3
_RETRY_S = 10.0


async def flow_control(registry: Registry) -> None:
    """The FlowSchemas and PriorityLevelConfigurations, in one batch each."""
    async with asyncio.TaskGroup() as group:
        for level in built_in.levels():
            group.create_task(ensure(registry, level, built_in.reconciled_level))
    async with asyncio.TaskGroup() as group:
        for schema in built_in.schemas():
            group.create_task(ensure(registry, schema, built_in.reconciled))


async def default_service_cidr(registry: Registry, cidrs: str, clock: Clock) -> None:
    """The ServiceCIDR of the configured ranges (by comma, one of each IP family), ready."""
    spec = ServiceCIDRSpec(cidrs=cidrs.split(","))
    wanted = ServiceCIDR(metadata=ObjectMeta(name=DEFAULT_SERVICE_CIDR), spec=spec)
    await ensure(registry, wanted, _take_second_family)

    def make_ready(held: ServiceCIDR, wanted: ServiceCIDR) -> bool:
        if held.metadata.deletionTimestamp is not None or any(c.type == "Ready" for c in held.status.conditions):
            return False
        if held.spec.cidrs != wanted.spec.cidrs:
            log.warning("the ServiceCIDR %s says %s, not %s", DEFAULT_SERVICE_CIDR, held.spec.cidrs, cidrs)
            return False
        ready = Condition(
            type="Ready",
            status="True",
            message="Kubernetes default Service CIDR is ready",
            lastTransitionTime=format_time(clock.now()),
        )
        held.status.conditions = [*held.status.conditions, ready]
        return True

    # Its controller puts a finalizer on it meanwhile, and its own condition when it is the first.
    await ensure(registry, wanted, make_ready, subresource="status")


def _take_second_family(held: ServiceCIDR, wanted: ServiceCIDR) -> bool:
    """One that is there may get a range of a second family, and no other."""
    if len(held.spec.cidrs) == 1 and len(wanted.spec.cidrs) == 2 and held.spec.cidrs[0] == wanted.spec.cidrs[0]:
        held.spec.cidrs = wanted.spec.cidrs
        return True
    return False


def identity(address: str = "") -> str:
    """This apiserver's name among its like: stable on one host, and for each address where several share a store."""
    digest = hashlib.sha256((os.uname().nodename + address).encode()).digest()[:16]
    return f"apiserver-{base64.b32encode(digest).decode().rstrip('=').lower()}"


async def keep(registry: Registry, flows: FlowTable, leases: MasterLeases, holder: str, clock: Clock) -> None:
    """What has to be kept right for as long as the apiserver runs."""
    async with asyncio.TaskGroup() as group:
        group.create_task(
            keep_identity(registry, identity(leases.address if leases.store.shared else ""), holder, clock)
        )
        group.create_task(leases.run())
        group.create_task(keep_conditions(registry, flows, clock))


async def keep_identity(registry: Registry, name: str, holder: str, clock: Clock) -> None:
    """Keeps this apiserver's Lease in kube-system until cancelled."""
    while True:
        now = format_micro_time(clock.now())
        labels = {IDENTITY_LABEL: "kube-apiserver", "kubernetes.io/hostname": os.uname().nodename}
        wanted = Lease(
            metadata=ObjectMeta(name=name, namespace="kube-system", labels=labels),
            spec=LeaseSpec(holderIdentity=f"{name}_{holder}", leaseDurationSeconds=LEASE_S, renewTime=now),
        )
        try:
            await ensure(registry, wanted, _renewed)
        except StatusError as error:
            log.warning("renewing the lease of this apiserver: %s", error)
            await asyncio.sleep(_RETRY_S)
            continue
        await asyncio.sleep(_RENEW_S)


def _renewed(existing: Lease, wanted: Lease) -> bool:
    existing.spec = wanted.spec
    existing.metadata.labels = {**(existing.metadata.labels or {}), **(wanted.metadata.labels or {})}
    return True
