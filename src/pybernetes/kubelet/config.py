"""Everything a kubelet can be told. Flag names for these are in `cmd/kubelet_flags.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pybernetes.apimachinery.version import GIT_VERSION
from pybernetes.kubelet.containers.sysctls import AllowedSysctls

if TYPE_CHECKING:
    from pybernetes.kubelet.credential_providers import Provider

_EVICTION_HARD = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
LONGEST_BACK_OFF_S = 300.0


@dataclass(slots=True)
class KubeletConfig:
    node_name: str
    node_ip: str = ""
    """The InternalIP, or one of each IP family by comma; empty takes the address of the default route."""
    hostname: str = ""
    """The Hostname address and label; empty takes node_name."""
    cri_endpoint: str = "unix:///run/containerd/containerd.sock"
    root_dir: str = "/var/lib/kubelet"
    pod_log_dir: str = "/var/log/pods"
    cgroup_root: str = "/pybernetes"
    """The cgroup under which kubepods/ is made."""
    cgroups_per_qos: bool = True
    """Without, cgroups are left to the runtime."""
    fail_cgroup_v1: bool = False
    """Whether a machine with cgroup v1 is refused. Differs: upstream's default is that it is."""
    cluster_dns: list[str] = field(default_factory=lambda: ["10.96.0.10"])
    cluster_domain: str = "cluster.local"
    resolver_config: str = "/etc/resolv.conf"
    static_pod_path: str = ""
    static_pod_url: str = ""
    static_pod_url_headers: dict[str, list[str]] = field(default_factory=dict)
    http_check_frequency_s: float = 20.0
    server_address: str = "0.0.0.0"
    enable_server: bool = True
    server_port: int = 10250
    """0 takes a free port; the one taken is in the Node's daemonEndpoints."""
    tls_min_version: int = 12
    """12 or 13, of TLS 1.2 and 1.3."""
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    client_ca_file: str = ""
    rotate_certificates: bool = False
    """Whether the client certificate is renewed in time."""
    rotate_server_certificates: bool = False
    """Whether the server's certificate is asked of the API."""
    accept_tokens: bool = True
    """Whether the API is asked whose a bearer token is."""
    anonymous_requests: bool = False
    """Whether requests of nobody are those of system:anonymous."""
    authorize_requests: bool = True
    """Without, everybody who is known may do everything."""
    healthz_port: int = 0
    """Where /healthz is answered to everybody, in plain HTTP; 0: nowhere."""
    healthz_address: str = "127.0.0.1"
    register_node: bool = True
    node_labels: dict[str, str] = field(default_factory=dict)
    register_with_taints: list[tuple[str, str, str]] = field(default_factory=list)
    """key, value, effect."""
    provider_id: str = ""
    max_pods: int = 110
    pods_per_core: int = 0
    """A second limit of pods; 0: none."""
    feature_gates: dict[str, bool] = field(default_factory=dict)
    pod_max_pids: int = -1
    """Processes and threads that a pod may have at a time; -1 sets no limit."""
    pod_cidr: str = ""
    """Addresses of its pods, to register with; empty leaves them to the node IPAM controller."""
    system_reserved: dict[str, str] = field(default_factory=dict)
    """Resource quantities kept from pods, for the system's processes."""
    kube_reserved: dict[str, str] = field(default_factory=dict)
    """The same for the node's own."""
    enforce_node_allocatable: Sequence[str] = ("pods",)
    """Whose cgroup is held to its part: `pods`, `system-reserved`, `kube-reserved`, these also `-compressible`."""
    system_reserved_cgroup: str = ""
    kube_reserved_cgroup: str = ""
    reserved_cpus: str = ""
    """CPUs kept from pods that get some of their own, as a list: 0-1,4."""
    cpu_manager_policy: str = "none"
    """`none` or `static`: guaranteed pods that ask for whole CPUs get some of their own."""
    cpu_manager_policy_options: dict[str, str] = field(default_factory=dict)
    """`full-pcpus-only`: whole cores alone; `strict-cpu-reservation`: nobody runs on what is reserved."""
    fail_swap_on: bool = False
    """Whether a machine with swap is refused."""
    swap_behavior: str = "NoSwap"
    """`NoSwap` or `LimitedSwap`: containers of burstable pods may swap in proportion to their request; cgroup v2."""
    single_process_oom_kill: bool | None = None
    """Whether the kernel ends one process of a container without memory, not all; None: on cgroup v1."""
    memory_throttling_factor: float = 0.9
    """With MemoryQoS: how far between request and limit a container is slowed down."""
    memory_reservation_policy: str = "None"
    """With MemoryQoS `TieredReservation`: memory that is asked for is not taken from containers."""
    memory_manager_policy: str = "None"
    """`None` or `Static`: guaranteed pods get memory of as few NUMA nodes as can be."""
    reserved_memory: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Of which NUMA nodes what is reserved of memory is; together it is what the node reserves."""
    topology_manager_policy: str = "none"
    """`none`, `best-effort`, `restricted` or `single-numa-node`: how near devices and CPUs of a pod lie together."""
    topology_manager_scope: str = "container"
    """Whether that holds for each container, or for the pod."""
    topology_manager_policy_options: dict[str, str] = field(default_factory=dict)
    """`prefer-closest-numa-nodes`: of as many those nearest to each other; `max-allowable-numa-nodes`: more than 8."""
    eviction_hard: dict[str, str] = field(default_factory=lambda: dict(_EVICTION_HARD))
    """Quantity or percentage by signal; below it pods end at once."""
    merge_default_eviction_settings: bool = False
    """Whether signals that eviction_hard does not name have their default; else they have none."""
    eviction_soft: dict[str, str] = field(default_factory=dict)
    eviction_soft_grace_period: dict[str, str] = field(default_factory=dict)
    """How long a soft threshold must be crossed, by signal."""
    eviction_minimum_reclaim: dict[str, str] = field(default_factory=dict)
    eviction_max_pod_grace_period_s: int = 0
    eviction_pressure_transition_period_s: float = 300.0
    """How long a condition of pressure lasts after its cause."""
    shutdown_grace_period_s: int = 0
    """How long the machine waits with its end for pods to end; 0 does not wait. Needs systemd's logind."""
    shutdown_grace_period_critical_pods_s: int = 0
    """The last part of it, for critical pods alone."""
    shutdown_grace_periods: dict[int, int] = field(default_factory=dict)
    """Instead of these two: seconds by the lowest priority of those who have them."""
    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int = 0
    """With serialize_image_pulls off: how many at once; 0 for no limit."""
    credential_providers: Sequence[Provider] = ()
    """Programs that know credentials for images, in `credential_provider_folder`."""
    credential_provider_folder: str = ""
    node_status_update_frequency_s: float = 10.0
    node_status_report_frequency_s: float = 300.0
    node_lease_duration_s: int = 40
    node_status_max_images: int = 50
    """How many images the Node names; -1 for all."""
    max_restart_back_off_s: float = LONGEST_BACK_OFF_S
    max_dead_containers_per_container: int = 1
    container_log_max_bytes: int = 10 * 1024 * 1024
    container_log_max_files: int = 5
    container_log_monitor_interval_s: float = 10.0
    image_gc_high_threshold_percent: int = 85
    image_gc_low_threshold_percent: int = 80
    image_minimum_gc_age_s: float = 120.0
    image_maximum_gc_age_s: float = 0.0
    """After this without use an image is removed, however much room there is; 0: never."""
    housekeeping_period_s: float = 60.0
    """How often garbage is looked for, while there is any reason to."""
    seccomp_default: bool = False
    allowed_sysctls: AllowedSysctls = field(default_factory=AllowedSysctls)
    enable_debugging_handlers: bool = True
    enable_system_log_handler: bool = True
    version: str = GIT_VERSION

    def __post_init__(self) -> None:
        self.hostname = self.hostname or self.node_name
        self.cgroup_root = f"/{self.cgroup_root.strip('/')}".rstrip("/")
        if self.merge_default_eviction_settings:
            self.eviction_hard = {**_EVICTION_HARD, **self.eviction_hard}
