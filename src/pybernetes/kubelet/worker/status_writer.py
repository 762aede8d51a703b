"""Writes pods' statuses to the API: soon, one write a pod at a time, the newest wins.

Only what changed is sent, as a strategic merge patch: conditions of others are never touched.

Source: pkg/kubelet/status/status_manager.go. Differs: no queue and no ten-second resync; a status
is written the moment it exists.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from pybernetes.api.core.v1 import Pod, PodStatus
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.pods import is_finished
from pybernetes.client import cause
from pybernetes.client.client import Client
from pybernetes.client.objects import revision_of
from pybernetes.kubelet.pod_spec import is_mirror, uid_of
from pybernetes.kubelet.tasks import Spawn
from pybernetes.kubelet.worker.status import VANISHING_CONDITIONS

_LOG = logging.getLogger(__name__)
_FIRST_PENDING_S = 0.02
"""The first «Pending» waits until the runtime is at work on the pod: the write then costs its start nothing."""
_START_TURNS = 16
"""As long as a start that waits for nothing takes: a turn of a busy event loop can outlast the time above."""
_INSIST_S = 10.0
_RETRY_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
# Not the kubelet's to say.
_FOREIGN = ("resourceClaimStatuses", "extendedResourceClaimStatus", "nodeAllocatableResourceClaimStatuses",
            "nominatedNodeName", "resize")  # fmt: skip


@dataclass(slots=True)
class _Pending:
    status: PodStatus
    final: bool


class StatusWriter:
    """`api_pod(uid)` is the object in the API that shows the pod's status (a mirror pod for a static one)."""

    def __init__(
        self,
        client: Client | None,
        api_pod: Callable[[str], Pod | None],
        spawn: Spawn,
    ) -> None:
        self._client = client
        self._api_pod = api_pod
        self._spawn = spawn
        self._pending: dict[str, _Pending] = {}
        self._busy: set[str] = set()
        self._written: dict[str, Pod] = {}
        self._said: dict[str, _Pending] = {}
        """The newest status of each pod, written or not."""
        self._insisting: set[str] = set()
        self.ends: Counter[tuple[str, int, str]] = Counter()
        """Ends of containers that were told: by kind of container, exit code and reason."""

    def write(self, uid: str, status: PodStatus, final: bool) -> None:
        """Never blocks; errors are retried until a newer status or the pod's end."""
        if self._client is None:
            return
        self.ends.update(_ends(self._told(uid), status))
        self._pending[uid] = self._said[uid] = _Pending(status, final)
        if uid not in self._busy:
            self._busy.add(uid)
            self._spawn(self._run(uid), f"status {uid}")

    def _told(self, uid: str) -> PodStatus:
        """What was said of the pod last, maybe by an earlier kubelet."""
        if (said := self._said.get(uid)) is not None:
            return said.status
        pod = self._api_pod(uid)
        return pod.status if pod is not None else PodStatus()

    def seen(self, uid: str, pod: Pod) -> None:
        """The API shows this now: what others changed of a status that is the kubelet's to say is said again.

        So Pods of a node that was cut off, and marked as not ready, are ready again once it is back.
        Source: needsReconcile of status_manager.go.
        """
        if self._differs(uid, pod) and uid not in self._insisting:
            self._insisting.add(uid)
            self._spawn(self._insist(uid), f"status {uid} again")

    def _differs(self, uid: str, pod: Pod) -> bool:
        said, known = self._said.get(uid), self._written.get(uid)
        if said is None or known is None or uid in self._busy or is_finished(pod) or _newer(known, pod):
            return False
        return bool(status_patch(pod.status, said.status))

    async def _insist(self, uid: str) -> None:
        """Not at once: who changed it may not know yet that the node is back, and would change it again."""
        try:
            await asyncio.sleep(_INSIST_S)
            pod = self._api_pod(uid)
            if pod is not None and self._differs(uid, pod):
                said = self._said[uid]
                self.write(uid, said.status, said.final)
        finally:
            self._insisting.discard(uid)

    def forget(self, uid: str) -> None:
        self._pending.pop(uid, None)
        self._said.pop(uid, None)
        self._written.pop(uid, None)

    async def _run(self, uid: str) -> None:
        failures = 0
        try:
            if uid not in self._written and self._pending[uid].status.phase == "Pending":
                await self._until_started(uid)
            while (pending := self._pending.get(uid)) is not None:
                try:
                    await self._write_one(uid, pending)
                except errors.NotFound:
                    self._drop(uid, pending)
                except errors.Conflict as error:
                    _LOG.debug("status of %s: %s", uid, error)
                    self._written.pop(uid, None)
                    if self._api_pod(uid) is None:
                        self._drop(uid, pending)
                    failures += 1
                    await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S)) - 1])
                except (errors.StatusError, OSError) as error:
                    failures += 1
                    if failures == 3:
                        _LOG.warning("the status of pod %s cannot be written, trying on: %s", uid, error)
                    await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S)) - 1])
                else:
                    failures = 0
                    self._drop(uid, pending)
        finally:
            self._busy.discard(uid)

    async def _until_started(self, uid: str) -> None:
        """A moment, in which what follows «Pending» may take its place."""
        await asyncio.sleep(_FIRST_PENDING_S)
        for _ in range(_START_TURNS):
            if (pending := self._pending.get(uid)) is None or pending.status.phase != "Pending":
                return
            await asyncio.sleep(0)

    def _drop(self, uid: str, pending: _Pending) -> None:
        if self._pending.get(uid) is pending:
            del self._pending[uid]

    async def _write_one(self, uid: str, pending: _Pending) -> None:
        client = self._client
        assert client is not None
        pod = self._api_pod(uid)
        if pod is None:
            return
        known = self._written.get(uid)
        base = known if known is not None and uid_of(known) == uid_of(pod) and _newer(known, pod) else pod
        body = status_patch(base.status, pending.status)
        name, namespace = pod.metadata.name or "", pod.metadata.namespace or ""
        if body:
            patch = {"metadata": {"uid": uid_of(pod)}, "status": body}
            if not cause.current().revision:
                cause.set_current(cause.Cause(revision_of(pod)))
            self._written[uid] = await client.patch(
                Pod, name, namespace, patch, patch_type="strategic", subresource="status", read_only=True
            )
        latest = self._written.get(uid, pod)
        deleting = latest.metadata.deletionTimestamp or (self._api_pod(uid) or pod).metadata.deletionTimestamp
        if pending.final and deleting and not is_mirror(pod):
            with suppress(errors.NotFound):
                await client.delete(Pod, name, namespace, uid=uid_of(pod), grace_period_s=0)


def _newer(left: Pod, right: Pod) -> bool:
    return revision_of(left) >= revision_of(right)


def status_patch(old: PodStatus, new: PodStatus) -> dict[str, Any]:
    """The strategic merge patch that makes `old` show what `new` says. Pure."""
    before: dict[str, Any] = msgspec.to_builtins(old)
    after: dict[str, Any] = msgspec.to_builtins(new)
    patch: dict[str, Any] = {}
    for key in {**before, **after}:
        if key in _FOREIGN or before.get(key) == after.get(key):
            continue
        if key == "conditions":
            known = {c["type"]: c for c in before.get(key, [])}
            changed = [c for c in after.get(key, []) if known.get(c["type"]) != c]
            for condition in changed:
                gone = set(known.get(condition["type"], ())) - set(condition)
                condition.update(dict.fromkeys(gone))
            kept = {c["type"] for c in after.get(key, [])}
            changed += [
                {"$patch": "delete", "type": kind}
                for kind in VANISHING_CONDITIONS
                if kind in known and kind not in kept
            ]
            if changed:
                patch[key] = changed
        elif key not in after:
            patch[key] = None
        elif key in ("podIPs", "hostIPs") and before.get(key):
            patch[key] = [{"$patch": "replace"}, *after[key]]
        else:
            patch[key] = after[key]
    return patch


def _ends(before: PodStatus, after: PodStatus) -> Iterator[tuple[str, int, str]]:
    """Containers that ended between two statuses. Source: status_manager.go checkAndRecordTerminations."""
    for kind, old, new in (
        ("init_container", before.initContainerStatuses, after.initContainerStatuses),
        ("container", before.containerStatuses, after.containerStatuses),
        ("ephemeral_container", before.ephemeralContainerStatuses, after.ephemeralContainerStatuses),
    ):
        known = {status.name for status in old if status.state is not None and status.state.terminated is not None}
        for status in new:
            ended = status.state.terminated if status.state is not None else None
            if ended is not None and status.name not in known:
                yield kind, ended.exitCode, ended.reason or ""
