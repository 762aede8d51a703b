"""Everything that a store holds, out of one kind of store and into another, with its revisions.

An object keeps its bytes (encrypted ones too), the revision of its last write and of its creation, so clients go on
from where they were: their resourceVersions mean the same in the new store. The journal moves along; earlier versions
do not: the new store says of everything before the move that it is compacted.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from pybernetes.apimachinery.protobuf.varint import varint
from pybernetes.storage import bbolt, sqlite_file
from pybernetes.storage.etcd_layout import REGISTRY, EtcdLayout, decode_entry, encode_entry
from pybernetes.storage.sqlite_file import DELETE, MARK, PUT, plain
from pybernetes.storage.store import Cause, JournalEntry, Stored, StoreError

_PAGE = 1000
_JOURNAL_S = 24 * 3600
_LEASE_STEP_S = 60
"""Keys that end within the same minute share a lease: they live by that much longer at most."""
_MOVED = "/registry/pybernetes/moved"
_BUCKETS = (b"alarm", b"auth", b"authRoles", b"authUsers", b"cluster", b"lease", b"members", b"members_removed")


@dataclass(slots=True)
class Contents:
    revision: int
    objects: list[Stored] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    """In order of revision."""
    mortal: dict[str, float] = field(default_factory=dict)
    """When keys end by themselves, in seconds since 1970."""


# -- out


async def read_etcd(config: Any, *, patience_s: float = 10.0) -> Contents:
    """Everything as it is at one revision; `config`: an EtcdConfig. Raises StoreError after `patience_s` of silence."""
    from pybernetes.storage.etcd_client import EtcdClient

    client = EtcdClient(config)
    layout = EtcdLayout(config.prefix)
    try:
        pb = client.pb
        found, leases = Contents(0), dict[int, list[str]]()
        low, high = layout.span(f"{REGISTRY}/")
        more = True
        while more:
            request = pb.RangeRequest(key=low, range_end=high, limit=_PAGE, revision=found.revision)
            answer = await client.call("KV/Range", request, timeout_s=patience_s)
            found.revision = found.revision or int(answer.header.revision)
            for kv in answer.kvs:
                key = layout.name(kv.key)
                found.objects.append(Stored(key, kv.value, kv.mod_revision, kv.create_revision))
                if kv.lease:
                    leases.setdefault(kv.lease, []).append(key)
            more = answer.more
            if answer.kvs:
                low = answer.kvs[-1].key + b"\0"
        for lease, keys in leases.items():
            left_s = (await client.call("Lease/LeaseTimeToLive", pb.LeaseTimeToLiveRequest(ID=lease))).TTL
            found.mortal |= dict.fromkeys(keys, time.time() + max(left_s, 0))
        low, more = layout.journal, True
        while more:
            request = pb.RangeRequest(key=low, range_end=layout.journal_end, limit=_PAGE, revision=found.revision)
            answer = await client.call("KV/Range", request)
            found.journal += [decode_entry(kv.value, kv.mod_revision) for kv in answer.kvs]
            more = answer.more
            if answer.kvs:
                low = answer.kvs[-1].key + b"\0"
    finally:
        await client.close()
    found.journal.sort(key=lambda entry: entry.revision)
    return found


def read_sqlite(path: Path) -> Contents:
    """A store that nobody has open. Raises StoreError."""
    lock = sqlite_file.Lock(path)
    lock.acquire()
    try:
        connection = sqlite_file.open_reader(path)
        try:
            newest = connection.execute("SELECT max(revision) FROM writes").get
            found = Contents(int(newest or 1))
            latest: list[Any] = connection.execute(sqlite_file.LATEST).fetchall()
            for key, revision, created, expires_s in latest:
                value = connection.execute(sqlite_file.VALUE, (revision,)).get
                if value is None:
                    raise StoreError(f"{path} is damaged: revision {revision} of {key} is missing; restore a snapshot")
                found.objects.append(Stored(key, value, revision, created))
                if expires_s is not None:
                    found.mortal[key] = expires_s
            rows: list[Any] = connection.execute(sqlite_file.JOURNAL, (0, found.revision, -1)).fetchall()
            found.journal = [JournalEntry(*row) for row in rows if str(row[3]).startswith(f"{REGISTRY}/")]
        finally:
            connection.close()
    except apsw.Error as error:
        raise plain(error, path) from error
    finally:
        lock.release()
    return found


# -- in


def write_sqlite(path: Path, contents: Contents, now_s: float) -> None:
    """A new store at `path`. Raises StoreError, OSError."""
    rows = {entry.revision: _journal_row(entry) for entry in contents.journal if entry.revision <= contents.revision}
    for stored in contents.objects:
        row = rows.get(stored.revision) or [stored.revision, stored.key, PUT, 0, None, now_s, "", "", "", "", 0, None]
        row[1:5] = [stored.key, PUT, stored.create_revision, contents.mortal.get(stored.key)]
        row[11] = stored.value
        rows[stored.revision] = row
    moved = [contents.revision, _MOVED, DELETE, contents.revision, None, now_s, "move", "", "", "", 0, None]
    rows.setdefault(contents.revision, moved)
    connection = sqlite_file.open_writer(path)
    try:
        with connection:
            connection.executemany(sqlite_file.insert(1), (tuple(rows[revision]) for revision in sorted(rows)))
            for mark in ("compact", "swept"):
                connection.execute(MARK, (mark, contents.revision))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise plain(error, path) from error
    finally:
        connection.close()


def _journal_row(entry: JournalEntry) -> list[Any]:
    """A write whose version is gone: the journal's part alone, for a key that is there or not."""
    return [
        entry.revision, entry.key, DELETE, entry.revision, None, entry.time_s, entry.verb, entry.user,
        entry.user_agent, entry.traceparent, entry.cause_revision, None,
    ]  # fmt: skip


def write_etcd_snapshot(file: Path, contents: Contents, prefix: str, now_s: float) -> None:
    """A snapshot as `etcdctl snapshot save` writes it, for `snapshot restore` of etcdctl or etcdutl. Raises OSError."""
    layout = EtcdLayout(prefix)
    journal_lease, minutes = 1, dict[int, int]()
    keys: list[tuple[bytes, bytes]] = []

    def put(revision: int, part: int, key: bytes, value: bytes, created: int, lease: int) -> None:
        keys.append((_revision(revision, part), _key_value(key, created, revision, value, lease)))

    for stored in contents.objects:
        lease = 0
        if (ends_s := contents.mortal.get(stored.key)) is not None:
            left = max(math.ceil((ends_s - now_s) / _LEASE_STEP_S), 1)
            lease = minutes.setdefault(left, journal_lease + 1 + len(minutes))
        put(stored.revision, 0, layout.key(stored.key), stored.value, stored.create_revision, lease)
    entries = [entry for entry in contents.journal if entry.revision <= contents.revision]
    entry = JournalEntry(contents.revision, now_s, "move", _MOVED, "", "", "", 0)
    for entry in entries:
        name = layout.journal_of(entry.key) + f"{int(entry.time_s * 1e6):015x}-moved-{entry.revision:x}".encode()
        put(entry.revision, 1, name, _entry(entry), entry.revision, journal_lease)
    put(contents.revision, 2, layout.last, _entry(entry), contents.revision, 0)
    keys.sort()
    lives = {journal_lease: _JOURNAL_S} | {lease: left * _LEASE_STEP_S for left, lease in minutes.items()}
    leases = [(lease.to_bytes(8, "big"), _lease(lease, seconds)) for lease, seconds in lives.items()]
    compacted = _revision(contents.revision, 0)
    meta = [
        (b"consistent_index", (1).to_bytes(8, "big")),
        (b"finishedCompactRev", compacted),
        (b"scheduledCompactRev", compacted),
    ]
    buckets: dict[bytes, list[tuple[bytes, bytes]]] = {name: [] for name in _BUCKETS}
    buckets |= {b"key": keys, b"lease": leases, b"meta": meta}
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as target:
        bbolt.write(target, buckets)
        target.flush()
        target.seek(0)
        digest = hashlib.sha256()
        while piece := target.read(1 << 20):
            digest.update(piece)
        target.write(digest.digest())
        target.flush()
        os.fsync(target.fileno())


def _entry(entry: JournalEntry) -> bytes:
    cause = Cause(entry.user, entry.user_agent, entry.verb, entry.traceparent, entry.cause_revision)
    return encode_entry(entry.key, entry.time_s, cause)


def _revision(main: int, sub: int) -> bytes:
    return main.to_bytes(8, "big") + b"_" + sub.to_bytes(8, "big")


def _key_value(key: bytes, created: int, modified: int, value: bytes, lease: int) -> bytes:
    from pybernetes.storage import etcd_pb2

    pb: Any = etcd_pb2
    made = pb.KeyValue(key=key, create_revision=created, mod_revision=modified, version=1, value=value, lease=lease)
    return bytes(made.SerializeToString())


def _lease(lease: int, seconds: int) -> bytes:
    """leasepb.Lease: ID = 1, TTL = 2."""
    return b"\x08" + varint(lease) + b"\x10" + varint(seconds)
