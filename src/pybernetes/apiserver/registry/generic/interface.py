"""What endpoints and the registry say to each other: the request's context, options, results, storages.

An endpoint parses the HTTP request into a `RequestContext` and options, asks `Registry.storage_for(resource)`
for the storage and calls one method on it. Objects go out as served bytes (canonical JSON with
metadata.resourceVersion, in the version of the storage's resource); errors are `apimachinery.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from pybernetes.apimachinery.user import UserInfo

if TYPE_CHECKING:
    from pybernetes.api.authentication.v1 import TokenRequest
    from pybernetes.api.core.v1 import ServiceAccount
    from pybernetes.apimachinery.scheme import Resource

PatchType = Literal["json", "merge", "strategic", "apply"]
"""application/json-patch+json, merge-patch+json, strategic-merge-patch+json, apply-patch+yaml."""

Body = bytes | dict[str, Any] | list[Any] | msgspec.Struct
"""An object or a patch: JSON or YAML bytes as received, a JSON tree, or (in-process) a Struct."""


@dataclass(slots=True)
class RequestContext:
    """One API request, after routing, authentication and authorization."""

    user: UserInfo
    resource: Resource
    verb: str
    """create, get, list, watch, update, patch, delete, deletecollection."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user_agent: str = ""
    dry_run: bool = False
    field_manager: str = ""
    """?fieldManager=; "" means the prefix of the user agent."""
    field_validation: str = "Warn"
    """?fieldValidation=: Strict, Warn or Ignore."""
    force: bool = False
    """?force= of server-side apply."""
    content_type: str = "application/json"
    """Media type of a body given as bytes: application/json or application/yaml."""
    traceparent: str = ""
    """W3C trace context; the first write of a request without one makes it."""
    cause_revision: int = 0
    """Header x-pybernetes-cause: the revision whose observation led to this request."""
    warnings: list[str] = field(default_factory=list)
    """Texts for Warning headers; the registry appends."""
    size: int = 0
    """Bytes of the body, however it is handed on."""
    sent: Body = b""
    """What the object of a write was read from: a body or, of a patch, the tree that it made."""


@dataclass(slots=True)
class ListOptions:
    """The query of list and watch; selectors as received (parsed by the registry)."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_s: float | None = None
    """Left to the endpoint that serves the watch."""


@dataclass(slots=True)
class DeleteOptions:
    """meta/v1 DeleteOptions, from the body or the query."""

    grace_period_s: int | None = None
    propagation_policy: str | None = None
    """Orphan, Background, Foreground."""
    orphan_dependents: bool | None = None
    uid: str | None = None
    resource_version: str | None = None


@dataclass(slots=True)
class ListResult:
    items: list[bytes]
    """Served bytes, in order of key."""
    revision: int
    continue_: str = ""
    remaining: int | None = None


@dataclass(slots=True)
class Written:
    value: bytes
    """The object as served after the write; a subresource may answer with another kind (Scale, Status)."""
    created: bool = False
    """True: the answer is 201."""


@dataclass(slots=True)
class Deleted:
    value: bytes
    """The object, or a Status when the resource answers with one."""
    accepted: bool = False
    """True: the answer is 202 (the deletion goes on in the background)."""


class WatchFrame(Protocol):
    """One event of a watch, encoded once for every watcher that sees it alike: a storage.recent.WatchEvent."""

    @property
    def type(self) -> str:
        """ADDED, MODIFIED, DELETED, BOOKMARK."""
        ...

    @property
    def value(self) -> bytes:
        """Served bytes; a BOOKMARK holds only apiVersion, kind and metadata.resourceVersion."""
        ...

    @property
    def revision(self) -> int: ...

    @property
    def line(self) -> bytes:
        """The frame on the wire: `{"type":…,"object":…}` and a newline."""
        ...

    def otherwise(self, encode: Callable[[str, bytes], bytes]) -> bytes:
        """The frame in the other encoding, made of type and value once for all watchers."""
        ...


class Watch(Protocol):
    """A running watch."""

    def __aiter__(self) -> AsyncIterator[Sequence[WatchFrame]]: ...

    async def __anext__(self) -> Sequence[WatchFrame]: ...

    @property
    def fell_behind(self) -> bool:
        """It was ended because nobody took its frames."""
        ...

    def end(self) -> None:
        """Its time is up: what is there already still comes, then the iteration stops."""
        ...

    async def aclose(self) -> None: ...


@dataclass(slots=True, frozen=True)
class Column:
    """One column of a Table. Source: apimachinery/pkg/apis/meta/v1 TableColumnDefinition."""

    name: str
    type: str = "string"
    """string, integer, number, boolean, date."""
    format: str = ""
    """"name" for the name column."""
    description: str = ""
    priority: int = 0
    """0 is always shown; 1 only with -o wide."""


class Subresource(Protocol):
    """A subresource by name (status, scale, binding, eviction, finalize, token, …); verbs it lacks raise
    MethodNotAllowed. Connecting ones (exec, log, proxy, …) are the endpoints' own."""

    async def get(self, ctx: RequestContext) -> bytes: ...

    async def create(self, ctx: RequestContext, body: Body) -> Written: ...

    async def update(self, ctx: RequestContext, body: Body) -> Written: ...

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written: ...


class ResourceStorage(Protocol):
    """All verbs of one resource in one version.

    Raises: NotFound, AlreadyExists, Conflict, Invalid, BadRequest, Forbidden, Expired, … from
    `apimachinery.errors`.
    """

    resource: Resource

    @property
    def columns(self) -> Sequence[Column]: ...

    def row(self, value: bytes, now: float) -> list[Any]:
        """The cells of one object, in order of `columns`; `now` is epoch seconds for ages."""
        ...

    def row_conditions(self, value: bytes) -> list[dict[str, str]]:
        """TableRowConditions of one object."""
        ...

    async def get(self, ctx: RequestContext, resource_version: str = "") -> bytes: ...

    async def list(self, ctx: RequestContext, options: ListOptions) -> ListResult:
        """ctx.namespace "" lists every namespace; ctx.name narrows to one object."""
        ...

    async def watch(self, ctx: RequestContext, options: ListOptions) -> Watch:
        """Batches of frames in order of revision. Errors of the request are raised here (Expired: the client
        lists again). The iteration ends when the watcher fell behind; `aclose()` it to stop."""
        ...

    async def create(self, ctx: RequestContext, body: Body) -> Written: ...

    async def update(self, ctx: RequestContext, body: Body) -> Written: ...

    async def patch(self, ctx: RequestContext, patch_type: PatchType, body: Body) -> Written: ...

    async def delete(self, ctx: RequestContext, options: DeleteOptions) -> Deleted: ...

    async def delete_collection(
        self, ctx: RequestContext, list_options: ListOptions, options: DeleteOptions
    ) -> ListResult:
        """The objects that were deleted (or marked), as a list."""
        ...

    @property
    def subresources(self) -> Mapping[str, Subresource]: ...


class TokenIssuer(Protocol):
    """Signs ServiceAccount tokens; the apiserver's authenticators own the key."""

    async def issue(
        self, service_account: ServiceAccount, request: TokenRequest, bound: msgspec.Struct | None
    ) -> tuple[str, str]:
        """The token and its expirationTimestamp. `request` is defaulted and validated; `bound` is the Pod,
        Secret or Node of spec.boundObjectRef."""
        ...


class Registry(Protocol):
    """Every storage of one apiserver."""

    def storage_for(self, resource: Resource) -> ResourceStorage:
        """Raises KeyError for a resource without storage (reviews, bindings of no Pod)."""
        ...
