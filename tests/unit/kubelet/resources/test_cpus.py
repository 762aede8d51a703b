"""CPUs of containers' own, on machines of two sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.resources.allocation import Allocation
from pybernetes.kubelet.resources.cpu_topology import Cpu, Topology, parse, read_topology, take, text_of
from pybernetes.kubelet.resources.cpus import Cpus
from pybernetes.kubelet.resources.topology import Hint

from ..pods import pod as pod_of


def machine(sockets: int = 2, cores: int = 2, nodes_in_socket: int = 1) -> Topology:
    """Two threads a core; threads of a core are as far apart as the kernel numbers them."""
    half = sockets * cores
    found = {}
    for cpu in range(half * 2):
        core = cpu % half
        socket = core // cores
        node = core * nodes_in_socket // cores
        found[cpu] = Cpu(cpu, core, socket, node)
    return found


@pytest.mark.parametrize(
    ("available", "count", "expected"),
    [
        pytest.param("0-7", 4, "0-1,4-5", id="a whole socket"),
        pytest.param("0-7", 2, "0,4", id="a whole core"),
        pytest.param("0-7", 1, "0", id="a thread"),
        pytest.param("1-7", 1, "4", id="a thread of a core that is in use"),
        pytest.param("1-7", 2, "1,5", id="a whole core of the fuller socket"),
        pytest.param("1-7", 4, "2-3,6-7", id="the whole socket that is free"),
        pytest.param("1-7", 5, "2-4,6-7", id="a socket and the rest of a core"),
        pytest.param("0-7", 0, "", id="none"),
        pytest.param("0-2", 4, None, id="too few"),
    ],
)
def test_taken_together(available: str, count: int, expected: str | None) -> None:
    found = take(machine(), parse(available), count)
    assert (None if found is None else text_of(found)) == expected


def test_where_sockets_have_several_nodes_sockets_come_first() -> None:
    assert text_of(take(machine(2, 4, 2), range(16), 8) or ()) == "0-3,8-11"
    assert text_of(take(machine(2, 4, 2), range(16), 4) or ()) == "0-1,8-9"


def test_lists_of_cpus() -> None:
    assert parse("0-2,8\n") == {0, 1, 2, 8} and text_of([8, 1, 0, 2]) == "0-2,8" and text_of([]) == ""


def test_the_topology_is_read_from_the_kernel(tmp_path: Path) -> None:
    for cpu, core, socket in ((0, "0,2", 0), (1, "1", 1), (2, "0,2", 0)):
        folder = tmp_path / "cpu" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(core)
        (folder / "physical_package_id").write_text(f"{socket}\n")
    (tmp_path / "cpu" / "online").write_text("0-2\n")
    for node, cpus in ((0, "0,2"), (1, "1")):
        (tmp_path / "node" / f"node{node}").mkdir(parents=True)
        (tmp_path / "node" / f"node{node}" / "cpulist").write_text(cpus)
    assert read_topology(tmp_path) == {0: Cpu(0, 0, 0, 0), 1: Cpu(1, 1, 1, 1), 2: Cpu(2, 0, 0, 0)}


def guaranteed(name: str, cpu: str, init_cpu: str = "") -> Pod:
    def container(label: str, amount: str) -> dict[str, Any]:
        held = {"cpu": amount, "memory": "1Mi"}
        return {"name": label, "resources": {"limits": held, "requests": held}}

    init = {"initContainers": [container("init", init_cpu)]} if init_cpu else {}
    made = pod_of(containers=[container("c", cpu)], **init)
    made.metadata.uid = name
    made.status.qosClass = None
    return made


class Node:
    def __init__(self, folder: Path, policy: str = "none", **settings: Any) -> None:
        config = KubeletConfig(
            node_name="n", root_dir=str(folder), **{"cpu_manager_policy": "static", "reserved_cpus": "0", **settings}
        )
        self.changes = 0
        self.cpus = Cpus(config, machine(), self._changed)
        self.allocation = Allocation([self.cpus], policy, "container", [0, 1])

    def _changed(self) -> None:
        self.changes += 1

    def give(self, pod: Pod) -> str:
        """The CPUs of its container, or the reason for which it is refused."""
        rejection = asyncio.run(self.allocation.allocate(pod))
        return rejection.reason if rejection is not None else self.cpus.of(pod.metadata.uid or "", "c")


def test_whole_cpus_of_guaranteed_pods_are_theirs_alone(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.give(guaranteed("a", "2")) == "1,5"
    assert text_of(node.cpus.shared()) == "0,2-4,6-7"
    assert node.give(guaranteed("half", "1500m")) == "0,2-4,6-7"
    assert node.give(guaranteed("b", "4")) == "2-3,6-7"
    assert node.give(guaranteed("c", "2")) == "UnexpectedAdmissionError"
    node.allocation.release("a")
    assert text_of(node.cpus.shared()) == "0-1,4-5" and node.changes == 3


def test_whole_cores_alone(tmp_path: Path) -> None:
    """CPUs 0 and 4 are one core, of which one half is reserved."""
    node = Node(tmp_path, cpu_manager_policy_options={"full-pcpus-only": "true"})
    assert node.give(guaranteed("odd", "3")) == "SMTAlignmentError"
    assert node.give(guaranteed("a", "2")) == "1,5"
    assert node.give(guaranteed("b", "4")) == "2-3,6-7"
    refused = asyncio.run(node.allocation.allocate(guaranteed("c", "2")))
    assert refused is not None
    assert refused.message == (
        "SMT Alignment Error: not enough free physical CPUs: "
        "available physical CPUs = 0, requested CPUs = 2, CPUs per core = 2"
    )


def test_nobody_runs_on_what_is_reserved_strictly(tmp_path: Path) -> None:
    node = Node(tmp_path, cpu_manager_policy_options={"strict-cpu-reservation": "true"})
    assert node.give(guaranteed("half", "1500m")) == "1-7"
    assert node.give(guaranteed("a", "2")) == "1,5"
    assert text_of(node.cpus.shared()) == "2-4,6-7"


def test_both_reservations_count(tmp_path: Path) -> None:
    settings = {"reserved_cpus": "", "system_reserved": {"cpu": "500m"}, "kube_reserved": {"cpu": "1"}}
    node = Node(tmp_path, **settings)
    assert len(node.cpus.allocatable()) == 6


def test_cpus_of_init_containers_pass_on(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert node.give(guaranteed("a", "2", init_cpu="4")) in ("2,6", "3,7")
    assert text_of(node.cpus.own("a", "init")) == "2-3,6-7"


def test_policies_of_topology_look_at_nodes(tmp_path: Path) -> None:
    assert Node(tmp_path / "s", "single-numa-node").give(guaranteed("a", "5")) == "TopologyAffinityError"
    (tmp_path / "r").mkdir()
    node = Node(tmp_path / "r", "restricted")
    assert node.give(guaranteed("a", "3")) in ("1,4-5", "2-3,6", "2,6-7", "2-3,7", "3,6-7")
    assert node.cpus.hints(guaranteed("b", "2"), guaranteed("b", "2").spec.containers[0])["cpu"] == [
        Hint(0b10),
        Hint(0b11, False),
    ]


def test_a_kubelet_that_comes_back_knows_whose_cpus_are_whose(tmp_path: Path) -> None:
    Node(tmp_path).give(guaranteed("a", "2"))
    again = Node(tmp_path)
    again.cpus.remember()
    assert text_of(again.cpus.own("a", "c")) == "1,5"
    again.allocation.only(["b"])
    assert text_of(again.cpus.shared()) == "0-7"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"reserved_cpus": ""}, "needs CPU that is reserved", id="nothing reserved"),
        pytest.param({"reserved_cpus": "7-9"}, "the machine has no CPU 8-9", id="not there"),
    ],
)
def test_what_is_refused_at_the_start(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Node(tmp_path, **settings)


def test_reserved_are_as_many_as_the_systems_share_comes_to(tmp_path: Path) -> None:
    node = Node(tmp_path, reserved_cpus="", system_reserved={"cpu": "1500m"})
    assert text_of(node.cpus.allocatable()) == "1-3,5-7"
