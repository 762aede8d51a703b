"""Reviews: questions in the form of objects that are answered at once and never stored.

Source: pkg/registry/authorization, pkg/registry/authentication, pkg/apis/authorization/validation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from pybernetes.api.authentication import v1 as authentication
from pybernetes.api.authorization import v1 as authorization
from pybernetes.api.meta.v1 import FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta
from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.jws import TokenError
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.user import UserInfo, with_authenticated_group
from pybernetes.apiserver.authorizers.attributes import Attributes, Authorizer
from pybernetes.apiserver.endpoints import bodies, negotiation, options
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.filters.authentication import Authentication
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Request, Response

T = TypeVar("T", bound=msgspec.Struct)
Review = Callable[[Request, RequestInfo, Resource], Awaitable[msgspec.Struct]]


class Reviews:
    """Answers the create of every kind of review."""

    def __init__(self, authorizer: Authorizer, authentication_: Authentication, audiences: tuple[str, ...]) -> None:
        self._authorizer = authorizer
        self._authentication = authentication_
        self._audiences = audiences
        self._kinds: dict[str, Review] = {
            "subjectaccessreviews": self._subject_access,
            "localsubjectaccessreviews": self._local_subject_access,
            "selfsubjectaccessreviews": self._self_subject_access,
            "selfsubjectrulesreviews": self._self_subject_rules,
            "selfsubjectreviews": self._self_subject,
            "tokenreviews": self._token,
        }

    def has(self, resource: Resource) -> bool:
        groups = ("authorization.k8s.io", "authentication.k8s.io")
        return resource.group in groups and resource.plural in self._kinds

    async def create(self, request: Request, info: RequestInfo, resource: Resource) -> Response:
        form = negotiation.negotiate(request)
        review = await self._kinds[resource.plural](request, info, resource)
        return answer(request, form, msgspec.json.encode(review), 201)

    async def _decode(self, request: Request, info: RequestInfo, resource: Resource, cls: type[T]) -> T:
        ctx = options.context(request, info, resource, "create")
        options.write_options(ctx, request, "CreateOptions")
        review, warnings = await bodies.decode(request, cls, ctx.field_validation)
        ctx.warnings += warnings
        return review

    async def _decide(self, attributes: Attributes) -> authorization.SubjectAccessReviewStatus:
        decision = await self._authorizer.authorize(attributes)
        return authorization.SubjectAccessReviewStatus(
            allowed=decision.allowed, denied=decision.denied or None, reason=decision.reason or None
        )

    async def _subject_access(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authorization.SubjectAccessReview)
        errors = _spec_errors(review.spec)
        if _metadata(review.metadata):
            errors.append(FieldError.invalid(Path("metadata"), _metadata(review.metadata), "must be empty"))
        _check(resource, errors)
        review.status = await self._decide(_attributes(_subject(review.spec), review.spec))
        return review

    async def _local_subject_access(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authorization.LocalSubjectAccessReview)
        if review.metadata.namespace and review.metadata.namespace != info.namespace:
            raise BadRequest(
                f"the namespace of the provided object does not match the namespace sent on the request"
                f" ({review.metadata.namespace} != {info.namespace})"
            )
        review.metadata.namespace = info.namespace
        errors = _spec_errors(review.spec)
        if others := {k: v for k, v in _metadata(review.metadata).items() if k != "namespace"}:
            errors.append(FieldError.invalid(Path("metadata"), others, "must be empty except for namespace"))
        asked = review.spec.resourceAttributes
        if asked is not None and (asked.namespace or "") != info.namespace:
            path = Path("spec.resourceAttributes.namespace")
            errors.append(FieldError.invalid(path, asked.namespace or "", "must match metadata.namespace"))
        if review.spec.nonResourceAttributes is not None:
            path = Path("spec.nonResourceAttributes")
            value = msgspec.to_builtins(review.spec.nonResourceAttributes)
            errors.append(FieldError.invalid(path, value, "disallowed on this kind of request"))
        _check(resource, errors)
        review.status = await self._decide(_attributes(_subject(review.spec), review.spec))
        return review

    async def _self_subject_access(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authorization.SelfSubjectAccessReview)
        errors = _attribute_errors(review.spec)
        if _metadata(review.metadata):
            errors.append(FieldError.invalid(Path("metadata"), _metadata(review.metadata), "must be empty"))
        _check(resource, errors)
        assert isinstance(request.user, UserInfo)
        review.status = await self._decide(_attributes(request.user, review.spec))
        return review

    async def _self_subject_rules(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authorization.SelfSubjectRulesReview)
        if not review.spec.namespace:
            raise BadRequest("no namespace on request")
        assert isinstance(request.user, UserInfo)
        found = self._authorizer.rules_for(request.user, review.spec.namespace)
        review.spec = authorization.SelfSubjectRulesReviewSpec()
        review.status = authorization.SubjectRulesReviewStatus(
            resourceRules=[
                authorization.ResourceRule(
                    verbs=rule.verbs,
                    apiGroups=rule.apiGroups,
                    resources=rule.resources,
                    resourceNames=rule.resourceNames,
                )
                for rule in found.rules
                if rule.resources
            ],
            nonResourceRules=[
                authorization.NonResourceRule(verbs=rule.verbs, nonResourceURLs=rule.nonResourceURLs)
                for rule in found.rules
                if rule.nonResourceURLs
            ],
            incomplete=found.incomplete,
            evaluationError=found.error or None,
        )
        return review

    async def _self_subject(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authentication.SelfSubjectReview)
        assert isinstance(request.user, UserInfo)
        review.status = authentication.SelfSubjectReviewStatus(userInfo=_shown(request.user))
        return review

    async def _token(self, request: Request, info: RequestInfo, resource: Resource) -> msgspec.Struct:
        review = await self._decode(request, info, resource, authentication.TokenReview)
        token = review.spec.token
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        wanted = tuple(review.spec.audiences) or self._audiences
        found: tuple[UserInfo, tuple[str, ...]] | None = None
        problem = ""
        shared = tuple(a for a in wanted if a in self._audiences)
        if (static := self._authentication.static_tokens.get(token)) is not None and shared:
            found = static, shared
        else:
            try:
                found = await self._authentication.service_accounts.authenticate(token, wanted)
                bootstrap = self._authentication.bootstrap_tokens
                if found is None and shared and bootstrap is not None:
                    user = await bootstrap.authenticate(token)
                    found = (user, shared) if user is not None else None
                if found is None:
                    problem = "invalid bearer token"
            except TokenError as error:
                problem = f"[invalid bearer token, {error}]"
        if found is None:
            review.status = authentication.TokenReviewStatus(error=problem)
        else:
            shown = _shown(with_authenticated_group(found[0]))
            review.status = authentication.TokenReviewStatus(authenticated=True, user=shown, audiences=list(found[1]))
        return review


def _shown(user: UserInfo) -> authentication.UserInfo:
    return authentication.UserInfo(
        username=user.name,
        uid=user.uid or None,
        groups=list(user.groups),
        extra={key: list(values) for key, values in user.extra.items()},
    )


def _subject(spec: authorization.SubjectAccessReviewSpec) -> UserInfo:
    extra = {key.lower(): tuple(values) for key, values in spec.extra.items()}
    return UserInfo(spec.user or "", spec.uid or "", tuple(spec.groups), extra)


def _attributes(
    user: UserInfo, spec: authorization.SubjectAccessReviewSpec | authorization.SelfSubjectAccessReviewSpec
) -> Attributes:
    asked = spec.resourceAttributes
    if asked is None:
        path = spec.nonResourceAttributes
        assert path is not None
        return Attributes(user, path.verb or "", is_resource=False, path=path.path or "")
    labels, fields = asked.labelSelector, asked.fieldSelector
    return Attributes(
        user=user,
        verb=asked.verb or "",
        group=asked.group or "",
        version=asked.version or "*",
        resource=asked.resource or "",
        subresource=asked.subresource or "",
        namespace=asked.namespace or "",
        name=asked.name or "",
        label_selector=_raw(labels.rawSelector, labels.requirements) if labels else "",
        field_selector=_raw(fields.rawSelector, fields.requirements) if fields else "",
    )


def _raw(raw: str | None, requirements: list[LabelSelectorRequirement] | list[FieldSelectorRequirement]) -> str:
    """A selector as text; requirements that have no such form are left out, which only widens the question."""
    if raw:
        return raw
    terms = []
    for requirement in requirements:
        if requirement.operator == "In" and len(requirement.values) == 1:
            terms.append(f"{requirement.key}={requirement.values[0]}")
        elif requirement.operator == "NotIn" and len(requirement.values) == 1:
            terms.append(f"{requirement.key}!={requirement.values[0]}")
    return ",".join(terms)


def _spec_errors(spec: authorization.SubjectAccessReviewSpec) -> list[FieldError]:
    errors = _attribute_errors(spec)
    if not spec.user and not spec.groups:
        path = Path("spec.user")
        errors.append(FieldError.invalid(path, "", "at least one of user or group must be specified"))
    return errors


def _attribute_errors(
    spec: authorization.SubjectAccessReviewSpec | authorization.SelfSubjectAccessReviewSpec,
) -> list[FieldError]:
    asked, path = spec.resourceAttributes, spec.nonResourceAttributes
    errors: list[FieldError] = []
    if asked is not None and path is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        errors.append(FieldError.invalid(Path("spec.nonResourceAttributes"), msgspec.to_builtins(path), detail))
    if asked is None and path is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.append(FieldError.invalid(Path("spec.resourceAttributes"), None, detail))
    for name in ("fieldSelector", "labelSelector"):
        selector: Any = getattr(asked, name, None)
        if selector is None:
            continue
        at = Path("spec.resourceAttributes").child(name)
        if selector.rawSelector and selector.requirements:
            detail = "may not specified at the same time as requirements"
            errors.append(FieldError.invalid(at.child("rawSelector"), selector.rawSelector, detail))
        if not selector.rawSelector and not selector.requirements:
            detail = f"when {at} is specified, requirements or rawSelector is required"
            errors.append(FieldError.required(at.child("requirements"), detail))
    return errors


def _metadata(metadata: ObjectMeta) -> dict[str, Any]:
    tree: dict[str, Any] = msgspec.to_builtins(metadata)
    tree.pop("managedFields", None)
    return {key: value for key, value in tree.items() if value is not None}


def _check(resource: Resource, errors: list[FieldError]) -> None:
    if errors:
        raise invalid((resource.group, resource.kind), "", errors)
