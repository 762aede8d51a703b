"""What a request asks for: verb, resource, namespace, name, read off its method and path alone.

Authorization, metrics and routing all read this. It never looks at the body or the store.
Source: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.http.messages import Request

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PATH_VERBS = ("proxy", "watch")
_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_SELECTOR_VERBS = ("list", "watch", "deletecollection")
_READS = ("get", "list", "watch")
_REMEMBERED_CHARACTERS = 1024
"""Longer targets are not remembered, so that a client cannot fill memory with them."""
LONG_RUNNING_SUBRESOURCES = frozenset(("attach", "exec", "proxy", "log", "portforward"))


@dataclass(slots=True, eq=False)
class RequestInfo:
    """Shared between requests of the same target: to change one, `dataclasses.replace` it."""

    path: str
    verb: str
    is_resource: bool = False
    prefix: str = ""
    """api or apis."""
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    rest: tuple[str, ...] = ()
    """Path segments after the subresource (those of a proxied URL)."""
    label_selector: str = ""
    field_selector: str = ""
    long_running: bool = field(init=False)
    """Watches and connections, which no timeout and no in-flight limit touches."""
    reading: bool = field(init=False)
    """Counts as a read where requests under way are counted and limited."""

    def __post_init__(self) -> None:
        self.derive()

    def derive(self) -> None:
        """What every filter asks, from the verb and what it is for."""
        self.long_running = self.is_resource and (
            self.verb in _PATH_VERBS or self.subresource in LONG_RUNNING_SUBRESOURCES
        )
        self.reading = not self.is_resource or self.verb in _READS


def resolve(request: Request) -> RequestInfo:
    """The RequestInfo of a request. Raises BadRequest for /api/v1/watch without anything to watch."""
    path, query = request.path, request.query
    if len(path) + len(query) > _REMEMBERED_CHARACTERS:
        return _of_target.__wrapped__(request.method, path, query)
    return _of_target(request.method, path, query)


@functools.lru_cache(4096)
def _of_target(method: str, path: str, query: str) -> RequestInfo:
    info = _of_path(method, path)
    if info.is_resource and (query or not info.name):
        _add_query(info, query)
    info.derive()  # the verb is known only now
    return info


def _of_path(method: str, path: str) -> RequestInfo:
    info = RequestInfo(path, method.lower())
    parts = path.strip("/").split("/")
    if len(parts) < 3 or parts[0] not in ("api", "apis"):
        return info
    info.prefix = parts[0]
    if parts[0] == "apis":
        if len(parts) < 4:
            return info
        info.group = parts[1]
        parts = parts[2:]
    else:
        parts = parts[1:]
    info.is_resource = True
    info.version = parts[0]
    parts = parts[1:]
    by_path = parts[0] in _PATH_VERBS
    if by_path:
        if len(parts) < 2:
            raise BadRequest(f"unable to determine kind and namespace from url, {path}")
        info.verb = parts[0]
        parts = parts[1:]
    else:
        info.verb = _VERBS.get(method, "")
    if parts[0] == "namespaces" and len(parts) > 1:
        info.namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    if len(parts) >= 3 and not by_path:
        info.subresource = parts[2]
        info.rest = tuple(parts[3:])
    if len(parts) >= 2:
        info.name = parts[1]
    info.resource = parts[0]
    return info


def _add_query(info: RequestInfo, query: str) -> None:
    """Tells list from watch, finds the one name a field selector allows, keeps the selectors."""
    by_path = info.verb in _PATH_VERBS
    params = parse_qs(query, keep_blank_values=True) if query else {}
    if not info.name and info.verb == "get":
        info.verb = "watch" if truth(params.get("watch", ["false"])[0]) else "list"
        info.name = _exact_name(params.get("fieldSelector", [""])[0])
    elif not info.name and info.verb == "delete":
        info.verb = "deletecollection"
    if not by_path and info.verb in _SELECTOR_VERBS:
        info.field_selector = params.get("fieldSelector", [""])[0]
        info.label_selector = params.get("labelSelector", [""])[0]


def truth(text: str) -> bool:
    """A boolean query parameter: anything but an explicit no is yes. Source: runtime/conversion.go."""
    return text.lower() not in ("false", "0", "")


def _exact_name(field_selector: str) -> str:
    """x of `metadata.name=x`, when the selector asks for exactly one."""
    for term in field_selector.split(","):
        key, equals, value = term.replace("==", "=").partition("=")
        if equals and key == "metadata.name" and value and "/" not in value and "%" not in value:
            return value
    return ""
