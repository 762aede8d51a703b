"""What of a node pods can ask for."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.resources.node_allocatable import allocatable, check
from pybernetes.kubelet.resources.requests import page_name

CAPACITY = {
    "cpu": "4",
    "memory": "8Gi",
    "ephemeral-storage": "100Gi",
    "hugepages-2Mi": "512Mi",
    "hugepages-1Gi": "0",
    "pods": "110",
}


@pytest.mark.parametrize(
    ("reserved", "hard", "differs"),
    [
        ([{}, {}], {}, {"memory": "7680Mi"}),
        ([{"cpu": "200m"}, {"cpu": "300m", "memory": "1Gi"}], {}, {"cpu": "3500m", "memory": "6656Mi"}),
        (
            [{}],
            {"memory.available": "512Mi", "nodefs.available": "10%"},
            {"memory": "7Gi", "ephemeral-storage": "90Gi"},
        ),
        ([{"cpu": "5", "memory": "7900Mi"}], {}, {"cpu": "0", "memory": "0"}),
        (
            [{"ephemeral-storage": "10Gi"}],
            {"nodefs.available": "20Gi"},
            {"memory": "7680Mi", "ephemeral-storage": "70Gi"},
        ),
    ],
    ids=["memory in huge pages", "reserved twice", "kept free by the eviction", "more than there is", "both of a disk"],
)
def test_what_is_left(reserved: list[dict[str, str]], hard: dict[str, str], differs: dict[str, str]) -> None:
    assert allocatable(CAPACITY, reserved, hard) == {**CAPACITY, **differs}


@pytest.mark.parametrize(
    ("enforced", "kube_cgroup", "why"),
    [
        (["pod"], "", "'pod' is none of pods, system-reserved, "),
        (["pods", "kube-reserved"], "", "kube-reserved needs kubeReservedCgroup"),
        (["kube-reserved", "kube-reserved-compressible"], "/k", "exclude each other"),
    ],
)
def test_what_cannot_be_enforced(enforced: list[str], kube_cgroup: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check(enforced, "", kube_cgroup)


@pytest.mark.parametrize(
    ("size", "name"),
    [(64 << 10, "64KB"), (2 << 20, "2MB"), (512 << 20, "512MB"), (1 << 30, "1GB"), (16 << 30, "16GB")],
)
def test_names_of_page_sizes(size: int, name: str) -> None:
    assert page_name(size) == name
