"""Correlation of Events, and the recorder that sends them in the background."""

from __future__ import annotations

import asyncio

import pytest

from pybernetes.api.core.v1 import Event, EventSource, ObjectReference, Pod
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.client import cause
from pybernetes.client.cause import Cause
from pybernetes.client.events import Correlator, EventRecorder
from pybernetes.host.clock import LoopClock
from pybernetes.sim.loop import run

POD = Pod(metadata=ObjectMeta(name="p", namespace="default", uid="u", resourceVersion="5"))


def event(message: str, reason: str = "Why", name: str = "e") -> Event:
    return Event(
        metadata=ObjectMeta(name=name),
        involvedObject=ObjectReference(kind="Pod", name="p", uid="u"),
        reason=reason,
        message=message,
        type="Normal",
        source=EventSource(component="c"),
        count=1,
    )


def test_the_same_event_again_raises_its_count() -> None:
    correlator = Correlator()
    first = correlator.correlate(event("a", name="one"), 0)
    assert first is not None
    assert first[1] is False
    again = correlator.correlate(event("a", name="two"), 1)
    assert again is not None
    assert (again[0].metadata.name, again[0].count, again[1]) == ("one", 2, True)
    assert correlator.correlate(event("a", reason="Other"), 2)[1] is False  # type: ignore[index]


def test_many_messages_of_one_reason_are_combined() -> None:
    correlator = Correlator()
    sent = [correlator.correlate(event(f"m{i}", name=f"e{i}"), i) for i in range(12)]
    messages = [found[0].message for found in sent if found]
    assert messages[8] == "m8"
    assert messages[9:] == [f"(combined from similar events): m{i}" for i in (9, 10, 11)]
    assert [found[0].count for found in sent if found][9:] == [1, 2, 3]
    later = correlator.correlate(event("fresh"), 2000)
    assert later is not None
    assert later[0].message == "fresh"


def test_a_noisy_source_is_throttled() -> None:
    correlator = Correlator()
    sent = [correlator.correlate(event("a"), 0) for _ in range(30)]
    assert sum(found is not None for found in sent) == 25
    assert correlator.correlate(event("a"), 299) is None
    assert correlator.correlate(event("a"), 301) is not None


class Sent:
    """The two calls that a recorder makes of its client."""

    def __init__(self) -> None:
        self.created: list[Event] = []
        self.patched: list[tuple[str, dict[str, object]]] = []
        self.causes: list[int] = []
        self.failures: list[Exception] = []

    async def create(self, obj: Event) -> Event:
        if self.failures:
            raise self.failures.pop(0)
        self.created.append(obj)
        self.causes.append(cause.current().revision)
        return obj

    async def patch(self, cls: type, name: str, namespace: str, body: dict[str, object], *, patch_type: str) -> None:
        self.patched.append((name, body))


def test_the_recorder_sends_with_the_cause_of_the_moment() -> None:
    async def main() -> None:
        sent = Sent()
        recorder = EventRecorder(sent, "kubelet", "node-1", LoopClock())  # type: ignore[arg-type]
        with cause.caused_by(Cause(77)):
            recorder.event(POD, "Normal", "Started", "Started container c")
        recorder.event(POD, "Normal", "Started", "Started container c")
        await recorder.flush()
        (made,) = sent.created
        assert (made.involvedObject.name, made.reason, made.source.host) == ("p", "Started", "node-1")  # type: ignore[union-attr]
        assert made.metadata.namespace == "default"
        assert sent.causes == [77]
        ((name, change),) = sent.patched
        assert name == made.metadata.name
        assert change["count"] == 2

    run(main())


def test_the_recorder_tries_again_and_gives_up_on_refusal() -> None:
    async def main() -> None:
        sent = Sent()
        sent.failures = [ConnectionError("down"), errors.InternalError("oops"), errors.AlreadyExists("taken")]
        recorder = EventRecorder(sent, "c", "", LoopClock())  # type: ignore[arg-type]
        recorder.event(POD, "Warning", "A", "a")
        await recorder.flush()
        assert len(sent.created) == 1
        sent.failures = [errors.Forbidden("no")]
        recorder.event(POD, "Warning", "B", "b")
        await recorder.flush()
        assert len(sent.created) == 1

    run(main())


def test_events_about_different_objects_go_out_together_and_those_about_one_in_turn() -> None:
    class Slow(Sent):
        async def create(self, obj: Event) -> Event:
            await asyncio.sleep(1)
            return await super().create(obj)

    async def main() -> None:
        sent, loop = Slow(), asyncio.get_running_loop()
        recorder = EventRecorder(sent, "c", "", LoopClock())  # type: ignore[arg-type]
        other = Pod(metadata=ObjectMeta(name="q", namespace="default", uid="v"))
        for pod, reason in ((POD, "First"), (other, "First"), (POD, "Second")):
            recorder.event(pod, "Normal", reason, "so it is")
        began = loop.time()
        await recorder.flush()
        assert [(made.involvedObject.name, made.reason) for made in sent.created] == [
            ("p", "First"),
            ("q", "First"),
            ("p", "Second"),
        ]
        assert loop.time() - began == 2

    run(main())


def test_events_stand_back_for_what_is_more_pressing_but_not_for_long() -> None:
    async def main() -> None:
        sent, unhurried, loop = Sent(), asyncio.Event(), asyncio.get_running_loop()
        recorder = EventRecorder(sent, "c", "", LoopClock(), unhurried)  # type: ignore[arg-type]
        recorder.event(POD, "Normal", "First", "a")
        await asyncio.sleep(1)
        assert not sent.created
        unhurried.set()
        await recorder.flush()
        assert len(sent.created) == 1
        unhurried.clear()
        began = loop.time()
        recorder.event(POD, "Normal", "Second", "b")
        await recorder.flush()
        assert (len(sent.created), loop.time() - began) == (2, 5)

    run(main())


def test_what_a_burst_drops_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        sent = Sent()
        recorder = EventRecorder(sent, "c", "", LoopClock())  # type: ignore[arg-type]
        for number in range(10_003):
            pod = ObjectReference(kind="Pod", namespace="default", name=f"p-{number}", uid=str(number))
            recorder.event(pod, "Normal", "Scheduled", "assigned")
        await recorder.flush()
        assert len(sent.created) == 10_000

    run(main())
    assert [record.getMessage() for record in caplog.records] == ["3 Events were dropped: more than 10000 waited"]
