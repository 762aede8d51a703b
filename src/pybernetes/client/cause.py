"""The cause of a write: which observed write led to it, carried from informer to request by itself.

An informer calls its handlers with the event's revision as the current cause; a workqueue keeps the
newest cause that enqueued a key and makes it current again when a worker takes the key; the client
sends it with every request. Code between them passes nothing by hand.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

CAUSE_HEADER = "x-pybernetes-cause"
TRACE_HEADER = "traceparent"


@dataclass(frozen=True, slots=True)
class Cause:
    revision: int = 0
    """resourceVersion of the write that was observed; 0: none known."""
    traceparent: str = ""
    """W3C trace context; empty lets the server take the trace of `revision` from its journal."""

    def headers(self) -> dict[str, str]:
        found = {}
        if self.traceparent:
            found[TRACE_HEADER] = self.traceparent
        if self.revision:
            found[CAUSE_HEADER] = str(self.revision)
        return found

    def newest(self, other: Cause) -> Cause:
        """The one that observed the later write; `other` wins a tie."""
        return self if self.revision > other.revision else other


NONE = Cause()
_current: ContextVar[Cause] = ContextVar("pybernetes_cause", default=NONE)


def current() -> Cause:
    return _current.get()


def set_current(cause: Cause) -> None:
    """Makes `cause` current in this task until the next call."""
    _current.set(cause)


class caused_by:
    """Makes a cause current inside a block. Not a generator: it is entered for every event that an informer tells."""

    __slots__ = ("_cause", "_token")

    def __init__(self, cause: Cause) -> None:
        self._cause = cause

    def __enter__(self) -> None:
        self._token = _current.set(self._cause)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)


def of_revision(resource_version: str | None) -> Cause:
    """The cause that an observed object with this resourceVersion is."""
    if resource_version and resource_version.isdecimal():
        return Cause(revision=int(resource_version))
    return NONE
