"""The cluster's own certificate authority and every key that hangs on it.

`ensure` makes what is missing and renews what runs out within a third of its life or names other hosts
than asked for; an index beside the files tells when, so that a start with nothing to do does not even
import the cryptography library. Keys are P-256; everything is readable by its owner only.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.host.files import write_atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

CA_DAYS = 3650
LEAF_DAYS = 365
_BACKDATE_S = 300
"""Clocks of other machines may be a little behind."""
_CA_NAME = "pybernetes-ca"
FRONT_PROXY_CA = "front-proxy-ca"
"""Vouches for the apiserver where it speaks for others, to servers of aggregated APIs; for no users."""
FRONT_PROXY_CLIENT = "front-proxy-client"
SIMULATION = "kubelet-server-simulated"
SIMULATED_NODES = "simulated-nodes"
"""The client that acts as each of them."""
ETCD_CA = "etcd-ca"
"""Signs the keys of a cluster's own etcd, and nothing else."""
ETCD_SERVER = "etcd-server"
ETCD_CLIENT = "apiserver-etcd-client"
_AUTHORITIES = {"ca": _CA_NAME, FRONT_PROXY_CA: "pybernetes-front-proxy-ca", ETCD_CA: "pybernetes-etcd-ca"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate that the cluster needs, signed by its CA."""

    file: str
    """Names NAME.crt and NAME.key in the directory."""
    common_name: str
    organizations: tuple[str, ...] = ()
    hosts: tuple[str, ...] = field(default=())
    """DNS names and addresses; a certificate with some is a server's, without a client's."""
    authority: str = "ca"
    """The file of the CA that signs it."""
    is_peer: bool = False
    """A server that is a client of its like, too."""


class Pki:
    """The keys in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index_path = directory / "index.json"
        self._index: dict[str, Any] = {}
        self._authorities: dict[str, tuple[Any, Any]] = {}

    def certificate(self, file: str) -> Path:
        return self._directory / f"{file}.crt"

    def key(self, file: str) -> Path:
        return self._directory / f"{file}.key"

    @property
    def ca(self) -> Path:
        return self.certificate("ca")

    @property
    def service_account_key(self) -> Path:
        """Signs ServiceAccount tokens (ES256)."""
        return self.key("sa")

    @property
    def service_account_public_key(self) -> Path:
        return self._directory / "sa.pub"

    def ensure(self, wanted: list[Certificate], now_s: float) -> list[str]:
        """Makes and renews; the files that changed, in order. Raises OSError when it cannot write."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._index = self._read_index()
        changed: list[str] = []
        for authority in dict.fromkeys(certificate.authority for certificate in wanted):
            if self._stale(Certificate(authority, _AUTHORITIES[authority]), now_s, CA_DAYS):
                self._make_ca(authority, now_s)
                changed.append(authority)
        for certificate in wanted:
            if self._stale(certificate, now_s, LEAF_DAYS):
                self._make_leaf(certificate, now_s)
                changed.append(certificate.file)
        if not (self.service_account_key.exists() and self.service_account_public_key.exists()):
            self._make_service_account_key()
            changed.append("sa")
        if changed:
            write_atomic(self._index_path, json.dumps(self._index, indent=1), 0o600)
        return changed

    def _read_index(self) -> dict[str, Any]:
        try:
            index = json.loads(self._index_path.read_text())
        except (OSError, ValueError):
            return {}
        return index if isinstance(index, dict) else {}

    def _stale(self, certificate: Certificate, now_s: float, days: int) -> bool:
        entry = self._index.get(certificate.file)
        if entry is None or entry["subject"] != _subject_key(certificate):
            return True
        if now_s > entry["not_after_s"] - days * 86400 / 3:
            return True
        return not (self.certificate(certificate.file).exists() and self.key(certificate.file).exists())

    def _make_ca(self, authority: str, now_s: float) -> None:
        """A new certificate for a CA; its key stays if there is one, so that what it signed stays valid."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        path = self.key(authority)
        key = _load_key(path) if path.exists() else ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _AUTHORITIES[authority])])
        builder = self._builder(name, name, key.public_key(), now_s, CA_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
        self._write(authority, builder.sign(key, hashes.SHA256()), key)
        self._record(Certificate(authority, _AUTHORITIES[authority]), now_s, CA_DAYS)
        self._authorities.pop(authority, None)

    def _make_leaf(self, certificate: Certificate, now_s: float) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        ca_certificate, ca_key = self._load_ca(certificate.authority)
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, value) for value in certificate.organizations]
        attributes.append(x509.NameAttribute(x509.NameOID.COMMON_NAME, certificate.common_name))
        builder = self._builder(x509.Name(attributes), ca_certificate.subject, key.public_key(), now_s, LEAF_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH if certificate.hosts else ExtendedKeyUsageOID.CLIENT_AUTH]
        if certificate.is_peer:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        if certificate.hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in certificate.hosts])
            builder = builder.add_extension(names, critical=False)
        self._write(certificate.file, builder.sign(ca_key, hashes.SHA256()), key)
        self._record(certificate, now_s, LEAF_DAYS)

    def _make_service_account_key(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        path = self.service_account_key
        key = _load_key(path) if path.exists() else ec.generate_private_key(ec.SECP256R1())
        write_atomic(path, _key_pem(key), 0o600)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_atomic(self.service_account_public_key, public, 0o600)

    def _load_ca(self, authority: str) -> tuple[Any, Any]:
        found = self._authorities.get(authority)
        if found is None:
            from cryptography import x509

            certificate = x509.load_pem_x509_certificate(self.certificate(authority).read_bytes())
            found = self._authorities[authority] = certificate, _load_key(self.key(authority))
        return found

    def _builder(self, subject: Any, issuer: Any, public_key: Any, now_s: float, days: int) -> Any:
        from cryptography import x509

        start = datetime.datetime.fromtimestamp(now_s - _BACKDATE_S, datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    def _write(self, file: str, certificate: Any, key: Any) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        write_atomic(self.key(file), _key_pem(key), 0o600)
        write_atomic(self.certificate(file), certificate.public_bytes(Encoding.PEM), 0o600)

    def _record(self, certificate: Certificate, now_s: float, days: int) -> None:
        self._index[certificate.file] = {
            "subject": _subject_key(certificate),
            "not_after_s": int(now_s) - _BACKDATE_S + days * 86400,
        }


def _subject_key(certificate: Certificate) -> list[Any]:
    return [certificate.common_name, list(certificate.organizations), list(certificate.hosts)]


def _load_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(path.read_bytes(), None)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key_usage(*, signs_certificates: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def dns_certificate() -> Certificate:
    """In addition, where DNS is a process of its own."""
    groups = ("system:serviceaccounts", "system:serviceaccounts:kube-system")
    return Certificate("dns", "system:serviceaccount:kube-system:coredns", groups)


def simulation_certificates() -> list[Certificate]:
    """In addition, for the one process of all simulated nodes: what it serves with, and what it asks with."""
    hosts = ("localhost", "127.0.0.1")
    return [
        Certificate(SIMULATION, "system:node:simulated", ("system:nodes",), hosts),
        Certificate(SIMULATED_NODES, "system:pybernetes-simulated-nodes"),
    ]


def etcd_certificates(addresses: Sequence[str] = ()) -> list[Certificate]:
    """In addition, for a cluster with an etcd of its own, on the loopback and at these addresses."""
    hosts = ("localhost", "127.0.0.1", *addresses)
    return [
        Certificate(ETCD_SERVER, "etcd", hosts=hosts, authority=ETCD_CA, is_peer=bool(addresses)),
        Certificate(ETCD_CLIENT, "kube-apiserver-etcd-client", authority=ETCD_CA),
    ]


def cluster_certificates(
    api_addresses: list[str],
    service_ips: Iterable[str],
    nodes: Mapping[str, Iterable[str]],
    domain: str,
) -> list[Certificate]:
    """Every certificate of a cluster; `nodes` maps node names to addresses."""
    api_names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
    hosts = dict.fromkeys(["localhost", "127.0.0.1", "::1", os.uname().nodename.lower(), *api_addresses, *api_names])
    certificates = [
        Certificate("apiserver", "kube-apiserver", hosts=(*hosts, *service_ips)),
        Certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",)),
        Certificate("admin", "kubernetes-admin", ("system:masters",)),
        Certificate("controller-manager", "system:kube-controller-manager"),
        Certificate("scheduler", "system:kube-scheduler"),
        Certificate("proxy", "system:kube-proxy"),
        Certificate("local-path-provisioner", "system:local-path-provisioner"),
        Certificate("ingress", "system:pybernetes-ingress"),
        Certificate(FRONT_PROXY_CLIENT, FRONT_PROXY_CLIENT, authority=FRONT_PROXY_CA),
    ]
    for node, addresses in nodes.items():
        certificates.append(Certificate(f"kubelet-{node}", f"system:node:{node}", ("system:nodes",)))
        serving = (node, "localhost", "127.0.0.1", *addresses)
        certificates.append(
            Certificate(
                f"kubelet-server-{node}", f"system:node:{node}", ("system:nodes",), tuple(dict.fromkeys(serving))
            )
        )
    return certificates
