"""Annotations become typed values or a sentence, never text in a configuration."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.ingress.ingresses.annotations import PREFIX, Options, Unusable, options
from pybernetes.ingress.table import Treatment


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rewrite-target", "/", Options(Treatment(rewrite="/"))),
        ("rewrite-target", "/api/$2", Options(Treatment(rewrite="/api/", rest_from=1))),
        ("proxy-body-size", "8m", Options(Treatment(body_bytes=8 << 20))),
        ("proxy-body-size", "0", Options()),
        ("proxy-read-timeout", "3600", Options(Treatment(read_ms=3_600_000))),
        ("proxy-connect-timeout", "5s", Options(Treatment(connect_ms=5000))),
        ("ssl-redirect", "False", Options(ssl_redirect=False)),
        ("backend-protocol", "grpc", Options(protocol="h2c")),
        ("whitelist-source-range", "10.0.0.1/8, 192.0.2.7", Options(Treatment(sources=("10.0.0.0/8", "192.0.2.7/32")))),
        ("allowlist-source-range", "192.0.2.7", Options(Treatment(sources=("192.0.2.7/32",)))),
    ],
)
def test_values(name: str, value: str, expected: Options) -> None:
    assert options({PREFIX + name: value}) == (expected, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rewrite-target", "/x\nserver evil 1.2.3.4:80"),
        ("rewrite-target", "/%[env(HOME)]"),
        ("rewrite-target", '/" if TRUE'),
        ("rewrite-target", "/${HOME}"),
        ("rewrite-target", "elsewhere"),
        ("proxy-body-size", "-1"),
        ("proxy-body-size", "8m\n"),
        ("proxy-read-timeout", "0"),
        ("proxy-read-timeout", "99999999999999999999"),
        ("ssl-redirect", "yes"),
        ("backend-protocol", "FCGI"),
        ("configuration-snippet", "deny all;"),
    ],
)
def test_what_cannot_be_is_told_and_ignored(name: str, value: str) -> None:
    made, problems = options({PREFIX + name: value, "example.com/other": "x\n"})
    assert made == Options()
    assert len(problems) == 1 and name in problems[0]


def test_protection_that_is_not_understood_refuses() -> None:
    for name, value in (
        ("auth-tls-secret", "a/b"),
        ("whitelist-source-range", "10.0.0.0/40"),
        ("allowlist-source-range", "everybody"),
        ("denylist-source-range", "192.0.2.0/24"),
    ):
        with pytest.raises(Unusable, match="not served"):
            options({PREFIX + name: value})


@given(
    st.text(max_size=30),
    st.sampled_from(["rewrite-target", "proxy-body-size", "proxy-read-timeout", "backend-protocol"]),
)
def test_nothing_gets_through_that_could_be_configuration(value: str, name: str) -> None:
    made, _ = options({PREFIX + name: value})
    assert re.fullmatch(r"(/[^\s\"'\\$%{}#]*)?", made.treatment.rewrite, re.ASCII)
    assert made.treatment.body_bytes >= 0 and made.treatment.read_ms >= 0
    assert made.protocol in ("", "http", "https", "h2c", "h2")
