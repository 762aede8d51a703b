from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pybernetes.cluster.pki import CA_DAYS, LEAF_DAYS, Certificate, Pki, cluster_certificates

NOW = 1_800_000_000.0
DAY = 86400


@pytest.fixture
def wanted() -> list[Certificate]:
    return cluster_certificates(["172.31.255.1"], ["10.96.0.1"], {"node-1": ["172.31.255.11"]}, "cluster.local")


def load(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())


def names(certificate: x509.Certificate) -> set[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))}


def test_identities(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    subjects = {}
    for certificate in wanted:
        subject = load(pki, certificate.file).subject
        (common_name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        groups = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
        subjects[certificate.file] = (common_name.value, groups)
    assert subjects == {
        "apiserver": ("kube-apiserver", []),
        "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", ["system:masters"]),
        "admin": ("kubernetes-admin", ["system:masters"]),
        "controller-manager": ("system:kube-controller-manager", []),
        "scheduler": ("system:kube-scheduler", []),
        "proxy": ("system:kube-proxy", []),
        "local-path-provisioner": ("system:local-path-provisioner", []),
        "ingress": ("system:pybernetes-ingress", []),
        "front-proxy-client": ("front-proxy-client", []),
        "kubelet-node-1": ("system:node:node-1", ["system:nodes"]),
        "kubelet-server-node-1": ("system:node:node-1", ["system:nodes"]),
    }


def test_server_names_and_usages(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    assert names(load(pki, "apiserver")) >= {
        "localhost", "127.0.0.1", "172.31.255.1", "10.96.0.1", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
    }  # fmt: skip
    assert names(load(pki, "kubelet-server-node-1")) == {"node-1", "localhost", "127.0.0.1", "172.31.255.11"}
    for name, usage in (("apiserver", ExtendedKeyUsageOID.SERVER_AUTH), ("admin", ExtendedKeyUsageOID.CLIENT_AUTH)):
        assert list(load(pki, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]


def test_openssl_accepts_the_chain(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    for certificate in wanted:
        load(pki, certificate.file).verify_directly_issued_by(load(pki, certificate.authority))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.certificate(certificate.file), pki.key(certificate.file))
    key = load_pem_private_key(pki.service_account_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_everything_is_private(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "pki").iterdir()} == {0o600}
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("later_days", "renewed"),
    [
        pytest.param(0, 0, id="at once: nothing to do"),
        pytest.param(LEAF_DAYS * 0.6, 0, id="two thirds of the life left to use"),
        pytest.param(LEAF_DAYS * 0.7, 11, id="the leaves run out"),
        pytest.param(CA_DAYS * 0.7, 13, id="the CAs run out"),
    ],
)
def test_renewal(tmp_path: Path, wanted: list[Certificate], later_days: float, renewed: int) -> None:
    pki = Pki(tmp_path / "pki")
    assert len(pki.ensure(wanted, NOW)) == len(wanted) + 3
    admin, sa = load(pki, "admin"), pki.service_account_key.read_bytes()
    assert len(Pki(tmp_path / "pki").ensure(wanted, NOW + later_days * DAY)) == renewed
    ca = x509.load_pem_x509_certificate(pki.ca.read_bytes())
    admin.verify_directly_issued_by(ca)  # kubeconfigs that were handed out stay good
    assert pki.service_account_key.read_bytes() == sa, "tokens stay good"


def test_a_new_address_renews_one_certificate(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    moved = cluster_certificates(["192.0.2.9"], ["10.96.0.1"], {"node-1": ["172.31.255.11"]}, "cluster.local")
    assert pki.ensure(moved, NOW) == ["apiserver"]
    assert "192.0.2.9" in names(load(pki, "apiserver"))


def test_a_lost_file_is_made_again(tmp_path: Path, wanted: list[Certificate]) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure(wanted, NOW)
    pki.key("admin").unlink()
    assert pki.ensure(wanted, NOW) == ["admin"]
