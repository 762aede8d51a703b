"""ServiceAccount tokens: issued for TokenRequest, verified with their bound objects.

A verified token is remembered for a short time; the objects it is bound to are looked up on every
miss. Source: pkg/serviceaccount/{claims,jwt}.go, apiserver/pkg/authentication/serviceaccount/util.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from pybernetes.api.authentication.v1 import TokenRequest
from pybernetes.api.core.v1 import Node, Pod, Secret, ServiceAccount
from pybernetes.apimachinery.jws import SigningKey, TokenError, VerifyingKey, read_keys, split
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.apimachinery.token_secrets import ISSUER
from pybernetes.apimachinery.user import UserInfo, service_account_groups, with_authenticated_group
from pybernetes.apiserver.authenticators import legacy_token
from pybernetes.apiserver.authenticators.legacy_token import MarkUsed
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random

_LEEWAY_S = 60.0
_REMEMBER_S = 10.0
_REMEMBER_MAX = 4096
_EXTENDED_EXPIRATION_S = 365 * 24 * 3600
_WARN_ONLY_S = 3607
_EXTRA = "authentication.kubernetes.io/"
CREDENTIAL_ID = _EXTRA + "credential-id"

T = TypeVar("T")


class Reader(Protocol):
    """Objects as they are now."""

    async def read(self, cls: type[T], name: str, namespace: str = "") -> T | None: ...


class _Ref(msgspec.Struct, omit_defaults=True):
    name: str = ""
    uid: str = ""


class _Kubernetes(msgspec.Struct, omit_defaults=True):
    namespace: str = ""
    serviceaccount: _Ref = msgspec.field(default_factory=_Ref)
    pod: _Ref | None = None
    secret: _Ref | None = None
    node: _Ref | None = None
    warnafter: float | None = None


class _Claims(msgspec.Struct):
    iss: str = ""
    sub: str = ""
    aud: list[str] | str = []
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None
    jti: str = ""
    kubernetes: _Kubernetes | None = msgspec.field(name="kubernetes.io", default=None)


class TokenKeys:
    """The signing key and every key whose tokens are accepted.

    Files are read at once (OSError, ValueError); keys are made of them at the first use, because
    that imports `cryptography`.
    """

    def __init__(self, signing_key_file: str, key_files: Sequence[str]) -> None:
        self._signing_pem = Path(signing_key_file).read_bytes() if signing_key_file else b""
        if signing_key_file and b"PRIVATE KEY-----" not in self._signing_pem:
            raise ValueError(f"{signing_key_file} holds no private key")
        self._other_pems = [(file, Path(file).read_bytes()) for file in key_files]
        for file, pem in self._other_pems:
            if b"-----BEGIN " not in pem:
                raise ValueError(f"{file} holds no key")
        self._signing: SigningKey | None = None
        self._verifying: list[VerifyingKey] = []

    @property
    def loaded(self) -> bool:
        return self._signing is not None

    @property
    def signing(self) -> SigningKey:
        self.load()
        assert self._signing is not None
        return self._signing

    @property
    def verifying(self) -> list[VerifyingKey]:
        self.load()
        return self._verifying

    def load(self) -> None:
        """Makes the keys; takes tens of milliseconds the first time, so best in a thread."""
        if self._signing is not None:
            return
        signing = read_keys(self._signing_pem)[0] if self._signing_pem else SigningKey.generate()
        assert signing is not None
        found = {signing.verifying.kid: signing.verifying}
        for _, pem in self._other_pems:
            _, key = read_keys(pem)
            found.setdefault(key.kid, key)
        self._verifying = list(found.values())
        self._signing = signing


class ServiceAccountTokens:
    """Issues and authenticates tokens of one issuer."""

    def __init__(
        self,
        keys: TokenKeys,
        issuer: str,
        audiences: Sequence[str],
        clock: Clock,
        random: Random,
        max_expiration_s: int = 0,
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self._audiences = tuple(audiences)
        self._clock = clock
        self._random = random
        self._max_expiration_s = max_expiration_s
        self._reader: Reader | None = None
        self._mark_used: MarkUsed | None = None
        self._known: dict[tuple[str, tuple[str, ...]], tuple[float, UserInfo, tuple[str, ...]]] = {}

    def bind(self, reader: Reader, mark_used: MarkUsed | None = None) -> None:
        """Gives the objects that tokens are bound to, and a way to note the use of those in Secrets."""
        self._reader = reader
        self._mark_used = mark_used

    async def issue(
        self, service_account: ServiceAccount, request: TokenRequest, bound: msgspec.Struct | None
    ) -> tuple[str, str]:
        """A token and its expirationTimestamp, for a defaulted and validated request."""
        metadata = service_account.metadata
        now = int(self._clock.now())
        lifetime = request.spec.expirationSeconds or 3600
        if self._max_expiration_s:
            lifetime = min(lifetime, self._max_expiration_s)
        private: dict[str, Any] = {
            "namespace": metadata.namespace,
            "serviceaccount": {"name": metadata.name, "uid": metadata.uid},
        }
        shown = now + lifetime
        if isinstance(bound, Pod):
            private["pod"] = {"name": bound.metadata.name, "uid": bound.metadata.uid}
            node_name = (bound.spec.nodeName if bound.spec else None) or ""
            if node_name:
                private["node"] = {"name": node_name}
                if self._reader is not None and (node := await self._reader.read(Node, node_name)) is not None:
                    private["node"]["uid"] = node.metadata.uid
            if lifetime == _WARN_ONLY_S and list(request.spec.audiences) in ([], list(self._audiences)):
                # Tokens of old client libraries that never read theirs again. Source: pkg/registry/core/
                # serviceaccount/storage/token.go, --service-account-extend-token-expiration.
                private["warnafter"] = now + lifetime
                lifetime = _EXTENDED_EXPIRATION_S
        elif isinstance(bound, Secret):
            private["secret"] = {"name": bound.metadata.name, "uid": bound.metadata.uid}
        elif isinstance(bound, Node):
            private["node"] = {"name": bound.metadata.name, "uid": bound.metadata.uid}
        claims = {
            "aud": list(request.spec.audiences) or list(self._audiences),
            "exp": now + lifetime,
            "iat": now,
            "iss": self.issuer,
            "jti": self._random.uid(),
            "kubernetes.io": private,
            "nbf": now,
            "sub": f"system:serviceaccount:{metadata.namespace}:{metadata.name}",
        }
        if not self.keys.loaded:
            await asyncio.to_thread(self.keys.load)
        return self.keys.signing.sign(claims), format_time(shown)

    async def authenticate(self, token: str, audiences: Sequence[str] = ()) -> tuple[UserInfo, tuple[str, ...]] | None:
        """The user of a token and those of `audiences` (default: the API's) it is for.

        None: not a token of this issuer. Raises TokenError: one of ours that is not valid.
        """
        wanted = tuple(audiences) or self._audiences
        now = self._clock.now()
        known = self._known.get((token, wanted))
        if known is not None and known[0] > now:
            return known[1], known[2]
        try:
            header, payload, signed, signature = split(token)
            claims = msgspec.json.decode(payload, type=_Claims)
        except (TokenError, msgspec.MsgspecError):
            return None
        if claims.iss not in (self.issuer, ISSUER):
            return None
        if not self.keys.loaded:
            await asyncio.to_thread(self.keys.load)
        candidates = [key for key in self.keys.verifying if key.alg == header.alg]
        candidates = [key for key in candidates if key.kid == header.kid] or candidates
        if not any(key.verifies(signed, signature) for key in candidates):
            raise TokenError("invalid bearer token")
        if claims.iss == ISSUER:
            return await self._from_secret(token, payload, wanted, now)
        shared = tuple(a for a in wanted if a in ([claims.aud] if isinstance(claims.aud, str) else claims.aud))
        if not shared:
            raise TokenError(f"token audiences {claims.aud} is invalid for the target audiences {list(wanted)}")
        user = with_authenticated_group(await self._user(claims, now))
        if len(self._known) >= _REMEMBER_MAX:
            self._known.clear()
        until = min(now + _REMEMBER_S, (claims.exp or now) + _LEEWAY_S)
        self._known[(token, wanted)] = (until, user, shared)
        return user, shared

    async def _from_secret(
        self, token: str, payload: bytes, wanted: tuple[str, ...], now: float
    ) -> tuple[UserInfo, tuple[str, ...]]:
        """Such a token is for the API, and never remembered: it ends with its Secret."""
        shared = tuple(audience for audience in wanted if audience in self._audiences)
        if not shared:
            raise TokenError(f"token is not for the audiences {list(wanted)}")
        if self._reader is None:
            raise TokenError("the apiserver is starting")
        user = await legacy_token.user_of(self._reader, self._mark_used, token, payload, now)
        return with_authenticated_group(user), shared

    async def _user(self, claims: _Claims, now: float) -> UserInfo:
        private = claims.kubernetes
        if private is None:
            raise TokenError("token has no kubernetes.io claim")
        if claims.exp is not None and now > claims.exp + _LEEWAY_S:
            raise TokenError("service account token has expired")
        if claims.nbf is not None and now < claims.nbf - _LEEWAY_S:
            raise TokenError("service account token is not valid yet")
        if claims.iat is not None and now < claims.iat - _LEEWAY_S:
            raise TokenError("service account token is issued in the future")
        namespace, account = private.namespace, private.serviceaccount
        if claims.sub != f"system:serviceaccount:{namespace}:{account.name}":
            raise TokenError("token subject and kubernetes.io claim differ")
        reader = self._reader
        if reader is None:
            raise TokenError("the apiserver is starting")
        found = await reader.read(ServiceAccount, account.name, namespace)
        if found is None or found.metadata.uid != account.uid or self._gone(found, now):
            raise TokenError(f"service account {namespace}/{account.name} has been deleted")
        extra: dict[str, tuple[str, ...]] = {}
        if private.secret is not None:
            await self._bound(reader, Secret, private.secret, namespace, now)
        if private.pod is not None:
            await self._bound(reader, Pod, private.pod, namespace, now)
            extra[_EXTRA + "pod-name"] = (private.pod.name,)
            extra[_EXTRA + "pod-uid"] = (private.pod.uid,)
        if private.node is not None:
            if private.pod is None:
                await self._bound(reader, Node, private.node, "", now)
            extra[_EXTRA + "node-name"] = (private.node.name,)
            if private.node.uid:
                extra[_EXTRA + "node-uid"] = (private.node.uid,)
        if claims.jti:
            extra[CREDENTIAL_ID] = (f"JTI={claims.jti}",)
        return UserInfo(claims.sub, account.uid, service_account_groups(namespace), extra)

    async def _bound(
        self, reader: Reader, cls: type[Pod] | type[Secret] | type[Node], ref: _Ref, namespace: str, now: float
    ) -> None:
        found = await reader.read(cls, ref.name, namespace)
        if found is None or found.metadata.uid != ref.uid or self._gone(found, now):
            raise TokenError("service account token has been invalidated")

    def _gone(self, found: ServiceAccount | Pod | Secret | Node, now: float) -> bool:
        """Whether a terminating object is past its time."""
        deleted = found.metadata.deletionTimestamp
        return deleted is not None and parse_time(deleted) < now - _LEEWAY_S
