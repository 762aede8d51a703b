"""The newest values in memory: most writes go over something that was written shortly before."""

from __future__ import annotations


class NewestValues:
    """Values by revision, the oldest of them dropped where they are too many bytes. Pure."""

    def __init__(self, bytes_limit: int) -> None:
        self._bytes_limit = bytes_limit
        self._bytes = 0
        self._values: dict[int, bytes] = {}

    def put(self, revision: int, value: bytes) -> None:
        """Revisions come in their order."""
        self._values[revision] = value
        self._bytes += len(value)
        while self._bytes > self._bytes_limit:
            self._bytes -= len(self._values.pop(next(iter(self._values))))

    def take(self, revision: int) -> bytes | None:
        """The value that is written over now; None where it is not here."""
        value = self._values.pop(revision, None)
        if value is not None:
            self._bytes -= len(value)
        return value
