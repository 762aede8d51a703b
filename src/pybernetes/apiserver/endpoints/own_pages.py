"""`/pybernetes/v1/…`: pages of Pybernetes' own, read-only, for cluster admins.

The journal and the history of objects are the apiserver's. Other components of the process give trees to be written
as JSON: they take the query's parameters and answer None where there is nothing. Access is that to a path which is
no resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apiserver.endpoints import history
from pybernetes.apiserver.endpoints.answers import answer
from pybernetes.apiserver.endpoints.journal import PATH, JournalPage
from pybernetes.apiserver.endpoints.negotiation import error_form
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import page_not_found

_PREFIX = "/pybernetes/v1/"

Tree = Callable[[Mapping[str, str]], Any | None]


class OwnPages:
    def __init__(self) -> None:
        self.trees: dict[str, Tree] = {}
        """The last segment of the path -> what answers it."""

    async def answer(self, journal: JournalPage, past: history.HistoryPage, request: Request) -> Response:
        """Raises BadRequest, ServiceUnavailable."""
        path = request.path.rstrip("/")
        if path == PATH:
            return await journal.answer(request)
        if path == history.PATH:
            return await past.answer(request)
        tree = self.trees.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if tree is None:
            return page_not_found()
        if request.method not in ("GET", "HEAD"):
            raise BadRequest(f"{path} can only be read")
        found = tree({name: values[0] for name, values in request.params().items() if values})
        return page_not_found() if found is None else answer(request, error_form(request), msgspec.json.encode(found))
