"""What happened lately to one resource, and what one watcher sees of it. Pure: no loop, no store."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.storage.canonical import replace_resource_version, with_resource_version
from pybernetes.storage.store import Change


class WatchEvent:
    """One event as watchers get it; the same instance goes to all of them."""

    __slots__ = ("_line", "_other", "key", "previous", "revision", "type", "value")

    def __init__(self, type: str, key: str, value: bytes, revision: int, previous: bytes | None = None) -> None:
        self.type = type
        """ADDED, MODIFIED, DELETED; BOOKMARK and INITIAL_END have no value."""
        self.key = key
        self.value = value
        """The object with its resourceVersion."""
        self.revision = revision
        self.previous = previous
        """What it was before a change, for those who select later what they want to see."""
        self._line: bytes | None = None
        self._other: bytes | None = None

    @property
    def line(self) -> bytes:
        """`{"type":"ADDED","object":{…}}\\n`, encoded at the first use."""
        if self._line is None:
            self._line = b'{"type":"%b","object":%b}\n' % (self.type.encode(), self.value)
        return self._line

    def otherwise(self, encode: Callable[[str, bytes], bytes]) -> bytes:
        """The event in the other encoding than JSON, made of type and value at the first use."""
        if self._other is None:
            self._other = encode(self.type, self.value)
        return self._other

    def __repr__(self) -> str:
        return f"WatchEvent({self.type}, {self.key}, {self.revision})"


class Recent:
    """One change of one object, before it is an event for anybody."""

    __slots__ = ("_attributes", "_events", "index_values", "key", "previous", "put", "revision", "value")

    def __init__(self, put: bool, key: str, value: bytes, previous: bytes | None, revision: int) -> None:
        self.put = put
        self.key = key
        self.value = value
        """Served bytes; of a deleted object its last state with the version of the deletion."""
        self.previous = previous
        self.revision = revision
        self.index_values: dict[str, tuple[str | None, str | None]] | None = None
        # Made when somebody looks: most changes have no watcher.
        self._events: dict[str, WatchEvent] | None = None
        self._attributes: dict[bool, Any] | None = None

    def event(self, type: str) -> WatchEvent:
        events = self._events
        if events is None:
            events = self._events = {}
        found = events.get(type)
        if found is None:
            value = self.value
            if type == "DELETED" and self.put and self.previous is not None:
                value = replace_resource_version(self.previous, self.revision)
            found = events[type] = WatchEvent(type, self.key, value, self.revision, self.previous)
        return found

    def attributes(self, of_previous: bool, function: Callable[[bytes], Any] | None) -> Any:
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = {}
        if of_previous not in attributes:
            value = self.previous if of_previous else self.value
            assert value is not None
            attributes[of_previous] = value if function is None else function(value)
        return attributes[of_previous]

    def forget_encoded(self) -> None:
        """Keeps the ring at one copy of the bytes; whoever has an event queued keeps his."""
        self._events = None
        self._attributes = None


def from_change(change: Change) -> Recent:
    previous = None if change.previous is None else with_resource_version(change.previous, change.revision)
    value = with_resource_version(change.value, change.revision)
    return Recent(change.kind == "put", change.key, value, previous, change.revision)


@dataclass(slots=True, frozen=True)
class Selection:
    """What one watcher wants to see."""

    prefix: str
    exact: bool = False
    """`prefix` is the whole key."""
    index: tuple[Callable[[bytes], str], str] | None = None
    matches: Callable[[Any], bool] | None = None
    needles: Sequence[bytes] = ()
    """What stands in the bytes of every object that `matches`."""

    def event_of(self, recent: Recent, attributes: Callable[[bytes], Any] | None) -> WatchEvent | None:
        """What this change is to the watcher: ADDED or DELETED too when it enters or leaves the selection."""
        if not (recent.key == self.prefix if self.exact else recent.key.startswith(self.prefix)):
            return None
        new, old = recent.put, recent.previous is not None
        if self.index is not None:
            function, wanted = self.index
            new = new and function(recent.value) == wanted
            old = old and function(recent.previous or b"") == wanted
        for needle in self.needles:
            new = new and needle in recent.value
            old = old and needle in (recent.previous or b"")
        if self.matches is not None:
            new = new and self.matches(recent.attributes(False, attributes))
            old = old and self.matches(recent.attributes(True, attributes))
        if new:
            return recent.event("MODIFIED" if old else "ADDED")
        return recent.event("DELETED") if old else None


class RecentEvents:
    """A ring of changes, bounded in number and in bytes."""

    def __init__(self, limit: int, bytes_limit: int) -> None:
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._bytes = 0
        self._ring: deque[Recent] = deque()
        self.complete_after = 0
        """Every change with a greater revision is here."""

    def restart(self, revision: int) -> None:
        self._ring.clear()
        self._bytes = 0
        self.complete_after = revision

    def add(self, recent: Recent) -> None:
        self._ring.append(recent)
        self._bytes += len(recent.value)
        while len(self._ring) > self._limit or self._bytes > self._bytes_limit:
            dropped = self._ring.popleft()
            self._bytes -= len(dropped.value)
            self.complete_after = dropped.revision

    def after(self, revision: int) -> list[Recent]:
        ring = self._ring
        if not ring or ring[-1].revision <= revision:
            return []
        everything = list(ring)
        return everything[bisect_right(everything, revision, key=lambda recent: recent.revision) :]
