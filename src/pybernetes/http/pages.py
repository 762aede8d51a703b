"""Answers that the pages of every component have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.http.messages import Response


def text(body: str, status: int = 200) -> Response:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]
    return Response(status, headers, body.encode())


def page_not_found() -> Response:
    """What upstream says where nothing at all is served."""
    return text("404 page not found\n", 404)


def metrics(lines: Iterable[str]) -> Response:
    """Lines of Prometheus' text form."""
    headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]
    return Response(200, headers, "\n".join([*lines, ""]).encode())
