"""ClusterTrustBundles and PodCertificateRequests: who may write them, what is published, what is cleaned up."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybernetes.api.certificates.v1beta1 import (
    ClusterTrustBundle,
    ClusterTrustBundleSpec,
    PodCertificateRequest,
)
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.api.rbac.v1 import ClusterRole
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.user import AUTHENTICATED, UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.controllers.descriptors import chosen
from pybernetes.controllers.trust_bundle_publisher.plan import SIGNER, name_of
from tests.integration.cluster_world import WITHOUT_NODE_HEALTH, World, in_world
from tests.unit.http.certificates import Authority

GATES = {"ClusterTrustBundle": True, "PodCertificateRequest": True}
PUBLISHER = "system:serviceaccount:kube-system:kube-apiserver-serving-clustertrustbundle-publisher"
ROLE = "system:controller:kube-apiserver-serving-clustertrustbundle-publisher"


class Certified(World):
    """Where the beta API is served."""

    api_config = ApiServerConfig(
        bind_addresses=(), port=-1, feature_gates=GATES, runtime_config={"certificates.k8s.io/v1beta1": True}
    )


def bundle(name: str, pem: str, signer: str | None = None) -> ClusterTrustBundle:
    return ClusterTrustBundle(
        metadata=ObjectMeta(name=name), spec=ClusterTrustBundleSpec(signerName=signer, trustBundle=pem)
    )


@pytest.fixture
def ca(tmp_path: Path) -> str:
    return Path(Authority.create(tmp_path, "ca").certificate_file).read_text()


def test_the_bundle_of_the_api_server_is_published_and_kept(ca: str, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    past = bundle(name_of("past"), Path(Authority.create(older, "past").certificate_file).read_text(), SIGNER)

    async def body(w: World) -> None:
        async def published() -> bool:
            names = [b.metadata.name for b in await w.items(ClusterTrustBundle, "")]
            return sorted(names) == sorted([name_of(ca), "mine"])

        await w.client.create(bundle("mine", ca))
        await w.until(published)
        await w.client.create(past)
        await w.until(published)
        await w.client.delete(ClusterTrustBundle, name_of(ca))
        await w.until(published)
        found = await w.client.get(ClusterTrustBundle, name_of(ca))
        assert (found.spec.signerName, found.spec.trustBundle) == (SIGNER, ca)

    in_world(body, made=Certified, feature_gates=GATES, root_ca_pem=ca)


def test_controllers_without_their_beta_api_hold_up_nobody(ca: str) -> None:
    gates = {**GATES, "StorageVersionMigrator": True}

    async def body(w: World) -> None:
        ran = chosen(WITHOUT_NODE_HEALTH)
        assert w.manager.health() == {descriptor.name: "" for descriptor in ran if descriptor.needs is None}

    in_world(body, feature_gates=gates, root_ca_pem=ca)


def test_without_the_gate_there_is_no_role() -> None:
    async def body(w: World) -> None:
        assert await w.gone(ClusterRole, ROLE, "")

    in_world(body, controllers=[])


def test_with_the_gate_there_is_one() -> None:
    async def body(w: World) -> None:
        assert not await w.gone(ClusterRole, ROLE, "")

    in_world(body, made=Certified, controllers=[])


def test_a_bundle_for_a_signer_needs_the_right_to_attest(ca: str) -> None:
    async def body(w: World) -> None:
        def client(user: str) -> Client:
            return Client(LocalTransport(w.api.handler, UserInfo(user, groups=(AUTHENTICATED,))))

        name = f"{SIGNER.replace('/', ':')}:x"
        await client(PUBLISHER).create(bundle(name, ca, SIGNER))
        with pytest.raises(errors.Forbidden, match=r'user not permitted to attest for signerName "a.b/c"'):
            await client(PUBLISHER).create(bundle("a.b:c:x", ca, "a.b/c"))
        listed = await w.client.list(ClusterTrustBundle, field_selector=f"spec.signerName={SIGNER}")
        assert [b.metadata.name for b in listed.items] == [name]

    in_world(body, made=Certified, controllers=[])


@pytest.mark.parametrize(
    ("name", "signer", "content", "why"),
    [
        ("a:b", None, "{ca}", 'ClusterTrustBundle without signer name must not have ":" in its name'),
        ("x", "a.b/c", "{ca}", "ClusterTrustBundle for signerName a.b/c must be named with prefix a.b:c:"),
        ("a.b:c:X", "a.b/c", "{ca}", "a lowercase RFC 1123 subdomain"),
        ("x", None, "", "at least one trust anchor must be provided"),
        ("x", None, "{ca}{ca}", r"duplicate trust anchor \(indices \[0 1\]\)"),
        ("x", None, "{leaf}", "entry 0 does not have the CA bit set"),
        ("x", None, "{nonsense}", "entry 0 does not parse as X.509"),
        ("x", None, "{ca}-----BEGIN KEY-----\nQQ==\n-----END KEY-----\n", "entry 1 has bad block type: KEY"),
    ],
    ids=["colon", "prefix", "name", "empty", "twice", "no CA", "no certificate", "a key"],
)
def test_what_a_bundle_may_say(name: str, signer: str | None, content: str, why: str, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    pem = Path(authority.certificate_file).read_text()
    leaf = Path(authority.issue("leaf")[0]).read_text()
    nonsense = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
    text = content.format(ca=pem, leaf=leaf, nonsense=nonsense)

    async def body(w: World) -> None:
        with pytest.raises(errors.Invalid, match=why):
            await w.client.create(bundle(name, text, signer))

    in_world(body, made=Certified, controllers=[])


def test_old_requests_of_pods_go() -> None:
    async def body(w: World) -> None:
        await w.create(PodCertificateRequest, {"metadata": {"name": "r"}, "spec": {}})

        async def gone() -> bool:
            return await w.gone(PodCertificateRequest, "r")

        assert 14 * 60 < await w.until(gone, 1000) < 16 * 60

    in_world(body, made=Certified, feature_gates=GATES)
