"""ServiceAccount tokens from issue to refusal; bootstrap tokens; client certificates."""

from __future__ import annotations

import asyncio
import base64
import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pybernetes.api.authentication.v1 import TokenRequest, TokenRequestSpec
from pybernetes.api.core.v1 import Node, Pod, PodSpec, Secret, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import jws
from pybernetes.apiserver.authenticators.bootstrap_token import BootstrapTokens
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens, TokenKeys
from pybernetes.host.random import Random
from tests.unit.http.certificates import Authority

T = TypeVar("T")
ISSUER = "https://issuer"


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class Objects:
    def __init__(self, *objects: Any) -> None:
        self.held = {(type(o), o.metadata.namespace or "", o.metadata.name): o for o in objects}

    async def read(self, cls: type[T], name: str, namespace: str = "") -> T | None:
        return self.held.get((cls, namespace, name))


def named(cls: type[T], name: str, namespace: str | None = "ns", **fields: Any) -> T:
    metadata = ObjectMeta(name=name, namespace=namespace, uid=f"uid-{name}")
    return cls(metadata=metadata, **fields)


ACCOUNT = named(ServiceAccount, "robot")
POD = named(Pod, "p", spec=PodSpec(nodeName="n"))
NODE = named(Node, "n", None)
SECRET = named(Secret, "s")


class Setting:
    def __init__(self, signing_key_file: str = "", key_files: tuple[str, ...] = ()) -> None:
        self.clock = Clock()
        self.objects = Objects(ACCOUNT, POD, NODE, SECRET)
        keys = TokenKeys(signing_key_file, key_files)
        self.tokens = ServiceAccountTokens(keys, ISSUER, (ISSUER,), self.clock, Random(1))
        self.tokens.bind(self.objects)

    def issue(self, bound: Any = None, seconds: int = 600, audiences: tuple[str, ...] = ()) -> tuple[str, str]:
        request = TokenRequest(spec=TokenRequestSpec(audiences=list(audiences), expirationSeconds=seconds))
        return asyncio.run(self.tokens.issue(ACCOUNT, request, bound))

    def user(self, token: str, *audiences: str) -> Any:
        return asyncio.run(self.tokens.authenticate(token, audiences))

    def refusal(self, token: str, *audiences: str) -> str:
        with pytest.raises(jws.TokenError) as caught:
            self.user(token, *audiences)
        return str(caught.value)


def test_a_token_bound_to_a_pod() -> None:
    setting = Setting()
    token, expires = setting.issue(POD)
    assert expires == "2027-01-15T08:10:00Z"
    user, audiences = setting.user(token)
    assert audiences == (ISSUER,)
    assert user.name == "system:serviceaccount:ns:robot" and user.uid == "uid-robot"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated")
    extra = {key.removeprefix("authentication.kubernetes.io/"): value for key, value in user.extra.items()}
    assert extra.pop("credential-id")[0].startswith("JTI=")
    assert extra == {"pod-name": ("p",), "pod-uid": ("uid-p",), "node-name": ("n",), "node-uid": ("uid-n",)}


def test_kubelets_tokens_live_longer_than_they_say() -> None:
    setting = Setting()
    token, expires = setting.issue(POD, 3607)
    claims = msgspec.json.decode(jws.split(token)[1])
    assert expires == "2027-01-15T09:00:07Z"
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] == claims["iat"] + 3607


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        (POD, "service account token has been invalidated"),
        (ACCOUNT, "service account ns/robot has been deleted"),
    ],
    ids=["pod", "account"],
)
def test_a_token_ends_with_what_it_is_bound_to(gone: Any, why: str) -> None:
    setting = Setting()
    token, _ = setting.issue(POD)
    setting.objects.held.pop((type(gone), "ns", gone.metadata.name))
    assert setting.refusal(token) == why


def test_another_object_of_the_same_name_does_not_do() -> None:
    setting = Setting()
    token, _ = setting.issue(SECRET)
    assert setting.user(token)
    setting.clock.time += 11
    setting.objects.held[(Secret, "ns", "s")] = Secret(metadata=ObjectMeta(name="s", namespace="ns", uid="another"))
    assert setting.refusal(token) == "service account token has been invalidated"


def test_expiry_and_audience() -> None:
    setting = Setting()
    token, _ = setting.issue(seconds=600)
    other, _ = setting.issue(audiences=("vault",))
    assert setting.user(other, "vault", "x")[1] == ("vault",)
    assert "is invalid for the target audiences" in setting.refusal(other)
    setting.clock.time += 661
    assert setting.refusal(token) == "service account token has expired"


def test_forgeries() -> None:
    setting = Setting()
    token, _ = setting.issue()
    head, payload, signature = token.split(".")
    changed = jws.encode(jws.decode(payload).replace(b"robot", b"admin"))
    assert setting.refusal(f"{head}.{changed}.{signature}") == "invalid bearer token"
    none = jws.encode(b'{"alg":"none"}')
    assert setting.refusal(f"{none}.{payload}.") == "invalid bearer token"
    other = jws.encode(b'{"alg":"RS256"}')
    assert setting.refusal(f"{other}.{payload}.{signature}") == "invalid bearer token"
    assert Setting().refusal(token) == "invalid bearer token"
    assert setting.user("not.a.token") is None
    assert setting.user("x") is None


def test_old_keys_are_still_accepted(tmp_path: Path) -> None:
    files = []
    for name in ("old", "new"):
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / name).write_bytes(pem)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / f"{name}.pub").write_bytes(public)
        files.append(str(tmp_path / name))
    token, _ = Setting(files[0]).issue()
    assert jws.split(token)[0].alg == "RS256"
    setting = Setting(files[1], (f"{files[0]}.pub",))
    assert setting.user(token)
    assert [key.jwk()["kty"] for key in setting.tokens.keys.verifying] == ["RSA", "RSA"]
    assert Setting(files[1]).refusal(token) == "invalid bearer token"


def test_jwk_of_an_elliptic_key() -> None:
    jwk = jws.SigningKey.generate().verifying.jwk()
    assert (jwk["kty"], jwk["crv"], jwk["alg"], len(jws.decode(jwk["x"]))) == ("EC", "P-256", "ES256", 32)


@pytest.mark.parametrize(
    ("changed", "token", "name"),
    [
        ({}, "abcdef.0123456789abcdef", "system:bootstrap:abcdef"),
        ({}, "abcdef.0123456789abcdee", None),
        ({}, "abcde.0123456789abcdef", None),
        ({"usage-bootstrap-authentication": "false"}, "abcdef.0123456789abcdef", None),
        ({"expiration": "2020-01-01T00:00:00Z"}, "abcdef.0123456789abcdef", None),
        ({"expiration": "2040-01-01T00:00:00Z"}, "abcdef.0123456789abcdef", "system:bootstrap:abcdef"),
        ({"auth-extra-groups": "system:masters"}, "abcdef.0123456789abcdef", None),
    ],
)
def test_bootstrap_tokens(changed: dict[str, str], token: str, name: str | None) -> None:
    data = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm",
        **changed,
    }
    secret = Secret(
        metadata=ObjectMeta(name="bootstrap-token-abcdef", namespace="kube-system"),
        type="bootstrap.kubernetes.io/token",
        data={key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    )
    user = asyncio.run(BootstrapTokens(Objects(secret), Clock()).authenticate(token))
    assert (user.name if user else None) == name
    if user:
        assert user.groups == ("system:bootstrappers", "system:bootstrappers:kubeadm")


def test_client_certificates(tmp_path: Path) -> None:
    (tmp_path / "proxy").mkdir()
    clients, proxies = Authority.create(tmp_path, "clients"), Authority.create(tmp_path / "proxy", "proxies")
    alice = _der(clients.issue("alice", organizations=["dev", "ops"])[0])
    proxy = _der(proxies.issue("front-proxy")[0])
    clock = Clock()
    clock.time = datetime.datetime.now(datetime.UTC).timestamp()
    found = ClientCertificates(clock, clients.certificate_file, proxies.certificate_file, ("front-proxy",))
    user = found.user(alice)
    assert user is not None and (user.name, user.groups) == ("alice", ("dev", "ops", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    assert not found.is_front_proxy(alice)
    assert found.is_front_proxy(proxy) and found.user(proxy) is None
    clock.time += 2 * 24 * 3600
    assert found.user(alice) is None and not found.is_front_proxy(proxy)


def _der(file: str) -> bytes:
    certificate = x509.load_pem_x509_certificate(Path(file).read_bytes())
    return certificate.public_bytes(serialization.Encoding.DER)
