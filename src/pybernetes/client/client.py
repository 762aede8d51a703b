"""The typed API client: verbs on generated Structs, errors as the StatusError tree, causes sent by itself.

Below it a Transport moves bytes. `client.dynamic` has the same verbs for any Resource on trees.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import msgspec

from pybernetes.api.meta.v1 import Status
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.client import cause
from pybernetes.client.decode import decode_event, decode_list, decode_object, decode_shared
from pybernetes.client.dynamic import DynamicClient
from pybernetes.client.objects import KubernetesObject, T
from pybernetes.client.query import PATCH_TYPES, body_of, delete_options, target
from pybernetes.client.transport import RawResponse, Transport

__all__ = ["Client", "ListResult", "RawResponse", "WatchEvent"]

R = TypeVar("R", bound=msgspec.Struct)

_JSON = {"accept": "application/json", "content-type": "application/json"}
_MOST_TRIES = 10
_UNREACHABLE_TRIES = 3
_READS = ("GET", "HEAD")
_WRITES_AT_ONCE = 64
"""Of one client: a burst of a controller must not use up the apiserver's places for all others."""


@dataclass(slots=True)
class ListResult(Generic[T]):
    items: list[T]
    resource_version: str
    continue_: str = ""


@dataclass(slots=True)
class WatchEvent(Generic[T]):
    type: str
    """ADDED, MODIFIED, DELETED, BOOKMARK (an object with nothing but its resourceVersion)."""
    object: T


class Client:
    """Raises errors.StatusError for error answers, OSError when the apiserver cannot be reached.

    A 429 or 5xx answer with Retry-After is waited for and tried again, and a read is tried a few
    times when the connection breaks. Source: client-go/rest/request.go, with_retry.go.
    """

    def __init__(self, transport: Transport, user_agent: str = "pybernetes", *, timeout_s: float = 60.0) -> None:
        self.transport = transport
        self.user_agent = user_agent
        self.timeout_s = timeout_s
        self.dynamic = DynamicClient(self)
        self._writing = asyncio.Semaphore(_WRITES_AT_ONCE)
        self._headers = {**_JSON, "user-agent": user_agent}

    def with_user_agent(self, user_agent: str) -> Client:
        """The same transport under another name."""
        return Client(self.transport, user_agent, timeout_s=self.timeout_s)

    async def get(self, cls: type[T], name: str, namespace: str = "") -> T:
        body = await self._send("GET", target(resource_of(cls).path(namespace, _named(name))))
        return decode_object(cls, body)

    async def list(
        self,
        cls: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
    ) -> ListResult[T]:
        """One page; all of it with limit 0. namespace "" lists every namespace."""
        where = target(
            resource_of(cls).path(namespace),
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=limit,
            continue_=continue_,
            resourceVersion=resource_version,
        )
        page = decode_list(cls, await self._send("GET", where))
        return ListResult(page.items, page.metadata.resourceVersion or "", page.metadata.continue_ or "")

    async def watch(
        self,
        cls: type[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
        timeout_s: int = 0,
        read_only: bool = False,
    ) -> AsyncIterator[WatchEvent[T]]:
        """Events after `resource_version` until the server ends the watch. Raises Expired for a version too old.

        `read_only`: nobody changes the objects, so others may have the same ones; they have no managedFields.
        """
        where = target(
            resource_of(cls).path(namespace),
            watch=True,
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            allowWatchBookmarks=bookmarks,
            timeoutSeconds=timeout_s,
        )
        decode = decode_shared if read_only else decode_object
        async with contextlib.aclosing(self.watch_lines(where)) as lines:
            async for kind, raw in lines:
                yield WatchEvent(kind, decode(cls, raw))

    async def create(
        self, obj: T, namespace: str = "", *, field_manager: str = "", dry_run: bool = False, read_only: bool = False
    ) -> T:
        """`read_only` as in `watch`."""
        resource, space = resource_of(type(obj)), namespace or obj.metadata.namespace or ""
        where = target(resource.path(space), fieldManager=field_manager, dryRun="All" if dry_run else "")
        answer = await self._send("POST", where, msgspec.json.encode(obj))
        return (decode_shared if read_only else decode_object)(type(obj), answer)

    async def update(self, obj: T, *, field_manager: str = "") -> T:
        return await self._update(obj, "", field_manager)

    async def update_status(self, obj: T, *, field_manager: str = "") -> T:
        return await self._update(obj, "status", field_manager)

    async def patch(
        self,
        cls: type[T],
        name: str,
        namespace: str,
        body: Any,
        *,
        patch_type: str = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
        read_only: bool = False,
    ) -> T:
        """`patch_type`: merge, strategic, json, apply; `body` is bytes, a tree or a Struct.

        `read_only` as in `watch`.
        """
        where = target(
            resource_of(cls).path(namespace, _named(name), subresource), fieldManager=field_manager, force=force
        )
        headers = {"content-type": PATCH_TYPES[patch_type]}
        answer = await self._send("PATCH", where, body_of(body), headers)
        return (decode_shared if read_only else decode_object)(cls, answer)

    async def apply(self, obj: T, field_manager: str, force: bool = False) -> T:
        """Server-side apply of the fields that are set."""
        return await self.patch(
            type(obj),
            obj.metadata.name or "",
            obj.metadata.namespace or "",
            obj,
            patch_type="apply",
            field_manager=field_manager,
            force=force,
        )

    async def delete(
        self,
        cls: type[KubernetesObject],
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_s: int | None = None,
        propagation: str = "",
    ) -> None:
        """`propagation`: Background, Foreground, Orphan, or "" for the resource's default."""
        body = delete_options(
            uid=uid, resource_version=resource_version, grace_period_s=grace_period_s, propagation=propagation
        )
        await self._send("DELETE", target(resource_of(cls).path(namespace, _named(name))), body)

    async def delete_collection(
        self,
        cls: type[KubernetesObject],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        grace_period_s: int | None = None,
        propagation: str = "",
    ) -> None:
        where = target(resource_of(cls).path(namespace), labelSelector=label_selector, fieldSelector=field_selector)
        await self._send("DELETE", where, delete_options(grace_period_s=grace_period_s, propagation=propagation))

    async def create_subresource(
        self, cls: type[KubernetesObject], name: str, namespace: str, subresource: str, obj: Any, returns: type[R]
    ) -> R:
        """POST to a subresource: binding, eviction, token."""
        where = target(resource_of(cls).path(namespace, _named(name), subresource))
        return decode_object(returns, await self._send("POST", where, body_of(obj)))

    @overload
    async def update_subresource(
        self, cls: type[KubernetesObject], name: str, namespace: str, subresource: str, obj: R
    ) -> R: ...

    @overload
    async def update_subresource(
        self, cls: type[KubernetesObject], name: str, namespace: str, subresource: str, obj: Any, returns: type[R]
    ) -> R: ...

    async def update_subresource(
        self,
        cls: type[KubernetesObject],
        name: str,
        namespace: str,
        subresource: str,
        obj: Any,
        returns: type[Any] | None = None,
    ) -> Any:
        """PUT to a subresource: scale, finalize, ephemeralcontainers."""
        where = target(resource_of(cls).path(namespace, _named(name), subresource))
        return decode_object(returns or type(obj), await self._send("PUT", where, body_of(obj)))

    async def raw(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> RawResponse:
        """Any request; raises StatusError when the answer's status is 400 or more."""
        where = f"{path}?{query}" if query else path
        return await self._answer(method, where, body, headers)

    async def watch_lines(self, where: str) -> AsyncGenerator[tuple[str, msgspec.Raw]]:
        """(type, object bytes) of each event of a watch request. Raises the StatusError of an ERROR event."""
        async with self.transport.stream("GET", where, self._headers) as stream:
            if stream.status >= 400:
                raise _error_of(stream.status, await stream.read(), stream.headers)
            rest = b""
            async for chunk in stream.chunks():
                lines = (rest + chunk if rest else chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line:
                        event = decode_event(line)
                        if event.type == "ERROR":
                            raise errors.from_status(decode_object(Status, event.object))
                        yield event.type, event.object

    async def _update(self, obj: T, subresource: str, field_manager: str) -> T:
        meta = obj.metadata
        path = resource_of(type(obj)).path(meta.namespace, _named(meta.name or ""), subresource)
        body = msgspec.json.encode(obj)
        return decode_object(type(obj), await self._send("PUT", target(path, fieldManager=field_manager), body))

    async def _send(
        self, method: str, where: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        return (await self._answer(method, where, body, headers)).body

    async def _answer(self, method: str, where: str, body: bytes, headers: Mapping[str, str] | None) -> RawResponse:
        sent = {**self._headers, **cause.current().headers(), **(headers or {})}
        for attempt in range(1, _MOST_TRIES + 1):
            try:
                answer = await self._once(method, where, sent, body)
            except ConnectionError:
                if method not in _READS or attempt >= _UNREACHABLE_TRIES:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
                continue
            if answer.status < 400:
                return answer
            wait_s = _retry_after(answer)
            if wait_s is None or attempt == _MOST_TRIES:
                raise _error_of(answer.status, answer.body, answer.headers)
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def _once(self, method: str, where: str, headers: Mapping[str, str], body: bytes) -> RawResponse:
        if method in _READS:
            return await self.transport.request(method, where, headers, body, self.timeout_s)
        async with self._writing:
            return await self.transport.request(method, where, headers, body, self.timeout_s)


def _named(name: str) -> str:
    """A name that cannot be empty: an empty one would address the collection."""
    if not name:
        raise ValueError("resource name may not be empty")
    return name


def _retry_after(answer: RawResponse) -> float | None:
    if answer.status != 429 and answer.status < 500:
        return None
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _error_of(status: int, body: bytes, headers: Mapping[str, str]) -> errors.StatusError:
    if body.lstrip().startswith(b"{"):
        try:
            return errors.from_status(decode_object(Status, body))
        except (ValueError, msgspec.DecodeError):
            pass
    text = body.decode("utf-8", "replace").strip() or f"the server answered with status {status}"
    return errors.from_status(Status(code=status, message=text))
