"""$(NAME) references in commands, arguments and environment values. Pure.

Source: third_party/forked/golang/expansion; `$$` is a literal `$`, an unknown name stays as written.
"""

from __future__ import annotations

from collections.abc import Callable


def expand(text: str, lookup: Callable[[str], str | None]) -> str:
    if "$" not in text:
        return text
    out: list[str] = []
    position = 0
    while True:
        dollar = text.find("$", position)
        if dollar < 0 or dollar + 1 >= len(text):
            out.append(text[position:])
            return "".join(out)
        out.append(text[position:dollar])
        following = text[dollar + 1]
        if following == "$":
            out.append("$")
            position = dollar + 2
        elif following == "(" and (end := text.find(")", dollar + 2)) >= 0:
            name = text[dollar + 2 : end]
            value = lookup(name)
            out.append(f"$({name})" if value is None else value)
            position = end + 1
        elif following == "(":
            out.append("$(")
            position = dollar + 2
        else:
            out.append("$" + following)
            position = dollar + 2
