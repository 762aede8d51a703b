"""Links of proxied pages."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apiserver.streaming.rewriting import MAX_PAGE, packed, rewrite_html, rewritten_url, unpacked

BASE = "/api/v1/namespaces/default/pods/web/proxy"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a", f"{BASE}/a"),
        ("/a/b/?q=1#f", f"{BASE}/a/b/?q=1#f"),
        ("/", f"{BASE}/"),
        ("http://10.0.0.1:80/a", f"{BASE}/a"),
        ("//cluster.example/a", f"{BASE}/a"),
        ("http://elsewhere/a", "http://elsewhere/a"),
        ("a/b", "a/b"),
        ("?q", "?q"),
        ("mailto:x@y", "mailto:x@y"),
        (f"{BASE}/a", f"{BASE}/a"),
        (f"{BASE}2/a", f"{BASE}{BASE}2/a"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_urls(target: str, shown: str) -> None:
    assert rewritten_url(target, BASE, ("10.0.0.1:80", "cluster.example")) == shown


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ('<a href="/x">/y</a>', '<a href="B/x">/y</a>'),
        ("<A Class=c HREF='/x' id=i>", '<A Class=c HREF="B/x" id=i>'),
        ("<img src=/x alt=/y>", '<img src="B/x" alt=/y>'),
        ('<p href="/x">', '<p href="/x">'),
        ('<!-- <a href="/x"> --><a href="/x">', '<!-- <a href="/x"> --><a href="B/x">'),
        ('<script src="/x">"<a href=\'/y\'>"</script>', '<script src="B/x">"<a href=\'/y\'>"</script>'),
        ('<a href="/x?a=1&amp;b=2">', '<a href="B/x?a=1&amp;b=2">'),
        ('<a href="/x', '<a href="/x'),
        ('<a title="<a href=/x>" href="/y">', '<a title="<a href=/x>" href="B/y">'),
        ("<form action=/x method=post/>", '<form action="B/x" method=post/>'),
        ("a < b > c", "a < b > c"),
    ],
)
def test_pages(page: str, shown: str) -> None:
    assert rewrite_html(page.encode(), lambda url: f"B{url}" if url.startswith("/") else url).decode() == shown


@given(st.text(alphabet="<a href='\"/x>!-\n", max_size=200))
def test_a_page_without_changes_comes_through_as_it_is(text: str) -> None:
    assert rewrite_html(text.encode(), lambda url: url) == text.encode()


@pytest.mark.parametrize("unit", [b'<a href="', b"<a href='/x", b"<!--", b"<script>", b"<a x=", b"<", b"a=\"'"])
def test_a_malicious_page_is_read_once(unit: bytes) -> None:
    assert rewrite_html(unit * 100_000, lambda url: url) == unit * 100_000


def test_encodings() -> None:
    page = b"<p>text</p>"
    assert [unpacked(packed(page, e), e) for e in ("", "gzip", "deflate")] == [page] * 3
    assert unpacked(zlib.compress(page)[2:-4], "deflate") == page
    assert unpacked(page, "br") is None
    assert unpacked(page, "gzip") is None
    assert unpacked(gzip.compress(bytes(MAX_PAGE + 1)), "gzip") is None
