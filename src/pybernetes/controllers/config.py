"""What the controller manager can be told; the names are the flags of kube-controller-manager."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class HorizontalPodAutoscalerSettings:
    sync_period_s: float = 15.0
    downscale_stabilization_s: float = 300.0
    tolerance: float = 0.1
    cpu_initialization_period_s: float = 300.0
    initial_readiness_delay_s: float = 30.0


@dataclass(slots=True)
class ControllerManagerConfig:
    controllers: list[str] = field(default_factory=lambda: ["*"])
    """Names to run; `*` is all that are on by default, `-name` takes one out."""
    leader_elect: bool = False
    lease_duration_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_period_s: float = 2.0
    identity: str = "pybernetes"
    """Who holds the lease, and the host of Events."""
    root_ca_pem: str = ""
    """What kube-root-ca.crt holds; empty turns its publisher off."""
    cluster_cidr: str = "10.244.0.0/16"
    """Like service_cidr, by comma one range of each IP family, the primary one first."""
    node_cidr_mask_size: int = 24
    """Of IPv4; a node's range of IPv6 is a /64."""
    allocate_node_cidrs: bool = True
    service_cidr: str = "10.96.0.0/16"
    node_monitor_period_s: float = 5.0
    node_monitor_grace_period_s: float = 50.0
    node_startup_grace_period_s: float = 60.0
    node_eviction_rate: float = 0.1
    secondary_node_eviction_rate: float = 0.01
    unhealthy_zone_threshold: float = 0.55
    large_cluster_size_threshold: int = 50
    terminated_pod_gc_threshold: int = 12_500
    cluster_signing_files: tuple[str, str] = ("", "")
    """Certificate and key of the CA that signs for every built-in signer; none: nobody signs."""
    signer_files: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By the name of a signer, instead of those."""
    cluster_signing_duration_s: float = 365 * 86400.0
    service_account_private_key_file: str = ""
    """Signs the tokens of Secrets; without it they get none."""
    legacy_token_clean_up_s: float = 365 * 86400.0
    load_balancer_pool: tuple[str, ...] = ()
    """CIDRs and ranges that Services of type LoadBalancer get addresses from; none: the nodes' addresses."""
    load_balancer_reserved_ports: tuple[int, ...] = ()
    """TCP ports of the nodes' addresses that no such Service gets: the cluster itself listens there."""
    horizontal_pod_autoscaler: HorizontalPodAutoscalerSettings = field(default_factory=HorizontalPodAutoscalerSettings)
    feature_gates: dict[str, bool] = field(default_factory=dict)
    concurrent_syncs: dict[str, int] = field(default_factory=dict)
    """Workers by controller name, where not the controller's own number."""
