"""Who may have which device."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.devices.ledger import GRACE_S, Device, Holding, Ledger, healths
from pybernetes.kubelet.resources.allocation import AllocationError
from pybernetes.kubelet.resources.topology import ANYWHERE, Hint

GPU = "example.com/gpu"


def ledger(*devices: Device) -> Ledger:
    made = Ledger()
    made.told(GPU, devices)
    return made


def four(nodes: tuple[int, ...] = (0, 0, 1, 1)) -> Ledger:
    return ledger(*(Device(f"d{i}", numa_nodes=(node,)) for i, node in enumerate(nodes)))


def give(books: Ledger, pod: str, container: str, count: int, affinity: Hint = ANYWHERE) -> tuple[str, ...]:
    assert books.missing(pod, container, GPU, count) == count
    choice = books.choice(pod, GPU, count, affinity)
    choice.question()
    devices = choice.settle(())
    books.hold(Holding(pod, container, GPU, devices))
    return devices


def test_devices_of_a_pod_that_ended_are_free_again() -> None:
    books = four()
    assert give(books, "a", "c", 3) == ("d0", "d1", "d2")
    with pytest.raises(AllocationError, match="Requested: 2, Available: 1"):
        books.choice("b", GPU, 2, ANYWHERE)
    assert books.release("a") and not books.release("a")
    assert len(give(books, "b", "c", 4)) == 4


def test_a_container_has_what_it_had() -> None:
    books = four()
    give(books, "a", "c", 2)
    assert books.missing("a", "c", GPU, 2) == 0
    with pytest.raises(AllocationError, match="from 2 to 3"):
        books.missing("a", "c", GPU, 3)


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        pytest.param(None, "cannot allocate unregistered device", id="unregistered"),
        pytest.param([Device("d0", "Unhealthy")], "no healthy devices present", id="all ill"),
        pytest.param([Device("d0", "Unhealthy"), Device("d1")], "previously allocated devices are no longer", id="ill"),
    ],
)
def test_why_a_container_that_had_devices_does_not_start(devices: list[Device] | None, message: str) -> None:
    books = Ledger()
    if devices is not None:
        books.told(GPU, devices)
        books.hold(Holding("a", "c", GPU, ("d0",)))
    with pytest.raises(AllocationError, match=message):
        books.missing("a", "c", GPU, 1)


def test_devices_of_init_containers_pass_to_those_after_them() -> None:
    books = four()
    assert give(books, "a", "init", 2) == ("d0", "d1")
    books.pass_on("a", "init", ends=True)
    assert give(books, "a", "sidecar", 1) == ("d0",)
    books.pass_on("a", "sidecar", ends=False)
    assert give(books, "a", "main", 2) == ("d1", "d2")


def test_a_plugin_chooses_among_what_is_near_and_free() -> None:
    books = four()
    near_one = Hint(0b10)
    choice = books.choice("a", GPU, 1, near_one)
    assert choice.question() == (["d2", "d3"], [])
    assert choice.settle(["d0", "d3"]) == ("d3",)
    choice = books.choice("a", GPU, 3, near_one)
    assert choice.question() == (["d0", "d1", "d2", "d3"], ["d2", "d3"])
    assert choice.settle(["d1"]) == ("d2", "d3", "d1")
    assert books.choice("a", GPU, 2, near_one).question() is None


def test_hints_are_where_enough_is_free_and_preferred_are_the_smallest_of_an_idle_machine() -> None:
    books = four((0, 0, 0, 1))
    give(books, "a", "c", 1)
    assert books.hints("b", ["c"], GPU, 2) == [Hint(0b01), Hint(0b11, False)]
    assert books.hints("b", ["c"], GPU, 4) == []
    assert books.hints("a", ["c"], GPU, 1) == [Hint(0b01), Hint(0b11, False)]
    assert ledger(Device("d0")).hints("b", ["c"], GPU, 1) is None


def test_a_plugin_that_is_gone_is_waited_for() -> None:
    books = ledger(Device("d0"), Device("d1", "Unhealthy"))
    assert (books.capacity(), books.allocatable()) == ({GPU: "2"}, {GPU: "1"})
    books.plugin_gone(GPU, 0.0)
    assert (books.capacity(), books.allocatable()) == ({GPU: "2"}, {GPU: "0"})
    assert books.forget_expired(GRACE_S) == []
    assert books.forget_expired(GRACE_S + 1) == [GPU]
    assert (books.capacity(), books.allocatable()) == ({GPU: "0"}, {GPU: "0"})
    books.told(GPU, [Device("d0")])
    assert books.allocatable() == {GPU: "1"}


def test_what_was_kept_is_remembered_and_plugins_are_waited_for() -> None:
    books = four()
    give(books, "a", "c", 2)
    later = Ledger()
    later.remember(books.as_text(), 0.0)
    assert later.holdings == books.holdings and later.allocatable() == {GPU: "0"}
    later.told(GPU, [Device(f"d{i}") for i in range(4)])
    assert give(later, "b", "c", 2) == ("d2", "d3")


def test_the_health_of_what_a_container_holds() -> None:
    books = four()
    give(books, "a", "c", 2)
    books.told(GPU, [Device("d0", "Unhealthy")])
    assert healths(books.of_container("a", "c"), books.resources) == {GPU: [("d0", "Unhealthy"), ("d1", "Healthy")]}
