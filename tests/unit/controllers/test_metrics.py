"""The figures of controllers as a scraper reads them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pybernetes.apimachinery.metrics_text import Histogram
from pybernetes.client.workqueue import BUCKETS
from pybernetes.controllers import metrics
from pybernetes.controllers.descriptors import DESCRIPTORS, Descriptor
from pybernetes.controllers.horizontalpodautoscaler.figures import Figures
from pybernetes.controllers.runtime.controller import Counts

UPSTREAM = {
    "bootstrap-signer-controller": "bootstrap_signer_queue",
    "certificatesigningrequest-approving-controller": "certificate",
    "certificatesigningrequest-signing-controller": "certificate",
    "clusterrole-aggregation-controller": "ClusterRoleAggregator",
    "cronjob-controller": "cronjob",
    "daemonset-controller": "daemonset",
    "deployment-controller": "deployment",
    "disruption-controller": "disruption",
    "endpoints-controller": "endpoint",
    "endpointslice-controller": "endpoint_slice",
    "endpointslice-mirroring-controller": "endpoint_slice_mirroring",
    "ephemeral-volume-controller": "ephemeral_volume",
    "garbage-collector-controller": "garbage_collector_attempt_to_delete",
    "horizontal-pod-autoscaler-controller": "horizontalpodautoscaler",
    "job-controller": "job",
    "namespace-controller": "namespace",
    "node-ipam-controller": "cidrallocator_node",
    "node-lifecycle-controller": "node_lifecycle_controller",
    "pod-garbage-collector-controller": "orphaned_pods_nodes",
    "validatingadmissionpolicy-status-controller": "validatingadmissionpolicy-status",
    "replicaset-controller": "replicaset",
    "replicationcontroller-controller": "replicationmanager",
    "resourceclaim-controller": "resource_claim",
    "resourcequota-controller": "resourcequota_primary",
    "root-ca-certificate-publisher-controller": "root_ca_cert_publisher",
    "service-lb-controller": "service",
    "serviceaccount-controller": "serviceaccount",
    "serviceaccount-token-controller": "serviceaccount_tokens_service",
    "service-cidr-controller": "ipaddresses",
    "statefulset-controller": "statefulset",
    "taint-eviction-controller": "noexec_taint_pod",
    "token-cleaner-controller": "token_cleaner",
    "kube-apiserver-serving-clustertrustbundle-publisher-controller": "ca_cert_publisher_cluster_trust_bundles",
    "ttl-controller": "ttlcontroller",
    "ttl-after-finished-controller": "ttl_jobs_to_delete",
    "persistentvolume-binder-controller": "claims",
    "persistentvolume-expander-controller": "volume_expand",
    "persistentvolumeclaim-protection-controller": "pvcprotection",
    "persistentvolume-protection-controller": "pvprotection",
    "volumeattributesclass-protection-controller": "vacprotection",
}
"""Queues by controller. Source: TypedRateLimitingQueueConfig{Name: ...} below pkg/controller."""


class _Queue:
    name = "job"
    adds, retries = 7, 2

    def __init__(self) -> None:
        self.waited = Histogram(BUCKETS)
        self.waited.add(0.3)

    def __len__(self) -> int:
        return 3


class _Controller:
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
    assert found["workqueue_depth", "job"] == 3
    assert found["workqueue_adds_total", "job"] == 7
    assert found["workqueue_retries_total", "job"] == 2
    assert found["workqueue_unfinished_work_seconds", "job"] == 15
    assert found["workqueue_longest_running_processor_seconds", "job"] == 10
    assert found["workqueue_work_duration_seconds_bucket", "0.01"] == 1
    assert found["workqueue_work_duration_seconds_bucket", "1000"] == 2
    assert found["workqueue_work_duration_seconds_bucket", "+Inf"] == 3
    assert found["workqueue_work_duration_seconds_count", "job"] == 3
    assert found["workqueue_queue_duration_seconds_bucket", "0.1"] == 0
    assert found["workqueue_queue_duration_seconds_bucket", "1"] == 1
    assert found["workqueue_queue_duration_seconds_sum", "job"] == 0.3
    assert found["running_managed_controllers", "job-controller"] == 1
    assert found["running_managed_controllers", "daemonset-controller"] == 0


def test_queues_of_one_name_are_told_of_as_one() -> None:
    first, second = _Controller(), _Controller()
    second.counts.working = {"c": 80.0}
    text = "\n".join(metrics.lines({"a": first, "b": second}, {}, 100.0))  # type: ignore[dict-item]
    samples = [s for family in text_string_to_metric_families(text + "\n") for s in family.samples]
    found = {s.name: s.value for s in samples if "le" not in s.labels}
    assert found["workqueue_depth"] == 6
    assert found["workqueue_unfinished_work_seconds"] == 35
    assert found["workqueue_longest_running_processor_seconds"] == 20
    assert found["workqueue_queue_duration_seconds_count"] == 2
    assert found["workqueue_queue_duration_seconds_sum"] == 0.6
    assert len(samples) == len({(s.name, *s.labels.values()) for s in samples})


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda each: each.name)
def test_queues_are_named_as_upstreams(descriptor: Descriptor) -> None:
    assert descriptor.load().queue_name == UPSTREAM.get(descriptor.name, "")


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
