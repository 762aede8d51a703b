"""The figures of controllers as a scraper reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from pybernetes.apimachinery.metrics_text import Histogram
from pybernetes.client.workqueue import BUCKETS
from pybernetes.controllers import metrics
from pybernetes.controllers.horizontalpodautoscaler.figures import Figures
from pybernetes.controllers.runtime.controller import Counts


class _Queue:
    adds, retries = 7, 2

    def __init__(self) -> None:
        self.waited = Histogram(BUCKETS)
        self.waited.add(0.3)

    def __len__(self) -> int:
        return 3


class _Controller:
    name = "job-controller"

    def __init__(self) -> None:
        self.queue = _Queue()
        self.counts = Counts(working={"a": 90.0, "b": 95.0})

    def figures(self) -> list[str]:
        return []


def test_the_page_can_be_parsed() -> None:
    controller = _Controller()
    for key, began, ended in (("x", 0.0, 0.002), ("y", 1.0, 1.5), ("z", 2.0, 5002.0)):
        controller.counts.working[key] = began
        controller.counts.ended(key, ended)
    text = "\n".join(
        metrics.lines(
            {"job-controller": controller},  # type: ignore[dict-item]
            {"job-controller": "", "daemonset-controller": "cannot start: no"},
            100.0,
        )
    )
    found = {
        (s.name, s.labels.get("le", s.labels["name"])): s.value
        for family in text_string_to_metric_families(text + "\n")
        for s in family.samples
    }
    assert found["workqueue_depth", "job-controller"] == 3
    assert found["workqueue_adds_total", "job-controller"] == 7
    assert found["workqueue_retries_total", "job-controller"] == 2
    assert found["workqueue_unfinished_work_seconds", "job-controller"] == 15
    assert found["workqueue_longest_running_processor_seconds", "job-controller"] == 10
    assert found["workqueue_work_duration_seconds_bucket", "0.01"] == 1
    assert found["workqueue_work_duration_seconds_bucket", "1000"] == 2
    assert found["workqueue_work_duration_seconds_bucket", "+Inf"] == 3
    assert found["workqueue_work_duration_seconds_count", "job-controller"] == 3
    assert found["workqueue_queue_duration_seconds_bucket", "0.1"] == 0
    assert found["workqueue_queue_duration_seconds_bucket", "1"] == 1
    assert found["workqueue_queue_duration_seconds_sum", "job-controller"] == 0.3
    assert found["running_managed_controllers", "job-controller"] == 1
    assert found["running_managed_controllers", "daemonset-controller"] == 0


def test_autoscaling_counts_its_looks_and_metrics() -> None:
    figures = Figures()
    figures.looked("scale_up", "none", 0.0015)
    figures.looked("scale_up", "none", 20.0)
    figures.computed("none", "internal", "Resource", 0.1)
    figures.desired["shop/web"] = 3
    families = text_string_to_metric_families("\n".join(figures.lines(2)) + "\n")
    found = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    prefix = "horizontal_pod_autoscaler_controller_"
    assert found[f"{prefix}reconciliations_total", "scale_up", "none"] == 2
    assert found[f"{prefix}reconciliation_duration_seconds_bucket", "scale_up", "none", "0.002"] == 1
    assert found[f"{prefix}reconciliation_duration_seconds_count", "scale_up", "none"] == 2
    assert found[f"{prefix}metric_computation_total", "none", "internal", "Resource"] == 1
    assert found[f"{prefix}num_horizontal_pod_autoscalers",] == 2
    assert found[f"{prefix}desired_replicas", "shop", "web"] == 3
