"""What a Deployment does while news of its ReplicaSets are late."""

from __future__ import annotations

from tests.unit.controllers.builders import deployment
from tests.unit.controllers.world import World, scenario


def test_what_it_wrote_is_seen_before_it_gives_away_more() -> None:
    async def body(w: World) -> None:
        strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}

        def sizes() -> list[int]:
            return [rs["spec"]["replicas"] for rs in w.api.all("replicasets")]

        w.api.put(deployment(replicas=4, strategy=strategy, image="x:1"), "deployments")
        await w.settle()
        [old] = w.api.all("replicasets")
        w.api.put({**old, "status": {"replicas": 4, "readyReplicas": 4, "availableReplicas": 4}}, "replicasets")
        await w.settle()
        with w.api.late("replicasets"):
            w.api.put(deployment(replicas=4, strategy=strategy, image="x:2"), "deployments")
            await w.settle()
            assert sizes() == [4, 1], "one may surge"
            w.api.put(deployment(replicas=4, strategy=strategy, image="x:3"), "deployments")
            await w.settle()
            assert sizes() == [4, 1]
        await w.settle()
        assert sizes() == [4, 0, 1]

    scenario(lambda: World("deployment-controller"), body)
