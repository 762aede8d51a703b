"""Snapshots of a cluster's etcd: etcd's own file, which etcdctl and etcdutl read and write too.

Restoring makes a new data folder with etcd's own tool and then lets the revision run past everything that
the cluster had before, and compacts: who knew the time before has to list again. etcdutl 3.5.9 and later
does that by itself (--bump-revision); for an older one the member is started and written to.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.machine import etcd
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.storage.etcd_client import EtcdClient, EtcdConfig
from pybernetes.storage.etcd_layout import EtcdLayout
from pybernetes.storage.store import StoreError

_HASH_BYTES = hashlib.sha256().digest_size
_BUMP = 1_000_000_000
_MARGIN = 20_000
"""How far past the revision of the replaced data an old etcd is brought: its file may be a little behind."""
_AT_ONCE = 500
_DATABASE = Path("member", "snap", "db")


def save(config: EtcdConfig, file: Path) -> None:
    """Streams a snapshot of the whole etcd. `file` appears only when it is whole. Raises StoreError, OSError."""
    if file.exists():
        raise FileExistsError(17, "there is such a file already", str(file))
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            asyncio.run(_stream(config, opened))
            opened.flush()
            os.fsync(opened.fileno())
        verify(part)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


async def _stream(config: EtcdConfig, target: BinaryIO) -> None:
    client = EtcdClient(config)
    try:
        async for blob in client.snapshot():
            target.write(blob)
    finally:
        await client.close()


def verify(file: Path) -> str:
    """The SHA-256 of the database in it, which must be the one that stands at its end. Raises StoreError."""
    digest = hashlib.sha256()
    left = file.stat().st_size - _HASH_BYTES
    if left <= 0 or left % 512:
        raise StoreError(f"{file} is no snapshot: it has no checksum at its end")
    with file.open("rb") as opened:
        while left:
            piece = opened.read(min(left, 1 << 20))
            digest.update(piece)
            left -= len(piece)
        if opened.read() != digest.digest():
            raise StoreError(f"{file} is damaged: its checksum is not {digest.hexdigest()}")
    return digest.hexdigest()


def status(file: Path) -> dict[str, Any]:
    """What etcd's tool says of a database: revision, totalKey, totalSize. Raises ClusterError."""
    done = _tool("snapshot", "status", str(file), "--write-out", "json")
    told: dict[str, Any] = json.loads(done)
    return told


def restore(file: Path, spec: ClusterSpec, layout: Layout) -> int:
    """Puts the snapshot in the place of the etcd's data, which must not run; the revision it goes on after.

    Raises ClusterError, StoreError, OSError.
    """
    verify(file)
    members = etcd.members(spec, layout)
    before = max(_revision(member) for member in members)
    alone = dataclasses.replace(spec, control_planes=1)
    (member,) = etcd.members(alone, layout)
    bumps = "--bump-revision" in _tool("snapshot", "restore", "--help")
    bump = ["--bump-revision", str(_BUMP), "--mark-compacted"] if bumps else []
    put_in_place(file, member, [member], bump)
    revision = asyncio.run(_run_past(alone, layout, 0 if bumps else before + _MARGIN))
    if spec.control_plane_names:
        _spread(member, members)
    return revision


def put_in_place(file: Path, member: etcd.Member, members: list[etcd.Member], options: list[str]) -> None:
    """Makes the data of one member of several, with etcd's own tool, in the place of what it had."""
    part = member.data.with_name(member.data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    cluster = ",".join(f"{other.name}={other.peer}" for other in members)
    place = ["--data-dir", str(part), "--name", member.name, "--initial-cluster", cluster]
    _tool("snapshot", "restore", str(file), *place, "--initial-advertise-peer-urls", member.peer, *options)
    shutil.rmtree(member.data, ignore_errors=True)
    part.rename(member.data)
    member.data.chmod(0o700)


def _spread(source: etcd.Member, members: list[etcd.Member]) -> None:
    """Makes members of a new cluster from the data of a lone one, which is ended."""
    copy = source.data.with_name("etcd.db.part")
    try:
        shutil.move(source.data / _DATABASE, copy)
        shutil.rmtree(source.data)
        source.data.mkdir(mode=0o700)
        for member in members:
            put_in_place(copy, member, members, ["--skip-hash-check"])
    finally:
        copy.unlink(missing_ok=True)


def _revision(member: etcd.Member) -> int:
    """How far the data that is replaced had come; 0 where there is none."""
    database = member.data / _DATABASE
    if not database.exists():
        return 0
    copy = member.data.with_name(member.data.name + ".db.part")
    try:
        shutil.copyfile(database, copy)
        return int(status(copy)["revision"])
    except ClusterError:
        return 0  # damaged: that may be why a snapshot is restored
    finally:
        copy.unlink(missing_ok=True)


async def _run_past(spec: ClusterSpec, layout: Layout, wanted: int) -> int:
    """Starts the etcd for a moment: writes until it is at revision `wanted`, then compacts."""
    with (layout.data / "logs" / "etcd.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *etcd.command(spec, layout), stdout=log, stderr=log, env={**os.environ, **etcd.environment()}
        )
    client = EtcdClient(etcd.config(spec, layout))
    pb = client.pb
    write = pb.PutRequest(key=EtcdLayout(spec.etcd_prefix).progress)
    try:
        revision = int((await client.call("KV/Put", write, timeout_s=30)).header.revision)
        wanted = max(wanted, revision + _MARGIN) if wanted else 0
        while revision < wanted:
            count = min(_AT_ONCE, wanted - revision)
            answers = await asyncio.gather(*(client.call("KV/Put", write) for _ in range(count)))
            revision = max(int(answer.header.revision) for answer in answers)
        await client.call("KV/Compact", pb.CompactionRequest(revision=revision))
        return revision
    finally:
        await client.close()
        process.terminate()
        await process.wait()


def _tool(*arguments: str) -> str:
    """Runs etcdutl where there is one, else etcdctl, which could do the same before 3.6."""
    name = "etcdutl" if shutil.which("etcdutl") else "etcdctl"
    program = etcd.program(name)
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"}, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ClusterError(f"{name} {' '.join(arguments[:2])} failed: {said[-1] if said else 'it said nothing'}")
    return done.stdout
