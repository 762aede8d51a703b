"""When a pod counts as started, and how long that took."""

from __future__ import annotations

import msgspec
import pytest

from pybernetes.api.core.v1 import PodStatus
from pybernetes.kubelet.runtime import PodRuntime
from pybernetes.kubelet.worker.figures import Starting, WorkerFigures
from pybernetes.kubelet.worker.machine import Stage
from tests.unit.kubelet.pods import container, pod

MADE = "2026-01-01T00:00:00Z"
MADE_S = 1_767_225_600.0
RUNS, WAITS = {"running": {"startedAt": MADE}}, {"waiting": {"reason": "ContainerCreating"}}


def status(phase: str, *states: dict[str, object]) -> PodStatus:
    return msgspec.convert(
        {"phase": phase, "containerStatuses": [{"name": "c", "state": state} for state in states]}, PodStatus
    )


def sums(figures: WorkerFigures) -> dict[str, str]:
    """Of the starts, without their buckets."""
    lines = [line for line in figures.lines() if line.startswith("kubelet_pod_start") and "_bucket" not in line]
    return dict(line.removeprefix("kubelet_pod_start_").split() for line in lines)


def test_a_pod_starts_once() -> None:
    figures = WorkerFigures()
    of = pod(init=[{"name": "first", "image": "i"}])
    of.metadata.creationTimestamp = MADE
    first = container(of, "first", state="exited", at_s=1.0)
    runtime = PodRuntime(containers=(first,))
    starting = Starting(figures, of, MADE_S + 1)
    for second, seen in enumerate(
        (
            status("Pending", WAITS),
            status("Running", RUNS, WAITS),
            status("Running", RUNS, RUNS),
            status("Running", RUNS),
        ),
        5,
    ):
        starting.told(of, seen, runtime, MADE_S + second * 10, lambda: 20.0)
    assert sums(figures) == {
        "duration_seconds_sum": "59.000000",
        "duration_seconds_count": "1",
        "total_duration_seconds_sum": "70.000000",
        "total_duration_seconds_count": "1",
        "sli_duration_seconds_sum": "45.000000",
        "sli_duration_seconds_count": "1",
    }
    assert figures.steps.counts() == {("create",): 1}


@pytest.mark.parametrize(
    ("before", "volumes", "starts", "bare"),
    [
        ("", [{"name": "v", "emptyDir": {}}], 1, 1),
        ("", [{"name": "v", "hostPath": {"path": "/"}}], 1, 0),
        ("Running", [], 0, 0),
    ],
    ids=["stateless", "with a state", "ran before the kubelet"],
)
def test_which_starts_count(before: str, volumes: list[dict[str, object]], starts: int, bare: int) -> None:
    figures = WorkerFigures()
    of = pod(status={"phase": before}, volumes=volumes)
    of.metadata.creationTimestamp = MADE
    Starting(figures, of, MADE_S).told(of, status("Running", RUNS), PodRuntime(), MADE_S + 1, lambda: 0.0)
    assert (figures.starts.count, figures.whole_starts.count, figures.bare_starts.count) == (starts, starts, bare)


def test_a_pod_of_a_file_was_made_at_no_known_time() -> None:
    figures, of = WorkerFigures(), pod()
    of.metadata.creationTimestamp = None
    Starting(figures, of, MADE_S).told(of, status("Running", RUNS), PodRuntime(), MADE_S + 1, lambda: 0.0)
    assert (figures.starts.count, figures.whole_starts.count, figures.bare_starts.count) == (1, 0, 0)


def test_a_pod_of_another_kubelets_time_started_now_but_was_not_made_now() -> None:
    figures, of = WorkerFigures(), pod(status={"phase": "Pending", "startTime": MADE})
    of.metadata.creationTimestamp = MADE
    Starting(figures, of, MADE_S + 500).told(of, status("Running", RUNS), PodRuntime(), MADE_S + 501, lambda: 0.0)
    assert (figures.starts.count, figures.whole_starts.count, figures.bare_starts.count) == (1, 0, 0)


def test_a_pod_that_ended_did_not_start() -> None:
    figures, of = WorkerFigures(), pod()
    of.metadata.creationTimestamp = MADE
    starting = Starting(figures, of, MADE_S)
    for seen in (status("Failed", WAITS), status("Running", RUNS)):
        starting.told(of, seen, PodRuntime(), MADE_S + 1, lambda: 0.0)
    assert figures.starts.count == figures.whole_starts.count == 0


def test_steps_are_those_of_upstream() -> None:
    figures = WorkerFigures()
    for stage in Stage:
        figures.stage_left(stage, 1.0)
    with figures.of_cgroups("create"):
        pass
    assert set(figures.steps.counts()) == {("terminating",), ("terminated",)}
    assert figures.cgroups.counts() == {("create",): 1}
