"""ServiceAccounts, with the token subresource.

Source: pkg/registry/core/serviceaccount/{strategy.go,storage/token.go}, apis/authentication/validation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.authentication import v1 as authentication
from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.scheme import GroupVersionKind
from pybernetes.apimachinery.times import format_time
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.generic.interface import Body, RequestContext, Written
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.subresources import SubresourceBase
from pybernetes.apiserver.registry.generic.table import NAME_AND_AGE, age

if TYPE_CHECKING:
    from pybernetes.apiserver.registry.generic.storage import Storage

TOKEN_REQUEST = GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest")
_ENFORCE_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"
_MIN_S, _MAX_S, _HOUR_S = 600, 1 << 32, 3600


class ServiceAccountStrategy(Strategy):
    metadata_again = "whole"
    returns_deleted_object = True
    columns = NAME_AND_AGE

    def prepare_for_create(self, ctx: RequestContext, obj: core.ServiceAccount) -> None:
        """Of references to Secrets only the names count."""
        obj.secrets = [core.ObjectReference(name=secret.name) for secret in obj.secrets]

    def prepare_for_update(self, ctx: RequestContext, obj: core.ServiceAccount, old: core.ServiceAccount) -> None:
        obj.secrets = [core.ObjectReference(name=secret.name) for secret in obj.secrets]

    def warnings(self, obj: core.ServiceAccount, old: core.ServiceAccount | None) -> list[str]:
        had = old is not None and _ENFORCE_MOUNTABLE in old.metadata.annotations
        if had or _ENFORCE_MOUNTABLE not in obj.metadata.annotations:
            return []
        why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        return [f"metadata.annotations[{_ENFORCE_MOUNTABLE}]: {why}"]

    def row(self, obj: core.ServiceAccount, now: float) -> list[Any]:
        return [obj.metadata.name, age(obj.metadata.creationTimestamp, now)]

    def subresources(self) -> dict[str, Callable[[Storage], SubresourceBase]]:
        return {"token": TokenSubresource}


class TokenSubresource(SubresourceBase):
    """POST a TokenRequest: a signed token, bound to a Pod, Secret or Node where asked."""

    async def create(self, ctx: RequestContext, body: Body) -> Written:
        registry = self.storage.registry
        account = await registry.read(core.ServiceAccount, ctx.name, ctx.namespace)
        if account is None:
            raise errors.not_found("", "serviceaccounts", ctx.name)
        request = await self.read(ctx, body, authentication.TokenRequest)
        if request.metadata.name and request.metadata.name != ctx.name:
            raise errors.BadRequest(
                f"the name of the object ({request.metadata.name}) does not match the name on the URL ({ctx.name})"
            )
        spec = request.spec
        if spec.expirationSeconds is None:
            spec.expirationSeconds = _HOUR_S
        if not spec.audiences:
            spec.audiences = [registry.config.service_account_issuer_audience]
        await registry.admission.admit(Attributes(ctx, "CREATE", request))
        _check(request, ctx.name)
        bound = await self._bound(ctx, request)
        await registry.admission.validate(Attributes(ctx, "CREATE", request))
        if registry.token_issuer is None:
            raise errors.ServiceUnavailable("this server does not sign ServiceAccount tokens")
        now = registry.clock.now()
        request.metadata.name, request.metadata.namespace = ctx.name, ctx.namespace
        request.metadata.creationTimestamp = format_time(now)
        token, expires = ("", format_time(now + spec.expirationSeconds))
        if not ctx.dry_run:
            token, expires = await registry.token_issuer.issue(account, request, bound)
        request.status = authentication.TokenRequestStatus(token=token, expirationTimestamp=expires)
        return Written(msgspec.json.encode(request), created=True)

    async def _bound(self, ctx: RequestContext, request: authentication.TokenRequest) -> msgspec.Struct | None:
        """The object that the token lives with. Raises NotFound, Conflict, Invalid."""
        reference = request.spec.boundObjectRef
        if reference is None:
            return None
        registry, name = self.storage.registry, reference.name or ""
        found: core.Pod | core.Secret | core.Node | None
        match (reference.kind, reference.apiVersion):
            case ("Pod", "v1"):
                plural, found = "pods", await registry.read(core.Pod, name, ctx.namespace)
            case ("Secret", "v1"):
                plural, found = "secrets", await registry.read(core.Secret, name, ctx.namespace)
            case ("Node", "v1"):
                plural, found = "nodes", await registry.read(core.Node, name)
            case _:
                raise errors.BadRequest(
                    f'cannot bind token for serviceaccount "{ctx.name}" to object of type '
                    f"{reference.apiVersion}, Kind={reference.kind}"
                )
        if found is None:
            raise errors.not_found("", plural, name)
        if isinstance(found, core.Pod) and found.spec.serviceAccountName != ctx.name:
            raise errors.BadRequest(
                f'cannot bind token for serviceaccount "{ctx.name}" to pod running with different serviceaccount name.'
            )
        if reference.uid and reference.uid != found.metadata.uid:
            raise errors.conflict(
                "",
                plural,
                name,
                f"the UID in the bound object reference ({reference.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )
        return found


def _check(request: authentication.TokenRequest, name: str) -> None:
    seconds = request.spec.expirationSeconds or 0
    at = Path("spec").child("expirationSeconds")
    found = []
    if seconds < _MIN_S:
        found.append(FieldError.invalid(at, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _MAX_S:
        found.append(FieldError.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds"))
    if found:
        raise invalid(TOKEN_REQUEST, name, found)
