"""Where everything lies in etcd, and how a journal entry is written there.

* `<prefix>/pods/default/web`: the object, as upstream lays it out (prefix is /registry).
* `<own>/journal/pods/default/web/<id>`: a journal entry of that key; a lease ends it, not compaction.
* `<own>/last`: the same entry again, overwritten by every write in the write's own transaction. Its
  versions lead from any revision to the entry at it, and from a time to a revision.
* `<own>/progress`: written when a watch has to be told how far it is (see `etcd_follower`).

`<own>` is /pybernetes for the prefix /registry, and `<prefix>.pybernetes` for another one. `last`,
`progress` and the objects are watched as one range, so that they come as one stream, in order.
"""

from __future__ import annotations

import msgspec

from pybernetes.storage.hub import prefix_end
from pybernetes.storage.store import Cause, JournalEntry

REGISTRY = "/registry"


class _Record(msgspec.Struct, omit_defaults=True):
    """The JSON of an entry; its revision is that of the key."""

    time: float
    verb: str
    key: str
    user: str = ""
    userAgent: str = ""
    traceparent: str = ""
    cause: int = 0


_decoder = msgspec.json.Decoder(_Record)


class EtcdLayout:
    def __init__(self, prefix: str = REGISTRY) -> None:
        self.prefix = "/" + prefix.strip("/")
        own = "/pybernetes" if self.prefix == REGISTRY else f"{self.prefix}.pybernetes"
        self.last = f"{own}/last".encode()
        self.progress = f"{own}/progress".encode()
        self.journal = f"{own}/journal/".encode()
        self.journal_end = f"{own}/journal0".encode()
        self.watched = (self.last, f"{self.prefix}0".encode())
        self._objects = f"{self.prefix}/".encode()

    def key(self, key: str) -> bytes:
        """etcd's key of a store's key, which starts with /registry."""
        assert key.startswith(REGISTRY), key
        return (self.prefix + key[len(REGISTRY) :]).encode()

    def span(self, prefix: str, start: str = "") -> tuple[bytes, bytes]:
        """The range of the keys with `prefix`, from key `start` on."""
        return self.key(max(start, prefix)), self.key(prefix_end(prefix))

    def is_object(self, key: bytes) -> bool:
        return key.startswith(self._objects)

    def name(self, key: bytes) -> str:
        return REGISTRY + key.decode()[len(self.prefix) :]

    def journal_of(self, key: str) -> bytes:
        """The prefix of a key's journal entries."""
        return self.journal + key[len(REGISTRY) + 1 :].encode() + b"/"


def encode_entry(key: str, time_s: float, cause: Cause) -> bytes:
    return msgspec.json.encode(
        _Record(time_s, cause.verb, key, cause.user, cause.user_agent, cause.traceparent, cause.cause_revision)
    )


def decode_entry(value: bytes, revision: int) -> JournalEntry:
    record = _decoder.decode(value)
    return JournalEntry(
        revision, record.time, record.verb, record.key, record.user, record.userAgent, record.traceparent, record.cause
    )
