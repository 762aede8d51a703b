"""Figures of controllers and their queues in Prometheus' text form, written when somebody asks.

What is counted all the time is a few additions a reconcile (`runtime.controller.Counts`).
Source: component-base/metrics/prometheus/workqueue/metrics.go, prometheus/controllers/metrics.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pybernetes.apimachinery.metrics_text import Histogram, head
from pybernetes.controllers.runtime.controller import Controller

_MANAGER = "kube-controller-manager"
_FIGURES: tuple[tuple[str, str, str, Callable[[Controller, float], float]], ...] = (
    ("workqueue_depth", "gauge", "Keys that wait.", lambda c, now: len(c.queue)),
    ("workqueue_adds_total", "counter", "Keys that were queued.", lambda c, now: c.queue.adds),
    (
        "workqueue_retries_total",
        "counter",
        "Keys queued again after an error.",
        lambda c, now: c.queue.retries,
    ),
    (
        "workqueue_unfinished_work_seconds",
        "gauge",
        "How long all that is worked on now has taken so far.",
        lambda c, now: sum(now - since for since in c.counts.working.values()),
    ),
    (
        "workqueue_longest_running_processor_seconds",
        "gauge",
        "How long the longest of it has taken so far.",
        lambda c, now: max((now - since for since in c.counts.working.values()), default=0.0),
    ),
)
_HISTOGRAMS: tuple[tuple[str, str, Callable[[Controller], Histogram]], ...] = (
    ("workqueue_queue_duration_seconds", "How long keys waited for a worker.", lambda c: c.queue.waited),
    ("workqueue_work_duration_seconds", "How long reconciling a key took.", lambda c: c.counts.took),
)


def lines(controllers: Mapping[str, Controller], problems: Mapping[str, str], now: float) -> Iterator[str]:
    """`now`: the loop's time; `problems`: what is wrong, by controller, "" when nothing is."""
    for name, kind, about, value in _FIGURES:
        yield from head(name, kind, about)
        for controller in controllers.values():
            yield f'{name}{{name="{controller.name}"}} {value(controller, now):.12g}'
    for name, about, durations in _HISTOGRAMS:
        yield from head(name, "histogram", about)
        for controller in controllers.values():
            yield from durations(controller).lines(name, f'name="{controller.name}"')
    for controller in controllers.values():
        yield from controller.figures()
    name = "running_managed_controllers"
    yield from head(name, "gauge", "Which controllers run.")
    for controller_name, problem in problems.items():
        yield f'{name}{{manager="{_MANAGER}",name="{controller_name}"}} {0 if problem else 1}'
