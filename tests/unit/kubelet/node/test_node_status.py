"""What a node says of itself, when others have written into its status."""

from __future__ import annotations

from pybernetes.api.core.v1 import Node, NodeStatus, Pod
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.node.status import Machine, RuntimeHealth, node_status
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
