"""The kubelet's own page of metrics: what its parts count, and what is seen when somebody asks.

Source: pkg/kubelet/metrics/metrics.go, pkg/kubelet/kubelet_pods.go (HandlePodCleanups), volumemanager/metrics,
pkg/volume/util/metrics.go. Differs: families of what this kubelet does not do in such steps are left out.
"""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.apimachinery.metrics_text import head, labelled
from pybernetes.kubelet import pod_spec
from pybernetes.kubelet.volumes import stats as volume_stats
from pybernetes.kubelet.volumes.stats import NamedStats
from pybernetes.kubelet.worker.machine import Stage

if TYPE_CHECKING:
    from pybernetes.kubelet.kubelet import Kubelet

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_HAVE_VOLUMES = (Stage.SYNCING, Stage.TERMINATING)


def kubelet_metrics(kubelet: Kubelet, claims: Iterable[NamedStats]) -> Iterator[str]:
    """The lines; `claims`: what volumes of claims hold."""
    node, cri, observing = kubelet.node, kubelet.cri, kubelet.observing
    yield from _by("kubelet_node_name", "gauge", "The node's name", "node", {kubelet.config.node_name: 1})
    yield from _pods(kubelet)
    yield from node.figures.lines()
    ends = node.statuses.ends
    name = "kubelet_terminated_containers_total"
    yield from head(name, "counter", "Ends of containers")
    for (kind, code, reason), count in ends.items():
        labels = labelled({"container_type": kind, "exit_code": str(code), "reason": reason})
        yield f"{name}{{{labels}}} {count}"
    operations = "kubelet_runtime_operations"
    calls = {operation: count for (operation,), count in cri.took.counts().items()}
    yield from _by(f"{operations}_total", "counter", "Calls of the runtime.", "operation_type", calls)
    yield from _by(f"{operations}_errors_total", "counter", "Those that failed.", "operation_type", cri.failed)
    yield from cri.took.lines(f"{operations}_duration_seconds", "How long calls of the runtime took.")
    for name, about, times in (
        ("kubelet_pleg_relist_duration_seconds", "How long looks at the whole runtime took.", observing.relists),
        ("kubelet_pleg_relist_interval_seconds", "The times between them.", observing.intervals),
    ):
        yield from head(name, "histogram", about)
        yield from times.lines(name)
    yield from node.images.took.lines("kubelet_image_pull_duration_seconds", "How long images were pulled.")
    removed = kubelet.garbage.removed
    yield from _by("kubelet_image_garbage_collected_total", "counter", "Images removed.", "reason", removed)
    eviction = kubelet.endings.eviction
    evictions = eviction.evictions if eviction is not None else {}
    yield from _by("kubelet_evictions", "counter", "Pods ended for want of something.", "eviction_signal", evictions)
    preemptions = kubelet.endings.preemptions
    yield from _by("kubelet_preemptions", "counter", "Pods ended for critical ones.", "preemption_signal", preemptions)
    yield from node.volumes.mounted.lines("storage_operation_duration_seconds", "How long work on volumes took.")
    if kubelet.csi is not None:
        about = "How long answers of CSI drivers took."
        yield from kubelet.csi.drivers.took.lines("csi_operations_seconds", about)
    yield from _volumes(kubelet)
    yield from volume_stats.metrics(claims)
    if node.cgroups is not None:
        about = "The version of cgroups on the machine."
        yield from _one("kubelet_cgroup_version", "gauge", about, node.cgroups.version)
    if kubelet.client is not None:
        yield from kubelet.client.transport.figures.lines()
    for certificate in kubelet.certificates:
        yield from certificate.lines()
    yield from _process()


def _pods(kubelet: Kubelet) -> Iterator[str]:
    runners = list(kubelet.runners.values())
    running = sum(1 for r in runners if any(s.ready for s in r.worker.runtime.sandboxes))
    about = "Number of pods that have a running pod sandbox"
    yield from _one("kubelet_running_pods", "gauge", about, running)
    states = Counter({"running": 0, "exited": 0, "created": 0, "unknown": 0})
    states.update(container.state for r in runners for container in r.worker.runtime.containers)
    about = "Number of containers by state"
    yield from _by("kubelet_running_containers", "gauge", about, "container_state", states)
    desired, active = Counter({"": 0, "true": 0}), Counter({"": 0, "true": 0})
    for runner in runners:
        static = "true" if pod_spec.is_static(runner.worker.pod) else ""
        desired[static] += runner.worker.stage is not Stage.REMOVING
        active[static] += runner.worker.stage in (Stage.SYNCING, Stage.TERMINATING)
    for name, about, found in (
        ("kubelet_desired_pods", "Pods that are to run here; static or not.", desired),
        ("kubelet_active_pods", "Pods that may run here now; static or not.", active),
    ):
        yield from _by(name, "gauge", about, "static", found)
    yield from _one("kubelet_mirror_pods", "gauge", "Pods of the API that show static ones", kubelet.mirrors)
    about = "Pods that went and came again under the same uid; static or not."
    restarted = {"": 0, "true": kubelet.restarted_static_pods}
    yield from _by("kubelet_restarted_pods_total", "counter", about, "static", restarted)


def _volumes(kubelet: Kubelet) -> Iterator[str]:
    """What pods want, and what is made ready for them."""
    name, found = "volume_manager_total_volumes", Counter[tuple[str, str]]()
    for runner in kubelet.runners.values():
        worker = runner.worker
        for volume in worker.pod.spec.volumes:
            plugin = kubelet.node.volumes.plugin(worker.pod, volume)
            found["desired_state_of_world", plugin] += worker.stage is Stage.SYNCING
            found["actual_state_of_world", plugin] += worker.host_ready and worker.stage in _HAVE_VOLUMES
    yield from head(name, "gauge", "Volumes by plugin.")
    for (state, plugin), count in sorted(found.items()):
        yield f"{name}{{{labelled({'plugin_name': plugin, 'state': state})}}} {count}"


def _process() -> Iterator[str]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    about = "CPU time of this process in seconds"
    yield from _one("process_cpu_seconds_total", "counter", about, round(usage.ru_utime + usage.ru_stime, 2))
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    about = "Resident memory of this process in bytes"
    yield from _one("process_resident_memory_bytes", "gauge", about, resident)


def _one(name: str, kind: str, about: str, value: float) -> Iterator[str]:
    yield from head(name, kind, about)
    yield f"{name} {value}"


def _by(name: str, kind: str, about: str, label: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Values by that of one label."""
    yield from head(name, kind, about)
    for value, count in counts.items():
        yield f"{name}{{{labelled({label: value})}}} {count}"
