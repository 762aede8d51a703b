"""Who may look at a component's own pages: the apiserver is asked, as upstream's components do.

Source: apiserver/pkg/server/options/{authentication,authorization}.go (delegating), with their cache times.
Differs: the client CA in kube-system/extension-apiserver-authentication is read once, at the start; no front proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pybernetes.api.authentication.v1 import TokenReview, TokenReviewSpec
from pybernetes.api.authorization.v1 import NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from pybernetes.api.core.v1 import ConfigMap
from pybernetes.apimachinery.errors import Forbidden, StatusError, Unauthorized
from pybernetes.apimachinery.user import UserInfo, with_authenticated_group
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Request

_REMEMBERED_S = 10.0
"""Users of tokens, and verdicts."""
_KEPT_MOST = 1024
_VERBS = {"POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete", "HEAD": "head"}


class DelegatedAccess:
    def __init__(self, client: Client, clock: Clock, client_ca_file: str, always_allowed: Sequence[str]) -> None:
        self._client = client
        self._certificates = ClientCertificates(clock, client_ca_file)
        self._always_allowed = frozenset(path.strip("/") for path in always_allowed)
        self._users: dict[str, tuple[float, UserInfo | None]] = {}
        self._verdicts: dict[tuple[str, tuple[str, ...], str, str], tuple[float, str | None]] = {}

    async def check(self, request: Request) -> None:
        """Raises Unauthorized or Forbidden."""
        if request.path.strip("/") in self._always_allowed:
            return
        user = await self._user(request)
        verb = _VERBS.get(request.method, "get")
        why = await self._denied(user, verb, request.path)
        if why is not None:
            raise Forbidden(f'forbidden: User "{user.name}" cannot {verb} path "{request.path}"{why and ": " + why}')

    async def _user(self, request: Request) -> UserInfo:
        if request.peer_certificate:
            found = self._certificates.user(request.peer_certificate)
            if found is not None:
                return with_authenticated_group(found)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return UserInfo("system:anonymous", groups=("system:unauthenticated",))
        user = await self._reviewed(token.strip())
        if user is None:
            raise Unauthorized("Unauthorized")
        return user

    async def _reviewed(self, token: str) -> UserInfo | None:
        now = asyncio.get_running_loop().time()
        until, user = self._users.get(token, (0.0, None))
        if until > now:
            return user
        try:
            status = (await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))).status
        except (StatusError, OSError):
            return None
        found = status.user
        if status.authenticated and found is not None:
            extra = {key: tuple(values) for key, values in found.extra.items()}
            user = UserInfo(found.username or "", found.uid or "", tuple(found.groups), extra)
        else:
            user = None
        if len(self._users) >= _KEPT_MOST:
            self._users.clear()
        self._users[token] = (now + _REMEMBERED_S, user)
        return user

    async def _denied(self, user: UserInfo, verb: str, path: str) -> str | None:
        """Why, None when it is allowed."""
        now = asyncio.get_running_loop().time()
        if "system:masters" in user.groups:
            return None
        key = (user.name, user.groups, verb, path)
        if (known := self._verdicts.get(key)) is not None and known[0] > now:
            return known[1]
        review = SubjectAccessReview(
            spec=SubjectAccessReviewSpec(
                user=user.name,
                uid=user.uid or None,
                groups=list(user.groups),
                extra={name: list(values) for name, values in user.extra.items()},
                nonResourceAttributes=NonResourceAttributes(path=path, verb=verb),
            )
        )
        try:
            status = (await self._client.create(review)).status
        except (StatusError, OSError) as error:
            return f"the apiserver cannot be asked: {error}"
        verdict = None if status.allowed else status.reason or ""
        if len(self._verdicts) >= _KEPT_MOST:
            self._verdicts.clear()
        self._verdicts[key] = (now + _REMEMBERED_S, verdict)
        return verdict


async def client_ca(client: Client) -> str:
    """The CA of the apiserver's clients, PEM; "" when it tells none. Raises OSError when it cannot be reached."""
    try:
        found = await client.get(ConfigMap, "extension-apiserver-authentication", "kube-system")
    except StatusError:
        return ""
    return found.data.get("client-ca-file", "")
