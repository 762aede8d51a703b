from __future__ import annotations

from collections.abc import Callable

import pytest

from pybernetes.apimachinery import names


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (names.dns1123_label, ["a", "a-b", "0", "a" * 63], ["", "A", "-a", "a-", "a.b", "a_b", "a" * 64, "a\n", "ä"]),
        (names.dns1123_subdomain, ["a.b", "a-1.b", "a" * 253], ["", ".a", "a..b", "a.-b", "A.b", "a" * 254]),
        (names.dns1035_label, ["a", "a0"], ["", "0a", "A", "a-"]),
        (names.qualified_name, ["a", "A.b_c-d", "x.io/Name", "1"], ["", "/a", "a/", "a/b/c", "X.io/a", "-a", "a" * 64]),
        (names.label_value, ["", "a", "A_b.c-d", "1"], ["-a", "a/b", "a b", "a" * 64]),
        (names.port_name, ["http", "a-1"], ["", "0", "a--b", "-a", "a-", "A", "a" * 16]),
        (names.config_map_key, ["a", ".a", "a_b-c.D"], ["", ".", "..", "..a", "a/b", "a" * 254]),
        (names.relaxed_env_var_name, ["1a", "a b"], ["", "a=b", "ä"]),
        (names.c_identifier, ["a_1"], ["1a", "a-b", ""]),
        (names.wildcard_dns1123_subdomain, ["*.a.b"], ["*", "a.b", "*.*.a"]),
        (names.percent, ["5%"], ["5", "%", "-5%"]),
        (names.path_segment_name, ["a:b", "A b", "system:x"], [".", "..", "a/b", "a%b"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_syntax(check: Callable[[str], list[str]], good: list[str], bad: list[str]) -> None:
    assert {value: check(value) for value in good if check(value)} == {}
    assert [value for value in bad if not check(value)] == []


def test_messages_are_upstreams() -> None:
    assert names.dns1123_label("a.b") == ["must not contain dots"]
    assert names.dns1123_label("A_") == [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    ]
    assert names.qualified_name("/") == [
        "prefix part must be non-empty",
        "name part must be non-empty",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ]
    assert names.port_number(0) == ["must be between 1 and 65535, inclusive"]
    assert names.dns1123_subdomain("a" * 254) == ["must be no more than 253 characters"]


def test_a_trailing_dash_stands_for_the_suffix_to_come() -> None:
    assert names.masked_trailing_dash("web-") == "wea"
    assert names.masked_trailing_dash("web") == "web"
