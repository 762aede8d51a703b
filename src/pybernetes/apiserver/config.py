"""Everything one apiserver is told at its start. Source: cmd/kube-apiserver/app/options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pybernetes.apimachinery.user import UserInfo


@dataclass(slots=True)
class ApiServerConfig:
    bind_addresses: Sequence[str] = ("127.0.0.1",)
    """Where it listens; () together with port -1: no TCP listener (a local transport alone)."""
    port: int = 6443
    """0: any free port; -1: no TCP listener."""
    unix_path: str = ""
    """A socket to listen on besides."""
    advertise_address: str = ""
    """What the `kubernetes` Endpoints say; "" for the first bind address."""
    tls_cert_file: str = ""
    """"" serves plain HTTP (tests)."""
    tls_private_key_file: str = ""
    client_ca_file: str = ""
    requestheader_client_ca_file: str = ""
    requestheader_allowed_names: Sequence[str] = ()
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    service_account_signing_key_file: str = ""
    """PEM; "" makes a key that lives as long as the process."""
    service_account_key_files: Sequence[str] = ()
    """PEM files of further keys (public or private) whose tokens are accepted."""
    api_audiences: Sequence[str] = ()
    """() means the issuer."""
    service_account_max_token_expiration_s: int = 0
    service_cluster_ip_range: str = "10.96.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)
    """First and last port, both included."""
    kubelet_client_certificate: str = ""
    kubelet_client_key: str = ""
    kubelet_certificate_authority: str = ""
    proxy_client_certificate: str = ""
    """The front proxy's own, shown to the servers of remote APIServices."""
    proxy_client_key: str = ""
    resource_metrics: bool = False
    """Serves metrics.k8s.io, where no metrics server does."""
    resource_metrics_resolution_s: float = 5.0
    """What was told by a kubelet this long ago is told again."""
    anonymous_auth: bool = True
    authorization_modes: Sequence[str] = ("Node", "RBAC")
    """Of AlwaysAllow, AlwaysDeny, Node, RBAC, in order."""
    static_tokens: Mapping[str, UserInfo] = field(default_factory=dict)
    bootstrap_token_auth: bool = False
    """Accepts the tokens in bootstrap.kubernetes.io/token Secrets of kube-system."""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    """--feature-gates: what apimachinery.features.FeatureGates is made of."""
    runtime_config: Mapping[str, bool] = field(default_factory=dict)
    """--runtime-config: api/all, api/ga, api/beta, api/alpha, GROUP/VERSION or GROUP/VERSION/RESOURCE, on or off."""
    compaction_interval_s: float = 300.0
    """How often old versions are forgotten; 0: never by this apiserver."""
    history_retention_s: float = 3600.0
    """Versions that are kept: how far back a watch can begin."""
    history_retention_revisions: int = 0
    """At most so many all the same; 0: however many there are."""
    encryption_provider_config: str = ""
    """File with an EncryptionConfiguration; "": objects lie in the store as they are."""
    encryption_provider_config_automatic_reload: bool = False
    """Follows changes of that file."""
    cache_dir: str = ""
    """Where OpenAPI documents are kept between starts; "" keeps them in memory."""
    enable_admission_plugins: Sequence[str] = ()
    disable_admission_plugins: Sequence[str] = ()
    admission_control_config_file: str = ""
    """File with an AdmissionConfiguration; "": every plugin does as usual."""
    request_timeout_s: float = 60.0
    min_request_timeout_s: int = 1800
    """A watch without timeoutSeconds ends after this long, up to twice as long."""
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    shutdown_delay_s: float = 0.0

    @property
    def audiences(self) -> tuple[str, ...]:
        return tuple(self.api_audiences) or (self.service_account_issuer,)
