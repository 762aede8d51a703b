"""What a node says of itself, when others have written into its status."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pybernetes.api.core.v1 import Node, NodeStatus, Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.node.status import Machine, RuntimeHealth, images_of, node_status, read_machine
from pybernetes.kubelet.resources.admission import admit
from tests.unit.kubelet.pods import pod

ROOM = {"cpu": "4", "pods": "110"}
FAKE = {"example.com/beard-second": "1000"}


def asks(name: str) -> Pod:
    made = pod([{"name": "c", "image": "i", "resources": {"requests": FAKE, "limits": FAKE}}])
    made.metadata.uid = made.metadata.name = name
    return made


def reported(old: NodeStatus) -> NodeStatus:
    machine = Machine(capacity=ROOM, allocatable=ROOM)
    return node_status(KubeletConfig(node_name="n"), machine, old, RuntimeHealth(error=""), [], [], 0, 0.0)


def test_an_extended_resource_is_allocatable_while_it_stands_in_the_capacity() -> None:
    status = reported(NodeStatus(capacity={**ROOM, **FAKE}, allocatable=ROOM))
    assert (status.capacity, status.allocatable) == ({**ROOM, **FAKE}, {**ROOM, **FAKE})
    status.capacity = {**ROOM, "cpu": "64"}
    status = reported(status)
    assert (status.capacity, status.allocatable) == (ROOM, ROOM)


def test_no_pod_takes_more_of_an_extended_resource_than_there_is() -> None:
    node = Node(status=NodeStatus(allocatable=FAKE))
    refused = admit(asks("p"), [asks("o")], node, ROOM)
    assert refused is not None
    assert refused.reason == "OutOfexample.com/beard-second"
    assert admit(asks("p"), [], node, ROOM) is None
    unknown = Node()
    assert admit(asks("p"), [asks("o")], unknown, ROOM) is None, "a matter of the cluster"


def test_features_that_nodes_declare() -> None:
    assert reported(NodeStatus(declaredFeatures=["Other"])).declaredFeatures == [
        "InPlacePodLevelResourcesVerticalScaling",
        "InPlacePodVerticalScalingInitContainers",
        "RestartAllContainersOnContainerExits",
    ]


@pytest.mark.parametrize(("most", "named"), [(-1, ["large", "middle", "small"]), (2, ["large", "middle"]), (0, [])])
def test_as_many_images_are_named_as_wanted(most: int, named: list[str]) -> None:
    found = [SimpleNamespace(repo_tags=[name], size=size) for name, size in (("small", 1), ("large", 3), ("middle", 2))]
    assert [image.names for image in images_of(list(found), most)] == [[name] for name in named]


def test_pods_by_the_core_are_a_second_limit(tmp_path: Path) -> None:
    def pods(max_pods: int) -> int:
        config = KubeletConfig("n", root_dir=str(tmp_path), max_pods=max_pods, pods_per_core=3)
        return int(read_machine(config).capacity["pods"])

    assert pods(1) == 1
    assert pods(1_000_000) == 3 * int(read_machine(KubeletConfig("n", root_dir=str(tmp_path))).capacity["cpu"])
