"""The volume plugins on small clusters: verdicts, reasons, choices, hints."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.scheduler.algorithm import Decision, NoFit, schedule
from pybernetes.scheduler.events import EventResource
from pybernetes.scheduler.framework import CycleState, EnqueueExtensions
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler import reference_volumes
from tests.unit.scheduler.builders import Storage, profile, snapshot_of
from tests.unit.scheduler.upstream_answers import profile_of
from tests.unit.scheduler.upstream_cases import draw_case

_ROOM = {"cpu": "8", "memory": "8Gi", "pods": "110"}


def node(name: str, **labels: str) -> Node:
    tree = {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": _ROOM}}
    return msgspec.convert(tree, Node)


def pod(*claims: str, name: str = "p", node_name: str = "") -> Pod:
    volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    spec = {"containers": [{"name": "c"}], "volumes": volumes, "nodeName": node_name, "schedulerName": "x"}
    return msgspec.convert({"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}, Pod)


def claim(
    name: str = "c", bound: str = "", class_: str = "", annotations: dict[str, str] | None = None, **spec: Any
) -> PersistentVolumeClaim:
    notes = {**(annotations or {}), **({"pv.kubernetes.io/bind-completed": "yes"} if bound else {})}
    basics = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": spec.pop("size", "1Gi")}}}
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "annotations": notes}
    more = {"volumeName": bound, "storageClassName": class_}
    return msgspec.convert({"metadata": meta, "spec": basics | more | spec}, PersistentVolumeClaim)


def volume(name: str = "v", on: str = "", class_: str = "", size: str = "1Gi", **fields: Any) -> PersistentVolume:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": class_}
    if on:
        term = {"matchExpressions": [{"key": "host", "operator": "In", "values": [on]}]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    spec |= fields.pop("spec", {})
    meta = {"name": name, "uid": name, **fields}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": {"phase": "Available"}}, PersistentVolume)


def a_class(name: str = "later", provisioner: str = "example.com/disk", **fields: Any) -> StorageClass:
    tree = {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer"}
    return msgspec.convert(tree | fields, StorageClass)


MANUAL = a_class("later", "kubernetes.io/no-provisioner")
NODES = [node("a", host="a"), node("b", host="b", **{"topology.kubernetes.io/zone": "z1"})]


def outcome(storage: Storage, of: Pod, placed: list[Pod] | None = None) -> str:
    """The node, or why none, in words that do not mix up."""
    made = profile(storage=storage.view)
    found = schedule(made, CycleState(), PodInfo(of), snapshot_of(NODES, placed), lambda count: 0)
    return f"runs on {found.node_name}" if isinstance(found, Decision) else found.diagnosis.message()


CASES: dict[str, tuple[list[Any], Pod, str]] = {
    "bound, and reached from one node": ([claim(bound="v"), volume(on="b")], pod("c"), "runs on b"),
    "bound, and reached from none": (
        [claim(bound="v"), volume(on="x")],
        pod("c"),
        "2 node(s) didn't match PersistentVolume's node affinity",
    ),
    "bound to nothing": (
        [claim(bound="v")],
        pod("c"),
        'persistentvolume "v" not found',
    ),
    "immediate": ([claim()], pod("c"), "pod has unbound immediate PersistentVolumeClaims"),
    "no claim": ([], pod("c"), 'persistentvolumeclaim "c" not found'),
    "delayed, one node has a volume": (
        [MANUAL, claim(class_="later"), volume(on="b", class_="later")],
        pod("c"),
        "runs on b",
    ),
    "delayed, none has": (
        [MANUAL, claim(class_="later")],
        pod("c"),
        "2 node(s) didn't find available persistent volumes to bind",
    ),
    "two claims, two volumes on one node": (
        [
            MANUAL,
            claim("c", class_="later"),
            claim("d", class_="later"),
            volume("v", "a", "later"),
            volume("w", "b", "later"),
            volume("x", "b", "later"),
        ],
        pod("c", "d"),
        "runs on b",
    ),
    "made where the class may": (
        [
            a_class(allowedTopologies=[{"matchLabelExpressions": [{"key": "host", "values": ["b"]}]}]),
            claim(class_="later"),
        ],
        pod("c"),
        "runs on b",
    ),
    "asked for on a node already": (
        [a_class(), claim(class_="later", annotations={"volume.kubernetes.io/selected-node": "b"})],
        pod("c"),
        "runs on b",
    ),
    "another zone": (
        [claim(bound="v"), volume(labels={"topology.kubernetes.io/zone": "z2"})],
        pod("c"),
        "runs on a",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_outcome(case: str) -> None:
    objects, of, wanted = CASES[case]
    fresh = [msgspec.json.decode(msgspec.json.encode(obj), type=type(obj)) for obj in objects]
    assert wanted in outcome(Storage(*fresh), of)


def account(capacity: str, most: str = "", on: str = "", class_: str = "later") -> CSIStorageCapacity:
    """What a driver says of its space: everywhere, or on one host."""
    tree = {"metadata": {"name": "k", "namespace": "default"}, "storageClassName": class_, "capacity": capacity}
    topology = {"nodeTopology": {"matchLabels": {"host": on}} if on else {}}
    return msgspec.convert(tree | topology | ({"maximumVolumeSize": most} if most else {}), CSIStorageCapacity)


NO_SPACE = "2 node(s) did not have enough free storage"


@pytest.mark.parametrize(
    ("accounts", "wanted"),
    [
        pytest.param([account("8Gi", on="a"), account("9Gi", on="b")], "runs on b", id="enough on one"),
        pytest.param([account("8Gi")], NO_SPACE, id="too little everywhere"),
        pytest.param([account("8Gi", on="b"), account("1Ti", on="b")], "runs on b", id="two accounts of one place"),
        pytest.param([account("8Gi", most="9Gi", on="b")], "runs on b", id="the largest volume counts"),
        pytest.param([account("1Ti", most="8Gi")], NO_SPACE, id="volumes have a limit"),
        pytest.param([account("1Ti", class_="other")], NO_SPACE, id="space of another class"),
        pytest.param([msgspec.structs.replace(account("1Ti"), nodeTopology=None)], NO_SPACE, id="space out of reach"),
        pytest.param([], NO_SPACE, id="nothing known"),
    ],
)
def test_space_that_a_driver_keeps_account_of(accounts: list[CSIStorageCapacity], wanted: str) -> None:
    storage = Storage(a_class(), claim(class_="later", size="9Gi"))
    for number, each in enumerate(accounts):
        metadata = msgspec.structs.replace(each.metadata, name=f"k{number}")
        storage.put(msgspec.structs.replace(each, metadata=metadata))
    assert outcome(storage, pod("c")) in ("runs on a", "runs on b"), "no driver keeps account"
    driver = msgspec.convert({"metadata": {"name": "example.com/disk"}, "spec": {"storageCapacity": True}}, CSIDriver)
    storage.put(driver)
    assert wanted in outcome(storage, pod("c"))


@pytest.mark.parametrize(
    ("old", "new", "helps"),
    [
        pytest.param(None, account("1Gi"), True, id="new"),
        pytest.param(account("1Gi"), account("2Gi"), True, id="more"),
        pytest.param(account("2Gi"), account("1Gi"), False, id="less"),
        pytest.param(account("1Gi", most="1Gi"), account("9Gi", most="1Gi"), False, id="no larger volumes"),
        pytest.param(account("1Gi", most="1Gi"), account("1Gi", most="2Gi"), True, id="larger volumes"),
    ],
)
def test_space_that_lets_a_pod_be_tried_again(
    old: CSIStorageCapacity | None, new: CSIStorageCapacity, helps: bool
) -> None:
    plugin = dict(profile(storage=Storage().view).plugins)["VolumeBinding"]
    assert isinstance(plugin, EnqueueExtensions)
    (hint,) = (
        registered.hint
        for registered in plugin.events_to_register()
        if registered.event.resource is EventResource.CSI_STORAGE_CAPACITY
    )
    assert hint is not None
    assert hint(PodInfo(pod("c")), old, new) == helps


def test_a_claim_for_one_pod_has_one_pod() -> None:
    storage = Storage(claim(bound="v", accessModes=["ReadWriteOncePod"]), volume())
    taken = [pod("c", name="other", node_name="a")]
    assert "ReadWriteOncePod access mode already in-use" in outcome(storage, pod("c"), taken)
    assert outcome(storage, pod("c")) in ("runs on a", "runs on b")


def test_a_driver_limits_volumes_of_a_node() -> None:
    csi = [volume(n, spec={"csi": {"driver": "d", "volumeHandle": n}}) for n in ("v", "w")]
    limited = [
        msgspec.convert(
            {
                "metadata": {"name": name},
                "spec": {"drivers": [{"name": "d", "nodeID": name, "allocatable": {"count": count}}]},
            },
            CSINode,
        )
        for name, count in (("a", 1), ("b", 1))
    ]
    storage = Storage(claim("c", "v"), claim("d", "w"), *csi, *limited)
    there = [pod("d", name="other", node_name="a")]
    assert outcome(storage, pod("c"), there) == "runs on b"
    attached = {"metadata": {"name": "x"}, "spec": {"attacher": "d", "nodeName": "b", "source": {}}}
    attached["spec"]["source"] = {"persistentVolumeName": "w"}  # type: ignore[index]
    storage.put(msgspec.convert(attached, VolumeAttachment))
    assert "2 node(s) exceed max volume count" in outcome(storage, pod("c"), there)


@settings(max_examples=300, deadline=None)
@given(st.integers(10_000, 2**32))
def test_agrees_with_the_plain_one(seed: int) -> None:
    case = draw_case(seed)
    found = dict(profile_of(case).plugins)
    new = PodInfo(msgspec.convert(case["pod"], Pod))
    placed = [each for each in msgspec.convert(case["pods"], list[Pod]) if each.spec.nodeName]
    snapshot = snapshot_of(msgspec.convert(case["nodes"], list[Node]), placed)
    for name, (rejected, refused) in reference_volumes.PLUGINS.items():
        state, plugin = CycleState(), found[name]
        status = plugin.pre_filter(state, new, snapshot).status
        assert (status.message if status.rejected else "") == rejected(case), name
        if status.rejected:
            continue
        verdict = None if status.skip else plugin.filter(state, new, snapshot)
        for node in case["nodes"]:
            refusal = verdict and verdict.refusal(snapshot.row_of[node["metadata"]["name"]])
            ours = (sorted(refusal.reasons), refusal.unresolvable) if refusal else None
            plain = refused(case, node)
            assert ours == (plain and (sorted(plain[0]), plain[1])), (name, node["metadata"]["name"])


def test_an_assumed_volume_is_nobody_elses() -> None:
    storage = Storage(MANUAL, claim("c", class_="later"), claim("d", class_="later"), volume(on="b", class_="later"))
    made = profile(storage=storage.view)
    state, first, snapshot = CycleState(), PodInfo(pod("c")), snapshot_of(NODES)
    found = schedule(made, state, first, snapshot, lambda count: 0)
    assert isinstance(found, Decision)
    assert made.reserve(state, first, found.node_name).success
    assert made.waits_before_binding(state, first, found.node_name)
    second = PodInfo(pod("d", name="q"))
    assert isinstance(schedule(made, CycleState(), second, snapshot, lambda count: 0), NoFit)
    made.unreserve(state, first, found.node_name)
    assert isinstance(schedule(made, CycleState(), second, snapshot, lambda count: 0), Decision)
