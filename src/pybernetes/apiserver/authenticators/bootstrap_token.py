"""Bootstrap tokens: Secrets of kube-system by which a new node or user gets in.

Source: plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go, cluster-bootstrap/token/api.
"""

from __future__ import annotations

import base64
import hmac
import re

from pybernetes.api.core.v1 import Secret
from pybernetes.apimachinery.times import TimeError, parse_time
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authenticators.service_account import Reader
from pybernetes.host.clock import Clock

SECRET_TYPE = "bootstrap.kubernetes.io/token"
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_GROUPS = ("system:bootstrappers",)


class BootstrapTokens:
    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def authenticate(self, token: str) -> UserInfo | None:
        """The user of a valid token; None for anything else."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        secret = await self._reader.read(Secret, f"bootstrap-token-{parts[1]}", "kube-system")
        if secret is None or secret.metadata.deletionTimestamp or secret.type != SECRET_TYPE:
            return None
        data = {key: base64.b64decode(value) for key, value in secret.data.items()}
        if not hmac.compare_digest(data.get("token-secret", b""), parts[2].encode()):
            return None
        if data.get("token-id", b"").decode() != parts[1] or self._expired(data.get("expiration", b"")):
            return None
        if data.get("usage-bootstrap-authentication") != b"true":
            return None
        extra = [group for group in data.get("auth-extra-groups", b"").decode().split(",") if group]
        if not all(_GROUP.fullmatch(group) for group in extra):
            return None
        return UserInfo(f"system:bootstrap:{parts[1]}", groups=(*_GROUPS, *extra))

    def _expired(self, text: bytes) -> bool:
        if not text:
            return False
        try:
            return parse_time(text.decode()) <= self._clock.now()
        except TimeError:
            return True
