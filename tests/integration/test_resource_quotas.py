"""Quotas end to end: admission charges, the controller gives back. Virtual time."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import ConfigMap, Pod, ReplicationController, ResourceQuota
from pybernetes.apimachinery import errors
from tests.integration.cluster_world import World, in_world, pod_template


async def used(w: World) -> dict[str, str]:
    return (await w.client.get(ResourceQuota, "q", "default")).status.used


def test_what_goes_makes_room_again() -> None:
    async def body(w: World) -> None:
        hard = {"pods": "2", "configmaps": "2", "replicationcontrollers": "1"}
        await w.create(ResourceQuota, {"metadata": {"name": "q"}, "spec": {"hard": hard}})

        async def shows(**wanted: str) -> bool:
            return await used(w) == wanted

        await w.until(lambda: shows(pods="0", configmaps="1", replicationcontrollers="0"))  # kube-root-ca.crt
        await w.create(ConfigMap, {"metadata": {"name": "one"}})
        with pytest.raises(errors.Forbidden, match="exceeded quota: q, requested: configmaps=1, used: configmaps=2"):
            await w.create(ConfigMap, {"metadata": {"name": "two"}})
        await w.client.delete(ConfigMap, "one", "default")
        await w.until(lambda: shows(pods="0", configmaps="1", replicationcontrollers="0"))

        spec = {"replicas": 3, "selector": {"app": "web"}, "template": pod_template("good", app="web")}
        await w.create(ReplicationController, {"metadata": {"name": "rc"}, "spec": spec})

        async def failure_is_told() -> bool:
            status = (await w.client.get(ReplicationController, "rc", "default")).status
            return status.readyReplicas == 2 and [c.reason for c in status.conditions] == ["FailedCreate"]

        await w.until(failure_is_told)
        assert await used(w) == {"pods": "2", "configmaps": "1", "replicationcontrollers": "1"}
        body = {"spec": {"replicas": 1}}
        await w.client.patch(ReplicationController, "rc", "default", body, patch_type="merge")
        await w.until(lambda: shows(pods="1", configmaps="1", replicationcontrollers="1"))
        assert len(await w.items(Pod)) == 1

    in_world(body)


def test_a_charge_for_nothing_is_given_back() -> None:
    async def body(w: World) -> None:
        await w.create(ResourceQuota, {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "5"}}})

        async def is_counted() -> bool:
            return await used(w) == {"configmaps": "1"}

        await w.until(is_counted)
        with pytest.raises(errors.AlreadyExists):
            await w.create(ConfigMap, {"metadata": {"name": "kube-root-ca.crt"}})
        await w.until(is_counted)

    in_world(body)
