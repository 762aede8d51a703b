"""`/pybernetes/v1/journal`: who wrote what, when, and because of which write. Read-only, for cluster admins.

One entry (`?revision=`), those of one object (`?resource=pods&namespace=…&name=…`, with `&group=`), or all after a
revision (`?after=`), at most `limit`, in order of revision. `objects=true` adds the object after the write
and before it, where the store still has these versions. Access is that to a path which is no resource:
`system:masters`, and whoever a ClusterRole with `nonResourceURLs` lets in; and objects are shown only to those who
may get them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.apimachinery.errors import BadRequest, ServiceUnavailable
from pybernetes.apimachinery.scheme import RESOURCES
from pybernetes.apimachinery.times import format_micro_time
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.authorizers.attributes import AlwaysAllow, Attributes, Authorizer
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.endpoints.negotiation import error_form
from pybernetes.apiserver.registry.generic import keys
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import page_not_found
from pybernetes.storage.encryption.transformers import TransformError
from pybernetes.storage.store import Compacted, JournalEntry, Store, StoreError

PATH = "/pybernetes/v1/journal"
_MAX_LIMIT = 5000

NOBODY = UserInfo("")

Params = dict[str, list[str]]


class JournalPage:
    def __init__(self, store: Store, authorizer: Authorizer | None = None) -> None:
        self._store = store
        self._authorizer = authorizer or AlwaysAllow()
        self._resources = {(resource.group, resource.plural): resource for resource in RESOURCES}
        self._key_reader = keys.ResourceOfKey()

    async def answer(self, request: Request) -> Response:
        """Raises BadRequest, ServiceUnavailable."""
        if request.path.rstrip("/") != PATH:
            return page_not_found()
        params = request.params()
        try:
            entries = await self._entries(params)
            items = [await self._item_for(request.user or NOBODY, entry, "objects" in params) for entry in entries]
        except StoreError as error:
            raise ServiceUnavailable(str(error)) from None
        shown = {"revision": self._store.current_revision(), "items": items}
        return answer(request, error_form(request), msgspec.json.encode(shown))

    async def _entries(self, params: Params) -> list[JournalEntry]:
        revision = number(params, "revision", 0)
        if revision:
            entry = await self._store.journal_at(revision)
            return [entry] if entry is not None else []
        key = self.object_named(params)[0] if "resource" in params else ""
        limit = min(number(params, "limit", 1000), _MAX_LIMIT)
        return await self._store.journal(key=key, after_revision=number(params, "after", 0), limit=limit)

    def object_named(self, params: Params, user: UserInfo = NOBODY) -> tuple[str, Attributes]:
        """The store's key of the object that a query names, and the question whether `user` may get it.

        Raises BadRequest.
        """
        plural, group = params["resource"][0], params.get("group", [""])[0]
        namespace, name = params.get("namespace", [""])[0], params.get("name", [""])[0]
        asked = Attributes(user, "get", group=group, resource=plural, namespace=namespace, name=name)
        resource = self._resources.get((group, plural))
        if resource is not None:
            return keys.key(keys.prefix(resource), resource.namespaced, namespace, name), asked
        if "." in group:  # a custom resource's, which may be gone by now
            return keys.key(f"{keys.ROOT}{group}/{plural}/", bool(namespace), namespace, name), asked
        raise BadRequest(f"the server does not know the resource {plural!r} of the group {group!r}")

    async def may_read(self, asked: Attributes) -> tuple[bool, str]:
        """Whether, and what is said to it."""
        decision = await self._authorizer.authorize(asked)
        return decision.allowed, decision.reason

    async def _item_for(self, user: UserInfo, entry: JournalEntry, objects: bool) -> dict[str, Any]:
        if objects:
            group, plural, namespace, name = self._object(entry)
            asked = Attributes(user, "get", group=group, resource=plural, namespace=namespace, name=name)
            objects, _ = await self.may_read(asked)
        return await self.item(entry, objects=objects)

    def _object(self, entry: JournalEntry) -> keys.ObjectOfKey:
        """What was written; the whole key as name when it is no resource's."""
        return self._key_reader.split(entry.key) or keys.ObjectOfKey("", "", "", entry.key)

    async def item(self, entry: JournalEntry, *, objects: bool) -> dict[str, Any]:
        """An entry as it is shown; `objects` adds what was written and what was there before."""
        group, plural, namespace, name = self._object(entry)
        item: dict[str, Any] = {
            "revision": entry.revision,
            "time": format_micro_time(entry.time_s),
            "verb": entry.verb,
            "group": group,
            "resource": plural,
            "namespace": namespace,
            "name": name,
            "user": entry.user,
            "userAgent": entry.user_agent,
            "traceparent": entry.traceparent,
            "causeRevision": entry.cause_revision,
        }
        if objects:
            try:
                changes = await self._store.changes(entry.key, entry.revision - 1, limit=1)
            except Compacted:
                return item
            except TransformError as error:  # its key is gone from the configuration
                item["problem"] = str(error)
                return item
            if changes and changes[0].revision == entry.revision:
                change = changes[0]
                item["object"] = msgspec.Raw(change.value) if change.kind == "put" else None
                item["previous"] = msgspec.Raw(change.previous) if change.previous is not None else None
        return item


def number(params: Params, name: str, default: int) -> int:
    """A parameter that is a number. Raises BadRequest."""
    text = params.get(name, [""])[0]
    if not text:
        return default
    if not text.isdecimal():
        raise BadRequest(f"{name} must be a number, not {text!r}")
    return int(text)
