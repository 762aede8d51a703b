"""The shell: looks at a volume when its Pods, its attachments or their nodes change.

Keys are `volume:NAME` and `node:NAME`. Source: pkg/controller/volume/attachdetach/attach_detach_controller.go.
"""

from __future__ import annotations

import math

import msgspec

from pybernetes.api.core.v1 import Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage.v1 import CSIDriver, VolumeAttachment
from pybernetes.apimachinery import errors
from pybernetes.client.objects import key_of
from pybernetes.controllers.attach_detach import plan
from pybernetes.controllers.runtime.claim_users import BY_CLAIM, claim_keys, index_by_claim
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.nodes import is_ready

_VOLUME, _NODE = "volume:", "node:"


class AttachDetachController(Controller):
    name = "persistentvolume-attach-detach-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("attachdetach-controller")
        pods, claims = self.informer(Pod), self.informer(PersistentVolumeClaim)
        volumes, nodes = self.informer(PersistentVolume), self.informer(Node)
        attachments, drivers = self.informer(VolumeAttachment), self.informer(CSIDriver)
        self._pods, self._claims, self._volumes = pods.lister, claims.lister, volumes.lister
        self._nodes, self._attachments, self._drivers = nodes.lister, attachments.lister, drivers.lister
        self._unused_since: dict[str, dict[str, float]] = {}
        """By volume and node."""
        index_by_claim(pods)
        attachments.add_index("volume", _volume_of)
        attachments.add_index("node", _node_of)
        pods.add_handler(self._pod_changed, self._pod_updated, self._pod_changed)
        claims.add_handler(self._claim_changed, lambda old, new: self._claim_changed(new), self._claim_changed)
        volumes.add_handler(self._volume_changed)
        attachments.add_handler(self._attachment_changed, self._attachment_updated, self._attachment_changed)
        nodes.add_handler(self._node_changed, self._node_updated, self._node_changed)

    # What is told

    def _pod_updated(self, old: Pod, new: Pod) -> None:
        if (old.spec.nodeName, old.status.phase) != (new.spec.nodeName, new.status.phase):
            self._pod_changed(new)

    def _pod_changed(self, pod: Pod) -> None:
        for key in claim_keys(pod) if pod.spec.nodeName else ():
            claim = self._claims.by_key(key)
            if claim is not None:
                self._claim_changed(claim)

    def _claim_changed(self, claim: PersistentVolumeClaim) -> None:
        volume = self._volumes.get("", claim.spec.volumeName) if claim.spec.volumeName else None
        if volume is not None:
            self._volume_changed(volume)

    def _volume_changed(self, volume: PersistentVolume) -> None:
        if volume.spec.csi is not None:
            self.queue.add(_VOLUME + (volume.metadata.name or ""))

    def _attachment_changed(self, attachment: VolumeAttachment) -> None:
        self.queue.add(_VOLUME + (attachment.spec.source.persistentVolumeName or ""))
        self.queue.add(_NODE + attachment.spec.nodeName)

    def _attachment_updated(self, old: VolumeAttachment, new: VolumeAttachment) -> None:
        self._attachment_changed(new)
        volume = self._volumes.get("", new.spec.source.persistentVolumeName or "")
        if volume is None:
            return
        name, failure = volume.metadata.name, new.status.attachError
        if new.status.attached and not old.status.attached:
            text = f'AttachVolume.Attach succeeded for volume "{name}" '
            self._tell(volume, new.spec.nodeName, "Normal", "SuccessfulAttachVolume", text)
        elif failure is not None and failure != old.status.attachError:
            text = f'AttachVolume.Attach failed for volume "{name}" : {failure.message}'
            self._tell(volume, new.spec.nodeName, "Warning", "FailedAttachVolume", text)

    def _node_updated(self, old: Node, new: Node) -> None:
        before, now = ((is_ready(n), n.status.volumesInUse, n.spec.taints) for n in (old, new))
        if before != now:
            self._node_changed(new)

    def _node_changed(self, node: Node) -> None:
        """One that is gone lets go of all; one that is new is told what it has."""
        for each in self._attachments.by_index("node", node.metadata.name or ""):
            self._attachment_changed(each)

    # What is done

    async def reconcile(self, key: str) -> None:
        if key.startswith(_NODE):
            await self._report(key.removeprefix(_NODE))
            return
        volume = self._volumes.get("", key.removeprefix(_VOLUME))
        if volume is None or volume.spec.csi is None:
            self._unused_since.pop(key.removeprefix(_VOLUME), None)
            return
        if not plan.needs_attach(volume, self._drivers.get("", volume.spec.csi.driver)):
            return
        name = volume.metadata.name or ""
        wanted = list(dict.fromkeys(pod.spec.nodeName or "" for pod in self._users(volume)))
        attachments = self._attachments.by_index("volume", name)
        now = self.clock.now()
        since = self._unused_since.setdefault(name, {})
        for each in attachments:
            if each.spec.nodeName not in wanted:
                since.setdefault(each.spec.nodeName, now)
        self._unused_since[name] = {node: at for node, at in since.items() if node not in wanted}
        nodes = {node.metadata.name or "": node for node in self._nodes.list()}
        found = plan.steps(volume, wanted, attachments, nodes, self._unused_since[name], now)
        for each in found.detach:
            await self._delete(each)
        for node_name in found.attach:
            try:
                await self.client.create(plan.attachment(volume, node_name))
            except errors.AlreadyExists:
                continue
        for node_name in found.refused:
            why = "Volume is already exclusively attached to one node and can't be attached to another"
            text = f'Multi-Attach error for volume "{name}" {why}'
            self._tell(volume, node_name, "Warning", "FailedAttachVolume", text)
        if not math.isinf(found.look_again_s):
            self.queue.add_after(key, found.look_again_s)
        elif not attachments:
            self._unused_since.pop(name, None)

    async def _delete(self, attachment: VolumeAttachment) -> None:
        try:
            await self.client.delete(VolumeAttachment, key_of(attachment), uid=attachment.metadata.uid or "")
        except errors.NotFound:
            return

    async def _report(self, node_name: str) -> None:
        """Writes what is attached into the node's status, for its kubelet to go on."""
        node = self._nodes.get("", node_name)
        if node is None:
            return
        pairs = [
            (volume, each)
            for each in self._attachments.by_index("node", node_name)
            if (volume := self._volumes.get("", each.spec.source.persistentVolumeName or "")) is not None
            and volume.spec.csi is not None
        ]
        attached = plan.attached_to(pairs)
        if attached == list(node.status.volumesAttached or []):
            return
        body = {"status": {"volumesAttached": msgspec.to_builtins(attached) or None}}
        try:
            await self.client.patch(Node, node_name, "", body, patch_type="merge", subresource="status")
        except errors.NotFound:
            return

    def _users(self, volume: PersistentVolume) -> list[Pod]:
        ref = volume.spec.claimRef
        if ref is None:
            return []
        claim = self._claims.get(ref.namespace or "", ref.name or "")
        if claim is None or claim.spec.volumeName != volume.metadata.name:
            return []
        pods = self._pods.by_index(BY_CLAIM, key_of(claim))
        return [pod for pod in pods if plan.uses_volumes(pod, self._nodes.get("", pod.spec.nodeName or ""))]

    def _tell(self, volume: PersistentVolume, node_name: str, kind: str, reason: str, text: str) -> None:
        for pod in self._users(volume):
            if pod.spec.nodeName == node_name:
                self.recorder.event(pod, kind, reason, text)


def _volume_of(attachment: VolumeAttachment) -> list[str]:
    return [attachment.spec.source.persistentVolumeName or ""]


def _node_of(attachment: VolumeAttachment) -> list[str]:
    return [attachment.spec.nodeName]
