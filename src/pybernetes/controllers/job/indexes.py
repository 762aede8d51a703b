"""Completion indexes as text and as sets: `0,2-5,9`. Pure. Source: pkg/controller/job/indexed_job_utils.go."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.apimachinery.number_runs import runs_of


def parse(text: str | None, completions: int) -> set[int]:
    """The indexes below `completions`; parts that are no numbers are ignored."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            continue
        found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return found


def text_of(indexes: Iterable[int]) -> str:
    """Runs of three and more as `first-last`."""
    return ",".join(_run(first, last) for first, last in runs_of(indexes))


def _run(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"


def first_missing(taken: set[int], count: int, completions: int) -> list[int]:
    """The `count` smallest indexes that are not taken."""
    found: list[int] = []
    for index in range(completions):
        if len(found) >= count:
            break
        if index not in taken:
            found.append(index)
    return found
