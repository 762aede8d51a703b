"""Asks drivers for the volumes of pods and gives them back: staged once a node, published once a pod.

Before a driver is asked a record is written (`mounts_on_disk`), so what failed halfway, or was there when the kubelet
died, is undone all the same. A volume is unstaged when its last pod has left, and named in the
node's status until then.

Source: pkg/volume/csi/csi_attacher.go, csi_mounter.go, csi_block.go; pkg/volume/util/operationexecutor.
Differs: SELinux is not looked at.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from pybernetes.api.authentication.v1 import TokenRequestStatus
from pybernetes.api.core.v1 import PersistentVolume, PersistentVolumeClaim, Pod, Secret
from pybernetes.api.core.v1 import Volume as PodVolume
from pybernetes.api.storage.v1 import CSIDriver, VolumeAttachment
from pybernetes.apimachinery import csi_volumes, errors, quantity, volume_claims
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.kubelet.pod_spec import uid_of
from pybernetes.kubelet.rpc import RpcError
from pybernetes.kubelet.volumes import block, mounts, ownership
from pybernetes.kubelet.volumes.attachments import Attachments
from pybernetes.kubelet.volumes.claims import is_read_only
from pybernetes.kubelet.volumes.csi import growing, requests
from pybernetes.kubelet.volumes.csi.drivers import Drivers
from pybernetes.kubelet.volumes.csi.mounts_on_disk import (
    Places,
    Use,
    Volume,
    staging_data,
    use_data,
    write_record,
)
from pybernetes.kubelet.volumes.payload import VolumeError
from pybernetes.kubelet.volumes.stats import VolumeStats
from pybernetes.kubelet.volumes.tokens import DEFAULT_LIFETIME_S, Tokens

_LOG = logging.getLogger(__name__)
_Key = tuple[str, str]
Recorder = Callable[[str, str, str, str], None]
"""Tells an event of the pod: type, reason, message, container."""


class CsiVolumes:
    def __init__(
        self,
        root: Path,
        client: Client,
        drivers: Drivers,
        tokens: Tokens,
        node_name: str,
        clock: Clock,
    ) -> None:
        self.places = Places(root)
        self.drivers = drivers
        self.attachments = Attachments()
        self.record_of_claim: Callable[[PersistentVolumeClaim, str, str, str], None] = lambda *_: None
        """Tells an event of a claim: type, reason, message."""
        self._client = client
        self._tokens = tokens
        self._node_name = node_name
        self._clock = clock
        self._uses: set[Use] = set(self.places.uses())
        self._published: set[Use] = set()
        """By this kubelet since its start: what is here from before is published once more."""
        self._staged: dict[_Key, Volume] = {_key(volume): volume for volume in self.places.staged()}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()
        for volume in (*self._staged.values(), *(use.volume for use in self._uses)):
            if not volume.ephemeral:
                self.attachments.use(_unique(volume))

    async def _driver_object(self, name: str) -> CSIDriver | None:
        try:
            return await self._client.get(CSIDriver, name)
        except errors.NotFound:
            return None

    # Making.

    async def set_up(self, pod: Pod, volume: PodVolume, found: PersistentVolume | None, use: Use) -> None:
        """Once it is attached: staged and published, its files the pod's group's. Raises VolumeError, OSError."""
        if use in self._published:
            return
        about = await self._driver_object(use.volume.driver)
        if why := requests.refuses_mode(about, use.volume.driver, ephemeral=use.volume.ephemeral):
            raise VolumeError(why, use.volume.name)
        await self.drivers.wait_for(use.volume.driver)
        self._uses.add(use)
        context: dict[str, str] = {}
        if found is not None and csi_volumes.is_attached_first(about):
            context = await self._attached(use.volume)
        async with self._lock(use.volume):
            if found is not None:
                await self._stage(pod, found, use.volume, context)
            await self._publish(pod, volume, found, use, about, context)
            self._published.add(use)

    async def publish_again(self, pod: Pod, volume: PodVolume, found: PersistentVolume | None, use: Use) -> None:
        """For drivers that want to be asked from time to time. Raises VolumeError, OSError."""
        about = await self._driver_object(use.volume.driver)
        if about is None or not about.spec.requiresRepublish or use not in self._published:
            return
        context: dict[str, str] = {}
        if found is not None and csi_volumes.is_attached_first(about):
            context = await self._publish_context(use.volume)
        async with self._lock(use.volume):
            await self._publish(pod, volume, found, use, about, context)

    async def _attached(self, volume: Volume) -> dict[str, str]:
        try:
            await self.attachments.attached(_unique(volume))
        except TimeoutError:
            text = f"timed out waiting for volume {volume.name} to be attached to the node"
            raise VolumeError(text, volume.name, "WaitForAttach") from None
        return await self._publish_context(volume)

    async def _publish_context(self, volume: Volume) -> dict[str, str]:
        name = self._attachment_of(volume)
        step = "MountVolume.WaitForAttach"
        try:
            found = await self._client.get(VolumeAttachment, name)
        except (errors.StatusError, OSError) as error:
            text = f"volume {volume.handle} has GET error for volume attachment {name}: {error}"
            raise VolumeError(text, volume.name, step) from None
        if found.metadata.deletionTimestamp is not None:
            raise VolumeError("volume attachment is being deleted", volume.name, step)
        return dict(found.status.attachmentMetadata)

    async def _stage(self, pod: Pod, found: PersistentVolume, volume: Volume, context: dict[str, str]) -> None:
        csi = found.spec.csi
        assert csi is not None
        step = "MapVolume.SetUpDevice" if volume.block else "MountVolume.MountDevice"
        staging, record = self.places.staging(volume), self.places.staging_record(volume)
        try:
            driver = self.drivers.get(volume.driver)
            can = await driver.can()
            if volume.block:
                data = use_data(Use(volume, uid_of(pod)), self._node_name, self._attachment_of(volume))
                await asyncio.to_thread(write_record, record, data)
                self._staged[_key(volume)] = volume
            if requests.STAGE not in can:
                return
            secrets = await self._secrets(csi.nodeStageSecretRef)
            staging.mkdir(parents=True, exist_ok=True, mode=0o750)
            if not volume.block:
                await asyncio.to_thread(write_record, record, staging_data(volume))
            self._staged[_key(volume)] = volume
            group = ownership.group_of(pod)
            await driver.call(
                "NodeStageVolume",
                volume_id=volume.handle,
                publish_context=context,
                staging_target_path=str(staging),
                volume_capability=requests.capability(driver.pb, volume, found, csi.fsType or "", can, group),
                secrets=secrets,
                volume_context=csi.volumeAttributes,
            )
        except RpcError as error:
            if requests.is_final(error.code) and not self._others(volume, pod):
                self._forget_staging(volume)
            raise VolumeError(str(error), volume.name, step) from None
        except VolumeError as error:
            raise VolumeError(str(error), volume.name, step) from None

    async def _publish(
        self,
        pod: Pod,
        volume: PodVolume,
        found: PersistentVolume | None,
        use: Use,
        about: CSIDriver | None,
        context: dict[str, str],
    ) -> None:
        step = "MapVolume.MapPodDevice" if use.volume.block else "MountVolume.SetUp"
        source: Any = volume.csi if found is None else found.spec.csi
        read_only = bool(source.readOnly) if found is None else is_read_only(volume)
        fs_type = source.fsType or ""
        target, again = self.places.target(use), use in self._published
        try:
            driver = self.drivers.get(use.volume.driver)
            can = await driver.can()
            attributes, secrets = await self._about_pod(pod, use.volume, about)
            attributes = {**source.volumeAttributes, **attributes}
            if found is None:
                own = source.nodePublishSecretRef
                secrets |= await self._secrets_named(own.name, pod.metadata.namespace) if own is not None else {}
            else:
                secrets |= await self._secrets(source.nodePublishSecretRef)
            if not use.volume.block:
                data = use_data(use, self._node_name, self._attachment_of(use.volume))
                await asyncio.to_thread(write_record, self.places.use_record(use), data)
            else:
                await asyncio.to_thread(block.name_device, target, self.places.link(use))
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            group = ownership.group_of(pod)
            staging = str(self.places.staging(use.volume)) if found is not None and requests.STAGE in can else ""
            await driver.call(
                "NodePublishVolume",
                volume_id=use.volume.handle,
                publish_context=context,
                staging_target_path=staging,
                target_path=str(target),
                volume_capability=requests.capability(driver.pb, use.volume, found, fs_type, can, group),
                readonly=read_only,
                secrets=secrets,
                volume_context=attributes,
            )
        except RpcError as error:
            if requests.is_final(error.code) and not again and not mounts.is_mount_point(target):
                self._remove_files(use)
            raise VolumeError(str(error), use.volume.name, step) from None
        except VolumeError as error:
            raise VolumeError(str(error), use.volume.name, step) from None
        if use.volume.block:
            await asyncio.to_thread(block.map_device, target, self.places.device(use), self.places.link(use))
        elif not again and requests.kubelet_gives_group(about, found, fs_type, can):
            await asyncio.to_thread(ownership.give_to_pod, target, pod, read_only)

    async def _about_pod(
        self, pod: Pod, volume: Volume, about: CSIDriver | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Attributes and secrets that the driver wants of the pod."""
        attributes: dict[str, str] = {}
        if about is None:
            return attributes, {}
        if about.spec.podInfoOnMount:
            attributes |= requests.about_pod(pod, ephemeral=volume.ephemeral)
        if not about.spec.tokenRequests or volume.block:
            return attributes, {}
        tokens: dict[str, TokenRequestStatus] = {}
        for wanted in about.spec.tokenRequests:
            lifetime_s = wanted.expirationSeconds or DEFAULT_LIFETIME_S
            tokens[wanted.audience] = await self._tokens.status(pod, wanted.audience, lifetime_s)
        shown = requests.tokens_attribute(tokens)
        return (attributes, shown) if about.spec.serviceAccountTokenInSecrets else (attributes | shown, {})

    async def _secrets(self, reference: Any) -> dict[str, str]:
        return await self._secrets_named(reference.name, reference.namespace) if reference is not None else {}

    async def _secrets_named(self, name: str | None, namespace: str | None) -> dict[str, str]:
        try:
            found = await self._client.get(Secret, name or "", namespace or "")
        except (errors.StatusError, OSError) as error:
            raise VolumeError(f"fetching secret {namespace}/{name} failed: {error}") from None
        return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in found.data.items()}

    # Looking after.

    async def expand(self, pod: Pod, volume: PodVolume, use: Use, record: Recorder) -> None:
        """Has a volume that has grown made larger on this node. Raises VolumeError, StatusError, OSError."""
        namespace, name = pod.metadata.namespace or "", volume_claims.claim_name(pod, volume)
        claim = await self._client.get(PersistentVolumeClaim, name, namespace)
        found = await self._client.get(PersistentVolume, use.volume.name)
        size = growing.wanted_size(claim, found)
        if size is None or found.spec.csi is None:
            return
        step, about = "MountVolume.NodeExpandVolume", f'for volume "{use.volume.name}" '
        if is_read_only(volume):
            self._told(
                record,
                claim,
                "Warning",
                "FileSystemResizeFailed",
                f"{step} failed {about} requested read-only file system",
            )
            return
        if claim.status.allocatedResourceStatuses.get("storage") not in (None, growing.IN_PROGRESS):
            claim = await self._patch_claim(claim, growing.in_progress(claim))
        try:
            await self._expand(found, use, size)
        except RpcError as error:
            await self._expansion_failed(claim, error)
            if growing.failure(error.code) is growing.Failure.LATER:
                return
            text = f"Expander.NodeExpand failed to expand the volume : {error}"
            raise VolumeError(text, use.volume.name, "MountVolume.Setup failed while expanding volume") from None
        self._told(record, claim, "Normal", "FileSystemResizeSuccessful", f"{step} succeeded {about} {self._node_name}")
        await self._patch_claim(claim, growing.finished(claim, size))

    def _told(self, record: Recorder, claim: PersistentVolumeClaim, kind: str, reason: str, text: str) -> None:
        """To those who look at the pod and to those who look at the claim."""
        record(kind, reason, text, "")
        self.record_of_claim(claim, kind, reason, text)

    async def _expand(self, found: PersistentVolume, use: Use, size: str) -> None:
        csi = found.spec.csi
        assert csi is not None
        driver = self.drivers.get(use.volume.driver)
        can = await driver.can()
        if requests.EXPAND not in can:
            text = f"NodeExpand is not supported by the CSI driver {use.volume.driver}"
            raise VolumeError(text, use.volume.name, "MountVolume.Setup failed while expanding volume")
        await driver.call(
            "NodeExpandVolume",
            volume_id=use.volume.handle,
            volume_path=str(self.places.target(use)),
            staging_target_path=str(self.places.staging(use.volume)) if requests.STAGE in can else "",
            capacity_range=driver.pb.CapacityRange(required_bytes=quantity.value(size)),
            volume_capability=requests.capability(driver.pb, use.volume, found, csi.fsType or "", can, None),
            secrets=await self._secrets(csi.nodeExpandSecretRef),
        )

    async def _expansion_failed(self, claim: PersistentVolumeClaim, error: RpcError) -> None:
        if requests.is_final(error.code):
            body = growing.failed(claim, str(error), growing.failure(error.code), self._clock.now())
            await self._patch_claim(claim, body)

    async def _patch_claim(self, claim: PersistentVolumeClaim, body: Any) -> PersistentVolumeClaim:
        meta = claim.metadata
        return await self._client.patch(
            PersistentVolumeClaim, meta.name or "", meta.namespace or "", body, subresource="status"
        )

    async def stats(self, use: Use) -> VolumeStats | None:
        """What the driver says of a published volume; None where it does not tell, or cannot be asked now."""
        if use not in self._published:
            return None
        path = self.places.device(use) if use.volume.block else self.places.target(use)
        try:
            driver = self.drivers.get(use.volume.driver)
            if requests.STATS not in await driver.can():
                return None
            answer = await driver.call("NodeGetVolumeStats", volume_id=use.volume.handle, volume_path=str(path))
        except (RpcError, VolumeError) as error:
            _LOG.debug("no figures of volume %s: %s", use.volume.name, error)
            return None
        return requests.stats_of(answer)

    # Taking away.

    async def tear_down(self, uid: str) -> None:
        """Every volume of a pod that has ended. Raises VolumeError, OSError; what is left is taken away next time."""
        self._tokens.forget(uid)
        failure: VolumeError | None = None
        for use in [use for use in self._uses if use.uid == uid]:
            try:
                async with self._lock(use.volume):
                    await self._unpublish(use)
                    await self._unstage_unless_used(use.volume)
            except VolumeError as error:
                failure = error
        if failure is not None:
            raise failure

    async def tear_down_strays(self) -> None:
        """What is staged and no pod's any more, from before this kubelet. Raises VolumeError, OSError."""
        for volume in list(self._staged.values()):
            async with self._lock(volume):
                await self._unstage_unless_used(volume)

    async def _unpublish(self, use: Use) -> None:
        target, record = self.places.target(use), self.places.use_record(use)
        if use.volume.block:
            await asyncio.to_thread(block.unmap_device, self.places.device(use), self.places.link(use))
        if record.exists():
            await self._ask_to_leave(
                "NodeUnpublishVolume", use.volume, "UnmountVolume.TearDown", target_path=str(target)
            )
        self._remove_files(use)
        self._uses.discard(use)
        self._published.discard(use)

    async def _unstage_unless_used(self, volume: Volume) -> None:
        if any(_key(use.volume) == _key(volume) for use in self._uses):
            return
        if (staged := self._staged.get(_key(volume))) is not None:
            if requests.STAGE in await self._can(staged):
                path = str(self.places.staging(staged))
                await self._ask_to_leave("NodeUnstageVolume", staged, "UnmountDevice", staging_target_path=path)
            self._forget_staging(staged)
        self.attachments.leave(_unique(volume))

    async def _can(self, volume: Volume) -> frozenset[int]:
        try:
            return await self.drivers.get(volume.driver).can()
        except RpcError as error:
            raise VolumeError(str(error), volume.name, "UnmountDevice") from None

    async def _ask_to_leave(self, method: str, volume: Volume, step: str, **paths: str) -> None:
        try:
            await self.drivers.get(volume.driver).call(method, volume_id=volume.handle, **paths)
        except (RpcError, VolumeError) as error:
            raise VolumeError(str(error), volume.name, step) from None

    # What is known, on the disk and here.

    def _remove_files(self, use: Use) -> None:
        """Takes the record of a volume that is unpublished, and folders that a driver left."""
        target = self.places.target(use)
        if not use.volume.block:
            if mounts.is_mount_point(target):
                raise VolumeError(f"{target} is still mounted", use.volume.name, "UnmountVolume.TearDown")
            _remove_empty(target)
            self.places.use_record(use).unlink(missing_ok=True)
            _remove_empty(target.parent)
        else:
            target.unlink(missing_ok=True)
            self.places.link(use).unlink(missing_ok=True)

    def _forget_staging(self, volume: Volume) -> None:
        staging, record = self.places.staging(volume), self.places.staging_record(volume)
        if mounts.mounts_below(staging):
            raise VolumeError(f"{staging} is still mounted", volume.name, "UnmountDevice")
        if volume.block:
            shutil.rmtree(staging, ignore_errors=True)
            shutil.rmtree(record.parent.parent, ignore_errors=True)
            with suppress(OSError):
                self.places.published(volume).rmdir()
        else:
            _remove_empty(staging)
            record.unlink(missing_ok=True)
            _remove_empty(record.parent)
        self._staged.pop(_key(volume), None)

    def _attachment_of(self, volume: Volume) -> str:
        return csi_volumes.attachment_name(volume.driver, volume.handle, self._node_name)

    def _others(self, volume: Volume, pod: Pod) -> bool:
        return any(_key(use.volume) == _key(volume) and use.uid != uid_of(pod) for use in self._uses)

    def _lock(self, volume: Volume) -> asyncio.Lock:
        return self._locks.setdefault(_key(volume), asyncio.Lock())


def _key(volume: Volume) -> _Key:
    return volume.driver, volume.handle


def _unique(volume: Volume) -> str:
    return csi_volumes.unique_name(volume.driver, volume.handle)


def _remove_empty(folder: Path) -> None:
    with suppress(FileNotFoundError):
        folder.rmdir()
