"""Who may ask a kubelet for what: client certificates and tokens, and what the apiserver says of their users.

Source: pkg/kubelet/server/auth.go, cmd/kubelet/app/auth.go.
"""

from __future__ import annotations

from pybernetes.api.authorization.v1 import ResourceAttributes
from pybernetes.apimachinery.user import ANONYMOUS, SYSTEM_MASTERS, UNAUTHENTICATED, UserInfo
from pybernetes.client.access_reviews import AccessReviews, bearer_token
from pybernetes.client.client import Client
from pybernetes.http.messages import Request

_APISERVER = "kube-apiserver-kubelet-client"


class Access:
    """Without a client, tokens are nobody's and only the apiserver and administrators are let in."""

    def __init__(
        self,
        client: Client | None,
        node: str,
        *,
        tokens: bool = True,
        anonymous: bool = False,
        authorize: bool = True,
    ) -> None:
        self._reviews = AccessReviews(client) if client is not None else None
        self._node = node
        self._tokens = tokens
        self._anonymous = anonymous
        self._authorize = authorize

    async def user(self, request: Request) -> UserInfo | None:
        found = _certificate_user(request)
        token = bearer_token(request.headers.get("authorization", ""))
        if found is None and token and self._tokens and self._reviews is not None:
            return await self._reviews.user(token)
        return found or (UserInfo(ANONYMOUS, groups=(UNAUTHENTICATED,)) if self._anonymous else None)

    async def allows(self, user: UserInfo, verb: str, subresources: list[str]) -> bool:
        """One of the subresources of the node is enough."""
        if SYSTEM_MASTERS in user.groups or user.name == _APISERVER or not self._authorize:
            return True
        if self._reviews is None:
            return False
        for subresource in subresources:
            asked = ResourceAttributes(
                verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node
            )
            if await self._reviews.denied(user, asked) is None:
                return True
        return False


def _certificate_user(request: Request) -> UserInfo | None:
    """The user of a verified client certificate: its common name and organizations."""
    if request.peer_certificate is None:
        return None
    # cryptography is a heavy import; a kubelet nobody asks needs none.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(request.peer_certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        return None
    groups = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return UserInfo(str(names[0].value), groups=(*groups, "system:authenticated"))
