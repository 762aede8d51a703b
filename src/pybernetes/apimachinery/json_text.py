"""JSON text into a tree that remembers repeated members, and syntax errors in the words of Go's encoding/json."""

from __future__ import annotations

import json
import re
from typing import Any


class Members(dict[str, Any]):
    """A JSON object; the last of several members with one name counts."""

    repeated: tuple[tuple[int, str], ...] = ()
    """(number of different names that stood before its second time, name), in the order of the document."""

    def repeated_after(self, count: int) -> list[str]:
        """The names that stood again once `count` different names had been seen."""
        return [name for seen, name in self.repeated if seen == count]


def parse_json(body: bytes) -> Any:
    """The tree, with Members for objects. Raises ValueError (json.JSONDecodeError, UnicodeError)."""
    tree = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_refuse)
    if b"\\ud" in body or b"\\uD" in body:
        json.dumps(tree, ensure_ascii=False).encode()  # UnicodeEncodeError for half a pair of surrogates
    return tree


def _members(pairs: list[tuple[str, Any]]) -> Members:
    found = Members(pairs)
    if len(found) != len(pairs):
        seen: dict[str, int] = {}
        repeated: dict[str, int] = {}
        for name, _ in pairs:
            if name in seen:
                repeated.setdefault(name, len(seen))
            seen[name] = 1
        found.repeated = tuple((count, name) for name, count in repeated.items())
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def json_problem(body: bytes) -> str:
    """What Go's decoder would say about a body that is no JSON."""
    try:
        parse_json(body)
    except json.JSONDecodeError as error:
        return _worded(error)
    except RecursionError:
        return "exceeded max depth"
    except UnicodeError:
        return "invalid UTF-8 in string literal"
    except ValueError:
        character = repr(chr(body[0])) if body else "''"
        return f"invalid character {character} looking for beginning of value"
    return "invalid JSON"


def _worded(error: json.JSONDecodeError) -> str:
    text, position = error.doc, error.pos
    rest = text[position:].lstrip()
    if not rest or error.msg.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    expected = _EXPECTED.get(error.msg, _VALUE)
    if error.msg == "Expecting ',' delimiter" and _in_array(text[:position]):
        expected = "after array element"
    character = rest[0] if rest[0] != "'" else "\\'"
    return f"invalid character '{character}' {expected}"


def _in_array(text: str) -> bool:
    """Whether the innermost bracket open at the end of `text` is a square one."""
    depth: list[str] = []
    for c in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if c in "[{":
            depth.append(c)
        elif c in "]}" and depth:
            depth.pop()
    return bool(depth) and depth[-1] == "["


_VALUE = "looking for beginning of value"
_EXPECTED = {
    "Expecting value": _VALUE,
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": _VALUE,
    "Expecting ',' delimiter": "after object key:value pair",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
    "Invalid control character at": "in string literal",
}
