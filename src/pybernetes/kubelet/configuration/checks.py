"""Refuses configurations that make no sense, before anything starts. Pure.

Source: pkg/kubelet/apis/config/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.kubelet.config import LONGEST_BACK_OFF_S, KubeletConfig
from pybernetes.kubelet.eviction import thresholds
from pybernetes.kubelet.resources import cpu_options, cpu_topology, node_allocatable
from pybernetes.kubelet.resources.topology import POLICIES, SCOPES, options_of
from pybernetes.kubelet.shutdown.groups import periods


def check(config: KubeletConfig) -> None:
    """Raises ValueError with one line, which names what was set."""
    gates = FeatureGates(config.feature_gates)
    thresholds.parse(
        config.eviction_hard, config.eviction_soft, config.eviction_soft_grace_period, config.eviction_minimum_reclaim
    )
    node_allocatable.check_reserved(config.system_reserved, "systemReserved (--system-reserved)")
    node_allocatable.check_reserved(config.kube_reserved, "kubeReserved (--kube-reserved)")
    node_allocatable.check(config.enforce_node_allocatable, config.system_reserved_cgroup, config.kube_reserved_cgroup)
    for problem in (*_ranges(config), *_choices(config), *_gated(config, gates), *_together(config)):
        raise ValueError(problem)
    options_of(config.topology_manager_policy_options)
    _check_reserved_memory(config)
    try:
        cpu_topology.parse(config.reserved_cpus)
    except ValueError as error:
        raise ValueError(f"reservedSystemCPUs (--reserved-cpus): {error}") from None
    cpu_options.chosen(config.cpu_manager_policy, config.cpu_manager_policy_options, gates)
    periods(config)


def _ranges(config: KubeletConfig) -> Iterator[str]:
    for name, period_s in (
        ("nodeStatusUpdateFrequency (--node-status-update-frequency)", config.node_status_update_frequency_s),
        ("httpCheckFrequency (--http-check-frequency)", config.http_check_frequency_s),
    ):
        if period_s <= 0:
            yield f"{name} {period_s:g} must be more than 0"
    wanted = (
        ("port (--port)", config.server_port, 0, 65535),
        ("healthzPort (--healthz-port)", config.healthz_port, 0, 65535),
        ("maxPods (--max-pods)", config.max_pods, 0, None),
        ("podsPerCore (--pods-per-core)", config.pods_per_core, 0, None),
        ("nodeLeaseDurationSeconds", config.node_lease_duration_s, 1, None),
        ("nodeStatusMaxImages (--node-status-max-images)", config.node_status_max_images, -1, None),
        ("maxParallelImagePulls", config.max_parallel_image_pulls, 0, None),
        ("imageGCHighThresholdPercent (--image-gc-high-threshold)", config.image_gc_high_threshold_percent, 0, 100),
        ("imageGCLowThresholdPercent (--image-gc-low-threshold)", config.image_gc_low_threshold_percent, 0, 100),
        ("containerLogMaxFiles", config.container_log_max_files, 2, None),
        ("containerLogMonitorInterval", config.container_log_monitor_interval_s, 3, None),
        ("crashLoopBackOff.maxContainerRestartPeriod", config.max_restart_back_off_s, 1, LONGEST_BACK_OFF_S),
    )
    for name, value, least, most in wanted:
        if value < least or (most is not None and value > most):
            yield f"{name} {value:g} must be {f'from {least} to {most:g}' if most is not None else f'{least} or more'}"


def _choices(config: KubeletConfig) -> Iterator[str]:
    wanted = (
        ("cpuManagerPolicy (--cpu-manager-policy)", config.cpu_manager_policy, ("none", "static")),
        ("memorySwap.swapBehavior", config.swap_behavior, ("NoSwap", "LimitedSwap")),
        ("memoryReservationPolicy", config.memory_reservation_policy, ("None", "TieredReservation")),
        ("memoryManagerPolicy (--memory-manager-policy)", config.memory_manager_policy, ("None", "Static")),
        ("topologyManagerPolicy (--topology-manager-policy)", config.topology_manager_policy, POLICIES),
        ("topologyManagerScope (--topology-manager-scope)", config.topology_manager_scope, SCOPES),
    )
    for name, value, choices in wanted:
        if value not in choices:
            yield f"{name} {value!r} is none of {', '.join(choices)}"


def _gated(config: KubeletConfig, gates: FeatureGates) -> Iterator[str]:
    backs_off = config.max_restart_back_off_s != LONGEST_BACK_OFF_S
    shuts_down = config.shutdown_grace_period_s or config.shutdown_grace_period_critical_pods_s
    wanted = (
        ("crashLoopBackOff.maxContainerRestartPeriod", backs_off, "KubeletCrashLoopBackOffMax"),
        ("memoryReservationPolicy", config.memory_reservation_policy != "None", "MemoryQoS"),
        (
            "serverTLSBootstrap (--rotate-server-certificates)",
            config.rotate_server_certificates,
            "RotateKubeletServerCertificate",
        ),
        ("shutdownGracePeriod", shuts_down, "GracefulNodeShutdown"),
        (
            "shutdownGracePeriodByPodPriority",
            config.shutdown_grace_periods,
            "GracefulNodeShutdownBasedOnPodPriority",
        ),
    )
    for name, asked_for, gate in wanted:
        if asked_for and not gates.enabled(gate):
            yield f"{name} needs the feature gate {gate}"


def _together(config: KubeletConfig) -> Iterator[str]:
    if config.image_gc_low_threshold_percent >= config.image_gc_high_threshold_percent:
        yield "imageGCLowThresholdPercent must be less than imageGCHighThresholdPercent"
    if 0 < config.image_maximum_gc_age_s <= config.image_minimum_gc_age_s:
        yield "imageMaximumGCAge must be greater than imageMinimumGCAge"
    if config.serialize_image_pulls and config.max_parallel_image_pulls > 1:
        yield "maxParallelImagePulls cannot be larger than 1 unless serializeImagePulls is false"
    if config.shutdown_grace_periods and config.shutdown_grace_period_s:
        yield "shutdownGracePeriodByPodPriority and shutdownGracePeriod exclude each other"
    if config.reserved_cpus and (config.system_reserved_cgroup or config.kube_reserved_cgroup):
        yield "reservedSystemCPUs (--reserved-cpus) excludes systemReservedCgroup and kubeReservedCgroup"
    if config.enforce_node_allocatable and not config.cgroups_per_qos:
        yield "enforceNodeAllocatable needs cgroupsPerQOS"
    if not 0 < config.memory_throttling_factor <= 1:
        yield f"memoryThrottlingFactor {config.memory_throttling_factor:g} must be more than 0 and 1 at most"
    if not config.pod_log_dir.startswith("/") or not config.pod_log_dir.isascii():
        yield f"podLogsDir {config.pod_log_dir!r} must be an absolute path of ASCII characters"


def _check_reserved_memory(config: KubeletConfig) -> None:
    seen: set[tuple[int, str]] = set()
    for node, amounts in config.reserved_memory:
        for name, amount in amounts.items():
            about = f"reservedMemory (--reserved-memory): NUMA node {node}: {name}"
            if name != "memory" and not name.startswith("hugepages-"):
                raise ValueError(f"{about} is neither memory nor hugepages-SIZE")
            if quantity.value(amount) <= 0:
                raise ValueError(f"{about}: {amount} is not more than none")
            if (node, name) in seen:
                raise ValueError(f"{about} is there twice")
            seen.add((node, name))


def refuse_machine(config: KubeletConfig, cgroup_version: int | None, swap_bytes: int) -> None:
    """Raises ValueError on a machine on which the configuration does not want to run; no cgroups are None."""
    if swap_bytes and config.fail_swap_on:
        raise ValueError("running with swap on is not supported, disable swap or set failSwapOn to false")
    if cgroup_version != 1:
        return
    if config.fail_cgroup_v1:
        raise ValueError("kubelet is configured to not run on a host using cgroup v1 (failCgroupV1)")
    if config.single_process_oom_kill is False:
        raise ValueError("singleProcessOOMKill cannot be false on a host using cgroup v1")
    if config.swap_behavior == "LimitedSwap":
        raise ValueError("memorySwap.swapBehavior LimitedSwap needs a host using cgroup v2")
