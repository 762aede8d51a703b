"""Regular expressions of schemas and rules: Go's syntax, in time that grows with the text alone.

RE2 is what Go's own package follows, in syntax and in what it refuses.
Source: regexp/syntax (Go), apiextensions-apiserver/pkg/apiserver/schema/validation.go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import re2

_IN_GO = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
"""What RE2 and Go do not call the same."""


class PatternError(ValueError):
    """A pattern that cannot be used, in Go's words."""


@functools.lru_cache(1024)
def compiled(pattern: str) -> Any:
    """A pattern with `re`'s methods. Raises PatternError."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        what = error.args[0]
        text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
        said, _, part = text.partition(": ")
        said = _IN_GO.get(said, said)
        raise PatternError(f"error parsing regexp: {said}" + (f": `{part}`" if part else "")) from None


def searcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text has the pattern somewhere. Raises PatternError."""
    search = compiled(pattern).search
    return lambda text: search(text) is not None


def problem(pattern: str) -> str:
    """Why a pattern cannot be used; "" when it can."""
    try:
        compiled(pattern)
    except PatternError as error:
        return str(error)
    return ""
