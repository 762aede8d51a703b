"""Certificates and tokens that controllers make, through the real apiserver: asked for, signed, cleaned up."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pybernetes.api.certificates.v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from pybernetes.api.core.v1 import ConfigMap, Node, Secret, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.rbac.v1 import ClusterRoleBinding, RoleRef, Subject
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.bootstrap.roles import GROUP
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.client import kubeconfig
from pybernetes.client.client import Client
from pybernetes.cluster.kubeconfig import one_context
from pybernetes.cluster.pki import Certificate, Pki
from pybernetes.cmd.kubelet import add_arguments
from pybernetes.cmd.kubelet_identity import Identity
from pybernetes.controllers.bootstrap_signer import plan as signing
from pybernetes.controllers.bootstrap_signer.tokens import Token
from pybernetes.host.clock import SystemClock
from pybernetes.host.random import Random
from pybernetes.http.self_signed import self_signed
from pybernetes.http.server import HttpServer
from pybernetes.kubelet.certificates import CertificateRefused, OwnCertificate, Wanted
from tests.integration.cluster_world import World, in_world

CLIENT, KUBELET = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"
CLIENT_USAGES = ["digital signature", "client auth"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.ensure([Certificate("some", "some")], 1_700_000_000.0)
    return made


def with_keys(keys: Pki, body: Callable[[World], Awaitable[None]], **config: Any) -> None:
    in_world(
        body,
        cluster_signing_files=(str(keys.ca), str(keys.key("ca"))),
        service_account_private_key_file=str(keys.service_account_key),
        controllers=["*", "bootstrapsigner", "tokencleaner", "-nodelifecycle", "-taint-eviction-controller"],
        **config,
    )


def csr(name: str, organization: str = "", **san: list[Any]) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(san["names"]), critical=False)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(made).decode()


def request(name: str, signer: str, text: str, usages: list[str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"request": text, "signerName": signer, "usages": usages, **spec}}


async def create(w: World, tree: dict[str, Any]) -> CertificateSigningRequest:
    return await w.client.create(msgspec.convert(tree, CertificateSigningRequest))


async def approve(w: World, made: CertificateSigningRequest) -> None:
    made.status.conditions.append(
        CertificateSigningRequestCondition(
            type="Approved", status="True", reason="Test", lastUpdateTime=format_time(w.clock.now())
        )
    )
    await w.client.update_subresource(CertificateSigningRequest, made.metadata.name or "", "", "approval", made)


async def signed(w: World, name: str) -> x509.Certificate:
    async def done() -> bool:
        return bool((await w.client.get(CertificateSigningRequest, name)).status.certificate)

    await w.until(done)
    found = await w.client.get(CertificateSigningRequest, name)
    return x509.load_pem_x509_certificate(base64.b64decode(found.status.certificate or ""))


def test_a_request_is_signed_once_it_is_approved_and_goes_an_hour_later(keys: Pki) -> None:
    async def body(w: World) -> None:
        made = await create(w, request("me", CLIENT, csr("me", "team"), CLIENT_USAGES, expirationSeconds=1200))
        await w.settle()
        assert not (await w.client.get(CertificateSigningRequest, "me")).status.certificate
        await approve(w, made)
        certificate = await signed(w, "me")
        ca = x509.load_pem_x509_certificate(keys.ca.read_bytes())
        certificate.verify_directly_issued_by(ca)
        assert certificate.subject.rfc4514_string() in ("O=team,CN=me", "CN=me,O=team")
        lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert lifetime.total_seconds() == 1200 + 300, "as long as was asked for, and five minutes of the past"
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        assert await w.until(lambda: w.gone(CertificateSigningRequest, "me", ""), 7200) > 1200 - 300

    with_keys(keys, body)


def test_what_the_signer_does_not_sign_fails(keys: Pki) -> None:
    async def body(w: World) -> None:
        made = await create(w, request("bad", CLIENT, csr("me"), ["server auth"]))
        await approve(w, made)

        async def failed() -> bool:
            found = await w.client.get(CertificateSigningRequest, "bad")
            return [(c.reason, c.message) for c in found.status.conditions if c.type == "Failed"] == [
                ("SignerValidationFailure", "invalid usage for client certificate: server auth")
            ]

        await w.until(failed)

    with_keys(keys, body)


def test_a_kubelet_that_may_is_approved_without_anybody_looking(keys: Pki) -> None:
    async def body(w: World) -> None:
        text = csr("system:node:n9", "system:nodes")
        await create(w, request("kubelet", KUBELET, text, CLIENT_USAGES))
        certificate = await signed(w, "kubelet")
        assert "CN=system:node:n9" in certificate.subject.rfc4514_string()
        found = await w.client.get(CertificateSigningRequest, "kubelet")
        assert [c.reason for c in found.status.conditions] == ["AutoApproved"]

    with_keys(keys, body)


def test_a_token_secret_gets_its_token_and_goes_with_its_account(keys: Pki) -> None:
    async def body(w: World) -> None:
        await w.create(ServiceAccount, {"metadata": {"name": "robot"}})
        annotations = {"kubernetes.io/service-account.name": "robot"}
        secret = {"metadata": {"name": "t", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
        await w.create(Secret, secret)

        async def filled() -> bool:
            return bool((await w.client.get(Secret, "t", "default")).data.get("token"))

        await w.until(filled)
        found = await w.client.get(Secret, "t", "default")
        assert set(found.data) == {"token", "ca.crt", "namespace"}
        assert found.metadata.annotations["kubernetes.io/service-account.uid"]
        await w.client.delete(ServiceAccount, "robot", "default")
        await w.until(lambda: w.gone(Secret, "t"))

    with_keys(keys, body)


def test_a_token_for_an_account_that_is_not_there_goes(keys: Pki) -> None:
    async def body(w: World) -> None:
        annotations = {"kubernetes.io/service-account.name": "default"}
        secret = {"metadata": {"name": "t", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
        await w.until(lambda: _there(w, ServiceAccount, "default"))
        await w.create(Secret, secret)
        await w.client.delete(ServiceAccount, "default", "default")
        await w.until(lambda: w.gone(Secret, "t"))

    with_keys(keys, body)


async def _there(w: World, cls: Any, name: str) -> bool:
    return not await w.gone(cls, name)


def test_bootstrap_tokens_sign_cluster_info_until_they_expire(keys: Pki) -> None:
    async def body(w: World) -> None:
        info = {"metadata": {"name": "cluster-info", "namespace": "kube-public"}, "data": {"kubeconfig": "text"}}
        await w.create(ConfigMap, info)
        data = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true"}
        token = {
            "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {**data, "expiration": format_time(w.clock.now() + 100)},
        }
        await w.create(Secret, token)

        async def data_is(wanted: dict[str, str]) -> bool:
            return (await w.client.get(ConfigMap, "cluster-info", "kube-public")).data == wanted

        signature = signing.signature("text", Token("abcdef", "0123456789abcdef"))
        await w.until(lambda: data_is({"kubeconfig": "text", "jws-kubeconfig-abcdef": signature}), 10)
        await w.until(lambda: data_is({"kubeconfig": "text"}), 110)
        await w.until(lambda: w.gone(Secret, "bootstrap-token-abcdef", "kube-system"), 10)

    with_keys(keys, body)


def test_nodes_are_told_how_long_they_may_keep_what_they_read(keys: Pki) -> None:
    async def body(w: World) -> None:
        async def told() -> bool:
            return {n.metadata.annotations.get("node.alpha.kubernetes.io/ttl") for n in await w.items(Node, "")} == {
                "0"
            }

        await w.until(told)

    with_keys(keys, body)


def test_the_files_of_signers_cannot_be_mixed(tmp_path: Path) -> None:
    from pybernetes.controllers.certificate_signing import plan

    both = ("a.crt", "a.key")
    assert set(plan.signing_files(both, {})) == set(plan.SIGNERS)
    assert plan.signing_files(("", ""), {CLIENT: both}) == {CLIENT: both}
    with pytest.raises(ValueError, match="cannot specify default and per controller certs"):
        plan.signing_files(both, {CLIENT: both})


def test_a_kubelet_asks_for_its_certificate_and_renews_it(keys: Pki, tmp_path: Path) -> None:
    async def body(w: World) -> None:
        own = OwnCertificate(tmp_path / "pki" / "client.pem", Wanted("n1"), w.clock, Random(1))
        assert own.held() is None
        first = await own.obtain(w.client)
        assert own.held() == first
        subject = x509.load_pem_x509_certificate(first).subject.rfc4514_string()
        assert subject == "CN=system:node:n1,O=system:nodes"
        assert own.file.stat().st_mode & 0o777 == 0o600

        nearly_over = self_signed("n1", (), (), w.clock.now() - 0.95 * 86400, 1)
        own.file.write_bytes(b"".join(nearly_over))
        renewed: asyncio.Queue[bytes] = asyncio.Queue()
        keeping = asyncio.create_task(own.keep(w.client, renewed.put))
        second = await asyncio.wait_for(renewed.get(), 60)
        keeping.cancel()
        assert own.held() == second
        assert x509.load_pem_x509_certificate(second).subject.rfc4514_string() == subject
        left_s = x509.load_pem_x509_certificate(second).not_valid_after_utc.timestamp() - w.clock.now()
        assert figures(own)["kubelet_certificate_manager_client_ttl_seconds"] == pytest.approx(left_s, abs=60)

    with_keys(keys, body)


def test_a_renewal_that_fails_is_counted(tmp_path: Path) -> None:
    asked = asyncio.Event()

    class Away:
        async def create(self, _request: CertificateSigningRequest) -> CertificateSigningRequest:
            asked.set()
            raise ConnectionRefusedError

    async def scene() -> dict[str, float]:
        own = OwnCertificate(tmp_path / "server.pem", Wanted("n1", ("n1",)), SystemClock(), Random(1))
        assert figures(own) == {"kubelet_server_expiration_renew_errors": 0}
        keeping = asyncio.create_task(own.keep(cast("Client", Away()), asyncio.Queue[bytes]().put))
        async with asyncio.timeout(60):
            await asked.wait()
        keeping.cancel()
        return figures(own)

    assert asyncio.run(scene()) == {"kubelet_server_expiration_renew_errors": 1}


def figures(own: OwnCertificate) -> dict[str, float]:
    lines = (line.split() for line in own.lines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_a_kubelet_is_told_that_its_request_was_denied(keys: Pki, tmp_path: Path) -> None:
    async def body(w: World) -> None:
        own = OwnCertificate(tmp_path / "server.pem", Wanted("n1", ("n1",), ("127.0.0.1",)), w.clock, Random(1))
        asking = asyncio.create_task(own.obtain(w.client))

        async def asked() -> bool:
            return bool((await w.client.list(CertificateSigningRequest)).items)

        await w.until(asked)
        (made,) = (await w.client.list(CertificateSigningRequest)).items
        assert made.spec.usages == ["digital signature", "server auth"]
        denied = CertificateSigningRequestCondition(
            type="Denied", status="True", message="not here", lastUpdateTime=format_time(w.clock.now())
        )
        made.status.conditions.append(denied)
        await w.client.update_subresource(CertificateSigningRequest, made.metadata.name or "", "", "approval", made)
        with pytest.raises(CertificateRefused, match="denied: not here"):
            await asyncio.wait_for(asking, 60)

    with_keys(keys, body)


class Joinable(World):
    api_config = ApiServerConfig(bind_addresses=(), port=-1, bootstrap_token_auth=True)


def test_a_node_joins_with_a_bootstrap_token(keys: Pki, tmp_path: Path) -> None:
    """It asks once; what starts it again finds its certificate and its kubeconfig."""

    async def body(w: World) -> None:
        data = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}
        meta = {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}
        await w.create(Secret, {"metadata": meta, "type": "bootstrap.kubernetes.io/token", "stringData": data})
        for role in ("system:node-bootstrapper", "system:certificates.k8s.io:certificatesigningrequests:nodeclient"):
            reference = RoleRef(apiGroup=GROUP, kind="ClusterRole", name=role)
            subjects = [Subject(apiGroup=GROUP, kind="Group", name="system:bootstrappers")]
            metadata = ObjectMeta(name=role.rpartition(":")[2])
            await w.client.create(ClusterRoleBinding(metadata=metadata, roleRef=reference, subjects=subjects))
        socket, given, made = (tmp_path / name for name in ("api.sock", "bootstrap", "kubeconfig"))
        tree = one_context("c", {"server": f"unix://{socket}"}, {"token": "abcdef.0123456789abcdef"})
        given.write_text(json.dumps(tree))
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        words = ["--bootstrap-kubeconfig", str(given), "--kubeconfig", str(made), "--cert-dir", str(tmp_path / "pki")]
        api = HttpServer(w.api.handler, unix_path=str(socket))
        await api.start()
        try:
            for _ in range(2):
                transport = await Identity(parser.parse_args(words), "n1", w.clock, Random(1)).transport()
                await transport.close()
        finally:
            await api.stop()
        (asked,) = (await w.client.list(CertificateSigningRequest)).items
        assert asked.spec.username == "system:bootstrap:abcdef"
        assert made.stat().st_mode & 0o777 == 0o600
        shown = x509.load_pem_x509_certificate(kubeconfig.load(str(made)).certificate_pem or b"")
        assert shown.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"

    with_keys(keys, body, made=Joinable)
