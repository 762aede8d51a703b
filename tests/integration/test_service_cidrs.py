"""A ServiceCIDR becomes ready, gives out addresses and goes when the last of them is given back."""

from __future__ import annotations

from pybernetes.api.core.v1 import Service
from pybernetes.api.networking.v1 import ServiceCIDR
from tests.integration.cluster_world import World, in_world


def test_a_service_cidr_lives_and_goes() -> None:
    async def body(w: World) -> None:
        await w.create(ServiceCIDR, {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.97.0.0/24"]}})

        async def ready() -> bool:
            (found,) = [c for c in await w.items(ServiceCIDR, "") if c.metadata.name == "more"]
            return [c.status for c in found.status.conditions] == ["True"]

        await w.until(ready)
        spec = {"clusterIP": "10.97.0.9", "ports": [{"port": 80}]}
        await w.create(Service, {"metadata": {"name": "web"}, "spec": spec})
        await w.client.delete(ServiceCIDR, "more")

        async def in_use() -> bool:
            found = await w.client.get(ServiceCIDR, "more")
            return [c.reason for c in found.status.conditions] == ["Terminating"]

        await w.until(in_use)
        await w.client.delete(Service, "web", "default")
        await w.until(lambda: w.gone(ServiceCIDR, "more", ""))

    in_world(body)
