"""Lets a user who may do so act as another. Source: endpoints/filters/impersonation/impersonation.go."""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import unquote

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.names import dns1123_label, dns1123_subdomain
from pybernetes.apimachinery.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo, service_account_groups
from pybernetes.apiserver.authorizers.attributes import Attributes, Authorizer, forbidden
from pybernetes.apiserver.chain import Filter
from pybernetes.http.messages import Handler, Request, Response, Upgrade

_AUTHENTICATION = "authentication.k8s.io"
_EXTRA = "impersonate-extra-"


def impersonating(authorizer: Authorizer) -> Filter:
    def wrap(inner: Handler) -> Handler:
        async def impersonated(request: Request) -> Response | Upgrade:
            await _impersonate(request, authorizer)
            return await inner(request)

        def handle(request: Request) -> Awaitable[Response | Upgrade]:
            headers = request.headers
            if "impersonate-user" in headers or "impersonate-group" in headers or "impersonate-uid" in headers:
                return impersonated(request)
            return inner(request)

        return handle

    return wrap


async def _impersonate(request: Request, authorizer: Authorizer) -> None:
    """Sets request.user to the one asked for. Raises BadRequest, Forbidden."""
    headers = request.headers
    name = headers.get("impersonate-user", "").partition("\n")[0]
    groups = [group for group in headers.get("impersonate-group", "").split("\n") if group]
    uid = headers.get("impersonate-uid", "").partition("\n")[0]
    extra = {
        unquote(key[len(_EXTRA) :]): tuple(value.split("\n"))
        for key, value in headers.items()
        if key.startswith(_EXTRA) and len(key) > len(_EXTRA)
    }
    if not name:
        if groups or uid or extra:
            raise BadRequest("requested groups, a uid or extra values without impersonating a user")
        return
    requester = request.user
    assert isinstance(requester, UserInfo)
    questions = []
    account = _service_account(name)
    implied: tuple[str, ...] = ()
    if account is not None:
        namespace, account_name = account
        questions.append(("", "serviceaccounts", "", namespace, account_name))
        implied = service_account_groups(namespace)
    else:
        questions.append(("", "users", "", "", name))
    questions += [("", "groups", "", "", group) for group in groups]
    questions += [(_AUTHENTICATION, "userextras", key, "", value) for key, values in extra.items() for value in values]
    if uid:
        questions.append((_AUTHENTICATION, "uids", "", "", uid))
    for group, resource, subresource, namespace, value in questions:
        attributes = Attributes(requester, "impersonate", True, group, "v1", resource, subresource, namespace, value)
        decision = await authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)
    request.user = UserInfo(name, uid, _with_system_group(name, tuple(groups) or implied), extra)
    request.context["impersonator"] = requester
    for key in [key for key in headers if key.startswith("impersonate-")]:
        del headers[key]


def _with_system_group(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    if name == ANONYMOUS:
        return groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
    if AUTHENTICATED in groups or UNAUTHENTICATED in groups:
        return groups
    return (*groups, AUTHENTICATED)


def _service_account(name: str) -> tuple[str, str] | None:
    parts = name.split(":")
    if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4:
        return None
    if dns1123_label(parts[2]) or dns1123_subdomain(parts[3]):
        return None
    return parts[2], parts[3]
