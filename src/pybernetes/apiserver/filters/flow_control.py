"""Says which FlowSchema a request falls under, in headers of its answer.

What a FlowSchema matches is worked out once for a user and a kind of request. How many requests run at once is the
in-flight filter's business.
Source: apiserver/pkg/util/flowcontrol/{rule.go,apf_controller.go}, pkg/server/filters/priority-and-fairness.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec

from pybernetes.api.flowcontrol.v1 import (
    FlowSchema,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    ResourcePolicyRule,
    Subject,
)
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.chain import Filter
from pybernetes.apiserver.feeds import Key
from pybernetes.apiserver.request_info import RequestInfo
from pybernetes.http.messages import Handler, Request, Response, Upgrade

SCHEMA_HEADER = "X-Kubernetes-PF-FlowSchema-UID"
LEVEL_HEADER = "X-Kubernetes-PF-PriorityLevel-UID"
CONTEXT_KEY = "flow"
_REMEMBERED = 4096
_ACCOUNT = "system:serviceaccount:"
Headers = tuple[tuple[str, str], ...]


class FlowTable:
    """The FlowSchemas by precedence, and the uids of priority levels."""

    def __init__(self) -> None:
        self._schemas: dict[str, FlowSchema] = {}
        self._levels: dict[str, str] = {}
        self._order: list[FlowSchema] = []
        self._known: dict[tuple[object, ...], Headers] = {}
        self.changed = asyncio.Event()
        """Set whenever schemas or levels came, changed or went; whoever waits clears it."""

    def schemas(self) -> list[FlowSchema]:
        """All of them, by precedence; read-only."""
        return self._order

    def has_level(self, schema: FlowSchema) -> bool:
        """Whether the schema's priority level exists."""
        return schema.spec.priorityLevelConfiguration.name in self._levels

    def put_schema(self, key: Key, value: bytes) -> None:
        self._schemas[key[1]] = msgspec.json.decode(value, type=FlowSchema)
        self._changed()

    def remove_schema(self, key: Key) -> None:
        self._schemas.pop(key[1], None)
        self._changed()

    def put_level(self, key: Key, value: bytes) -> None:
        self._levels[key[1]] = msgspec.json.decode(value, type=PriorityLevelConfiguration).metadata.uid or ""
        self._changed()

    def remove_level(self, key: Key) -> None:
        self._levels.pop(key[1], None)
        self._changed()

    def _changed(self) -> None:
        self._known.clear()
        self.changed.set()
        self._order = sorted(
            self._schemas.values(), key=lambda schema: (schema.spec.matchingPrecedence, schema.metadata.name or "")
        )

    def headers(self, user: UserInfo, info: RequestInfo) -> Headers:
        """The headers for a user's request; none while there are no FlowSchemas."""
        key: tuple[object, ...] = (user.name, user.groups, info.verb)
        if info.is_resource:  # no rule asks for a name
            key = (*key, info.group, info.resource, info.subresource, info.namespace)
        else:
            key = (*key, info.path)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[key] = self._find(user, info)
        return found

    def _find(self, user: UserInfo, info: RequestInfo) -> Headers:
        for schema in self._order:
            level = self._levels.get(schema.spec.priorityLevelConfiguration.name)
            if level is not None and any(_matches(rule, user, info) for rule in schema.spec.rules):
                return ((SCHEMA_HEADER, schema.metadata.uid or ""), (LEVEL_HEADER, level))
        return ()


def classified(table: FlowTable) -> Filter:
    """The filter; the outermost one writes what it found."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Awaitable[Response | Upgrade]:
            if request.user is not None:
                request.context[CONTEXT_KEY] = table.headers(request.user, request.context["info"])
            return inner(request)

        return handle

    return wrap


def _matches(rule: PolicyRulesWithSubjects, user: UserInfo, info: RequestInfo) -> bool:
    if not any(_is_subject(subject, user) for subject in rule.subjects):
        return False
    if info.is_resource:
        return any(_covers(each, info) for each in rule.resourceRules)
    return any(_covers_path(each, info) for each in rule.nonResourceRules)


def _is_subject(subject: Subject, user: UserInfo) -> bool:
    if subject.user is not None:
        return subject.user.name in ("*", user.name)
    if subject.group is not None:
        return subject.group.name == "*" or subject.group.name in user.groups
    account = subject.serviceAccount
    if account is None:
        return False
    prefix = f"{_ACCOUNT}{account.namespace}:"
    return user.name.startswith(prefix) if account.name == "*" else user.name == prefix + account.name


def _covers(rule: ResourcePolicyRule, info: RequestInfo) -> bool:
    if not (_one_of(info.verb, rule.verbs) and _one_of(info.group, rule.apiGroups)):
        return False
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not _one_of(resource, rule.resources):
        return False
    return _one_of(info.namespace, rule.namespaces) if info.namespace else bool(rule.clusterScope)


def _covers_path(rule: NonResourcePolicyRule, info: RequestInfo) -> bool:
    if not _one_of(info.verb, rule.verbs):
        return False
    path = info.path
    return any(url in ("*", path) or (url.endswith("/*") and path.startswith(url[:-1])) for url in rule.nonResourceURLs)


def _one_of(value: str, wanted: list[str]) -> bool:
    return "*" in wanted or value in wanted
