"""The kubelet's flags that stand for fields of its configuration file, and what such flags say. A table.

Upstream calls nearly all of them deprecated, for the file; they go on to work, and have the last word.

Source: cmd/kubelet/app/options/options.go (AddKubeletConfigFlags).
Differs: without a file, too, the defaults are the file's: nobody is served without credentials.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pybernetes.kubelet.configuration import kinds, reading
from pybernetes.kubelet.configuration.fields import FIELDS, Field

_FLAGS: Mapping[str, tuple[str, str]] = {
    # Pods' sources, the server, and who may ask it.
    "pod-manifest-path": ("staticPodPath", "directory of static pods"),
    "pod-log-dir": ("podLogsDir", "where containers' logs lie (default /var/log/pods)"),
    "manifest-url": ("staticPodURL", "where static pods can be read from"),
    "manifest-url-header": ("staticPodURLHeader", "sent to --manifest-url"),
    "http-check-frequency": ("httpCheckFrequency", "how often --manifest-url is asked"),
    "file-check-frequency": ("fileCheckFrequency", ""),
    "sync-frequency": ("syncFrequency", ""),
    "enable-server": ("enableServer", "serve logs, exec and statistics (default true)"),
    "address": ("address", "address of the kubelet's server"),
    "port": ("port", "port of the kubelet's server (default 10250)"),
    "read-only-port": ("readOnlyPort", ""),
    "healthz-port": ("healthzPort", "port of /healthz for everybody (default 10248); 0 for none"),
    "healthz-bind-address": ("healthzBindAddress", "its address (default 127.0.0.1)"),
    "anonymous-auth": ("authentication.anonymous.enabled", "let requests of nobody be anonymous (default false)"),
    "authentication-token-webhook": ("authentication.webhook.enabled", "ask the API about tokens (default true)"),
    "authentication-token-webhook-cache-ttl": ("authentication.webhook.cacheTTL", ""),
    "client-ca-file": ("authentication.x509.clientCAFile", "CA of clients of the kubelet's server"),
    "authorization-mode": ("authorization.mode", "Webhook or AlwaysAllow (default Webhook)"),
    "authorization-webhook-cache-authorized-ttl": ("authorization.webhook.cacheAuthorizedTTL", ""),
    "authorization-webhook-cache-unauthorized-ttl": ("authorization.webhook.cacheUnauthorizedTTL", ""),
    "tls-cert-file": ("tlsCertFile", "PEM certificate of the server"),
    "tls-private-key-file": ("tlsPrivateKeyFile", "its key"),
    "tls-cipher-suites": ("tlsCipherSuites", ""),
    "tls-min-version": ("tlsMinVersion", "VersionTLS12, the default, or VersionTLS13"),
    "rotate-certificates": ("rotateCertificates", "renew the client certificate in time"),
    "rotate-server-certificates": ("serverTLSBootstrap", "ask the API for the server's certificate"),
    "enable-debugging-handlers": ("enableDebuggingHandlers", "serve logs and commands in containers (default true)"),
    "contention-profiling": ("enableContentionProfiling", ""),
    "streaming-connection-idle-timeout": ("streamingConnectionIdleTimeout", ""),
    # The node and its object.
    "register-node": ("registerNode", "make the Node, where it is missing (default true)"),
    "register-with-taints": ("registerWithTaints", "taints of a Node that is made"),
    "provider-id": ("providerID", "name of the machine at its provider"),
    "pod-cidr": ("podCIDR", "addresses of its pods, to register with"),
    "node-status-update-frequency": ("nodeStatusUpdateFrequency", "how often the node is looked at (default 10s)"),
    "node-status-max-images": ("nodeStatusMaxImages", "how many images the Node names (default 50); -1 for all"),
    "max-pods": ("maxPods", "default 110"),
    "pods-per-core": ("podsPerCore", "a second limit of pods; 0 for none"),
    "feature-gates": ("featureGates", "features on or off; AllAlpha, AllBeta too"),
    # Requests of the kubelet itself.
    "kube-api-qps": ("kubeAPIQPS", ""),
    "kube-api-burst": ("kubeAPIBurst", ""),
    "kube-api-content-type": ("contentType", ""),
    "event-qps": ("eventRecordQPS", ""),
    "event-burst": ("eventBurst", ""),
    "max-open-files": ("maxOpenFiles", ""),
    "oom-score-adj": ("oomScoreAdj", ""),
    # The runtime, images and logs.
    "container-runtime-endpoint": ("containerRuntimeEndpoint", "socket of the container runtime"),
    "image-service-endpoint": ("imageServiceEndpoint", ""),
    "runtime-request-timeout": ("runtimeRequestTimeout", ""),
    "serialize-image-pulls": ("serializeImagePulls", "pull one image at a time (default true)"),
    "registry-qps": ("registryPullQPS", ""),
    "registry-burst": ("registryBurst", ""),
    "minimum-image-ttl-duration": ("imageMinimumGCAge", "unused images stay this long (default 2m)"),
    "image-gc-high-threshold": ("imageGCHighThresholdPercent", "above this much of the disk images go (default 85)"),
    "image-gc-low-threshold": ("imageGCLowThresholdPercent", "down to this much of the disk (default 80)"),
    "container-log-max-size": ("containerLogMaxSize", "size at which a log is rotated (default 10Mi)"),
    "container-log-max-files": ("containerLogMaxFiles", "how many files a container's log has (default 5)"),
    "seccomp-default": ("seccompDefault", "RuntimeDefault for pods that say nothing of seccomp"),
    "allowed-unsafe-sysctls": ("allowedUnsafeSysctls", "that pods may set, or NAME*"),
    # Network.
    "cluster-dns": ("clusterDNS", "nameservers of pods (default 10.96.0.10)"),
    "cluster-domain": ("clusterDomain", "default cluster.local"),
    "resolv-conf": ("resolvConf", "resolver configuration of the node"),
    "hairpin-mode": ("hairpinMode", ""),
    "make-iptables-util-chains": ("makeIPTablesUtilChains", ""),
    # Volumes.
    "volume-stats-agg-period": ("volumeStatsAggPeriod", ""),
    "volume-plugin-dir": ("volumePluginDir", ""),
    "enable-controller-attach-detach": ("enableControllerAttachDetach", ""),
    "local-storage-capacity-isolation": ("localStorageCapacityIsolation", ""),
    # Resources.
    "cgroup-root": ("cgroupRoot", "cgroup under which pods' cgroups are made (default /pybernetes)"),
    "cgroups-per-qos": ("cgroupsPerQOS", "make cgroups by quality of service (default true)"),
    "cgroup-driver": ("cgroupDriver", ""),
    "kubelet-cgroups": ("kubeletCgroups", ""),
    "system-cgroups": ("systemCgroups", ""),
    "fail-cgroupv1": ("failCgroupV1", "do not start on a machine with cgroup v1"),
    "fail-swap-on": ("failSwapOn", "do not start on a machine with swap (default true)"),
    "protect-kernel-defaults": ("protectKernelDefaults", ""),
    "kernel-memcg-notification": ("kernelMemcgNotification", ""),
    "cpu-cfs-quota": ("cpuCFSQuota", ""),
    "cpu-cfs-quota-period": ("cpuCFSQuotaPeriod", ""),
    "pod-max-pids": ("podPidsLimit", "processes that a pod may have; -1, the default, sets no limit"),
    "qos-reserved": ("qosReserved", ""),
    "system-reserved": ("systemReserved", "kept from pods, e.g. cpu=200m,memory=1Gi"),
    "kube-reserved": ("kubeReserved", "kept from pods for the node's own processes"),
    "enforce-node-allocatable": ("enforceNodeAllocatable", "whose cgroup is held to its part, or none"),
    "system-reserved-cgroup": ("systemReservedCgroup", "cgroup of what --system-reserved is for"),
    "kube-reserved-cgroup": ("kubeReservedCgroup", "cgroup of what --kube-reserved is for"),
    "reserved-cpus": ("reservedSystemCPUs", "CPUs kept from pods that get some of their own: 0-1,4"),
    "cpu-manager-policy": ("cpuManagerPolicy", "none or static: CPUs of their own for some pods"),
    "cpu-manager-policy-options": ("cpuManagerPolicyOptions", "of the static policy"),
    "cpu-manager-reconcile-period": ("cpuManagerReconcilePeriod", ""),
    "memory-manager-policy": ("memoryManagerPolicy", "None or Static: memory of NUMA nodes of their own for some"),
    "reserved-memory": ("reservedMemory", "of which NUMA nodes the reserved memory is; again, or by ;"),
    "topology-manager-policy": ("topologyManagerPolicy", "how near what a pod gets lies together"),
    "topology-manager-scope": ("topologyManagerScope", "of each container, or of the pod"),
    "topology-manager-policy-options": ("topologyManagerPolicyOptions", "how nodes are chosen, and of how many"),
    "eviction-hard": ("evictionHard", "below this pods end at once"),
    "eviction-soft": ("evictionSoft", "below this for a while pods end"),
    "eviction-soft-grace-period": ("evictionSoftGracePeriod", "for how long"),
    "eviction-minimum-reclaim": ("evictionMinimumReclaim", "how much more is freed, once it is below"),
    "eviction-max-pod-grace-period": ("evictionMaxPodGracePeriod", "seconds that these pods have to end"),
    "eviction-pressure-transition-period": ("evictionPressureTransitionPeriod", "how long a condition stays after it"),
    # The process.
    "runonce": ("runOnce", ""),
    "logging-format": ("logging.format", ""),
    "log-flush-frequency": ("logging.flushFrequency", ""),
    "v": ("logging.verbosity", ""),
    "vmodule": ("logging.vmodule", ""),
}
"""By flag the field, and what it is for; "" where it sets nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("its configuration", "better said in the file of --config, which has more")
    for flag, (name, text) in _FLAGS.items():
        field = FIELDS[name]
        words = [f"--{flag}"] if flag != "v" else ["-v", "--v"]
        plain: dict[str, Any] = {"nargs": "?", "const": "true"} if field.kind is kinds.SWITCH else {}
        group.add_argument(
            *words, dest=name, action="append", metavar=field.kind.form, help=_help(field, text), **plain
        )


def _help(field: Field, text: str) -> str:
    return text or f"{'must stay as it is' if field.refused else 'makes no difference'}: {field.why}"


def settings(args: argparse.Namespace, tell: reading.Tell) -> dict[str, Any]:
    """What flags say, by attribute of KubeletConfig. Raises ValueError with one line, which names the flag."""
    said = {f"--{flag}": (FIELDS[name], getattr(args, name)) for flag, (name, _) in _FLAGS.items()}
    return reading.settings_of_flags({flag: each for flag, each in said.items() if each[1] is not None}, tell)
