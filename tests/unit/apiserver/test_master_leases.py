"""The endpoints of the Service `kubernetes` are the apiservers that serve."""

from __future__ import annotations

import asyncio
import json

from pybernetes.apiserver.bootstrap import system_objects
from pybernetes.apiserver.bootstrap.after_start import identity
from pybernetes.apiserver.bootstrap.master_leases import PREFIX, MasterLeases
from pybernetes.apiserver.bootstrap.writing import ensure
from pybernetes.apiserver.registry.generic.registry import Registry, RegistryConfig
from pybernetes.host.random import Random
from pybernetes.storage.memory import MemoryStore
from tests.unit.apiserver.registry.conftest import ManualClock


class Store(MemoryStore):
    """As an etcd looks that several apiservers have."""

    alone = False

    @property
    def shared(self) -> bool:
        return not self.alone


async def told(store: Store) -> tuple[list[str], list[str]]:
    """Addresses in the Endpoints and in the EndpointSlice."""
    endpoints = await store.get("/registry/services/endpoints/default/kubernetes")
    slice_ = await store.get("/registry/endpointslices/default/kubernetes")
    assert endpoints is not None and slice_ is not None
    (subset,) = json.loads(endpoints.value)["subsets"]
    assert [port["port"] for port in subset["ports"]] == [6443]
    addresses = [address["ip"] for address in subset["addresses"]]
    return addresses, [address for e in json.loads(slice_.value)["endpoints"] for address in e["addresses"]]


async def world(store: Store) -> Registry:
    await store.start()
    registry = Registry(store, ManualClock(), Random(7), RegistryConfig())
    await registry.start()
    for namespace in system_objects.namespaces():
        await ensure(registry, namespace)
    return registry


def test_every_apiserver_of_a_shared_store_is_named_until_it_retires_or_dies() -> None:
    async def body() -> None:
        store = Store(ManualClock())
        registry = await world(store)
        first, second, third = (MasterLeases(store, registry, f"192.0.2.{n}", 6443) for n in (1, 2, 3))
        await first.reconcile()
        assert await told(store) == (["192.0.2.1"], ["192.0.2.1"])
        await asyncio.gather(second.reconcile(), third.reconcile())
        await first.reconcile()
        everyone = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        assert await told(store) == (everyone, everyone)
        await third.retire()
        assert await told(store) == (everyone[:2], everyone[:2])
        lease = await store.get(PREFIX + "192.0.2.1")
        assert lease is not None
        store._expire(lease.key, lease.revision)  # its time is over: the first has died
        await second.reconcile()
        assert await told(store) == (["192.0.2.2"], ["192.0.2.2"])
        await second.retire()
        assert await told(store) == (["192.0.2.2"], ["192.0.2.2"]), "the last one takes no endpoint away"
        await registry.stop()
        await store.stop()

    asyncio.run(body())


def test_an_apiserver_alone_keeps_no_lease() -> None:
    async def body() -> None:
        store = Store(ManualClock())
        store.alone = True
        registry = await world(store)
        leases = MasterLeases(store, registry, "192.0.2.1", 6443)
        await leases.reconcile()
        assert await told(store) == (["192.0.2.1"], ["192.0.2.1"])
        revision = store.current_revision()
        await leases.reconcile()
        await asyncio.wait_for(leases.run(), 60)
        assert store.current_revision() == revision, "nothing is written again"
        assert not (await store.range(PREFIX)).items
        await registry.stop()
        await store.stop()

    asyncio.run(body())


def test_apiservers_of_one_host_have_names_of_their_own_where_they_share_a_store() -> None:
    assert identity() == identity()
    assert len({identity(), identity("192.0.2.1"), identity("192.0.2.2")}) == 3
