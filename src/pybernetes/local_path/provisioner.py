"""The provisioner of one node: makes the folder of a claim that the scheduler put here, removes it with its volume.

It runs beside the kubelet, with an identity of its own (`system:local-path-provisioner`), whose role is upstream's
`system:persistent-volume-provisioner`. Each node looks after its own folders; a volume of a node that is away
stays Released until the node is back. Source: sig-storage-lib-external-provisioner controller/controller.go.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
from pathlib import Path

from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim
from pybernetes.api.storage.v1 import StorageClass
from pybernetes.apimachinery import errors, volume_claims
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import InformerFactory
from pybernetes.client.objects import key_of
from pybernetes.client.workqueue import RateLimitedQueue
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random
from pybernetes.local_path import plan

_LOG = logging.getLogger(__name__)
_CLAIM, _VOLUME = "claim:", "volume:"


class LocalPathProvisioner:
    def __init__(self, client: Client, node: str, hostname: str, root: Path, clock: Clock, random: Random) -> None:
        """`hostname`: the node's label kubernetes.io/hostname; `root`: where its folders are made."""
        self._client = client
        self._node = node
        self._hostname = hostname
        self._root = root
        self._informers = InformerFactory(client, clock, random)
        self._recorder = EventRecorder(client, plan.PROVISIONER, node, clock)
        claims = self._informers.informer(PersistentVolumeClaim)
        volumes = self._informers.informer(PersistentVolume)
        self._claims, self._volumes = claims.lister, volumes.lister
        self._queue: RateLimitedQueue[str] = RateLimitedQueue("local-path-provisioner")
        claims.add_handler(self._claim_seen, lambda old, new: self._claim_seen(new))
        volumes.add_handler(self._volume_seen, lambda old, new: self._volume_seen(new))

    def _claim_seen(self, claim: PersistentVolumeClaim) -> None:
        if plan.is_ours(claim, self._node):
            self._queue.add(_CLAIM + key_of(claim))

    def _volume_seen(self, volume: PersistentVolume) -> None:
        if plan.to_delete(volume, str(self._root)):
            self._queue.add(_VOLUME + (volume.metadata.name or ""))

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._informers.start(group)
                await self._informers.wait_synced()
                while True:
                    key = await self._queue.get()
                    await self._work(key)
        finally:
            await self._recorder.stop()

    async def _work(self, key: str) -> None:
        try:
            if key.startswith(_CLAIM):
                await self._provision(key.removeprefix(_CLAIM))
            else:
                await self._delete(key.removeprefix(_VOLUME))
            self._queue.forget(key)
        except (errors.StatusError, OSError) as error:
            _LOG.info("%s, trying again: %s", key, error)
            self._queue.add_rate_limited(key)
        finally:
            self._queue.done(key)

    async def _provision(self, key: str) -> None:
        claim = self._claims.by_key(key)
        if claim is None or not plan.is_ours(claim, self._node):
            return
        name = plan.volume_name(claim)
        if self._volumes.get("", name) is not None:
            return
        class_ = await self._class(volume_claims.class_of_claim(claim))
        refusal = plan.refusal(claim, class_)
        if refusal is not None:
            text = f'failed to provision volume with StorageClass "{volume_claims.class_of_claim(claim)}"'
            self._recorder.event(claim, "Warning", "ProvisioningFailed", f"{text}: {refusal.message}")
            return
        assert class_ is not None
        text = f'External provisioner is provisioning volume for claim "{key}"'
        self._recorder.event(claim, "Normal", "Provisioning", text)
        folder = self._root / name
        await asyncio.to_thread(make_folder, folder)
        try:
            await self._client.create(plan.volume(claim, class_, self._hostname, str(folder)))
        except errors.AlreadyExists:
            return
        except errors.StatusError as error:
            text = f"Error creating provisioned PV object for claim {key}: {error}"
            self._recorder.event(claim, "Warning", "ProvisioningFailed", text)
            raise
        self._recorder.event(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}")

    async def _class(self, name: str) -> StorageClass | None:
        try:
            return await self._client.get(StorageClass, name)
        except errors.NotFound:
            return None

    async def _delete(self, name: str) -> None:
        """The folder first: a volume that is gone would be forgotten with its folder still there."""
        try:
            volume = await self._client.get(PersistentVolume, name)
        except errors.NotFound:
            return
        folder = plan.to_delete(volume, str(self._root))
        if not folder or volume.metadata.deletionTimestamp is not None:
            return
        try:
            await asyncio.to_thread(remove_folder, Path(folder))
        except OSError as error:
            self._recorder.event(volume, "Warning", "VolumeFailedDelete", str(error))
            raise
        try:
            await self._client.delete(PersistentVolume, name, uid=volume.metadata.uid or "")
        except errors.NotFound:
            return


def make_folder(folder: Path) -> None:
    """Open to every user, as the folders of other local provisioners are; none can get to it but through a Pod."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)


def remove_folder(folder: Path) -> None:
    """What a Pod left there may be links; none is followed."""
    try:
        kind = os.lstat(folder).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        raise OSError(f"{folder} is no folder, so it is not removed")
    shutil.rmtree(folder)
