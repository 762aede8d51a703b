"""Tokens that lie in Secrets: whose they are, when they are refused, and that their use is noted."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, TypeVar

import orjson
import pytest

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.jws import TokenError
from pybernetes.apimachinery.token_secrets import CLAIM, INVALID_SINCE, LAST_USED
from pybernetes.apiserver.authenticators.legacy_token import user_of

T = TypeVar("T")
NOON = 1_800_014_400.0
TODAY, TOMORROW = "2027-01-15", "2027-01-16"
TOKEN = "head.payload.signature"
CLAIMS = {
    "sub": "system:serviceaccount:ns:robot",
    f"{CLAIM}namespace": "ns",
    f"{CLAIM}secret.name": "s",
    f"{CLAIM}service-account.name": "robot",
    f"{CLAIM}service-account.uid": "uid-robot",
}


class Objects:
    def __init__(self, *objects: Any) -> None:
        self._held = {(type(o), o.metadata.namespace, o.metadata.name): o for o in objects}
        self.marked: list[tuple[str, str]] = []

    async def read(self, cls: type[T], name: str, namespace: str = "") -> T | None:
        return self._held.get((cls, namespace, name))

    async def mark(self, secret: Secret, day: str) -> None:
        self.marked.append((secret.metadata.name or "", day))


def account(**meta: Any) -> ServiceAccount:
    return ServiceAccount(metadata=ObjectMeta(**{"name": "robot", "namespace": "ns", "uid": "uid-robot", **meta}))


def secret(token: str = TOKEN, **meta: Any) -> Secret:
    data = {"token": base64.b64encode(token.encode()).decode()} if token else {}
    return Secret(metadata=ObjectMeta(**{"name": "s", "namespace": "ns", "uid": "uid-s", **meta}), data=data)


def asked(objects: Objects, claims: dict[str, Any]) -> Any:
    return asyncio.run(user_of(objects, objects.mark, TOKEN, orjson.dumps(claims), NOON))


def test_the_account_of_a_token_and_its_groups() -> None:
    user = asked(Objects(account(), secret()), CLAIMS)
    assert (user.name, user.uid) == ("system:serviceaccount:ns:robot", "uid-robot")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns")


@pytest.mark.parametrize(
    ("labels", "noted"),
    [
        ({}, [("s", TODAY)]),
        ({LAST_USED: "2027-01-14"}, [("s", TODAY)]),
        ({LAST_USED: TODAY}, []),
        ({LAST_USED: TOMORROW}, []),
    ],
    ids=["never used", "used yesterday", "used today", "another clock is ahead"],
)
def test_use_is_noted_once_a_day(labels: dict[str, str], noted: list[tuple[str, str]]) -> None:
    objects = Objects(account(), secret(labels=labels))
    asked(objects, CLAIMS)
    assert objects.marked == noted


GONE = "2027-01-15T00:00:00Z"
REFUSED = {
    "another account's name in sub": ((account(), secret()), {"sub": "system:serviceaccount:ns:other"}, "sub claim"),
    "no sub": ((account(), secret()), {"sub": ""}, "sub claim is missing"),
    "a claim of another type": ((account(), secret()), {"sub": 1}, "malformed token"),
    "no Secret": ((account(),), {}, "token has been invalidated"),
    "a Secret that is being deleted": ((account(), secret(deletionTimestamp=GONE)), {}, "token has been invalidated"),
    "a Secret with another token": ((account(), secret("a.b.c")), {}, "does not match server's copy"),
    "a Secret without a token": ((account(), secret("")), {}, "does not match server's copy"),
    "no account": ((secret(),), {}, "service account ns/robot has been deleted"),
    "an account of that name made later": ((account(uid="new"), secret()), {}, "ns/robot has been deleted"),
    "an account that is being deleted": ((account(deletionTimestamp=GONE), secret()), {}, "ns/robot has been deleted"),
    "marked invalid": ((account(), secret(labels={INVALID_SINCE: TODAY})), {}, "has been marked invalid"),
}


@pytest.mark.parametrize(("objects", "changed", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(objects: tuple[Any, ...], changed: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenError, match=why):
        asked(Objects(*objects), {**CLAIMS, **changed})
