"""CPUs of containers' own, on machines of two sockets."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.giving import refuse_other_policies
from pybernetes.kubelet.resources.allocation import Allocation
from pybernetes.kubelet.resources.cpu_options import chosen
from pybernetes.kubelet.resources.cpu_spreading import spread
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
    cache = tmp_path / "cpu" / "cpu2" / "cache" / "index3"
    cache.mkdir(parents=True)
    (cache / "level").write_text("3\n")
    (cache / "shared_cpu_list").write_text("1-2\n")
    (tmp_path / "cpu" / "online").write_text("0-2\n")
    for node, cpus in ((0, "0,2"), (1, "1")):
        (tmp_path / "node" / f"node{node}").mkdir(parents=True)
        (tmp_path / "node" / f"node{node}" / "cpulist").write_text(cpus)
    assert read_topology(tmp_path) == {0: Cpu(0, 0, 0, 0), 1: Cpu(1, 1, 1, 1, 1), 2: Cpu(2, 0, 0, 0, 1)}


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
    def __init__(self, folder: Path, policy: str = "none", topology: Topology | None = None, **settings: Any) -> None:
        config = KubeletConfig(
            node_name="n", root_dir=str(folder), **{"cpu_manager_policy": "static", "reserved_cpus": "0", **settings}
        )
        self.changes = 0
        topology = topology or machine()
        self.cpus = Cpus(config, topology, self._changed)
        nodes = sorted({cpu.node for cpu in topology.values()})
        self.allocation = Allocation([self.cpus], policy, "container", nodes)

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


_STRICT = {"cpu_manager_policy_options": {"strict-cpu-reservation": "true"}}
_A = {"a": {"c": "1,5"}}


@pytest.mark.parametrize(
    ("shared", "entries", "settings", "why"),
    [
        pytest.param("0,2-4,6-7", _A, {}, "", id="as it was"),
        pytest.param("2-4,6-7", _A, _STRICT, "", id="as it was, strictly"),
        pytest.param("0,2-4,6-7", _A, _STRICT, 'strictly reserved cpus: "0" are present in', id="strict by now"),
        pytest.param("2-4,6-7", _A, {}, 'not all reserved cpus: "0" are present in', id="strict no longer"),
        pytest.param("0,2-4,6-7", _A, {"reserved_cpus": "0-1"}, 'not all reserved cpus: "0-1"', id="more is reserved"),
        pytest.param("", _A, {}, "default cpuset cannot be empty", id="nothing is left"),
        pytest.param("0-7", _A, {}, 'container: c cpuset: "1,5" overlaps with default cpuset "0-7"', id="twice"),
        pytest.param("0,2-4", _A, {}, '"0-7" doesn\'t match with CPUs in state "0-5"', id="more CPUs by now"),
        pytest.param("0,2-4,6-9", _A, {}, "doesn't match with CPUs in state", id="fewer CPUs by now"),
        pytest.param("0,2-4,6-7", {"a": {"c": "1,x"}}, {}, "is no list of CPUs", id="not CPUs"),
        pytest.param("0-9", {}, {"reserved_cpus": "0-1"}, "", id="nobody has any"),
    ],
)
def test_a_machine_that_is_another_by_now(
    tmp_path: Path, shared: str, entries: dict[str, dict[str, str]], settings: dict[str, Any], why: str
) -> None:
    """Upstream's order and words (policy_static.go validateState), but for the last."""
    state = {"policyName": "static", "defaultCpuSet": shared, "entries": entries}
    file = tmp_path / "cpu_manager_state"
    file.write_bytes(msgspec.json.encode(state))
    again = Node(tmp_path, **settings)
    if not why:
        again.cpus.remember()
        assert text_of(again.cpus.own("a", "c")) == entries.get("a", {}).get("c", "")
        return
    with pytest.raises(ValueError, match=why) as error:
        again.cpus.remember()
    assert f"cannot be restored from {file}: " in str(error.value)
    assert str(error.value).endswith("drain this node and delete that file before the kubelet is started again")


@pytest.mark.parametrize(
    ("file", "policy", "settings", "why"),
    [
        ("cpu_manager_state", "static", {"cpu_manager_policy": "static", "reserved_cpus": "0"}, ""),
        ("cpu_manager_state", "static", {}, '"none" differs from state checkpoint policy "static"'),
        ("memory_manager_state", "Static", {}, '"None" differs from state checkpoint policy "Static"'),
        ("memory_manager_state", "BestEffort", {"memory_manager_policy": "Static"}, '"Static" differs'),
    ],
)
def test_what_was_handed_out_by_another_policy(
    tmp_path: Path, file: str, policy: str, settings: dict[str, Any], why: str
) -> None:
    config = KubeletConfig(node_name="n", root_dir=str(tmp_path), **settings)
    refuse_other_policies(config)
    for entries in ({}, _A):
        (tmp_path / file).write_bytes(msgspec.json.encode({"policyName": policy, "entries": entries}))
        with pytest.raises(ValueError, match=why) if why and entries else contextlib.nullcontext():
            refuse_other_policies(config)


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


def cached(cores: int, in_cache: int, threads: int = 1) -> Topology:
    """One socket, one NUMA node; a cache for so many cores. Threads of a core are next to each other."""
    return {n: Cpu(n, n // threads, 0, 0, n // threads // in_cache) for n in range(cores * threads)}


@pytest.mark.parametrize(
    ("available", "count", "expected"),
    [
        pytest.param("0-15", 4, "0-3", id="a whole cache"),
        pytest.param("1-15", 4, "4-7", id="a whole cache that is free before one that is not"),
        pytest.param("1-15", 3, "1-3", id="the rest of one"),
        pytest.param("2-3,4-6,8-15", 2, "2-3", id="the one with the fewest left"),
        pytest.param("2-3,5-7", 4, "2-3,5-6", id="none has enough"),
        pytest.param("1-15", 6, "1-2,4-7", id="a whole one, and of the next what is wanted still"),
    ],
)
def test_near_by_cache(available: str, count: int, expected: str) -> None:
    assert text_of(take(cached(16, 4), parse(available), count, by_cache=True) or ()) == expected


def test_near_by_cache_with_two_threads_a_core() -> None:
    topology = cached(8, 4, 2)
    assert text_of(take(topology, range(2, 16), 3, by_cache=True) or ()) == "2-4"
    assert text_of(take(topology, range(2, 16), 8, by_cache=True) or ()) == "8-15"


@pytest.mark.parametrize(("count", "expected"), [(2, "0-1"), (3, "0-1,4"), (4, "0-1,4-5"), (6, "0-5"), (8, "0-7")])
def test_over_cores_after_whole_sockets(count: int, expected: str) -> None:
    """Two sockets with two cores each: 0-1 and 4-5, 2-3 and 6-7."""
    assert text_of(take(machine(), range(8), count, over_cores=True) or ()) == expected


@pytest.mark.parametrize(
    ("available", "count", "group", "expected"),
    [
        pytest.param("0-79", 26, 1, "0-6,10-16,40-45,50-55", id="equal parts of two nodes"),
        pytest.param("0-79", 26, 2, "0-6,10-15,40-46,50-55", id="in whole cores, one has one more"),
        pytest.param("0-79", 10, 1, "0-4,40-44", id="one node has enough"),
        pytest.param("0-8,10-18,20-39,40-48,50-58,60-79", 62, 1, "0-7,10-17,20-27,30-37,40-46,50-56,60-67,70-77",
                     id="the rest comes from the fuller ones"),
        pytest.param("0-8,10-18,20-39,40-48,50-58,60-79", 62, 2, "0-7,10-16,20-27,30-37,40-47,50-56,60-67,70-77",
                     id="the rest in whole cores"),
        pytest.param("0-79", 3, 2, "0-1,40", id="no multiple of a core: as near as can be"),
        pytest.param("0-2", 4, 1, None, id="too few"),
    ],
)  # fmt: skip
def test_over_nodes(available: str, count: int, group: int, expected: str | None) -> None:
    found = spread(machine(2, 20, 2), parse(available), count, group)
    assert (None if found is None else text_of(found)) == expected


ALPHA = {"CPUManagerPolicyAlphaOptions": True}


def test_options_say_which_cpus_are_taken(tmp_path: Path) -> None:
    cores = {"cpu_manager_policy_options": {"distribute-cpus-across-cores": "true"}, "feature_gates": ALPHA}
    for name, settings, expected in (
        ("nodes", {"cpu_manager_policy_options": {"distribute-cpus-across-numa": "true"}}, "1-3,5-6"),
        ("cores", cores, "1-3,6-7"),
    ):
        (tmp_path / name).mkdir()
        assert Node(tmp_path / name, **settings).give(guaranteed("a", "5")) == expected


def test_sockets_instead_of_nodes(tmp_path: Path) -> None:
    settings = {"cpu_manager_policy_options": {"align-by-socket": "true"}, "feature_gates": ALPHA}
    node = Node(tmp_path, "restricted", topology=machine(2, 4, 2), **settings)
    pod = guaranteed("a", "3")
    hints = node.cpus.hints(pod, pod.spec.containers[0])["cpu"]
    assert hints is not None
    preferred = [hint.nodes for hint in hints if hint.preferred]
    assert preferred == [0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100], "both nodes of a socket are as good as one"
    assert node.give(guaranteed("b", "7")) in ("1-3,8-11", "4-7,12-14")
    with pytest.raises(ValueError, match="is not for topologyManagerPolicy single-numa-node"):
        Node(tmp_path, topology_manager_policy="single-numa-node", **settings)
    with pytest.raises(ValueError, match="more sockets than NUMA nodes"):
        Node(tmp_path, topology={n: Cpu(n, n, n) for n in range(4)}, **settings)


@pytest.mark.parametrize(
    ("options", "gates", "why"),
    [
        ({"align-by-socket": "true"}, {}, "align-by-socket needs the feature gate CPUManagerPolicyAlphaOptions"),
        (
            {"distribute-cpus-across-numa": "true"},
            {"CPUManagerPolicyBetaOptions": False},
            "needs the feature gate CPUManagerPolicyBetaOptions",
        ),
        ({"full-pcpus-only": "true", "distribute-cpus-across-cores": "true"}, ALPHA, "exclude each other"),
        ({"prefer-align-cpus-by-uncorecache": "1", "distribute-cpus-across-numa": "t"}, {}, "exclude each other"),
        ({"nearest": "true"}, {}, "'nearest' is none of full-pcpus-only"),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], gates: dict[str, bool], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        chosen("static", options, FeatureGates(gates))
    assert chosen("static", {"distribute-cpus-across-numa": "false", "full-pcpus-only": "T"}, FeatureGates()) == {
        "full-pcpus-only"
    }
