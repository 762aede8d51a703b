"""Who may look at a component's own pages: the apiserver is asked, as upstream's components do.

Source: apiserver/pkg/server/options/{authentication,authorization}.go (delegating).
Differs: the client CA in kube-system/extension-apiserver-authentication is read once, at the start; no front proxy.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.authorization.v1 import NonResourceAttributes
from pybernetes.api.core.v1 import ConfigMap
from pybernetes.apimachinery.errors import Forbidden, StatusError, Unauthorized
from pybernetes.apimachinery.user import UserInfo, with_authenticated_group
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.client.access_reviews import AccessReviews, bearer_token
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Request

_VERBS = {"POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete", "HEAD": "head"}


class DelegatedAccess:
    def __init__(self, client: Client, clock: Clock, client_ca_file: str, always_allowed: Sequence[str]) -> None:
        self._reviews = AccessReviews(client)
        self._certificates = ClientCertificates(clock, client_ca_file)
        self._always_allowed = frozenset(path.strip("/") for path in always_allowed)

    async def check(self, request: Request) -> None:
        """Raises Unauthorized or Forbidden."""
        if request.path.strip("/") in self._always_allowed:
            return
        user = await self._user(request)
        verb = _VERBS.get(request.method, "get")
        why = await self._reviews.denied(user, NonResourceAttributes(path=request.path, verb=verb))
        if why is not None:
            raise Forbidden(f'forbidden: User "{user.name}" cannot {verb} path "{request.path}"{why and ": " + why}')

    async def _user(self, request: Request) -> UserInfo:
        if request.peer_certificate:
            found = self._certificates.user(request.peer_certificate)
            if found is not None:
                return with_authenticated_group(found)
        token = bearer_token(request.headers.get("authorization", ""))
        if not token:
            return UserInfo("system:anonymous", groups=("system:unauthenticated",))
        user = await self._reviews.user(token)
        if user is None:
            raise Unauthorized("Unauthorized")
        return user


async def client_ca(client: Client) -> str:
    """The CA of the apiserver's clients, PEM; "" when it tells none. Raises OSError when it cannot be reached."""
    try:
        found = await client.get(ConfigMap, "extension-apiserver-authentication", "kube-system")
    except StatusError:
        return ""
    return found.data.get("client-ca-file", "")
