"""Tokens of ServiceAccounts for projected volumes, bound to the pod, renewed before they expire.

Source: pkg/kubelet/token/token_manager.go: renewal after 80 % of the lifetime, at the latest after a day.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.authentication.v1 import BoundObjectReference, TokenRequest, TokenRequestSpec, TokenRequestStatus
from pybernetes.api.core.v1 import Pod, ServiceAccount
from pybernetes.apimachinery.times import parse_time
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.kubelet.pod_spec import uid_of

_MOST_AGE_S = 24 * 3600.0
_RENEW_AT = 0.8
DEFAULT_LIFETIME_S = 3600

_Key = tuple[str, str, str, int]


@dataclass(slots=True)
class _Token:
    status: TokenRequestStatus
    renew_at_s: float
    expires_at_s: float


class Tokens:
    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[_Key, _Token] = {}

    async def token(self, pod: Pod, audience: str, lifetime_s: int) -> str:
        """A token with at least a fifth of its life left. Raises StatusError, OSError."""
        return (await self.status(pod, audience, lifetime_s)).token or ""

    async def status(self, pod: Pod, audience: str, lifetime_s: int) -> TokenRequestStatus:
        """The same with the time until when it is good."""
        account = pod.spec.serviceAccountName or "default"
        key = (uid_of(pod), account, audience, lifetime_s)
        now = self._clock.now()
        held = self._tokens.get(key)
        if held is not None and now < held.renew_at_s:
            return held.status
        request = TokenRequest(
            spec=TokenRequestSpec(
                audiences=[audience] if audience else [],
                expirationSeconds=lifetime_s,
                boundObjectRef=BoundObjectReference(
                    apiVersion="v1", kind="Pod", name=pod.metadata.name, uid=uid_of(pod)
                ),
            )
        )
        try:
            answer = await self._client.create_subresource(
                ServiceAccount, account, pod.metadata.namespace or "", "token", request, TokenRequest
            )
        except OSError:
            if held is not None and now < held.expires_at_s:
                return held.status
            raise
        expires = parse_time(answer.status.expirationTimestamp or "")
        renew = min(now + (expires - now) * _RENEW_AT, now + _MOST_AGE_S)
        self._tokens[key] = _Token(answer.status, renew, expires)
        return answer.status

    def renew_at_s(self, uid: str) -> float | None:
        """When the pod's next token is due."""
        return min((t.renew_at_s for k, t in self._tokens.items() if k[0] == uid), default=None)

    def forget(self, uid: str) -> None:
        for key in [k for k in self._tokens if k[0] == uid]:
            del self._tokens[key]
