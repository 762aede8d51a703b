"""Work is done where it is asked for as long as that is quick."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pybernetes.apimachinery.patience import MANY_BYTES, TakesLongError, hurried, patiently


def here() -> tuple[bool, bool]:
    return threading.current_thread() is threading.main_thread(), hurried()


@pytest.mark.parametrize(
    ("size", "expected"), [(0, (True, True)), (MANY_BYTES, (True, True)), (MANY_BYTES + 1, (False, False))]
)
def test_what_goes_through_many_bytes_goes_to_a_thread(size: int, expected: tuple[bool, bool]) -> None:
    assert asyncio.run(patiently(here, size=size)) == expected


def test_what_says_that_it_takes_long_is_done_again_in_a_thread() -> None:
    def work(name: str) -> tuple[str, bool]:
        if hurried():
            raise TakesLongError
        return name, here()[0]

    assert asyncio.run(patiently(work, "x")) == ("x", False)
