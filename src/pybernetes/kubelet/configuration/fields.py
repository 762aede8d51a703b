"""Every field of KubeletConfiguration v1beta1: what it sets, or why it sets nothing here. A table.

A field that asks for what there is not is refused; one whose value makes no difference here is told of.

Source: staging/src/k8s.io/kubelet/config/v1beta1/types.go, pkg/kubelet/apis/config/v1beta1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybernetes.kubelet.configuration import kinds as k
from pybernetes.kubelet.configuration.kinds import Kind


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    """Its path, by dots."""
    kind: Kind
    attribute: str = ""
    """Of KubeletConfig; "" for one that sets nothing."""
    value: Any = None
    """What is so where it sets nothing, as JSON; None for nothing."""
    why: str = ""
    refused: bool = False
    """Whether another value than that is refused; else it is told of."""
    zero_counts: bool = False
    """Whether "", 0 and false are values; else they stand for the default, and are not shown."""
    path: bool = False
    """Whether it is a path, which may be relative to the file's folder."""


def _sets(name: str, kind: Kind, attribute: str, *, zero_counts: bool = False, path: bool = False) -> Field:
    return Field(name, kind, attribute, zero_counts=zero_counts, path=path)


def _lacks(name: str, kind: Kind, value: Any, why: str, *, zero_counts: bool = False) -> Field:
    return Field(name, kind, value=value, why=why, refused=True, zero_counts=zero_counts)


def _moot(name: str, kind: Kind, value: Any, why: str) -> Field:
    return Field(name, kind, value=value, why=why)


_EVENTS = "changes are told by events, nothing is looked at again and again"
_UNLIMITED = "there is no such limit"
_GO = "it is about a runtime that this kubelet does not have"
_NFTABLES = "rules are nftables', none of the kubelet's are among them"

_FIELDS = (
    # Pods' sources, the server, and who may ask it.
    _sets("enableServer", k.SWITCH, "enable_server", zero_counts=True),
    _sets("staticPodPath", k.TEXT, "static_pod_path", path=True),
    _sets("podLogsDir", k.TEXT, "pod_log_dir", path=True),
    _moot("syncFrequency", k.DURATION, "0s", _EVENTS),
    _moot("fileCheckFrequency", k.DURATION, "0s", _EVENTS),
    _sets("httpCheckFrequency", k.DURATION, "http_check_frequency_s"),
    _sets("staticPodURL", k.TEXT, "static_pod_url"),
    _sets("staticPodURLHeader", k.HEADERS, "static_pod_url_headers"),
    _sets("address", k.TEXT, "server_address"),
    _sets("port", k.INTEGER, "server_port"),
    _lacks("readOnlyPort", k.INTEGER, 0, "there is no port at which everybody may ask"),
    _sets("tlsCertFile", k.TEXT, "tls_cert_file", path=True),
    _sets("tlsPrivateKeyFile", k.TEXT, "tls_private_key_file", path=True),
    _lacks("tlsCipherSuites", k.TEXTS, [], "the suites are those of the system's OpenSSL"),
    _lacks("tlsCurvePreferences", k.ANYTHING, None, "the curves are those of the system's OpenSSL"),
    _sets("tlsMinVersion", k.TLS_VERSION, "tls_min_version"),
    _sets("rotateCertificates", k.SWITCH, "rotate_certificates"),
    _sets("serverTLSBootstrap", k.SWITCH, "rotate_server_certificates"),
    _sets("authentication.x509.clientCAFile", k.TEXT, "client_ca_file", path=True),
    _sets("authentication.webhook.enabled", k.SWITCH, "accept_tokens", zero_counts=True),
    _moot("authentication.webhook.cacheTTL", k.DURATION, "10s", "answers are kept for ten seconds"),
    _sets("authentication.anonymous.enabled", k.SWITCH, "anonymous_requests", zero_counts=True),
    _sets("authorization.mode", k.AUTHORIZATION, "authorize_requests", zero_counts=True),
    _moot("authorization.webhook.cacheAuthorizedTTL", k.DURATION, "10s", "answers are kept for ten seconds"),
    _moot("authorization.webhook.cacheUnauthorizedTTL", k.DURATION, "10s", "answers are kept for ten seconds"),
    _sets("enableDebuggingHandlers", k.SWITCH, "enable_debugging_handlers", zero_counts=True),
    _moot("enableContentionProfiling", k.SWITCH, False, _GO),
    _moot("enableProfilingHandler", k.SWITCH, False, _GO),
    _moot("enableDebugFlagsHandler", k.SWITCH, False, _GO),
    _sets("enableSystemLogHandler", k.SWITCH, "enable_system_log_handler", zero_counts=True),
    _lacks("enableSystemLogQuery", k.SWITCH, True, "/logs/ answers queries wherever it is served", zero_counts=True),
    _sets("healthzPort", k.INTEGER, "healthz_port", zero_counts=True),
    _sets("healthzBindAddress", k.TEXT, "healthz_address"),
    _moot("streamingConnectionIdleTimeout", k.DURATION, "0s", _UNLIMITED),
    _lacks("showHiddenMetricsForVersion", k.TEXT, "", "there are no hidden metrics"),
    # The node and its object.
    _sets("registerNode", k.SWITCH, "register_node", zero_counts=True),
    _sets("registerWithTaints", k.TAINTS, "register_with_taints"),
    _sets("providerID", k.TEXT, "provider_id"),
    _sets("podCIDR", k.TEXT, "pod_cidr"),
    _sets("nodeStatusUpdateFrequency", k.DURATION, "node_status_update_frequency_s"),
    _sets("nodeStatusReportFrequency", k.DURATION, "node_status_report_frequency_s"),
    _sets("nodeLeaseDurationSeconds", k.INTEGER, "node_lease_duration_s"),
    _sets("nodeStatusMaxImages", k.INTEGER, "node_status_max_images", zero_counts=True),
    _sets("maxPods", k.INTEGER, "max_pods"),
    _sets("podsPerCore", k.INTEGER, "pods_per_core"),
    _sets("shutdownGracePeriod", k.SECONDS, "shutdown_grace_period_s"),
    _sets("shutdownGracePeriodCriticalPods", k.SECONDS, "shutdown_grace_period_critical_pods_s"),
    _sets("shutdownGracePeriodByPodPriority", k.PERIODS, "shutdown_grace_periods"),
    _sets("featureGates", k.SWITCHES, "feature_gates"),
    # Requests of the kubelet itself.
    _moot("kubeAPIQPS", k.INTEGER, 0, _UNLIMITED),
    _moot("kubeAPIBurst", k.INTEGER, 0, _UNLIMITED),
    _moot("eventRecordQPS", k.INTEGER, 0, "Events are limited for each object, not for the kubelet"),
    _moot("eventBurst", k.INTEGER, 0, "Events are limited for each object, not for the kubelet"),
    _moot("contentType", k.TEXT, "application/json", "the kubelet speaks JSON"),
    _moot("maxOpenFiles", k.INTEGER, 0, "the limit is the one that the process was started with"),
    _moot("oomScoreAdj", k.INTEGER, None, "the score is the one that the process was started with"),
    _lacks("configMapAndSecretChangeDetectionStrategy", k.TEXT, "Watch", "ConfigMaps and Secrets are watched"),
    _lacks("tracing", k.OBJECT, None, "the kubelet makes no traces"),
    # The runtime, images and logs.
    _sets("containerRuntimeEndpoint", k.TEXT, "cri_endpoint"),
    _lacks("imageServiceEndpoint", k.TEXT, "", "images come from the same endpoint as containers"),
    _moot("runtimeRequestTimeout", k.DURATION, "2m0s", "each kind of request has a limit of its own"),
    _sets("serializeImagePulls", k.SWITCH, "serialize_image_pulls", zero_counts=True),
    _sets("maxParallelImagePulls", k.INTEGER, "max_parallel_image_pulls"),
    _moot("registryPullQPS", k.INTEGER, 0, "maxParallelImagePulls is the limit of pulls"),
    _moot("registryBurst", k.INTEGER, 0, "maxParallelImagePulls is the limit of pulls"),
    _lacks("imagePullCredentialsVerificationPolicy", k.TEXT, "NeverVerify", "who pulled an image is not kept with it"),
    _lacks("preloadedImagesVerificationAllowlist", k.TEXTS, [], "who pulled an image is not kept with it"),
    _sets("imageMinimumGCAge", k.DURATION, "image_minimum_gc_age_s"),
    _sets("imageMaximumGCAge", k.DURATION, "image_maximum_gc_age_s"),
    _sets("imageGCHighThresholdPercent", k.INTEGER, "image_gc_high_threshold_percent", zero_counts=True),
    _sets("imageGCLowThresholdPercent", k.INTEGER, "image_gc_low_threshold_percent", zero_counts=True),
    _sets("containerLogMaxSize", k.SIZE, "container_log_max_bytes"),
    _sets("containerLogMaxFiles", k.INTEGER, "container_log_max_files", zero_counts=True),
    _moot("containerLogMaxWorkers", k.INTEGER, 1, "logs are rotated one after the other"),
    _sets("containerLogMonitorInterval", k.DURATION, "container_log_monitor_interval_s", zero_counts=True),
    _sets("crashLoopBackOff.maxContainerRestartPeriod", k.DURATION, "max_restart_back_off_s"),
    _sets("seccompDefault", k.SWITCH, "seccomp_default", zero_counts=True),
    _lacks("userNamespaces.idsPerPod", k.INTEGER, 1 << 16, "a Pod has as many ids", zero_counts=True),
    _sets("allowedUnsafeSysctls", k.SYSCTLS, "allowed_sysctls"),
    # Network.
    _sets("clusterDomain", k.TEXT, "cluster_domain"),
    _sets("clusterDNS", k.TEXTS, "cluster_dns"),
    _sets("resolvConf", k.TEXT, "resolver_config", zero_counts=True, path=True),
    _moot("hairpinMode", k.TEXT, "none", "the network's plugin says so"),
    _moot("makeIPTablesUtilChains", k.SWITCH, False, _NFTABLES),
    _moot("iptablesMasqueradeBit", k.INTEGER, None, _NFTABLES),
    _moot("iptablesDropBit", k.INTEGER, None, _NFTABLES),
    # Volumes.
    _moot("volumeStatsAggPeriod", k.DURATION, "0s", "volumes are looked at when somebody asks"),
    _moot("volumePluginDir", k.TEXT, "", "there are no Flexvolumes"),
    _lacks("enableControllerAttachDetach", k.SWITCH, True, "the controller attaches volumes", zero_counts=True),
    _lacks("localStorageCapacityIsolation", k.SWITCH, True, "disk space is always counted", zero_counts=True),
    # Resources.
    _sets("cgroupRoot", k.TEXT, "cgroup_root"),
    _sets("cgroupsPerQOS", k.SWITCH, "cgroups_per_qos", zero_counts=True),
    _lacks("cgroupDriver", k.TEXT, "cgroupfs", "cgroups are made without systemd"),
    _lacks("kubeletCgroups", k.TEXT, "", "the kubelet stays in the cgroup that it was started in"),
    _lacks("systemCgroups", k.TEXT, "", "processes of others stay in the cgroups that they are in"),
    _sets("failCgroupV1", k.SWITCH, "fail_cgroup_v1", zero_counts=True),
    _lacks("protectKernelDefaults", k.SWITCH, False, "settings of the kernel are neither checked nor changed"),
    _moot("kernelMemcgNotification", k.SWITCH, False, "memory is looked at when an eviction is decided"),
    _lacks("cpuCFSQuota", k.SWITCH, True, "limits of CPU hold", zero_counts=True),
    _lacks("cpuCFSQuotaPeriod", k.DURATION, "100ms", "the period of quotas is 100ms", zero_counts=True),
    _sets("podPidsLimit", k.INTEGER, "pod_max_pids", zero_counts=True),
    _lacks("qosReserved", k.PAIRS, {}, "memory is not reserved by quality of service (alpha)"),
    _sets("systemReserved", k.PAIRS, "system_reserved"),
    _sets("kubeReserved", k.PAIRS, "kube_reserved"),
    _sets("reservedSystemCPUs", k.TEXT, "reserved_cpus"),
    _sets("systemReservedCgroup", k.TEXT, "system_reserved_cgroup"),
    _sets("kubeReservedCgroup", k.TEXT, "kube_reserved_cgroup"),
    _sets("enforceNodeAllocatable", k.NAMES, "enforce_node_allocatable", zero_counts=True),
    _sets("cpuManagerPolicy", k.TEXT, "cpu_manager_policy"),
    _sets("cpuManagerPolicyOptions", k.PAIRS, "cpu_manager_policy_options"),
    _moot("cpuManagerReconcilePeriod", k.DURATION, "0s", _EVENTS),
    _sets("memoryManagerPolicy", k.TEXT, "memory_manager_policy"),
    _sets("reservedMemory", k.RESERVED_MEMORY, "reserved_memory"),
    _sets("topologyManagerPolicy", k.TEXT, "topology_manager_policy"),
    _sets("topologyManagerScope", k.TEXT, "topology_manager_scope"),
    _sets("topologyManagerPolicyOptions", k.PAIRS, "topology_manager_policy_options"),
    _sets("failSwapOn", k.SWITCH, "fail_swap_on", zero_counts=True),
    _sets("memorySwap.swapBehavior", k.TEXT, "swap_behavior"),
    _sets("singleProcessOOMKill", k.SWITCH, "single_process_oom_kill", zero_counts=True),
    _sets("memoryThrottlingFactor", k.FRACTION, "memory_throttling_factor", zero_counts=True),
    _sets("memoryReservationPolicy", k.TEXT, "memory_reservation_policy"),
    _sets("evictionHard", k.THRESHOLDS, "eviction_hard"),
    _sets("evictionSoft", k.THRESHOLDS, "eviction_soft"),
    _sets("evictionSoftGracePeriod", k.PAIRS, "eviction_soft_grace_period"),
    _sets("evictionPressureTransitionPeriod", k.DURATION, "eviction_pressure_transition_period_s"),
    _sets("evictionMaxPodGracePeriod", k.INTEGER, "eviction_max_pod_grace_period_s"),
    _sets("evictionMinimumReclaim", k.PAIRS, "eviction_minimum_reclaim"),
    _sets("mergeDefaultEvictionSettings", k.SWITCH, "merge_default_eviction_settings", zero_counts=True),
    # The process.
    _lacks("runOnce", k.SWITCH, False, "the kubelet runs until it is ended"),
    _lacks("logging.format", k.TEXT, "text", "there is one format of log lines"),
    _moot("logging.flushFrequency", k.ANYTHING, 0, "each line is written at once"),
    _moot("logging.verbosity", k.INTEGER, 0, "there is one level of detail"),
    _moot("logging.vmodule", k.ANYTHING, None, "there is one level of detail"),
    _moot("logging.options", k.OBJECT, None, "each line is written at once"),
)
FIELDS: Mapping[str, Field] = {field.name: field for field in _FIELDS}
"""By name."""
OBJECTS = frozenset(name[:at] for name in FIELDS for at, sign in enumerate(name) if sign == ".")
"""Names of what has fields itself."""
