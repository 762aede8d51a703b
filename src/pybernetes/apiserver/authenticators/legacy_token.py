"""Tokens that lie in Secrets of type service-account-token: valid for as long as Secret and account are there.

Their use is noted on the Secret, a day at a time, so that those nobody uses can be found.
Source: pkg/serviceaccount/legacy.go, pkg/controlplane/controller/legacytokentracking.
Differs: no warning header tells users of generated tokens to use others.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.apimachinery.jws import TokenError
from pybernetes.apimachinery.token_secrets import CLAIM, INVALID_SINCE, LAST_USED, day
from pybernetes.apimachinery.user import UserInfo, service_account_groups

if TYPE_CHECKING:
    from pybernetes.apiserver.authenticators.service_account import Reader

_DAY_S = 86400.0

MarkUsed = Callable[[Secret, str], Awaitable[None]]
"""Labels the Secret with the day (UTC) of its last use."""


class _Claims(msgspec.Struct):
    sub: str = ""
    namespace: str = msgspec.field(name=f"{CLAIM}namespace", default="")
    secret: str = msgspec.field(name=f"{CLAIM}secret.name", default="")
    account: str = msgspec.field(name=f"{CLAIM}service-account.name", default="")
    uid: str = msgspec.field(name=f"{CLAIM}service-account.uid", default="")


async def user_of(reader: Reader, mark_used: MarkUsed | None, token: str, payload: bytes, now: float) -> UserInfo:
    """Of a token whose signature is right. Raises TokenError."""
    try:
        claims = msgspec.json.decode(payload, type=_Claims)
    except msgspec.MsgspecError:
        raise TokenError("malformed token") from None
    for name in ("sub", "namespace", "secret", "account", "uid"):
        if not getattr(claims, name):
            raise TokenError(f"{name} claim is missing")
    namespace = claims.namespace
    if claims.sub != f"system:serviceaccount:{namespace}:{claims.account}":
        raise TokenError("sub claim is invalid")
    secret = await reader.read(Secret, claims.secret, namespace)
    if secret is None or secret.metadata.deletionTimestamp:
        raise TokenError("token has been invalidated")
    if not hmac.compare_digest(base64.b64decode(secret.data.get("token") or ""), token.encode()):
        raise TokenError("token does not match server's copy")
    account = await reader.read(ServiceAccount, claims.account, namespace)
    if account is None or account.metadata.deletionTimestamp or account.metadata.uid != claims.uid:
        raise TokenError(f"service account {namespace}/{claims.account} has been deleted")
    if mark_used is not None:
        await _note(mark_used, secret, now)
    if secret.metadata.labels.get(INVALID_SINCE):
        raise TokenError(
            f"the token in secret {namespace}/{claims.secret} for service account {namespace}/{claims.account} "
            "has been marked invalid"
        )
    return UserInfo(claims.sub, claims.uid, service_account_groups(namespace))


async def _note(mark_used: MarkUsed, secret: Secret, now: float) -> None:
    """Once a day; the clock of another apiserver may be ahead."""
    if secret.metadata.labels.get(LAST_USED) not in (day(now), day(now + _DAY_S)):
        await mark_used(secret, day(now))
