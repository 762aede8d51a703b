"""What names, labels and ports may look like, with upstream's messages.

Each function takes a value and returns what is wrong with it, as a list of messages; empty means valid.

Source: apimachinery/pkg/util/validation/validation.go, apimachinery/pkg/api/validate/content.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

_DNS1123_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS1123_SUBDOMAIN = rf"{_DNS1123_LABEL}(\.{_DNS1123_LABEL})*"
_DNS1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = rf"\*\.{_DNS1123_SUBDOMAIN}"
_NAME_PART = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_NAME_PART})?"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_PERCENT = "[0-9]+%"
_HTTP_HEADER = "[-A-Za-z0-9]+"

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
    "which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_NAME_PART_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_C_IDENTIFIER_TEXT = (
    "a valid C identifier must start with alphabetic character or '_', "
    "followed by a string of alphanumeric characters or '_'"
)
_RELAXED_ENV_VAR_TEXT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_CONFIG_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_PERCENT_TEXT = "a valid percent string must be a numeric string followed by an ending '%'"
_HTTP_HEADER_TEXT = "a valid HTTP header must consist of alphanumeric characters or '-'"


@functools.cache
def _matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Compiled when the first value is looked at."""
    return re.compile(pattern).fullmatch


_dns1123_label = re.compile(_DNS1123_LABEL).fullmatch
_dns1123_subdomain = re.compile(_DNS1123_SUBDOMAIN).fullmatch
_name_part = re.compile(_NAME_PART).fullmatch
_label_value = re.compile(_LABEL_VALUE).fullmatch


def max_length(length: int) -> str:
    return f"must be no more than {length} characters"


def max_bytes(length: int) -> str:
    return f"must be no more than {length} bytes"


def in_range(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def regex_error(text: str, pattern: str, *examples: str) -> str:
    """`text (e.g. 'a',  or 'b', regex used for validation is '…')`, in upstream's punctuation."""
    if not examples:
        return f"{text} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


def dns1123_label(value: str) -> list[str]:
    problems = [max_length(63)] if _length(value) > 63 else []
    if not _dns1123_label(value):
        dotted = _dns1123_subdomain(value)
        problems.append(
            "must not contain dots" if dotted else regex_error(_LABEL_TEXT, _DNS1123_LABEL, "my-name", "123-abc")
        )
    return problems


def dns1123_subdomain(value: str) -> list[str]:
    problems = [max_length(253)] if _length(value) > 253 else []
    if not _dns1123_subdomain(value):
        problems.append(regex_error(_SUBDOMAIN_TEXT, _DNS1123_SUBDOMAIN, "example.com"))
    return problems


def dns1035_label(value: str) -> list[str]:
    problems = [max_length(63)] if _length(value) > 63 else []
    if not _matcher(_DNS1035_LABEL)(value):
        problems.append(regex_error(_DNS1035_TEXT, _DNS1035_LABEL, "my-name", "abc-123"))
    return problems


def wildcard_dns1123_subdomain(value: str) -> list[str]:
    problems = [max_length(253)] if _length(value) > 253 else []
    if not _matcher(_WILDCARD)(value):
        problems.append(regex_error(_WILDCARD_TEXT, _WILDCARD, "*.example.com"))
    return problems


def qualified_name(value: str) -> list[str]:
    """A label key, an annotation key, a finalizer, a resource name: [prefix/]name."""
    prefix, slash, name = value.partition("/")
    if "/" in name:
        text = regex_error(_NAME_PART_TEXT, _NAME_PART, "MyName", "my.name", "123-abc")
        return [f"a valid label key {text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    problems: list[str] = []
    if not slash:
        name = prefix
    elif not prefix:
        problems.append("prefix part must be non-empty")
    else:
        problems += [f"prefix part {problem}" for problem in dns1123_subdomain(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif _length(name) > 63:
        problems.append(f"name part {max_bytes(63)}")
    if not _name_part(name):
        problems.append("name part " + regex_error(_NAME_PART_TEXT, _NAME_PART, "MyName", "my.name", "123-abc"))
    return problems


label_key = qualified_name


def label_value(value: str) -> list[str]:
    problems = [max_bytes(63)] if _length(value) > 63 else []
    if not _label_value(value):
        problems.append(regex_error(_LABEL_VALUE_TEXT, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return problems


def c_identifier(value: str) -> list[str]:
    if _matcher(_C_IDENTIFIER)(value):
        return []
    return [regex_error(_C_IDENTIFIER_TEXT, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def relaxed_env_var_name(value: str) -> list[str]:
    problems = [] if value else ["environment variable name must be non-empty"]
    if any(not " " <= c <= "~" or c == "=" for c in value):
        problems.append(_RELAXED_ENV_VAR_TEXT)
    return problems


def config_map_key(value: str) -> list[str]:
    problems = [max_length(253)] if _length(value) > 253 else []
    if not _matcher(_CONFIG_KEY)(value):
        problems.append(regex_error(_CONFIG_KEY_TEXT, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    return problems + _parent_folder(value)


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else [in_range(1, 65535)]


def port_name(value: str) -> list[str]:
    """An IANA service name, lower case (RFC 6335)."""
    problems = [max_length(15)] if _length(value) > 15 else []
    if not _matcher("[-a-z0-9]+")(value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def percent(value: str) -> list[str]:
    return [] if _matcher(_PERCENT)(value) else [regex_error(_PERCENT_TEXT, _PERCENT, "1%", "93%")]


def http_header_name(value: str) -> list[str]:
    if _matcher(_HTTP_HEADER)(value):
        return []
    return [regex_error(_HTTP_HEADER_TEXT, _HTTP_HEADER, "X-Header-Name")]


def path_segment_name(value: str) -> list[str]:
    """A name that only has to fit into a URL path: RBAC objects."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{c}'" for c in ("/", "%") if c in value]


def user_or_group_id(value: int) -> list[str]:
    return [] if 0 <= value <= 2**31 - 1 else [in_range(0, 2**31 - 1)]


def masked_trailing_dash(value: str) -> str:
    """The name part of a generateName as it is validated: a trailing dash stands for the suffix to come."""
    return value[:-2] + "a" if len(value) > 1 and value.endswith("-") else value


def joined(problems: Sequence[str]) -> str:
    return "; ".join(problems)


def _parent_folder(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []


def _length(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode())
