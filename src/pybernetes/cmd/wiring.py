"""Pure: from a cluster and where its files lie to the configuration of each component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo, service_account_groups
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.pki import Pki
from pybernetes.cluster.spec import ClusterSpec, nth, ranges
from pybernetes.cluster.teardown import network_name, tables
from pybernetes.host.ip_families import socket_address

if TYPE_CHECKING:
    from pybernetes.apiserver.config import ApiServerConfig
    from pybernetes.controllers.config import ControllerManagerConfig
    from pybernetes.dns.server import DnsConfig
    from pybernetes.host.clock import Clock
    from pybernetes.ingress.controller import IngressConfig
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.network.plan import NetworkConfig
    from pybernetes.proxy.proxy import ProxyConfig
    from pybernetes.sim.nodes import FleetConfig
    from pybernetes.storage.store import Store

_DNS_PORT = 10053
_HEALTHZ_BEHIND_KUBELET = 6
"""The proxy's customary port is 10256, the kubelet's 10250; of clusters that share an address each has its own."""
_KUBELET_PORT, _METRICS_PORT = 10250, 10249
"""Customary ones that go together. Not with the same distance elsewhere: 10259 is the scheduler's."""
_METRICS_BEHIND_KUBELET = 7
_TCP_TIMEOUTS_S = {"established": 86400, "close_wait": 3600}
"""Upstream's; a node that shares the host's network keeps the host's."""
_ANNOUNCERS_LEASE_S = 12
"""The addresses that a node announces are another's when its Lease has run out."""
_POD_MAX_PIDS = 4096
"""More than any Pod of sense needs, fewer than the machine has: a fork bomb ends there."""


def user(name: str, *groups: str) -> UserInfo:
    return UserInfo(name, groups=(*groups, AUTHENTICATED))


def service_account(name: str) -> UserInfo:
    """A ServiceAccount of kube-system, as which controllers and the DNS server act."""
    return user(f"system:serviceaccount:kube-system:{name}", *service_account_groups("kube-system"))


CONTROLLER_MANAGER = user("system:kube-controller-manager")
SCHEDULER = user("system:kube-scheduler")
PROXY = user("system:kube-proxy")
LOCAL_PATH = user("system:local-path-provisioner")
INGRESS = user("system:pybernetes-ingress")
DNS = service_account("coredns")


def node_user(node: str) -> UserInfo:
    return user(f"system:node:{node}", "system:nodes")


def apiserver(spec: ClusterSpec, layout: Layout) -> ApiServerConfig:
    from pybernetes.apimachinery import features
    from pybernetes.apiserver import runtime_config
    from pybernetes.apiserver.config import ApiServerConfig
    from pybernetes.cluster.pki import FRONT_PROXY_CA, FRONT_PROXY_CLIENT

    keys = Pki(layout.pki)
    return ApiServerConfig(
        bind_addresses=spec.api_listens_on,
        port=spec.api_port,
        advertise_address=spec.api_address,
        tls_cert_file=str(keys.certificate("apiserver")),
        tls_private_key_file=str(keys.key("apiserver")),
        client_ca_file=str(keys.ca),
        bootstrap_token_auth=True,
        requestheader_client_ca_file=str(keys.certificate(FRONT_PROXY_CA)),
        requestheader_allowed_names=[FRONT_PROXY_CLIENT],
        proxy_client_certificate=str(keys.certificate(FRONT_PROXY_CLIENT)),
        proxy_client_key=str(keys.key(FRONT_PROXY_CLIENT)),
        service_account_signing_key_file=str(keys.service_account_key),
        service_account_key_files=[str(keys.service_account_public_key)],
        service_cluster_ip_range=spec.service_cidr,
        service_node_port_range=(spec.node_port_low, spec.node_port_high),
        kubelet_client_certificate=str(keys.certificate("apiserver-kubelet-client")),
        kubelet_client_key=str(keys.key("apiserver-kubelet-client")),
        kubelet_certificate_authority=str(keys.ca),
        resource_metrics=True,
        cache_dir=str(layout.data / "cache"),
        feature_gates=features.parse([spec.feature_gates]),
        runtime_config=runtime_config.parse(spec.runtime_config),
        encryption_provider_config=spec.encryption_config,
        encryption_provider_config_automatic_reload=bool(spec.encryption_config),
    )


def store(spec: ClusterSpec, layout: Layout, clock: Clock) -> Store:
    if not spec.etcd_servers:
        from pybernetes.storage.sqlite import SqliteStore

        return SqliteStore(layout.store, clock)
    from pybernetes.cluster.machine import etcd
    from pybernetes.storage.etcd import EtcdStore

    return EtcdStore(etcd.config(spec, layout), clock)


def controllers(spec: ClusterSpec, layout: Layout) -> ControllerManagerConfig:
    from pybernetes.apimachinery import features
    from pybernetes.controllers.config import ControllerManagerConfig

    keys = Pki(layout.pki)
    return ControllerManagerConfig(
        controllers=["*", "bootstrap-signer-controller", "token-cleaner-controller"],
        cluster_signing_files=(str(keys.ca), str(keys.key("ca"))),
        service_account_private_key_file=str(keys.service_account_key),
        root_ca_pem=keys.ca.read_text(),
        cluster_cidr=spec.pod_cidr,
        service_cidr=spec.service_cidr,
        feature_gates=features.parse([spec.feature_gates]),
        load_balancer_pool=spec.balancer_pool,
        load_balancer_reserved_ports=(spec.api_port, spec.kubelet_port),
    )


def kubelet(spec: ClusterSpec, layout: Layout, node: str) -> KubeletConfig:
    from pybernetes.kubelet.config import KubeletConfig

    keys, place = Pki(layout.pki), layout.node(node)
    said: dict[str, Any] = {"pod_max_pids": _POD_MAX_PIDS}
    if spec.balancer_cidrs:
        said["node_lease_duration_s"] = _ANNOUNCERS_LEASE_S
    if spec.kubelet_config:
        from pybernetes.cluster.settings import kubelet_settings

        said |= kubelet_settings(spec.kubelet_config, lambda line: None)
    return KubeletConfig(
        node_name=node,
        **said,
        node_ip=",".join(spec.addresses_of(node)),
        cri_endpoint=str(place.containerd_socket),
        root_dir=str(place.kubelet),
        pod_log_dir=str(place.pod_logs),
        cgroup_root=spec.cgroup(node),
        cluster_dns=[spec.dns_ips[0]],
        cluster_domain=spec.cluster_domain,
        static_pod_path=str(place.manifests),
        server_address=spec.address_of(node),
        server_port=spec.kubelet_port,
        tls_cert_file=str(keys.certificate(f"kubelet-server-{node}")),
        tls_private_key_file=str(keys.key(f"kubelet-server-{node}")),
        client_ca_file=str(keys.ca),
    )


def fleet(spec: ClusterSpec, layout: Layout) -> FleetConfig:
    """In a cluster of simulated nodes alone their Pods have addresses that no network of the world has."""
    from pybernetes.cluster import settings
    from pybernetes.cluster.pki import SIMULATION
    from pybernetes.kubelet.serving.server import ServerConfig
    from pybernetes.sim.nodes import DEFAULT_CAPACITY, SIMULATED_LABEL, FleetConfig, NodeWish

    wishes = []
    for index, name in enumerate(spec.simulated_names):
        labels = {SIMULATED_LABEL: "true"}
        if spec.simulated_zones:
            labels["topology.kubernetes.io/zone"] = f"zone-{index % spec.simulated_zones + 1}"
        wishes.append(NodeWish(name, labels, f"240.{index >> 8}.{index & 255}.0/24" if spec.simulated else ""))
    keys = Pki(layout.pki)
    return FleetConfig(
        wishes,
        capacity=DEFAULT_CAPACITY | (settings.capacity(spec.simulated_capacity) if spec.simulated_capacity else {}),
        everything=spec.simulated,
        server=ServerConfig(
            host="127.0.0.1",
            port=0,
            tls_cert_file=str(keys.certificate(SIMULATION)),
            tls_private_key_file=str(keys.key(SIMULATION)),
            client_ca_file=str(keys.ca),
        ),
    )


def proxy(spec: ClusterSpec, node: str) -> ProxyConfig:
    """`node` is "" for the host of a cluster whose nodes have namespaces of their own."""
    from pybernetes.proxy.proxy import ProxyConfig

    customary = spec.kubelet_port == _KUBELET_PORT
    return ProxyConfig(
        node_name=node,
        table=tables(spec.name)[0],
        cluster_cidrs=ranges(spec.pod_cidr),
        service_cidrs=ranges(spec.service_cidr),
        healthz_port=spec.kubelet_port + _HEALTHZ_BEHIND_KUBELET,
        metrics_port=_METRICS_PORT if customary else spec.kubelet_port + _METRICS_BEHIND_KUBELET,
        tcp_timeouts_s=dict(_TCP_TIMEOUTS_S) if node and spec.own_namespaces else {},
    )


def network(spec: ClusterSpec, layout: Layout, node: str) -> NetworkConfig:
    """`node` is "" for the host of a cluster whose nodes have namespaces of their own."""
    from pybernetes.network.plan import NetworkConfig

    place = layout.node(node or "host")
    return NetworkConfig(
        node_name=node,
        cluster_cidrs=ranges(spec.pod_cidr),
        service_cidrs=ranges(spec.service_cidr),
        balancer_cidrs=spec.balancer_cidrs,
        machine_cidrs=ranges(spec.node_cidr) if spec.own_namespaces else (),
        gateways=spec.gateways if node and spec.own_namespaces else (),
        bridge=spec.pod_bridge if node else spec.bridge,
        table=tables(spec.name)[1],
        policy_table=tables(spec.name)[3],
        dns_endpoints=tuple(socket_address(address, _DNS_PORT) for address in dns(spec).listen_addresses),
        cni_network=network_name(spec.name),
        cni_conf_dir=str(place.cni_conf),
        cni_data_dir=str(place.cni_state),
    )


def dns(spec: ClusterSpec) -> DnsConfig:
    """It listens where every pod reaches it: the host's end of the node network, or the first pod bridge."""
    from pybernetes.dns.server import DnsConfig

    addresses = spec.gateways if spec.own_namespaces else nth(spec.pod_cidr, 1)
    return DnsConfig(
        listen_addresses=addresses, port=_DNS_PORT, cluster_ips=spec.dns_ips, cluster_domain=spec.cluster_domain
    )


def ingress(spec: ClusterSpec, layout: Layout) -> IngressConfig:
    """It reaches Pods from the host, whose routes lead to all of them."""
    from pybernetes.cluster.process_table import INGRESS_PROXY, record
    from pybernetes.ingress.controller import IngressConfig
    from pybernetes.ingress.data_plane import DataPlaneConfig
    from pybernetes.ingress.ingresses.routes import Entry

    entry = Entry(tuple(spec.ingress_listens_on), spec.ingress_http_port, spec.ingress_https_port)
    log = layout.logs / f"{INGRESS_PROXY}.log"
    plane = DataPlaneConfig(layout.ingress, record(layout, INGRESS_PROXY), log)
    return IngressConfig(
        plane, entry, publish=(spec.api_address,), gateways_at=spec.api_address, balancer_pool=bool(spec.balancer_pool)
    )
