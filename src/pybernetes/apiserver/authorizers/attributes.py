"""What an authorizer is asked, and what it answers.

Source: apiserver/pkg/authorization/authorizer/interfaces.go, endpoints/handlers/responsewriters/errors.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pybernetes.api.rbac.v1 import PolicyRule
from pybernetes.apimachinery.errors import Forbidden
from pybernetes.apimachinery.user import SYSTEM_MASTERS, UserInfo
from pybernetes.apiserver.authorizers.rules import FULL_AUTHORITY
from pybernetes.apiserver.request_info import RequestInfo


class Attributes(NamedTuple):
    """One question: may this user do this? A tuple, because every request makes one."""

    user: UserInfo
    verb: str
    is_resource: bool = True
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    label_selector: str = ""
    field_selector: str = ""

    @classmethod
    def of(cls, user: UserInfo, info: RequestInfo) -> Attributes:
        return cls(
            user, info.verb, info.is_resource, info.group, info.version, info.resource, info.subresource,
            info.namespace, info.name, info.path, info.label_selector, info.field_selector,
        )  # fmt: skip


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""
    """Why; of a refusal, what each authorizer had to say."""
    denied: bool = False
    """A refusal that no later authorizer can overrule."""


NO_OPINION = Decision(False)


class UserRules(NamedTuple):
    rules: list[PolicyRule]
    incomplete: bool = False
    error: str = ""


class Authorizer(Protocol):
    async def authorize(self, attributes: Attributes) -> Decision:
        """The answer. One that never waits for anything has a plain method `decide` with the same answer beside it."""
        ...

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        """Everything the user may do in a namespace, as far as rules can say it."""
        ...


class PrivilegedGroups:
    """system:masters may do everything, whatever the roles say."""

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        return Decision(True) if SYSTEM_MASTERS in attributes.user.groups else NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        return UserRules([])


class AlwaysAllow:
    async def authorize(self, attributes: Attributes) -> Decision:
        return Decision(True)

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        return UserRules(list(FULL_AUTHORITY))


class AlwaysDeny:
    async def authorize(self, attributes: Attributes) -> Decision:
        return Decision(False, "Everything is forbidden.")

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        return UserRules([])


class Union:
    """Asks one after the other until one allows or denies."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)
        self._steps = [(getattr(authorizer, "decide", None), authorizer.authorize) for authorizer in authorizers]

    async def authorize(self, attributes: Attributes) -> Decision:
        reasons: list[str] = []
        for decide, authorize in self._steps:
            decision = decide(attributes) if decide is not None else await authorize(attributes)
            if decision.allowed:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
            if decision.denied:
                return Decision(False, "\n".join(reasons), True)
        return Decision(False, "\n".join(reasons))

    def rules_for(self, user: UserInfo, namespace: str) -> UserRules:
        found = [authorizer.rules_for(user, namespace) for authorizer in self._authorizers]
        return UserRules(
            [rule for each in found for rule in each.rules],
            any(each.incomplete for each in found),
            ", ".join(each.error for each in found if each.error),
        )


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    """The refusal in upstream's words: `pods is forbidden: User "x" cannot list resource "pods" …`."""
    user, verb = attributes.user.name, attributes.verb
    if not attributes.is_resource:
        text = f'User "{user}" cannot {verb} path "{attributes.path}"'
        subject = "forbidden"
    else:
        resource = attributes.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
        text = f'User "{user}" cannot {verb} resource "{resource}" in API group "{attributes.group}" {where}'
        qualified = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
        subject = f'{qualified} "{attributes.name}" is forbidden' if attributes.name else f"{qualified} is forbidden"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if reason:
        text = f"{text}: {reason}"
    return Forbidden(f"{subject}: {text}", group=attributes.group, kind=attributes.resource, name=attributes.name)
