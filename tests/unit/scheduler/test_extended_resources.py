"""Extended resources that devices are behind: which class it is, what is asked of it, and for whom."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import DeviceClass
from pybernetes.apimachinery.extended_resources import ClassesByResource, is_extended
from pybernetes.scheduler.devices.extended import extended_claim

GPU, FPGA = "example.com/gpu", "example.com/fpga"


def device_class(name: str, resource: str = "", created: str = "2026-01-01T00:00:00Z") -> DeviceClass:
    spec = {"extendedResourceName": resource} if resource else {}
    return msgspec.convert({"metadata": {"name": name, "creationTimestamp": created}, "spec": spec}, DeviceClass)


def container(name: str, gpus: int = 0, **more: Any) -> dict[str, Any]:
    requests = {"cpu": "1"} | ({GPU: str(gpus)} if gpus else {})
    return {"name": name, "resources": {"requests": requests}, **more}


def pod(containers: list[dict[str, Any]], init: list[dict[str, Any]] | None = None) -> Pod:
    spec = {"containers": containers, "initContainers": init or []}
    return msgspec.convert({"metadata": {"name": "p", "namespace": "default", "uid": "u"}, "spec": spec}, Pod)


def test_the_youngest_class_stands_behind_a_resource_then_the_first_by_name() -> None:
    late = "2026-02-01T00:00:00Z"
    found = ClassesByResource([
        device_class("old", GPU), device_class("b", GPU, late), device_class("a", GPU, late), device_class("plain"),
    ])  # fmt: skip
    assert (found.get(GPU) or device_class("")).metadata.name == "a"
    assert (found.get("deviceclass.resource.kubernetes.io/plain") or device_class("")).metadata.name == "plain"
    assert found.get(FPGA) is None
    assert [found.resource(name) for name in ("old", "plain", "nobodys")] == [GPU, "", ""]


@pytest.mark.parametrize(
    ("name", "extended"),
    [
        (GPU, True), ("cpu", False), ("kubernetes.io/batch-cpu", False), ("x.kubernetes.io/y", False),
        ("deviceclass.resource.kubernetes.io/gpu", False), ("requests.example.com/gpu", False), ("example.com/", False),
    ],
)  # fmt: skip
def test_which_names_are_extended(name: str, extended: bool) -> None:
    assert is_extended(name) is extended


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("containers", "init", "requests", "mappings"),
    [
        pytest.param(
            [container("a", 1), container("b"), container("c", 2)],
            [],
            {"container-0-request-1": 1, "container-2-request-1": 2},
            ["a from container-0-request-1", "c from container-2-request-1"],
            id="a request a container",
        ),
        pytest.param(
            [container("a", 1), container("b", 1)],
            [container("i", 1)],
            {"container-1-request-1": 1, "container-2-request-1": 1},
            ["a from container-1-request-1", "b from container-2-request-1", "i from container-1-request-1"],
            id="who ends uses what comes later",
        ),
        pytest.param(
            [container("a", 1)],
            [container("i", 2), container("j", 3)],
            {"container-1-request-1": 2, "container-2-request-1": 1},
            [
                "a from container-2-request-1",
                "i from container-2-request-1",
                "i from container-1-request-1",
                "j from container-2-request-1",
                "j from container-1-request-1",
            ],
            id="those that end share the most that is missing",
        ),
        pytest.param(
            [container("a")],
            [container("s", 1, **SIDECAR), container("i", 1)],
            {"container-0-request-1": 1, "container-1-request-1": 1},
            ["s from container-0-request-1", "i from container-1-request-1"],
            id="a sidecar that runs already shares nothing",
        ),
        pytest.param(
            [container("a")],
            [container("i", 1), container("s", 2, **SIDECAR)],
            {"container-1-request-1": 2},
            ["s from container-1-request-1", "i from container-1-request-1"],
            id="a later sidecar does",
        ),
    ],
)
def test_what_is_asked_for_and_who_gets_it(
    containers: list[dict[str, Any]], init: list[dict[str, Any]], requests: dict[str, int], mappings: list[str]
) -> None:
    made = extended_claim(pod(containers, init), {GPU: "gpu"})
    asked = {each.name: each.exactly for each in made.claim.spec.devices.requests or ()}
    assert {name: exactly.count for name, exactly in asked.items() if exactly is not None} == requests
    assert {exactly.deviceClassName for exactly in asked.values() if exactly is not None} == {"gpu"}
    assert [f"{each.containerName} from {each.requestName}" for each in made.mappings] == mappings


def test_agrees_with_upstream() -> None:
    """300 drawn Pods, with what upstream v1.36 made of them (createRequestsAndMappings)."""
    behind = {"a.com/x": "x", "deviceclass.resource.kubernetes.io/y": "y"}
    answers = Path(__file__).with_name("upstream_extended_claims.jsonl.xz")
    for line in lzma.decompress(answers.read_bytes()).splitlines():
        said = json.loads(line)
        drawn = msgspec.convert({"metadata": {"name": "p"}, "spec": said["spec"]}, Pod)
        made = extended_claim(drawn, behind)
        assert msgspec.to_builtins(made.claim.spec.devices.requests) == (said["requests"] or [])
        assert msgspec.to_builtins(made.mappings) == (said["mappings"] or [])
