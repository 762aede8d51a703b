"""Whether a history of operations on one key is linearizable, as Wing and Gong search it, with Lowe's memory.

A key is a register: absent, or one value (values are never used twice). An operation takes effect at one
moment between its call and its answer; one whose answer never came takes effect at any moment after its call,
or never. The search tries the operations that may be next, and remembers where it has been.

Source: J. Wing, C. Gong, Testing and Verifying Concurrent Objects; G. Lowe, Testing for Linearizability.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["create", "update", "put", "delete", "get"]
Outcome = Literal["ok", "exists", "conflict", "missing", "unknown"]


@dataclass(slots=True)
class Op:
    client: int
    key: str
    kind: Kind
    value: str | None
    """What is written; get: what was read, None for nothing."""
    expected: str | None = None
    """update: the value that it is to replace."""
    start: float = 0.0
    end: float = math.inf
    outcome: Outcome = "unknown"
    revision: int = 0
    """Of an acknowledged write."""
    server: str = ""

    def __str__(self) -> str:
        what = {"update": f"update {self.expected} -> {self.value}", "get": f"get -> {self.value}"}.get(
            self.kind, f"{self.kind} {self.value or ''}"
        )
        return (
            f"{self.start:10.4f} {self.end:10.4f}  client {self.client:2d} at {self.server:6s} "
            f"{what} = {self.outcome} {self.revision or ''}"
        )


_CANNOT = object()


def _after(op: Op, state: str | None) -> object:
    """The state after it; _CANNOT when it would not have been answered like this."""
    kind, outcome = op.kind, op.outcome
    if kind == "get":
        return state if state == op.value else _CANNOT
    if outcome == "exists":
        return state if state is not None else _CANNOT
    if outcome == "missing":
        return state if state is None else _CANNOT
    if outcome == "conflict":
        return state if state != op.expected else _CANNOT
    fits = {
        "create": state is None,
        "update": state is not None and state == op.expected,
        "put": state is not None,
        "delete": state is not None and op.expected in (None, state),
    }[kind]
    if not fits:
        return _CANNOT
    return None if kind == "delete" else op.value


def linearizable(ops: Iterable[Op], limit: int = 300_000) -> bool:
    """Raises TimeoutError when `limit` states do not settle it."""
    ops = sorted((op for op in ops if not (op.kind == "get" and op.outcome == "unknown")), key=lambda op: op.start)
    answered = 0
    for at, op in enumerate(ops):
        if op.outcome != "unknown":
            answered |= 1 << at
    seen: set[tuple[int, str | None]] = set()
    stack: list[tuple[int, str | None]] = [(0, None)]
    while stack:
        done, state = stack.pop()
        if done & answered == answered:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > limit:
            raise TimeoutError(f"a history of {len(ops)} operations is not settled")
        first_end = math.inf
        maybe: list[int] = []
        for at, op in enumerate(ops):
            if done >> at & 1:
                continue
            if op.start > first_end:
                break
            maybe.append(at)
            if op.outcome != "unknown":
                first_end = min(first_end, op.end)
        for at in reversed(maybe):
            if ops[at].start <= first_end:
                after = _after(ops[at], state)
                if after is not _CANNOT:
                    stack.append((done | 1 << at, after))  # type: ignore[arg-type]
    return False


def violations(history: list[Op], unsettled: list[str] | None = None) -> list[str]:
    """Each key whose operations cannot be put in order, and writes whose revisions go against their time.

    Keys with so many unanswered operations that the search was given up are added to `unsettled`.
    """
    by_key: dict[str, list[Op]] = defaultdict(list)
    for op in history:
        by_key[op.key].append(op)
    found = []
    for key, ops in sorted(by_key.items()):
        try:
            fits = linearizable(ops)
        except TimeoutError:
            if unsettled is None:
                raise
            unsettled.append(key)
            continue
        if not fits:
            lines = "\n  ".join(str(op) for op in sorted(ops, key=lambda op: op.start))
            found.append(f"{key} is not linearizable:\n  {lines}")
    writes = [op for op in history if op.revision and op.outcome == "ok" and op.kind != "get"]
    ended = sorted(writes, key=lambda op: op.end)
    at, newest = 0, None
    for op in sorted(writes, key=lambda op: op.start):
        while at < len(ended) and ended[at].end < op.start:
            if newest is None or ended[at].revision > newest.revision:
                newest = ended[at]
            at += 1
        if newest is not None and op.revision <= newest.revision:
            found.append(f"revisions go against time:\n  {newest}\n  {op}")
    return found
