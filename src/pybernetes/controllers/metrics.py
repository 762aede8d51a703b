"""Figures of controllers and their queues in Prometheus' text form, written when somebody asks.

Queues of one name, as those of certificate requests, are told of as one.
What is counted all the time is a few additions a reconcile (`runtime.controller.Counts`).
Source: component-base/metrics/prometheus/workqueue/metrics.go, prometheus/controllers/metrics.go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from operator import add

from pybernetes.apimachinery.metrics_text import Histogram, head
from pybernetes.controllers.runtime.controller import Controller

_MANAGER = "kube-controller-manager"
_FIGURES: tuple[tuple[str, str, str, Callable[[Controller, float], float], Callable[[Iterable[float]], float]], ...] = (
    ("workqueue_depth", "gauge", "Keys that wait.", lambda c, now: len(c.queue), sum),
    ("workqueue_adds_total", "counter", "Keys that were queued.", lambda c, now: c.queue.adds, sum),
    (
        "workqueue_retries_total",
        "counter",
        "Keys queued again after an error.",
        lambda c, now: c.queue.retries,
        sum,
    ),
    (
        "workqueue_unfinished_work_seconds",
        "gauge",
        "How long all that is worked on now has taken so far.",
        lambda c, now: sum(now - since for since in c.counts.working.values()),
        sum,
    ),
    (
        "workqueue_longest_running_processor_seconds",
        "gauge",
        "How long the longest of it has taken so far.",
        lambda c, now: max((now - since for since in c.counts.working.values()), default=0.0),
        max,
    ),
)
_HISTOGRAMS: tuple[tuple[str, str, Callable[[Controller], Histogram]], ...] = (
    ("workqueue_queue_duration_seconds", "How long keys waited for a worker.", lambda c: c.queue.waited),
    ("workqueue_work_duration_seconds", "How long reconciling a key took.", lambda c: c.counts.took),
)


def lines(controllers: Mapping[str, Controller], problems: Mapping[str, str], now: float) -> Iterator[str]:
    """`now`: the loop's time; `problems`: what is wrong, by controller, "" when nothing is."""
    queues: defaultdict[str, list[Controller]] = defaultdict(list)
    for controller in controllers.values():
        queues[controller.queue.name].append(controller)
    for name, kind, about, value, together in _FIGURES:
        yield from head(name, kind, about)
        for queue, users in queues.items():
            yield f'{name}{{name="{queue}"}} {together(value(user, now) for user in users):.12g}'
    for name, about, durations in _HISTOGRAMS:
        yield from head(name, "histogram", about)
        for queue, users in queues.items():
            yield from reduce(add, map(durations, users)).lines(name, f'name="{queue}"')
    for controller in controllers.values():
        yield from controller.figures()
    name = "running_managed_controllers"
    yield from head(name, "gauge", "Which controllers run.")
    for controller_name, problem in problems.items():
        yield f'{name}{{manager="{_MANAGER}",name="{controller_name}"}} {0 if problem else 1}'
