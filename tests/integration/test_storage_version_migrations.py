"""StorageVersionMigrations are carried out, one of a resource at a time, or told why they cannot be."""

from __future__ import annotations

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.storagemigration.v1beta1 import StorageVersionMigration
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.apiserver.config import ApiServerConfig
from tests.integration.cluster_world import World, in_world

GATE = {"StorageVersionMigrator": True}


class Migrating(World):
    """Where the API is served."""

    api_config = ApiServerConfig(
        bind_addresses=(), port=-1, feature_gates=GATE, runtime_config={"storagemigration.k8s.io/v1beta1": True}
    )


async def outcome(w: World, name: str) -> dict[str, tuple[str, str | None]]:
    found = await w.client.get(StorageVersionMigration, name)
    return {c.type: (c.status, c.message) for c in found.status.conditions}


def test_objects_are_written_anew_one_migration_after_the_other() -> None:
    async def body(w: World) -> None:
        for name in ("a", "b"):
            await w.create(ConfigMap, {"metadata": {"name": name}, "data": {"k": "v"}})
        for name in ("first", "second"):
            tree = {"metadata": {"name": name}, "spec": {"resource": {"resource": "configmaps"}}}
            await w.create(StorageVersionMigration, tree)

        async def done() -> bool:
            said = [await outcome(w, name) for name in ("first", "second")]
            return all(s.get("Succeeded", ("", ""))[0] == "True" and s["Running"][0] == "False" for s in said)

        await w.until(done)
        kept = await w.client.get(ConfigMap, "a", "default")
        assert kept.data == {"k": "v"}
        assert [e.manager for e in kept.metadata.managedFields] == ["test"], "it has taken nothing for its own"

    in_world(body, made=Migrating, feature_gates=GATE)


def test_a_resource_that_is_not_there_fails_after_a_minute() -> None:
    async def body(w: World) -> None:
        tree = {"metadata": {"name": "none"}, "spec": {"resource": {"group": "example.com", "resource": "things"}}}
        await w.create(StorageVersionMigration, tree)

        async def failed() -> bool:
            return (await outcome(w, "none")).get("Failed") == (
                "True",
                "migration encountered unhandled error: resource does not exist in discovery",
            )

        assert await w.until(failed, 300) > 50

    in_world(body, made=Migrating, feature_gates=GATE)


def test_without_the_gate_nobody_looks() -> None:
    from pybernetes.controllers.descriptors import chosen

    name = "storage-version-migrator-controller"
    assert name not in {d.name for d in chosen(["*"])}
    assert name in {d.name for d in chosen(["*"], FeatureGates(GATE))}
