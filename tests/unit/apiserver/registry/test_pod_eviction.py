"""Evictions: what a budget answers, which Pods need none, and that the Pod that was meant is the one that goes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.apimachinery import errors
from pybernetes.apiserver.registry.core.pods import eviction

NOW = 1_800_000_000.0


def budget(spec: dict[str, Any] | None = None, **status: Any) -> PodDisruptionBudget:
    told = {"observedGeneration": 2, "desiredHealthy": 2, "currentHealthy": 2, **status}
    metadata = {"name": "pdb", "generation": 2}
    return msgspec.convert({"metadata": metadata, "spec": spec or {}, "status": told}, PodDisruptionBudget)


def condition(reason: str, message: str) -> list[dict[str, str]]:
    time = "2027-01-15T00:00:00Z"
    return [
        {"type": "DisruptionAllowed", "status": "False", "reason": reason, "message": message}
        | {"lastTransitionTime": time}
    ]


@pytest.mark.parametrize(
    ("status", "error", "why", "retry_after_s"),
    [
        ({"observedGeneration": 1, "disruptionsAllowed": 1}, errors.TooManyRequests,
         "The disruption budget pdb is still being processed by the server.", 10),
        ({}, errors.TooManyRequests, "The disruption budget pdb needs 2 healthy pods and has 2 currently", None),
        ({"currentHealthy": 3}, errors.TooManyRequests,
         "The disruption budget pdb does not allow evicting pods currently", None),
        ({"currentHealthy": 3, "conditions": condition("Odd", "so it is")}, errors.TooManyRequests,
         "The disruption budget pdb does not allow evicting pods currently (Odd): so it is", None),
        ({"conditions": condition("SyncFailed", "no scale")}, errors.TooManyRequests,
         "The disruption budget pdb does not allow evicting pods currently because it failed sync: no scale", None),
        ({"disruptionsAllowed": -1}, errors.Forbidden, "pdb disruptions allowed is negative", None),
        ({"disruptionsAllowed": 1, "disruptedPods": {f"p{n}": "2027-01-15T00:00:00Z" for n in range(2001)}},
         errors.Forbidden,
         "DisruptedPods map too big - too many evictions not confirmed by PDB controller", None),
    ],
    ids=["being processed", "too few", "none left", "another reason", "failed", "negative", "too many under way"],
)  # fmt: skip
def test_a_budget_that_lets_nothing_go(
    status: dict[str, Any], error: type[errors.StatusError], why: str, retry_after_s: int | None
) -> None:
    before = budget(**status)
    with pytest.raises(error) as refused:
        eviction.take(before, "web", NOW)
    assert before == budget(**status), "nothing was used"
    details = refused.value.details
    assert details.retryAfterSeconds == retry_after_s
    if error is errors.TooManyRequests:
        assert refused.value.message == "Cannot evict pod as it would violate the pod's disruption budget."
        assert [(cause.reason, cause.message) for cause in details.causes] == [("DisruptionBudget", why)]
    else:
        assert refused.value.message == f'poddisruptionbudget.policy "pdb" is forbidden: {why}'


def test_the_last_disruption_is_told_in_the_condition() -> None:
    used = budget(disruptionsAllowed=2, currentHealthy=4)
    eviction.take(used, "one", NOW)
    assert (used.status.disruptionsAllowed, used.status.conditions) == (1, [])
    eviction.take(used, "two", NOW)
    (told,) = used.status.conditions
    assert (used.status.disruptionsAllowed, told.type, told.status, told.reason) == (
        0, "DisruptionAllowed", "False", "InsufficientPods",
    )  # fmt: skip
    assert list(used.status.disruptedPods) == ["one", "two"]


@pytest.mark.parametrize(
    ("phase", "going", "expected"),
    [("Pending", False, True), ("Running", False, False), ("Running", True, True), ("Failed", False, True)],
)
def test_pods_that_need_no_budget(phase: str, going: bool, expected: bool) -> None:
    metadata = {"name": "web"} | ({"deletionTimestamp": "2027-01-15T00:00:00Z"} if going else {})
    pod = msgspec.convert({"metadata": metadata, "spec": {"containers": []}, "status": {"phase": phase}}, Pod)
    assert eviction.ignores_budget(pod) == expected


@pytest.mark.parametrize(
    ("policy", "healthy", "desired", "expected"),
    [(None, 2, 2, True), (None, 1, 2, False), (None, 0, 0, False), ("IfHealthyBudget", 2, 2, True),
     ("IfHealthyBudget", 1, 2, False), ("AlwaysAllow", 0, 2, True)],
)  # fmt: skip
def test_pods_that_are_not_ready(policy: str | None, healthy: int, desired: int, expected: bool) -> None:
    spec = {"unhealthyPodEvictionPolicy": policy} if policy else {}
    assert eviction.evicts_unhealthy(budget(spec, currentHealthy=healthy, desiredHealthy=desired)) == expected


def evicting(**options: Any) -> dict[str, Any]:
    made = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}
    return {**made, "deleteOptions": options} if options else made


def test_the_pod_that_was_meant(run: Any) -> None:
    async def scenario(cluster: Any) -> list[Any]:
        await cluster.create("pods", {**cluster.pod(nodeName="n1"), "metadata": {"name": "web"}})
        await cluster.patch("pods", "web", {"status": {"phase": "Running"}}, sub="status")
        seen: list[Any] = []
        for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
            with pytest.raises(errors.Conflict) as refused:
                await cluster.post("pods", "web", "eviction", evicting(preconditions=wrong))
            seen.append(refused.value.message)
        pod = await cluster.get("pods", "web")
        seen.append([c["type"] for c in pod["status"].get("conditions", []) if c["type"] == "DisruptionTarget"])
        right = {"resourceVersion": pod["metadata"]["resourceVersion"], "uid": pod["metadata"]["uid"]}
        await cluster.post("pods", "web", "eviction", evicting(preconditions=right))
        pod = await cluster.get("pods", "web")
        return [*seen, pod["metadata"]["deletionTimestamp"], pod["status"]["conditions"][-1]["type"]]

    uid, version, marked, deleted, condition_type = run(scenario)
    assert uid.startswith('Operation cannot be fulfilled on Pod "web": the UID in the precondition (other) does not')
    assert "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (" in version
    assert marked == [], "a Pod that stays is not marked"
    assert deleted and condition_type == "DisruptionTarget"


def test_a_wrong_precondition_uses_one_disruption_at_most(run: Any) -> None:
    budgets = "poddisruptionbudgets.policy"

    async def scenario(cluster: Any) -> int:
        labelled = {"name": "web", "labels": {"app": "web"}}
        await cluster.create("pods", {**cluster.pod(nodeName="n1"), "metadata": labelled})
        ready = [{"type": "Ready", "status": "True"}]
        await cluster.patch("pods", "web", {"status": {"phase": "Running", "conditions": ready}}, sub="status")
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
        await cluster.create(budgets, {"metadata": {"name": "pdb"}, "spec": spec})
        status = {"observedGeneration": 1, "disruptionsAllowed": 5, "currentHealthy": 6, "desiredHealthy": 1}
        await cluster.patch(budgets, "pdb", {"status": status | {"expectedPods": 6}}, sub="status")
        with pytest.raises(errors.Conflict):
            await cluster.post("pods", "web", "eviction", evicting(preconditions={"uid": "other"}))
        left: int = (await cluster.get(budgets, "pdb"))["status"]["disruptionsAllowed"]
        return left

    assert run(scenario) == 4


def test_a_pod_with_two_budgets_cannot_be_evicted(run: Any) -> None:
    async def scenario(cluster: Any) -> Any:
        labelled = {"name": "web", "labels": {"app": "web"}}
        await cluster.create("pods", {**cluster.pod(nodeName="n1"), "metadata": labelled})
        await cluster.patch("pods", "web", {"status": {"phase": "Running"}}, sub="status")
        for name in ("a", "b"):
            spec = {"selector": {"matchLabels": {"app": "web"}}}
            await cluster.create("poddisruptionbudgets.policy", {"metadata": {"name": name}, "spec": spec})
        with pytest.raises(errors.StatusError) as refused:
            await cluster.post("pods", "web", "eviction", evicting())
        return refused.value.status

    status = run(scenario)
    assert (status.code, status.reason, status.details) == (500, None, None)
    assert status.message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )


def test_evictions_that_make_no_sense(run: Any) -> None:
    async def scenario(cluster: Any) -> list[str]:
        await cluster.create("pods", {**cluster.pod(nodeName="n1"), "metadata": {"name": "web"}})
        found = []
        for body, error in (
            ({**evicting(), "metadata": {"name": "other"}}, errors.BadRequest),
            (evicting(ignoreStoreReadErrorWithClusterBreakingPotential=True), errors.Invalid),
        ):
            with pytest.raises(error) as refused:
                await cluster.post("pods", "web", "eviction", body)
            found.append(refused.value.message)
        with pytest.raises(errors.NotFound):
            await cluster.post("pods", "gone", "eviction", {**evicting(), "metadata": {"name": "gone"}})
        return found

    name, potential = run(scenario)
    assert name == "name in URL does not match name in Eviction object"
    assert "can not be set for pod eviction, try after removing the option" in potential
