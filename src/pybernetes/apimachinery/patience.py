"""Work that seldom takes long: tried where it is asked for, done again in a thread where it says that it does.

What may take long asks `hurried` and raises TakesLongError early; it must have changed nothing by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_Found = TypeVar("_Found")
_hurried: ContextVar[bool] = ContextVar("hurried", default=False)


class TakesLongError(Exception):
    """There is more to do than an event loop can wait for."""


def hurried() -> bool:
    """Whether an event loop waits for what is being done."""
    return _hurried.get()


async def patiently(work: Callable[_P, _Found], *args: _P.args, **kwargs: _P.kwargs) -> _Found:
    """What `work` gives, without holding up the event loop for long."""
    token = _hurried.set(True)
    try:
        return work(*args, **kwargs)
    except TakesLongError:
        pass
    finally:
        _hurried.reset(token)
    return await asyncio.to_thread(work, *args, **kwargs)
