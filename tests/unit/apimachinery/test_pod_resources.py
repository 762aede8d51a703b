"""What a Pod asks for as a whole: containers together, or the greediest moment while it initializes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import PodSpec
from pybernetes.apimachinery.pod_resources import sum_of_containers, total


def asks(cpu: str = "", *, sidecar: bool = False, memory: str = "") -> dict[str, Any]:
    amounts = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    found: dict[str, Any] = {"name": "c", "resources": {"requests": amounts, "limits": amounts}}
    return found | ({"restartPolicy": "Always"} if sidecar else {})


def spec(containers: list[Any], init: list[Any] = [], **more: Any) -> PodSpec:  # noqa: B006
    return msgspec.convert({"containers": containers, "initContainers": init, **more}, PodSpec)


@pytest.mark.parametrize(
    ("pod", "cpu"),
    [
        (spec([asks("1"), asks("500m")]), "1500m"),
        (spec([asks("1")], [asks("3"), asks("2")]), "3"),
        (spec([asks("4")], [asks("3")]), "4"),
        (spec([asks("1")], [asks("1", sidecar=True)]), "2"),
        (spec([asks("1")], [asks("1", sidecar=True), asks("3")]), "4"),
        (spec([asks("1")], [asks("3"), asks("1", sidecar=True)]), "3"),
        (spec([asks()], [asks("1", sidecar=True), asks("1", sidecar=True)]), "2"),
    ],
    ids=[
        "side by side",
        "init containers take turns",
        "less than what runs",
        "a sidecar runs on",
        "a step beside the sidecar before it",
        "a step before the sidecar",
        "sidecars alone",
    ],
)
def test_the_greediest_moment(pod: PodSpec, cpu: str) -> None:
    assert sum_of_containers(pod, "requests") == {"cpu": cpu}
    assert total(pod, "limits") == {"cpu": cpu}


def test_what_is_said_for_the_pod_itself_holds() -> None:
    pod = spec([asks("1", memory="1Gi")], resources={"requests": {"cpu": "3"}})
    assert total(pod, "requests") == {"cpu": "3", "memory": "1Gi"}
    assert total(pod, "limits") == {"cpu": "1", "memory": "1Gi"}


def test_what_running_it_costs_is_asked_for_and_counts_to_limits_that_are_there() -> None:
    pod = spec([asks("1")], overhead={"cpu": "250m", "memory": "64Mi"})
    assert total(pod, "requests") == {"cpu": "1250m", "memory": "64Mi"}
    assert total(pod, "limits") == {"cpu": "1250m"}
    assert total(pod, "requests", overhead=False) == {"cpu": "1"}
