"""`/pybernetes/v1/history`: what happened to one object, and how it was, for everybody who may read it.

* `?resource=deployments&group=apps&namespace=…&name=…`: the journal's entries of the object with what it was before
  and after each, in order of revision (`&after=`, `&limit=`).
* the same with `&at=REVISION` or `&time=RFC3339`: the object as it was then, and the revision that was meant.
* `?time=RFC3339` alone: the revision that was current then, for lists with `resourceVersionMatch=Exact`.

Whoever may `get` the object now sees its past; nobody else does. The past ends where versions are compacted away.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.apimachinery.errors import BadRequest, Gone, NotFound, ServiceUnavailable
from pybernetes.apimachinery.times import TimeError, format_time, parse_time
from pybernetes.apiserver.authorizers.attributes import forbidden
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.endpoints.journal import NOBODY, JournalPage, Params, number
from pybernetes.apiserver.endpoints.negotiation import error_form
from pybernetes.http.messages import Request, Response
from pybernetes.storage.store import Compacted, FutureRevision, Store, StoreError

PATH = "/pybernetes/v1/history"
_TOO_OLD = "that is older than the history which is kept (--history-retention)"


class HistoryPage:
    def __init__(self, store: Store, journal: JournalPage) -> None:
        self._store = store
        self._journal = journal

    async def answer(self, request: Request) -> Response:
        """Raises BadRequest, Forbidden, NotFound, Gone, ServiceUnavailable."""
        if request.method not in ("GET", "HEAD"):
            raise BadRequest(f"{PATH} can only be read")
        params = request.params()
        try:
            tree = await self._tree(request, params)
        except StoreError as error:
            raise ServiceUnavailable(str(error)) from None
        except Compacted:
            raise Gone(await self._too_old()) from None
        except FutureRevision:
            raise BadRequest("that revision has not happened yet") from None
        return answer(request, error_form(request), msgspec.json.encode(tree))

    async def _tree(self, request: Request, params: Params) -> dict[str, Any]:
        if "resource" not in params:
            if "time" not in params:
                raise BadRequest("name an object (resource, group, namespace, name), or a time")
            return {"revision": await self._revision(params)}
        key, asked = self._journal.object_named(params, request.user or NOBODY)
        allowed, reason = await self._journal.may_read(asked)
        if not allowed:
            raise forbidden(asked, reason)
        if "at" not in params and "time" not in params:
            limit = min(number(params, "limit", 1000), 5000)
            entries = await self._store.journal(key=key, after_revision=number(params, "after", 0), limit=limit)
            items = [await self._journal.item(entry, objects=True) for entry in entries]
            return {"revision": self._store.current_revision(), "items": items}
        revision = await self._revision(params)
        page = await self._store.range(key, limit=1, revision=revision)
        if not page.items or page.items[0].key != key:
            raise NotFound(f'{asked.resource} "{asked.name}" did not exist at revision {revision}')
        found = page.items[0]
        return {"revision": revision, "written": found.revision, "object": msgspec.Raw(found.value)}

    async def _revision(self, params: Params) -> int:
        """Raises BadRequest, Gone, FutureRevision."""
        if "time" not in params:
            revision = number(params, "at", 0)
            if revision > self._store.current_revision():
                raise FutureRevision
            return revision or self._store.current_revision()
        try:
            moment_s = parse_time(params["time"][0])
        except TimeError as error:
            raise BadRequest(f"time: {error}") from None
        revision = await self._store.revision_at(moment_s)
        entry = await self._store.journal_at(revision)
        if revision <= 0 or (entry is not None and entry.time_s > moment_s):
            raise Gone(await self._too_old())
        return revision

    async def _too_old(self) -> str:
        """With the beginning where that is known: of a cluster whose versions are all there still."""
        first = await self._store.journal(limit=1)
        if first:
            try:
                await self._store.range(first[0].key, limit=1, revision=first[0].revision)
            except (Compacted, FutureRevision):
                return _TOO_OLD
            begins = format_time(first[0].time_s)
            return f"that is before the history of this cluster begins: {begins}, revision {first[0].revision}"
        return _TOO_OLD
