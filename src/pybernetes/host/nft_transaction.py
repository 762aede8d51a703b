"""Pure: the difference of two Fragments of a table as nft commands, in an order that the kernel accepts.

Chains and sets are declared before anything refers to them, elements change next, and what
vanished is deleted last, when nothing refers to it any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fragment:
    """What one object (a service port, a policy) adds to a table."""

    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)
    """Map name → key → verdict ("" for a set)."""
    sets: dict[str, str] = field(default_factory=dict)
    """Set name → its declaration."""


_EMPTY = Fragment()


def commands(family: str, table: str, changes: Iterable[tuple[Fragment | None, Fragment | None]]) -> str:
    """One transaction for all (before, after) pairs; "" when they do not differ."""
    declare: list[str] = []
    fill: list[str] = []
    unmap: dict[str, list[str]] = {}
    remap: dict[str, list[str]] = {}
    drop: list[str] = []
    at = f"{family} {table}"
    for before, after in changes:
        old, new = before or _EMPTY, after or _EMPTY
        for name, declaration in new.sets.items():
            if name not in old.sets:
                declare.append(f"add set {at} {name} {{ {declaration} }}")
        for name, rules in new.chains.items():
            if old.chains.get(name) != rules:
                declare.append(f"add chain {at} {name}")
                if name in old.chains:
                    fill.append(f"flush chain {at} {name}")
                fill += [f"add rule {at} {name} {rule}" for rule in rules]
        for name in {**old.elements, **new.elements}:
            was, now = old.elements.get(name, {}), new.elements.get(name, {})
            gone = [key for key, verdict in was.items() if now.get(key) != verdict]
            come = [key for key, verdict in now.items() if was.get(key) != verdict]
            if gone:
                unmap.setdefault(name, []).extend(gone)
            if come:
                remap.setdefault(name, []).extend(f"{key} : {now[key]}" if now[key] else key for key in come)
        gone_chains = [name for name in old.chains if name not in new.chains]
        fill += [f"flush chain {at} {name}" for name in gone_chains]
        drop += [f"delete chain {at} {name}" for name in gone_chains]
        drop += [f"delete set {at} {name}" for name in old.sets if name not in new.sets]
    # A key that moves from one service port to another is first taken from all, then given anew.
    elements = [
        f"{verb} element {at} {name} {{ {', '.join(keys)} }}"
        for verb, maps in (("delete", unmap), ("add", remap))
        for name, keys in maps.items()
    ]
    lines = [*declare, *elements, *fill, *drop]
    return "\n".join(lines) + "\n" if lines else ""
