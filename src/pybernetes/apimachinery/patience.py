"""Work that seldom takes long: tried where it is asked for, done again in a thread where it says that it does.

What may take long asks `hurried` and raises TakesLongError early; it must have changed nothing by then. What goes
through many bytes goes to the thread at once. Either way it works on values that nobody else changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar, TypeVarTuple

_Args = TypeVarTuple("_Args")
_Found = TypeVar("_Found")
MANY_BYTES = 100_000
"""So many are gone through in a few hundredths of a second, whatever is done with them."""
_hurried: ContextVar[bool] = ContextVar("hurried", default=False)


class TakesLongError(Exception):
    """There is more to do than an event loop can wait for."""


def hurried() -> bool:
    """Whether an event loop waits for what is being done."""
    return _hurried.get()


async def patiently(work: Callable[[*_Args], _Found], *args: *_Args, size: int = 0) -> _Found:
    """What `work` gives, without holding up the event loop for long; `size` is how many bytes it goes through."""
    if size <= MANY_BYTES:
        token = _hurried.set(True)
        try:
            return work(*args)
        except TakesLongError:
            pass
        finally:
            _hurried.reset(token)
    return await asyncio.to_thread(work, *args)
