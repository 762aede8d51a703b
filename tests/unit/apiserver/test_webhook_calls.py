"""What is said of a webhook's answer that is no success."""

from __future__ import annotations

import pytest

from pybernetes.apiserver.webhooks.caller import refusal
from pybernetes.http.client import HttpResponse

TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "content_type", "body", "told"),
    [
        (400, TEXT, b"why", "the server rejected our request for an unknown reason"),
        (403, TEXT, b" you may not\n", "you may not"),
        (403, "application/json", b"{}", "unknown"),
        (406, TEXT, b"only YAML", "only YAML"),
        (406, "", b"", "the server was unable to respond with a content type that the client supports"),
        (415, TEXT, b"no JSON here", "no JSON here"),
        (413, TEXT, b"", "the server responded with the status code 413 but did not return more information"),
        (500, TEXT, b"boom\n", 'an error on the server ("boom") has prevented the request from succeeding'),
        (502, "text/html", b"x" * 9000, f'an error on the server ("{"x" * 1024}") has prevented the request from'),
        (503, TEXT, b"why", "the server is currently unable to handle the request"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_said(status: int, content_type: str, body: bytes, told: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert refusal(HttpResponse(status, headers, body)).startswith(told)
