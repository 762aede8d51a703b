"""Bootstrap tokens as their Secrets hold them. Pure. Source: cluster-bootstrap/util/secrets/secrets.go."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from pybernetes.api.core.v1 import Secret
from pybernetes.apimachinery.times import TimeError, parse_time

NAMESPACE = "kube-system"
SECRET_TYPE = "bootstrap.kubernetes.io/token"
_NAME = re.compile(r"bootstrap-token-([a-z0-9]{6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    secret: str


def value(secret: Secret, key: str) -> str:
    """One of its data as text; "" when it has none."""
    try:
        return base64.b64decode(secret.data.get(key) or "").decode()
    except ValueError:
        return ""


def time_left_s(secret: Secret, now: float) -> float | None:
    """Seconds until it expires; <= 0: it has, or says so in no way one can read; None: it never does."""
    text = value(secret, "expiration")
    if not text:
        return None
    try:
        return parse_time(text) - now
    except TimeError:
        return 0.0


def signing_token(secret: Secret, now: float) -> Token | None:
    """The token of a Secret that may sign, None of any other."""
    found = _NAME.fullmatch(secret.metadata.name or "")
    token = Token(value(secret, "token-id"), value(secret, "token-secret"))
    left_s = time_left_s(secret, now)
    if found is None or found.group(1) != token.id or not token.secret or (left_s is not None and left_s <= 0):
        return None
    return token if value(secret, "usage-bootstrap-signing") == "true" else None
