"""Endpoints written by hand, as everything that follows slices sees them. Virtual time."""

from __future__ import annotations

from pybernetes.api.core.v1 import Endpoints, Service
from pybernetes.api.discovery.v1 import EndpointSlice
from tests.integration.cluster_world import World, in_world


def test_a_mirror_follows_and_goes() -> None:
    async def body(w: World) -> None:
        async def shows(*wanted: str) -> bool:
            slices = [
                s for s in await w.items(EndpointSlice) if s.metadata.labels["kubernetes.io/service-name"] == "db"
            ]
            return sorted(a for s in slices for e in s.endpoints or [] for a in e.addresses) == sorted(wanted)

        ports = [{"port": 5432}]
        await w.create(Service, {"metadata": {"name": "db"}, "spec": {"ports": ports}})
        tree = {"metadata": {"name": "db"}, "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": ports}]}
        await w.create(Endpoints, tree)
        await w.until(lambda: shows("192.0.2.1"))
        more = {"subsets": [{"addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}], "ports": ports}]}
        await w.client.patch(Endpoints, "db", "default", more, patch_type="merge")
        await w.until(lambda: shows("192.0.2.1", "192.0.2.2"))
        await w.client.patch(Service, "db", "default", {"spec": {"selector": {"app": "db"}}}, patch_type="merge")
        await w.until(lambda: shows())
        await w.client.patch(Service, "db", "default", {"spec": {"selector": None}}, patch_type="merge")
        await w.client.patch(Endpoints, "db", "default", more, patch_type="merge")
        await w.until(lambda: shows("192.0.2.1", "192.0.2.2"))
        await w.client.delete(Endpoints, "db", "default")
        await w.until(lambda: shows())

    in_world(body)
