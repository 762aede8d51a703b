"""Which devices claims get: each case is a few slices, what is asked of them, and who gets what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.core.v1 import Node
from pybernetes.api.resource.v1 import AllocationResult, DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.scheduler.devices.allocator import Allocated, AllocationFailed, Allocator, NodeFailed
from pybernetes.scheduler.devices.pools import Slices
from pybernetes.scheduler.devices.selectors import Selectors
from tests.unit.scheduler.builders import node

Tree = dict[str, Any]
DRIVER = "gpu.example.com"


def device(name: str, kind: str = "", memory: str = "", **more: Any) -> Tree:
    attributes = {"kind": {"string": kind}} if kind else {}
    capacity = {"memory": {"value": memory}} if memory else {}
    return {"name": name, "attributes": attributes, "capacity": capacity, **more}


def slice_(*devices: Tree, on: str = "here", pool: str = "", count: int = 1, generation: int = 1, **spec: Any) -> Tree:
    where = {"nodeName": on} if on else {}
    of = {"name": pool or on or "shared", "generation": generation, "resourceSliceCount": count}
    name = f"{of['name']}-{generation}-{'-'.join(d['name'] for d in devices)}"
    return {"metadata": {"name": name, "uid": name},
            "spec": {"driver": DRIVER, "pool": of, "devices": devices, **where, **spec}}  # fmt: skip


def exactly(name: str, count: int = 1, expression: str = "", **more: Any) -> Tree:
    asked = {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": count, **more}
    if asked["allocationMode"] == "All":
        del asked["count"]
    return {"name": name, "exactly": asked | _selecting(expression)}


def first(name: str, *alternatives: Tree) -> Tree:
    return {"name": name, "firstAvailable": [{"name": each["name"], **each["exactly"]} for each in alternatives]}


def _selecting(expression: str) -> Tree:
    return {"selectors": [{"cel": {"expression": expression}}]} if expression else {}


def claim(*requests: Tree, name: str = "claim", **spec: Any) -> Tree:
    metadata = {"name": name, "namespace": "default", "uid": name}
    return {"metadata": metadata, "spec": {"devices": {"requests": requests, **spec}}}


def allocator(slices: list[Tree], taken: tuple[str, ...] = (), steps: int = 100_000) -> Allocator:
    """`taken`: pool/device."""
    expression = f"device.driver == '{DRIVER}'"
    config = [{"opaque": {"driver": DRIVER, "parameters": {"a": 1}}}]
    gpu = msgspec.convert(
        {"metadata": {"name": "gpu"}, "spec": {"config": config} | _selecting(expression)}, DeviceClass
    )
    allocated = Allocated({(DRIVER, *each.split("/")) for each in taken})  # type: ignore[misc]
    left = iter(range(steps))
    made = Slices(msgspec.convert(slices, list[ResourceSlice]))
    return Allocator(
        allocated, {"gpu": gpu}.get, made, Selectors().matches, lambda: next(left) and None, lambda: "share"
    )


def given(results: list[AllocationResult] | None) -> list[list[str]] | None:
    """Per claim request=device."""
    if results is None:
        return None
    return [[f"{each.request}={each.device}" for each in result.devices.results] for result in results]


HERE: Node = node("here", labels={"zone": "z1"})
KIND = f"device.attributes['{DRIVER}'].kind"
BIG = f"device.capacity['{DRIVER}'].memory.compareTo(quantity('2Gi')) > 0"
COUNTERS = [{"name": "card", "counters": {"memory": {"value": "10Gi"}}}]


def part(name: str, size: str) -> Tree:
    return device(name, consumesCounters=[{"counterSet": "card", "counters": {"memory": {"value": size}}}])


TAINT = {"key": "broken", "effect": "NoSchedule"}
TWO = [slice_(device("d1", "fast", "1Gi"), device("d2", "slow", "4Gi"))]
SHARED = device("d1", memory="10Gi", allowMultipleAllocations=True)
PARTS = [
    slice_(part("large", "8Gi"), part("small-1", "4Gi"), part("small-2", "4Gi"), pool="p", count=2),
    slice_(pool="p", count=2, sharedCounters=COUNTERS),
]


@pytest.mark.parametrize(
    ("slices", "claims", "expected"),
    [
        pytest.param(TWO, [claim(exactly("r"))], [["r=d1"]], id="the first"),
        pytest.param(TWO, [claim(exactly("r", expression=BIG))], [["r=d2"]], id="a large one"),
        pytest.param(TWO, [claim(exactly("r", 2))], [["r=d1", "r=d2"]], id="two"),
        pytest.param(TWO, [claim(exactly("r", 3))], None, id="three of two"),
        pytest.param(TWO, [claim(exactly("r", allocationMode="All"))], [["r=d1", "r=d2"]], id="all"),
        pytest.param([], [claim(exactly("r", allocationMode="All"))], None, id="all of nothing"),
        pytest.param(
            TWO, [claim(exactly("any")), claim(exactly("fast", expression=f"{KIND} == 'fast'"), name="second")],
            [["any=d2"], ["fast=d1"]], id="the first claim gives way",
        ),
        pytest.param([slice_(device("d1"), on="there")], [claim(exactly("r"))], None, id="on another node"),
        pytest.param([slice_(device("d1"), on="", allNodes=True)], [claim(exactly("r"))], [["r=d1"]], id="everywhere"),
        pytest.param(
            [slice_(device("d1"), generation=1), slice_(device("d2"), generation=2)], [claim(exactly("r"))],
            [["r=d2"]], id="the newest generation alone",
        ),
        pytest.param([slice_(device("d1"), count=2)], [claim(exactly("r"))], None, id="a pool that is not whole"),
        pytest.param(
            [slice_(device("d1"), pool="b"), slice_(device("d2"), pool="a")], [claim(exactly("r"))], [["r=d2"]],
            id="pools in order of their names",
        ),
        pytest.param(
            TWO, [claim(first("r", exactly("huge", 5), exactly("small")))], [["r/small=d1"]], id="the second choice"
        ),
        pytest.param(
            [slice_(device("d1", "a"), device("d2", "b"), device("d3", "b"))],
            [claim(exactly("r", 2), constraints=[{"matchAttribute": f"{DRIVER}/kind"}])],
            [["r=d2", "r=d3"]], id="of one kind",
        ),
        pytest.param(
            [slice_(device("d1", "a"), device("d2", "a"), device("d3", "b"))],
            [claim(exactly("r", 2), constraints=[{"distinctAttribute": f"{DRIVER}/kind"}])],
            [["r=d1", "r=d3"]], id="of different kinds",
        ),
        pytest.param(
            [slice_(device("d1", "a"), device("d2", "b"))],
            [claim(exactly("x"), exactly("y"), constraints=[{"matchAttribute": f"{DRIVER}/kind", "requests": ["x"]}])],
            [["x=d1", "y=d2"]], id="a constraint of one request",
        ),
        pytest.param(PARTS, [claim(exactly("r", 2))], [["r=small-1", "r=small-2"]], id="parts that fit together"),
        pytest.param(PARTS, [claim(exactly("r", 3))], None, id="parts that do not"),
        pytest.param(
            [slice_({**SHARED})],
            [claim(exactly("r", capacity={"requests": {"memory": "6Gi"}})),
             claim(exactly("r", capacity={"requests": {"memory": "4Gi"}}), name="second")],
            [["r=d1"], ["r=d1"]], id="a shared device",
        ),
        pytest.param(
            [slice_({**SHARED})],
            [claim(exactly("r", capacity={"requests": {"memory": "6Gi"}})),
             claim(exactly("r", capacity={"requests": {"memory": "5Gi"}}), name="second")],
            None, id="a shared device that is full",
        ),
        pytest.param([slice_(device("d1", taints=[TAINT]))], [claim(exactly("r"))], None, id="a tainted device"),
        pytest.param(
            [slice_(device("d1", taints=[TAINT]))],
            [claim(exactly("r", tolerations=[{"key": "broken", "operator": "Exists"}]))], [["r=d1"]], id="tolerated",
        ),
        pytest.param(
            [slice_(device("d1", nodeName="there"), device("d2", nodeName="here"), on="", perDeviceNodeSelection=True)],
            [claim(exactly("r"))], [["r=d2"]], id="each device on its node",
        ),
    ],
)  # fmt: skip
def test_who_gets_what(slices: list[Tree], claims: list[Tree], expected: list[list[str]] | None) -> None:
    found = allocator(slices).allocate(HERE, msgspec.convert(claims, list[ResourceClaim]))
    assert given(found) == expected


def test_what_is_taken_is_not_given_again_but_looked_at_with_admin_access() -> None:
    asked = msgspec.convert([claim(exactly("r"))], list[ResourceClaim])
    assert given(allocator(TWO, ("here/d1",)).allocate(HERE, asked)) == [["r=d2"]]
    assert allocator(TWO, ("here/d1", "here/d2")).allocate(HERE, asked) is None
    watching = msgspec.convert([claim(exactly("r", adminAccess=True))], list[ResourceClaim])
    (result,) = allocator(TWO, ("here/d1", "here/d2")).allocate(HERE, watching) or []
    assert result.devices.results[0].adminAccess
    assert given(allocator(PARTS, ("p/large",)).allocate(HERE, asked)) is None, "its counters are used up"


def test_the_result_says_where_and_how() -> None:
    selector = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["z1"]}]}]}
    own = {"opaque": {"driver": DRIVER, "parameters": {"b": 2}}}
    asked = claim(
        first("r", exactly("no", 9), exactly("yes")),
        config=[{**own, "requests": ["r/yes"]}, {**own, "requests": ["r/no"]}],
    )
    found = allocator([slice_(device("d1"), on="", nodeSelector=selector)]).allocate(
        HERE, [msgspec.convert(asked, ResourceClaim)]
    )
    assert found is not None
    assert msgspec.to_builtins(found[0].nodeSelector) == selector
    assert [(each.source, each.requests) for each in found[0].devices.config] == [
        ("FromClass", ["r/yes"]),
        ("FromClaim", ["r/yes"]),
    ]
    (here,) = allocator(TWO).allocate(HERE, [msgspec.convert(claim(exactly("r")), ResourceClaim)]) or []
    assert here.nodeSelector is not None
    assert here.nodeSelector.nodeSelectorTerms[0].matchFields[0].values == ["here"]


@pytest.mark.parametrize(
    ("slices", "asked", "error", "text"),
    [
        (TWO, exactly("r", 33), AllocationFailed, "exceeds the claim limit of 32"),
        (TWO, exactly("r", deviceClassName="none"), AllocationFailed, "could not retrieve device class none"),
        (TWO, exactly("r", allocationMode="Some"), AllocationFailed, "unsupported count mode Some"),
        (TWO, exactly("r", expression="nobody"), AllocationFailed, "default/claim: selector #0: CEL compile error"),
        (TWO, exactly("r", expression=f"{KIND}.none == 1"), AllocationFailed, "selector #0: CEL runtime error"),
        ([slice_(device("d"), count=2)], exactly("r", allocationMode="All"),
         AllocationFailed, "is currently being updated"),
        ([slice_(device("d"), device("d"))], exactly("r"), NodeFailed, "invalid resource pools were encountered"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(slices: list[Tree], asked: Tree, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        allocator(slices).allocate(HERE, [msgspec.convert(claim(asked), ResourceClaim)])


def test_a_search_without_end_is_ended() -> None:
    """Thirty devices, of which sixteen are to have something in common that only fifteen have."""
    devices = [device(f"d{index:02}", f"kind-{index % 2}") for index in range(30)]
    asked = claim(exactly("r", 16), constraints=[{"matchAttribute": f"{DRIVER}/kind"}])
    with pytest.raises(StopIteration):
        allocator([slice_(*devices)], steps=1000).allocate(HERE, [msgspec.convert(asked, ResourceClaim)])
