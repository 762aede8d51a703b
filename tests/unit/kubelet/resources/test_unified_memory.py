"""What cgroup v2 is told of containers' memory, by what they ask for."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from pybernetes.kubelet.resources.requests import size_of
from pybernetes.kubelet.resources.unified_memory import MemoryRules, unified

from ..pods import pod as pod_of

MI, PAGE = 1 << 20, os.sysconf("SC_PAGE_SIZE")
OFF = {"memory.min": "0", "memory.low": "0"}
SWAP = MemoryRules(1000 * MI, 900 * MI, 100 * MI, limited_swap=True, single_process_oom_kill=True)
QUALITY = MemoryRules(1000 * MI, 900 * MI, quality=True, single_process_oom_kill=True)
TIERED = MemoryRules(1000 * MI, 900 * MI, quality=True, tiered=True, single_process_oom_kill=True)


def told(rules: MemoryRules, requests: str, limits: str, **spec: Any) -> dict[str, str]:
    resources = {"requests": {"memory": requests}, "limits": {"memory": limits}}
    asked = {name: amounts for name, amounts in resources.items() if amounts["memory"]}
    cpu = {"cpu": "1"} if requests == limits else {}
    for amounts in asked.values():
        amounts.update(cpu)
    pod = pod_of(containers=[{"name": "c", "resources": asked}], **spec)
    pod.status.qosClass = None
    container = pod.spec.containers[0]
    return unified(pod, container, size_of(pod, container), rules)


@pytest.mark.parametrize(
    ("rules", "requests", "limits", "spec", "expected"),
    [
        pytest.param(SWAP, "100Mi", "200Mi", {}, 10 * MI, id="in proportion to the request"),
        pytest.param(SWAP, "100Mi", "", {}, 10 * MI, id="without a limit"),
        pytest.param(SWAP, "100Mi", "100Mi", {}, 0, id="guaranteed"),
        pytest.param(SWAP, "", "", {}, 0, id="asks for nothing"),
        pytest.param(SWAP, "2000Mi", "", {}, 0, id="more than the machine has"),
        pytest.param(SWAP, "100Mi", "200Mi", {"priority": 2000000000}, 0, id="critical"),
        pytest.param(MemoryRules(1000 * MI, 0, 100 * MI), "100Mi", "200Mi", {}, 0, id="no swap for pods"),
    ],
)
def test_swap(rules: MemoryRules, requests: str, limits: str, spec: dict[str, Any], expected: int) -> None:
    assert told(rules, requests, limits, **spec)["memory.swap.max"] == str(expected)


def test_kernels_that_cannot_hold_swap_are_not_told_of_it() -> None:
    assert "memory.swap.max" not in told(replace(SWAP, holds_swap=False), "100Mi", "200Mi")


@pytest.mark.parametrize(
    ("rules", "requests", "limits", "expected"),
    [
        pytest.param(QUALITY, "100Mi", "200Mi", OFF | {"memory.high": str(190 * MI)}, id="by the limit"),
        pytest.param(QUALITY, "100Mi", "", OFF | {"memory.high": str(820 * MI)}, id="by what the node has"),
        pytest.param(QUALITY, "100Mi", "100Mi", OFF, id="guaranteed"),
        pytest.param(QUALITY, "", "1Mi", OFF | {"memory.high": str(int(0.9 * MI) // PAGE * PAGE)}, id="in whole pages"),
        pytest.param(TIERED, "100Mi", "100Mi", {"memory.min": str(100 * MI), "memory.low": "0"}, id="hard protection"),
        pytest.param(TIERED, "1000Mi", "", {"memory.min": "0", "memory.low": str(1000 * MI)}, id="soft protection"),
        pytest.param(SWAP, "100Mi", "200Mi", {}, id="no MemoryQoS"),
    ],
)
def test_quality_of_service(rules: MemoryRules, requests: str, limits: str, expected: dict[str, str]) -> None:
    found = told(rules, requests, limits)
    del found["memory.swap.max"]
    assert found == expected


def test_all_processes_of_a_container_end_together_unless_somebody_says_otherwise() -> None:
    assert told(MemoryRules(), "1Mi", "2Mi")["memory.oom.group"] == "1"
    assert "memory.oom.group" not in told(SWAP, "1Mi", "2Mi")
