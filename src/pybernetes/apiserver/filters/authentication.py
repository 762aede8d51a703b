"""Finds out who asks: front proxy, client certificate, bearer token, else anonymous.

A request that already has a user (a local transport's) is taken at its word.
Source: pkg/kubeapiserver/authenticator/config.go, apiserver/pkg/endpoints/filters/authentication.go.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from pybernetes.apimachinery.errors import Unauthorized
from pybernetes.apimachinery.jws import TokenError
from pybernetes.apimachinery.user import ANONYMOUS, UNAUTHENTICATED, UserInfo, with_authenticated_group
from pybernetes.apiserver.authenticators.bootstrap_token import BootstrapTokens
from pybernetes.apiserver.authenticators.client_certificate import ClientCertificates
from pybernetes.apiserver.authenticators.service_account import ServiceAccountTokens
from pybernetes.apiserver.chain import Filter
from pybernetes.http.messages import Handler, Request, Response, Upgrade

log = logging.getLogger(__name__)

_WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."


@dataclass(slots=True)
class Authentication:
    """Every way in, in the order it is tried."""

    certificates: ClientCertificates
    service_accounts: ServiceAccountTokens
    static_tokens: Mapping[str, UserInfo]
    bootstrap_tokens: BootstrapTokens | None = None
    anonymous: bool = True

    def __post_init__(self) -> None:
        self.static_tokens = {token: with_authenticated_group(user) for token, user in self.static_tokens.items()}

    async def user(self, request: Request) -> UserInfo | None:
        """Who it is; None for nobody. Raises Unauthorized for credentials that are not valid."""
        certificate = request.peer_certificate
        if certificate is not None:
            if "x-remote-user" in request.headers and self.certificates.is_front_proxy(certificate):
                return _remote_user(request)
            user = self.certificates.user(certificate)
            if user is not None:
                return user
        token = _bearer_token(request)
        if token:
            return await self.token_user(token)
        return None

    async def token_user(self, token: str) -> UserInfo:
        """The user of a bearer token. Raises Unauthorized."""
        user = self.static_tokens.get(token)
        if user is not None:
            return user
        try:
            found = await self.service_accounts.authenticate(token)
            if found is not None:
                return found[0]
            if self.bootstrap_tokens is not None:
                user = await self.bootstrap_tokens.authenticate(token)
                if user is not None:
                    return user
        except TokenError as error:
            log.info("refused a bearer token: %s", error)
        raise Unauthorized("Unauthorized")


def authenticated(authentication: Authentication) -> Filter:
    """The filter: sets request.user or answers 401."""
    anonymous = UserInfo(ANONYMOUS, groups=(UNAUTHENTICATED,))

    def wrap(inner: Handler) -> Handler:
        async def handle(request: Request) -> Response | Upgrade:
            user = request.user
            if user is None:
                user = await authentication.user(request)
                if user is None:
                    if not authentication.anonymous:
                        raise Unauthorized("Unauthorized")
                    user = anonymous
            request.user = with_authenticated_group(user)
            request.headers.pop("authorization", None)
            return await inner(request)

        return handle

    return wrap


def _bearer_token(request: Request) -> str:
    header = request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = request.headers.get("sec-websocket-protocol", "")
    if _WEBSOCKET_TOKEN in offered:
        return _websocket_token(request, offered)
    return ""


def _websocket_token(request: Request, offered: str) -> str:
    """A browser's token, which it can only send as a subprotocol; it is taken off the list."""
    from pybernetes.apimachinery import jws

    protocols = [protocol.strip() for protocol in offered.split(",")]
    rest = [protocol for protocol in protocols if not protocol.startswith(_WEBSOCKET_TOKEN)]
    tokens = [protocol for protocol in protocols if protocol.startswith(_WEBSOCKET_TOKEN)]
    if len(tokens) != 1 or not rest:
        raise Unauthorized("Unauthorized")
    request.headers["sec-websocket-protocol"] = ", ".join(rest)
    try:
        return jws.decode(tokens[0][len(_WEBSOCKET_TOKEN) :]).decode()
    except ValueError:
        raise Unauthorized("Unauthorized") from None


def _remote_user(request: Request) -> UserInfo | None:
    """The user a trusted front proxy names. Source: authentication/request/headerrequest."""
    headers = request.headers
    name = headers.get("x-remote-user", "").partition("\n")[0]
    if not name:
        return None
    groups = tuple(filter(None, headers.get("x-remote-group", "").split("\n")))
    extra = {
        unquote(key.removeprefix("x-remote-extra-")): tuple(value.split("\n"))
        for key, value in headers.items()
        if key.startswith("x-remote-extra-")
    }
    return UserInfo(name, headers.get("x-remote-uid", ""), groups, extra)
