"""KubeletConfiguration files: what they come to, what is refused, what is told of, and what /configz shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.configuration import checks, reading
from pybernetes.kubelet.configuration.fields import FIELDS
from pybernetes.kubelet.configuration.showing import shown

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
KUBEADM = """\
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
authorization:
  mode: Webhook
  webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}
cgroupDriver: cgroupfs
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging:
  flushFrequency: 0
  options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
"""


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []

    def write(self, name: str, text: str) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    def read(self, text: str, drop_ins: str = "") -> dict[str, Any]:
        return reading.read(self.write("kubelet.yaml", HEAD + text), drop_ins, self.told.append)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_file_that_kubeadm_writes(files: Files) -> None:
    config = KubeletConfig("n", **files.read(KUBEADM))
    checks.check(config)
    assert (config.client_ca_file, config.healthz_port) == ("/etc/kubernetes/pki/ca.crt", 10248)
    assert config.rotate_certificates and config.static_pod_path == "/etc/kubernetes/manifests"
    assert config.cri_endpoint == KubeletConfig("n").cri_endpoint, "an empty text is no value"
    assert files.told == [
        f'kubelet configuration {files.folder}/kubelet.yaml: logging.options: {{"json": {{"infoBufferSize": "0"}}, '
        '"text": {"infoBufferSize": "0"}} makes no difference: each line is written at once'
    ]


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("maxPods: 0", "max_pods", None),
        ("maxPods: 20", "max_pods", 20),
        ("imageGCLowThresholdPercent: 0", "image_gc_low_threshold_percent", 0),
        ("maxParallelImagePulls: 3", "serialize_image_pulls", False),
        ("nodeStatusUpdateFrequency: 4s", "node_status_report_frequency_s", 4.0),
        ("nodeStatusUpdateFrequency: 4s\nnodeStatusReportFrequency: 1m", "node_status_report_frequency_s", 60.0),
        ("enforceNodeAllocatable: [none]", "enforce_node_allocatable", []),
        ("containerLogMaxSize: 5Mi", "container_log_max_bytes", 5 << 20),
        ("registerWithTaints: [{key: a, effect: NoSchedule}]", "register_with_taints", [("a", "", "NoSchedule")]),
        (
            "shutdownGracePeriodByPodPriority: [{priority: 5, shutdownGracePeriodSeconds: 9}]",
            "shutdown_grace_periods",
            {5: 9},
        ),
        ("authorization: {mode: AlwaysAllow}", "authorize_requests", False),
        (
            "reservedMemory: [{numaNode: 1, limits: {memory: 1Gi, hugepages-2Mi: 4}}]",
            "reserved_memory",
            [(1, {"memory": "1Gi", "hugepages-2Mi": "4"})],
        ),
        ('resolvConf: ""', "resolver_config", ""),
        ("evictionHard: null", "eviction_hard", None),
        ("tlsMinVersion: VersionTLS13", "tls_min_version", 13),
    ],
)
def test_what_fields_come_to(files: Files, text: str, attribute: str, value: Any) -> None:
    assert files.read(text).get(attribute) == value and not files.told


def test_signals_that_are_not_named_have_their_default_where_that_is_asked_for(files: Files) -> None:
    text = "evictionHard: {memory.available: 1Gi}\n"
    assert KubeletConfig("n", **files.read(text)).eviction_hard == {"memory.available": "1Gi"}
    merged = KubeletConfig("n", **files.read(text + "mergeDefaultEvictionSettings: true")).eviction_hard
    assert (merged["memory.available"], merged["nodefs.available"]) == ("1Gi", "10%")


def test_paths_are_relative_to_the_file(files: Files) -> None:
    found = files.read("staticPodPath: manifests\nauthentication: {x509: {clientCAFile: /ca}}")
    assert (found["static_pod_path"], found["client_ca_file"]) == (str(files.folder / "manifests"), "/ca")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("maxPods: many", 'maxPods: "many" is not a whole number'),
        ("maxPods: true", "maxPods: true is not a whole number"),
        ("authentication: yes", "authentication: true is not an object"),
        ("imageMinimumGCAge: 1 hour", 'imageMinimumGCAge: "1 hour" is not a duration'),
        ("shutdownGracePeriod: 300ms", 'shutdownGracePeriod: "300ms" is not a duration of 0s, or 1s and more'),
        ("registerWithTaints: [{key: a, effect: Never}]", "registerWithTaints: .* is not a list of taints"),
        ("allowedUnsafeSysctls: [vm.x]", 'is not a list of texts .the sysctls "vm.x" are not known'),
        ("readOnlyPort: 10255", "readOnlyPort: 10255 cannot be had: there is no port at which everybody may ask"),
        ("cgroupDriver: systemd", 'cgroupDriver: "systemd" cannot be had'),
        ("runOnce: true", "runOnce: true cannot be had"),
        ("cpuCFSQuota: false", "cpuCFSQuota: false cannot be had"),
        ("tracing: {endpoint: x}", "tracing: .* cannot be had: the kubelet makes no traces"),
        ("[", "kubelet.yaml: yaml: line"),
    ],
)
def test_what_is_refused(files: Files, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        files.read(text)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"container_log_max_files": 1}, "containerLogMaxFiles 1 must be 2 or more"),
        ({"image_gc_low_threshold_percent": 90}, "must be less than imageGCHighThresholdPercent"),
        ({"image_maximum_gc_age_s": 60.0}, "imageMaximumGCAge must be greater"),
        ({"max_parallel_image_pulls": 2}, "unless serializeImagePulls is false"),
        ({"topology_manager_scope": "node"}, "topologyManagerScope .* 'node' is none of container, pod"),
        ({"feature_gates": {"Nothing": True}}, "unrecognized feature gate: Nothing"),
        ({"max_restart_back_off_s": 301.0}, "maxContainerRestartPeriod 301 must be from 1 to 300"),
        ({"shutdown_grace_periods": {1: 2}, "shutdown_grace_period_s": 3}, "exclude each other"),
        ({"reserved_cpus": "0", "kube_reserved_cgroup": "/k"}, "excludes systemReservedCgroup"),
        ({"cgroups_per_qos": False}, "needs cgroupsPerQOS"),
        ({"reserved_memory": [(0, {"cpu": "1"})]}, "NUMA node 0: cpu is neither memory nor hugepages-SIZE"),
        ({"reserved_memory": [(0, {"memory": "0"})]}, "memory: 0 is not more than none"),
        ({"reserved_memory": [(0, {"memory": "1"}), (0, {"memory": "1"})]}, "memory is there twice"),
        ({"swap_behavior": "UnlimitedSwap"}, "swapBehavior 'UnlimitedSwap' is none of NoSwap, LimitedSwap"),
        ({"memory_throttling_factor": 1.5}, "memoryThrottlingFactor 1.5 must be more than 0 and 1 at most"),
        ({"memory_reservation_policy": "TieredReservation"}, "needs the feature gate MemoryQoS"),
        (
            {"max_restart_back_off_s": 9.0, "feature_gates": {"KubeletCrashLoopBackOffMax": False}},
            "crashLoopBackOff.maxContainerRestartPeriod needs the feature gate KubeletCrashLoopBackOffMax",
        ),
        (
            {"rotate_server_certificates": True, "feature_gates": {"RotateKubeletServerCertificate": False}},
            "--rotate-server-certificates. needs the feature gate RotateKubeletServerCertificate",
        ),
        (
            {"shutdown_grace_period_s": 9, "feature_gates": {"AllBeta": False}},
            "shutdownGracePeriod needs the feature gate GracefulNodeShutdown",
        ),
        (
            {"shutdown_grace_periods": {1: 2}, "feature_gates": {"GracefulNodeShutdownBasedOnPodPriority": False}},
            "shutdownGracePeriodByPodPriority needs the feature gate GracefulNodeShutdownBasedOnPodPriority",
        ),
        ({"pod_log_dir": "logs"}, "must be an absolute path"),
        ({"reserved_cpus": "a-b"}, "reservedSystemCPUs .--reserved-cpus.: 'a-b' is no list of CPUs such as 0-1,4"),
        ({"reserved_cpus": "3-1"}, "'3-1' is no list"),
        ({"reserved_cpus": "0-999999999"}, "'0-999999999' is no list"),
        ({"eviction_hard": {"memory.available": "much"}}, "memory.available: 'much' is neither an amount"),
        ({"eviction_hard": {"memory.available": "nan%"}}, "memory.available: 'nan%' is no percentage"),
        ({"eviction_soft_grace_period": {"pid.available": "x"}}, "grace period of pid.available: time: invalid"),
    ],
)
def test_what_makes_no_sense_together(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checks.check(KubeletConfig("n", **settings))


def test_what_makes_no_difference_is_told(files: Files) -> None:
    assert files.read("syncFrequency: 1m\nkubeApiQPS: 5\nmaxPods: 5\nmaxPods: 6\nkubeAPIQPS: 7") == {"max_pods": 6}
    about = f"kubelet configuration {files.folder}/kubelet.yaml: "
    assert [line.removeprefix(about) for line in files.told] == [
        'line 6: key "maxPods" already set in map',
        'syncFrequency: "1m" makes no difference: changes are told by events, nothing is looked at again and again',
        'unknown field "kubeApiQPS"',
        "kubeAPIQPS: 7 makes no difference: there is no such limit",
    ]


def test_a_folder_of_files_changes_the_file_in_the_order_of_paths(files: Files) -> None:
    files.write("d/10-a.conf", HEAD + "maxPods: 2\nclusterDNS: [b, c]\nsystemReserved: {memory: 1Gi}\n")
    files.write("d/sub/20-b.conf", HEAD + "maxPods: 3\nport: null")
    other = files.write("d/readme.txt", "not read")
    found = files.read("maxPods: 1\nport: 5\nclusterDNS: [a]\nsystemReserved: {cpu: 100m}", str(files.folder / "d"))
    assert found == {"max_pods": 3, "cluster_dns": ["b", "c"], "system_reserved": {"cpu": "100m", "memory": "1Gi"}}
    assert files.told == [f"kubelet configuration {other} is not read: it does not end with .conf"]
    files.write("d/30-c.conf", "kind: KubeletConfiguration")
    with pytest.raises(ValueError, match=r"30-c.conf: it must be a KubeletConfiguration of kubelet.config"):
        files.read("", str(files.folder / "d"))


@pytest.mark.parametrize(
    ("file", "folder", "why"),
    [
        ("missing", "", "missing cannot be read: No such file or directory"),
        ("", "missing", "missing: there is no such folder"),
        ("empty", "", "empty is empty"),
    ],
)
def test_files_that_cannot_be_read(files: Files, file: str, folder: str, why: str) -> None:
    files.write("empty", "")
    places = [str(files.folder / name) if name else "" for name in (file, folder)]
    with pytest.raises(ValueError, match=why):
        reading.read(*places, files.told.append)


def test_what_is_shown_reads_as_what_it_was() -> None:
    config = KubeletConfig(
        "n",
        system_reserved={"cpu": "1"},
        register_with_taints=[("a", "b", "NoExecute"), ("c", "", "NoSchedule")],
        shutdown_grace_periods={0: 10, 5: 20},
        reserved_memory=[(0, {"memory": "1Gi"})],
        max_parallel_image_pulls=3,
        serialize_image_pulls=False,
        enforce_node_allocatable=[],
        container_log_max_bytes=5 << 20,
        authorize_requests=False,
        max_restart_back_off_s=30.0,
    )
    tree = shown(config)
    assert tree["authentication"]["webhook"] == {"enabled": True, "cacheTTL": "10s"}
    assert (tree["maxPods"], tree["containerLogMaxSize"], tree["enforceNodeAllocatable"]) == (110, "5Mi", ["none"])
    assert tree["crashLoopBackOff"] == {"maxContainerRestartPeriod": "30s"}
    assert "staticPodURL" not in tree and "readOnlyPort" not in tree
    told: list[str] = []
    del tree["apiVersion"], tree["kind"]
    again = KubeletConfig("n", **reading.settings_of(msgspec.json.decode(msgspec.json.encode(tree)), "it", told.append))
    assert shown(again) == shown(config) and not told


def test_attributes_of_fields_are_those_of_the_configuration() -> None:
    named = [field.attribute for field in FIELDS.values() if field.attribute]
    assert len(named) == len(set(named))
    for name in named:
        getattr(KubeletConfig("n"), name)


@pytest.mark.parametrize(
    ("settings", "version", "swap", "why"),
    [
        ({"fail_swap_on": True}, 2, 1, "running with swap on is not supported"),
        ({"fail_cgroup_v1": True}, 1, 0, "configured to not run on a host using cgroup v1"),
        ({"single_process_oom_kill": False}, 1, 0, "singleProcessOOMKill cannot be false"),
        ({"swap_behavior": "LimitedSwap"}, 1, 1, "LimitedSwap needs a host using cgroup v2"),
    ],
)
def test_machines_that_are_refused(settings: dict[str, Any], version: int, swap: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checks.refuse_machine(KubeletConfig("n", **settings), version, swap)
    checks.refuse_machine(KubeletConfig("n", **settings), 2, 0)
    checks.refuse_machine(KubeletConfig("n"), version, swap)
