"""What the API is told of a node's drivers: its CSINode, and an annotation and labels of its Node.

Source: pkg/volume/csi/nodeinfomanager/nodeinfomanager.go, csi_plugin.go Init (migrated plugins), csi_node_updater.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from pybernetes.api.core.v1 import Node
from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.api.storage.v1 import CSIDriver, CSINode, CSINodeDriver, CSINodeSpec, VolumeNodeResources
from pybernetes.apimachinery import errors
from pybernetes.client.client import Client

_NODE_IDS = "csi.volume.kubernetes.io/nodeid"
_MIGRATED_PLUGINS = "storage.alpha.kubernetes.io/migrated-plugins"
_MIGRATED = ",".join(
    f"kubernetes.io/{name}"
    for name in ("aws-ebs", "azure-disk", "azure-file", "cinder", "gce-pd", "portworx-volume", "vsphere-volume")
)
_ATTEMPTS = 6
_RETRY_S = 5.0


class NodeInfo:
    """`node` waits for the Node that the kubelet registers."""

    def __init__(self, client: Client, node: Callable[[], Awaitable[Node]]) -> None:
        self._client = client
        self._node = node
        self._writing = asyncio.Lock()

    async def begin(self) -> None:
        """Makes the node's CSINode. Raises StatusError, OSError."""
        async with self._writing:
            found = await self._csi_node()
            if found.metadata.annotations.get(_MIGRATED_PLUGINS) != _MIGRATED:
                found.metadata.annotations = {**found.metadata.annotations, _MIGRATED_PLUGINS: _MIGRATED}
                await self._client.update(found)

    async def install(self, driver: str, node_id: str, most_volumes: int, topology: Mapping[str, str]) -> None:
        """Raises ValueError for what the driver must not say; StatusError, OSError."""
        if not node_id:
            raise ValueError("error adding CSI driver node info: driverNodeID must not be empty")
        async with self._writing:
            await self._tell_node(driver, node_id, topology)
            limit = VolumeNodeResources(count=most_volumes) if most_volumes > 0 else None
            made = CSINodeDriver(name=driver, nodeID=node_id, topologyKeys=sorted(topology), allocatable=limit)
            await self._put(driver, made)

    async def uninstall(self, driver: str) -> None:
        """Raises StatusError, OSError."""
        async with self._writing:
            await self._put(driver, None)
            await self._tell_node(driver, None, {})

    async def periods(self, driver: str) -> AsyncIterator[int]:
        """Every how many seconds the driver's limits are to be asked for, 0: never; again when that changes."""
        selector, last = f"metadata.name={driver}", -1
        while True:
            try:
                page = await self._client.list(CSIDriver, field_selector=selector)
                if (period := _period(page.items)) != last:
                    yield (last := period)
                async for event in self._client.watch(
                    CSIDriver, resource_version=page.resource_version, field_selector=selector
                ):
                    there = [] if event.type == "DELETED" else [event.object]
                    if event.type != "BOOKMARK" and (period := _period(there)) != last:
                        yield (last := period)
            except (errors.StatusError, OSError):
                await asyncio.sleep(_RETRY_S)

    async def _tell_node(self, driver: str, node_id: str | None, topology: Mapping[str, str]) -> None:
        node = await self._client.get(Node, (await self._node()).metadata.name or "")
        for key, value in topology.items():
            known = node.metadata.labels.get(key, value)
            if known != value:
                raise ValueError(
                    f'detected topology value collision: driver reported "{key}":"{value}" but existing label is '
                    f'"{key}":"{known}"'
                )
        text = node.metadata.annotations.get(_NODE_IDS)
        before = msgspec.json.decode(text, type=dict[str, str]) if text else {}
        after = {name: each for name, each in before.items() if name != driver}
        if node_id is not None:
            after[driver] = node_id
        labels = {k: v for k, v in topology.items() if k not in node.metadata.labels}
        if before == after and not labels:
            return
        shown = msgspec.json.encode(after, order="sorted").decode() if after else None
        body = {"metadata": {"labels": labels, "annotations": {_NODE_IDS: shown}}}
        await self._client.patch(Node, node.metadata.name or "", "", body)

    async def _put(self, driver: str, wanted: CSINodeDriver | None) -> None:
        """Exchanges what the CSINode says of one driver; another writer's changes stay."""
        for attempt in range(_ATTEMPTS):
            found = await self._csi_node()
            known = {each.name: each for each in found.spec.drivers or ()}
            if wanted is not None:
                known[driver] = wanted
            else:
                known.pop(driver, None)
            drivers = list(known.values())
            if drivers == list(found.spec.drivers or ()):
                return
            found.spec.drivers = drivers
            try:
                await self._client.update(found)
                return
            except errors.Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise

    async def _csi_node(self) -> CSINode:
        """The node's, made where it is missing or of an earlier Node of this name."""
        node = await self._node()
        name, uid = node.metadata.name or "", node.metadata.uid or ""
        try:
            found = await self._client.get(CSINode, name)
            if any(ref.kind == "Node" and ref.uid == uid for ref in found.metadata.ownerReferences):
                return found
            await self._client.delete(CSINode, name)
        except errors.NotFound:
            pass
        owner = OwnerReference(apiVersion="v1", kind="Node", name=name, uid=uid)
        meta = ObjectMeta(name=name, ownerReferences=[owner], annotations={_MIGRATED_PLUGINS: _MIGRATED})
        return await self._client.create(CSINode(metadata=meta, spec=CSINodeSpec(drivers=[])))


def _period(drivers: Sequence[CSIDriver]) -> int:
    return (drivers[0].spec.nodeAllocatableUpdatePeriodSeconds or 0) if drivers else 0
