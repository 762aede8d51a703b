"""Claims and volumes go when nothing uses them, and not before. Virtual time."""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod
from tests.integration.cluster_world import World, in_world, pod_template


def test_a_claim_waits_for_its_pod() -> None:
    async def body(w: World) -> None:
        size = {"storage": "1Gi"}
        wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": size}}
        await w.create(PersistentVolumeClaim, {"metadata": {"name": "data"}, "spec": wanted})
        spec = pod_template()["spec"] | {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
        await w.create(Pod, {"metadata": {"name": "web"}, "spec": spec})

        async def runs() -> bool:
            return (await w.client.get(Pod, "web", "default")).status.phase == "Running"

        await w.until(runs)
        await w.client.delete(PersistentVolumeClaim, "data", "default")
        await w.client.delete(Pod, "web", "default")
        claim = await w.client.get(PersistentVolumeClaim, "data", "default")
        assert claim.metadata.deletionTimestamp is not None
        await w.until(lambda: w.gone(PersistentVolumeClaim, "data"))
        assert await w.gone(Pod, "web")

    in_world(body)


def test_an_unbound_volume_goes_at_once() -> None:
    async def body(w: World) -> None:
        source = {"hostPath": {"path": "/x"}, "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
        await w.create(PersistentVolume, {"metadata": {"name": "pv", "namespace": ""}, "spec": source})
        await w.client.delete(PersistentVolume, "pv")
        await w.until(lambda: w.gone(PersistentVolume, "pv", ""))

    in_world(body)
