"""Pure: the flags of the components on one machine of several control planes.

They are upstream's, so that this is also how it is done on machines of one's own: see docs/high-availability.md.
"""

from __future__ import annotations

from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine import etcd
from pybernetes.cluster.pki import FRONT_PROXY_CA, FRONT_PROXY_CLIENT, Pki
from pybernetes.cluster.spec import ClusterSpec

COMPONENTS = ("apiserver", "controller-manager", "scheduler")


def components(spec: ClusterSpec, layout: Layout, machine: str) -> dict[str, list[str]]:
    """By the name of the component, in the order in which they start."""
    return {
        "apiserver": _flags(_apiserver(spec, layout, machine)),
        "controller-manager": _flags(_controller_manager(spec, layout)),
        "scheduler": _flags({"kubeconfig": str(layout.kubeconfig("scheduler")), "leader-elect": None}),
    }


def _apiserver(spec: ClusterSpec, layout: Layout, machine: str) -> dict[str, str | None]:
    keys, store = Pki(layout.pki), etcd.config(spec, layout)
    return {
        "bind-address": spec.address_of(machine),
        "advertise-address": spec.address_of(machine),
        "secure-port": str(spec.api_port),
        "etcd-servers": ",".join(store.servers),
        "etcd-prefix": store.prefix,
        **({"etcd-cafile": store.ca_file} if store.ca_file else {}),
        **({"etcd-certfile": store.cert_file, "etcd-keyfile": store.key_file} if store.cert_file else {}),
        **({"etcd-user-file": store.user_file} if store.user_file else {}),
        **_encryption(spec),
        **_gates(spec),
        **({"runtime-config": spec.runtime_config} if spec.runtime_config else {}),
        "tls-cert-file": str(keys.certificate("apiserver")),
        "tls-private-key-file": str(keys.key("apiserver")),
        "client-ca-file": str(keys.ca),
        "requestheader-client-ca-file": str(keys.certificate(FRONT_PROXY_CA)),
        "requestheader-allowed-names": FRONT_PROXY_CLIENT,
        "proxy-client-cert-file": str(keys.certificate(FRONT_PROXY_CLIENT)),
        "proxy-client-key-file": str(keys.key(FRONT_PROXY_CLIENT)),
        "service-account-signing-key-file": str(keys.service_account_key),
        "service-account-key-file": str(keys.service_account_public_key),
        "service-cluster-ip-range": spec.service_cidr,
        "service-node-port-range": f"{spec.node_port_low}-{spec.node_port_high}",
        "kubelet-client-certificate": str(keys.certificate("apiserver-kubelet-client")),
        "kubelet-client-key": str(keys.key("apiserver-kubelet-client")),
        "kubelet-certificate-authority": str(keys.ca),
        "resource-metrics": None,
    }


def _gates(spec: ClusterSpec) -> dict[str, str | None]:
    return {"feature-gates": spec.feature_gates} if spec.feature_gates else {}


def _encryption(spec: ClusterSpec) -> dict[str, str | None]:
    if not spec.encryption_config:
        return {}
    return {
        "encryption-provider-config": spec.encryption_config,
        "encryption-provider-config-automatic-reload": None,
    }


def _controller_manager(spec: ClusterSpec, layout: Layout) -> dict[str, str | None]:
    keys = Pki(layout.pki)
    return {
        "kubeconfig": str(layout.kubeconfig("controller-manager")),
        "leader-elect": None,
        **_gates(spec),
        "root-ca-file": str(keys.ca),
        "cluster-signing-cert-file": str(keys.ca),
        "cluster-signing-key-file": str(keys.key("ca")),
        "service-account-private-key-file": str(keys.service_account_key),
        **({"load-balancer-pool": spec.load_balancer_pool} if spec.load_balancer_pool else {}),
        "controllers": "*,bootstrap-signer-controller,token-cleaner-controller",
        "cluster-cidr": spec.pod_cidr,
        "service-cluster-ip-range": spec.service_cidr,
    }


def _flags(values: dict[str, str | None]) -> list[str]:
    return [f"--{name}" if value is None else f"--{name}={value}" for name, value in values.items()]
