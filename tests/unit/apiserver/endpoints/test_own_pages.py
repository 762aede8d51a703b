"""Pages that other components give: found by name, read-only, JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pybernetes.apimachinery.errors import BadRequest
from pybernetes.apiserver.endpoints.own_pages import OwnPages
from pybernetes.http.messages import Request, Response


def asked(method: str, path: str, query: str = "") -> Response:
    journal: Any = None
    past: Any = None
    pages = OwnPages()
    pages.trees["greeting"] = lambda params: {"hello": params["name"]} if "name" in params else None
    return asyncio.run(pages.answer(journal, past, Request(method, path, query)))


def test_a_tree_is_written_as_json() -> None:
    found = asked("GET", "/pybernetes/v1/greeting", "name=you")
    assert (found.status, json.loads(found.body)) == (200, {"hello": "you"})  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/pybernetes/v1/greeting", "/pybernetes/v1/nothing", "/pybernetes/greeting"])
def test_where_there_is_nothing(path: str) -> None:
    assert asked("GET", path).status == 404


def test_it_can_only_be_read() -> None:
    with pytest.raises(BadRequest):
        asked("POST", "/pybernetes/v1/greeting", "name=you")
