"""Memory of NUMA nodes of containers' own: where it could come from, what is taken, what is known after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.resources import memory_map
from pybernetes.kubelet.resources.allocation import Allocation
from pybernetes.kubelet.resources.memory import Memory
from pybernetes.kubelet.resources.memory_map import Block, MemoryMap
from pybernetes.kubelet.resources.numa import NumaNode, only_node, read_nodes
from pybernetes.kubelet.resources.topology import Hint, mask_of

from ..pods import pod as pod_of

GI = 1 << 30
PAGES = "hugepages-1Gi"


def taken(*blocks: tuple[list[int], int], nodes: int = 4) -> MemoryMap:
    """Of nodes with 10 GiB each, of which 1 GiB is reserved."""
    found = MemoryMap(memory_map.idle({n: NumaNode(10 * GI) for n in range(nodes)}, dict.fromkeys(range(nodes), KEPT)))
    for affinity, size in blocks:
        found.take(Block(affinity, "memory", size * GI), size * GI)
    return found


KEPT = {"memory": GI}


@pytest.mark.parametrize(
    ("held", "size", "expected"),
    [
        pytest.param([], 5, [([0], 1), ([1], 1), ([0, 1], 0)], id="an idle machine"),
        pytest.param([], 10, [([0, 1], 1)], id="more than one node has"),
        pytest.param([], 19, [], id="more than all have"),
        pytest.param([([0], 5)], 5, [([1], 1)], id="one is half full, and no group with the other"),
        pytest.param([([0], 9)], 5, [([1], 1)], id="one is full"),
        pytest.param([([0], 5)], 10, [], id="a node that is used alone goes into no group"),
        pytest.param([([0, 1], 10)], 5, [([0, 1], 0)], id="a group goes on as a group"),
        pytest.param([([0, 1], 10)], 9, [], id="a group that has too little"),
    ],
)
def test_where_memory_could_come_from(
    held: list[tuple[list[int], int]], size: int, expected: list[tuple[list[int], int]]
) -> None:
    hints = taken(*held, nodes=2).hints({"memory": size * GI}, {})
    assert hints == [Hint(mask_of(nodes), bool(preferred)) for nodes, preferred in expected]


def test_groups_are_left_alone_by_those_who_want_more() -> None:
    hints = taken(([0, 1], 10)).hints({"memory": 12 * GI}, {})
    assert hints == [Hint(0b1100)], "the two others: neither part of the group nor all of it with more"


def test_each_kind_must_be_had_of_the_same_nodes() -> None:
    nodes = {0: NumaNode(10 * GI, {PAGES: 2 * GI}), 1: NumaNode(10 * GI, {PAGES: 0})}
    found = MemoryMap(memory_map.idle(nodes, {}))
    assert found.state[0].memory_map["memory"].allocatable == 8 * GI, "huge pages are not memory"
    assert found.hints({"memory": GI, PAGES: GI}, {}) == [Hint(0b01), Hint(0b11, False)]
    assert found.hints({"memory": GI, "hugepages-2Mi": 1}, {}) == []


def test_what_was_taken_comes_back() -> None:
    found = taken(nodes=2)
    before = msgspec.json.encode(found.state)
    block = Block([0, 1], "memory", 12 * GI)
    found.take(block, block.size)
    assert [state.memory_map["memory"].free // GI for state in found.state.values()] == [0, 6]
    assert [state.cells for state in found.state.values()] == [[0, 1], [0, 1]]
    found.give_back(block)
    assert msgspec.json.encode(found.state) == before


def guaranteed(name: str, memory: str, *init: str, sidecar: bool = False) -> Pod:
    def container(label: str, amount: str) -> dict[str, Any]:
        held = {"cpu": "1", "memory": amount}
        return {"name": label, "resources": {"limits": held, "requests": held}}

    first = [container(f"i{n}", amount) for n, amount in enumerate(init)]
    if sidecar:
        first[0]["restartPolicy"] = "Always"
    made = pod_of(containers=[container("c", memory)], initContainers=first)
    made.metadata.uid = name
    made.status.qosClass = None
    return made


class Node:
    """NUMA nodes of so many GiB; of the first two 1 GiB each is reserved."""

    def __init__(
        self,
        folder: Path,
        policy: str = "none",
        scope: str = "container",
        nodes: Sequence[int] = (10, 10),
        **settings: Any,
    ) -> None:
        settings = {
            "system_reserved": {"memory": "1Gi"},
            "kube_reserved": {"memory": "512Mi"},
            "eviction_hard": {"memory.available": "512Mi"},
            "reserved_memory": [(0, {"memory": "1Gi"}), (1, {"memory": "1Gi"})],
            **settings,
        }
        config = KubeletConfig(node_name="n", root_dir=str(folder), **settings)
        machine = {number: NumaNode(size * GI) for number, size in enumerate(nodes)}
        self.memory = Memory(config, machine, {"memory": f"{sum(nodes)}Gi"})
        self.allocation = Allocation([self.memory], policy, scope, list(machine))

    def give(self, pod: Pod) -> str | list[int]:
        """The nodes of its container, or why it is refused."""
        rejection = asyncio.run(self.allocation.allocate(pod))
        return rejection.message if rejection is not None else self.memory.nodes(pod.metadata.uid or "", "c")

    def free(self) -> list[int]:
        return [state.memory_map["memory"].free // GI for state in self.memory._map.state.values()]


def test_containers_of_guaranteed_pods_have_nodes(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.give(guaranteed("a", "5Gi")) == [0] and node.give(guaranteed("b", "6Gi")) == [1]
    assert node.free() == [4, 3]
    refused = node.give(guaranteed("c", "5Gi"))
    assert refused == (
        "Allocate failed due to [memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough "
        "memory is available, which is unexpected"
    )
    node.allocation.release("a")
    assert node.give(guaranteed("d", "9Gi")) == [0]
    burstable = pod_of(containers=[{"name": "c", "resources": {"requests": {"memory": "1Gi"}}}])
    burstable.metadata.uid, burstable.status.qosClass = "e", None
    assert node.give(burstable) == [] and not node.memory.concerns(burstable)


@pytest.mark.parametrize(
    ("policy", "scope", "memory", "expected"),
    [
        ("best-effort", "container", "12Gi", [0, 1]),
        ("restricted", "container", "12Gi", [0, 1]),
        ("single-numa-node", "container", "12Gi", "Resources cannot be allocated with Topology locality"),
        ("single-numa-node", "container", "8Gi", [0]),
        ("restricted", "pod", "8Gi", [0]),
    ],
)
def test_policies_of_topology(tmp_path: Path, policy: str, scope: str, memory: str, expected: str | list[int]) -> None:
    assert Node(tmp_path, policy, scope).give(guaranteed("a", memory)) == expected


def test_the_pod_as_a_whole_goes_to_one_node(tmp_path: Path) -> None:
    node = Node(tmp_path, "single-numa-node", "pod")
    assert (
        node.give(guaranteed("a", "5Gi", "5Gi", sidecar=True)) == "Resources cannot be allocated with Topology locality"
    )
    assert node.give(guaranteed("b", "5Gi", "5Gi")) == [0], "the first ends before the other begins"


def test_what_init_containers_had_passes_on(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.give(guaranteed("a", "5Gi", "6Gi", "3Gi")) == [0]
    assert node.free() == [3, 9]
    assert [sum(b.size for b in node.memory.of("a", name)) // GI for name in ("i0", "i1", "c")] == [0, 1, 5]
    node.allocation.release("a")
    assert node.free() == [9, 9]


def test_a_kubelet_that_comes_back_knows_whose_memory_is_whose(tmp_path: Path) -> None:
    Node(tmp_path).give(guaranteed("a", "5Gi", "6Gi"))
    again = Node(tmp_path)
    again.memory.remember()
    assert again.memory.nodes("a", "c") == [0] and again.free() == [3, 9]
    pod = guaranteed("a", "5Gi", "6Gi")
    assert again.memory.hints(pod, pod.spec.containers[0]) == {"memory": [Hint(0b01)]}
    again.allocation.only([])
    assert again.free() == [9, 9]


def test_a_file_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    Node(tmp_path).give(guaranteed("a", "5Gi"))
    file = tmp_path / "memory_manager_state"
    assert msgspec.json.decode(file.read_bytes())["entries"] == {
        "a": {"c": [{"numaAffinity": [0], "type": "memory", "size": 5 * GI}]}
    }
    file.write_bytes(file.read_bytes().replace(b'"policyName":"Static"', b'"policyName":"static"'))
    with pytest.raises(ValueError, match=f"cannot be restored from {file}: checkpoint is corrupted; drain this node"):
        Node(tmp_path).memory.remember()


@pytest.mark.parametrize(
    ("nodes", "reserved", "why"),
    [
        pytest.param([10, 10], [1, 1], "", id="as it was"),
        pytest.param([10, 10, 10], [1, 1, 0], "machine state is different from the real one", id="one more node"),
        pytest.param([10], [2], "container: c.* uses the NUMA that does not exist", id="one node fewer"),
        pytest.param([10, 12], [1, 1], "machine state is different from the real one", id="more memory"),
        pytest.param([10, 10], [2, 0], "machine state is different from the real one", id="reserved elsewhere"),
    ],
)
@pytest.mark.parametrize("drained", [False, True], ids=["in use", "drained"])
def test_a_machine_that_is_another_by_now(
    tmp_path: Path, nodes: list[int], reserved: list[int], why: str, drained: bool
) -> None:
    """Source: pkg/kubelet/cm/memorymanager/policy_static.go validateState, which also refuses where nobody has any."""
    first = Node(tmp_path)
    assert first.give(guaranteed("a", "12Gi")) == [0, 1]
    if drained:
        first.allocation.release("a")
    kept = [(number, {"memory": f"{size}Gi"}) for number, size in enumerate(reserved) if size]
    again = Node(tmp_path, nodes=nodes, reserved_memory=kept)
    if drained or not why:
        again.memory.remember()
        assert again.memory.nodes("a", "c") == ([] if drained else [0, 1])
    else:
        with pytest.raises(ValueError, match=why):
            again.memory.remember()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"reserved_memory": [(0, {"memory": "1Gi"})]}, "1073741824 bytes of memory are reserved .* but 2147483648 by"),
        ({"reserved_memory": [(2, {"memory": "2Gi"})]}, "NUMA node 2 that does not exist"),
        ({"reserved_memory": [(0, {"memory": "2Gi", PAGES: "1Gi"})]}, f"bytes of {PAGES} are reserved"),
        ({"reserved_memory": [(0, {"memory": "2Gi"}), (0, {PAGES: "1Gi"})]}, f"bytes of {PAGES} are reserved"),
        (
            {"reserved_memory": [], "system_reserved": {}, "kube_reserved": {}, "eviction_hard": {}},
            "Static needs memory that is reserved",
        ),
    ],
)
def test_what_is_refused_at_the_start(tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Node(tmp_path, **settings)


def test_a_kernel_without_nodes_has_one(tmp_path: Path) -> None:
    assert read_nodes(tmp_path) == {}
    assert only_node({"cpu": "2", "memory": "4Mi", "hugepages-2Mi": "2Mi"}) == {
        0: NumaNode(4 << 20, {"hugepages-2Mi": 2 << 20}, (10,))
    }


def test_nodes_are_read_from_the_kernel(tmp_path: Path) -> None:
    for number, memory, distance in ((0, 4096, "10 21"), (1, 8192, "21 10")):
        folder = tmp_path / f"node{number}"
        (folder / "hugepages" / "hugepages-2048kB").mkdir(parents=True)
        (folder / "hugepages" / "hugepages-2048kB" / "nr_hugepages").write_text(f"{number}\n")
        (folder / "meminfo").write_text(f"Node {number} MemTotal:       {memory} kB\nNode {number} MemFree: 1 kB\n")
        (folder / "distance").write_text(f"{distance}\n")
    assert read_nodes(tmp_path) == {
        0: NumaNode(4 << 20, {"hugepages-2Mi": 0}, (10, 21)),
        1: NumaNode(8 << 20, {"hugepages-2Mi": 2 << 20}, (21, 10)),
    }
