"""Names of properties as expressions can say them. Source: apiserver/pkg/cel/escaping.go."""

from __future__ import annotations

import re

_RESERVED = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|"
    "void|while"
)
_SPECIAL = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def escape(name: str) -> str:
    """A property's name in CEL; "" for one that cannot be said."""
    if _RESERVED.fullmatch(name):
        return f"__{name}__"
    escaped = re.sub(r"__|[.\-/]", lambda m: _SPECIAL[m[0]], name)
    return escaped if _NAME.fullmatch(escaped) else ""
