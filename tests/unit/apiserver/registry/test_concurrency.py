"""Many writers at once, over the store that commits in groups: nobody's write is lost, conflicts are tried again."""

from __future__ import annotations

import asyncio

from pybernetes.apimachinery import errors
from pybernetes.apiserver.registry.generic.registry import Registry
from pybernetes.host.random import Random
from pybernetes.storage.sqlite import SqliteStore


def on_disk(run, tmp_path, scenario):
    async def inner(cluster):
        await cluster.registry.stop()
        cluster.store = SqliteStore(tmp_path / "state.db")
        await cluster.store.start()
        cluster.registry = Registry(cluster.store, cluster.clock, Random(3))
        await cluster.registry.start()
        await cluster.create("namespaces", {"metadata": {"name": "default"}}, ns="")
        await cluster.create("serviceaccounts", {"metadata": {"name": "default"}})
        return await scenario(cluster)

    return run(inner)


def test_patches_of_one_object_all_land(run, tmp_path):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        patches = (cluster.patch("configmaps", "a", {"data": {f"k{i}": "v"}}) for i in range(20))
        await asyncio.gather(*patches)
        return await cluster.get("configmaps", "a")

    assert len(on_disk(run, tmp_path, scenario)["data"]) == 20


def test_of_updates_from_the_same_version_one_wins(run, tmp_path):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}})
        updates = (cluster.update("configmaps", {**made, "data": {"k": str(i)}}) for i in range(10))
        return await asyncio.gather(*updates, return_exceptions=True)

    answers = on_disk(run, tmp_path, scenario)
    assert sum(isinstance(answer, errors.Conflict) for answer in answers) == 9


def test_services_created_at_once_share_no_address(run, tmp_path):
    async def scenario(cluster):
        spec = {"type": "NodePort", "ports": [{"port": 80}]}
        made = (cluster.create("services", {"metadata": {"name": f"s{i}"}, "spec": spec}) for i in range(40))
        return await asyncio.gather(*made)

    made = on_disk(run, tmp_path, scenario)
    assert len({s["spec"]["clusterIP"] for s in made}) == 40
    assert len({s["spec"]["ports"][0]["nodePort"] for s in made}) == 40


def test_a_pod_is_bound_once_however_many_try(run, tmp_path):
    async def scenario(cluster):
        await cluster.create("pods", cluster.pod())
        tries = (cluster.post("pods", "web", "binding", {"target": {"name": f"n{i}"}}) for i in range(5))
        return await asyncio.gather(*tries, return_exceptions=True), await cluster.get("pods", "web")

    answers, pod = on_disk(run, tmp_path, scenario)
    assert sum(isinstance(answer, errors.Conflict) for answer in answers) == 4
    assert pod["spec"]["nodeName"].startswith("n")


def test_one_name_is_created_once(run, tmp_path):
    async def scenario(cluster):
        tries = (cluster.create("configmaps", {"metadata": {"name": "a"}}) for _ in range(5))
        return await asyncio.gather(*tries, return_exceptions=True)

    answers = on_disk(run, tmp_path, scenario)
    assert sum(isinstance(answer, errors.AlreadyExists) for answer in answers) == 4


def test_the_default_account_of_a_new_namespace_is_waited_for(run, tmp_path):
    async def scenario(cluster):
        await cluster.create("namespaces", {"metadata": {"name": "new"}}, ns="")
        pod = asyncio.create_task(cluster.create("pods", cluster.pod(), ns="new"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not pod.done()
        await cluster.create("serviceaccounts", {"metadata": {"name": "default"}}, ns="new")
        return await pod

    assert on_disk(run, tmp_path, scenario)["spec"]["serviceAccountName"] == "default"
