"""Where volumes of CSI drivers lie below a kubelet's root, and the records that outlive the kubelet.

    pods/UID/volumes/kubernetes.io~csi/NAME/mount                what a driver publishes
    pods/UID/volumes/kubernetes.io~csi/NAME/vol_data.json        whose volume that is
    plugins/kubernetes.io/csi/DRIVER/SHA/globalmount             what a driver stages, SHA of the volume's handle
    plugins/kubernetes.io/csi/DRIVER/SHA/vol_data.json

Block volumes are files, and have one record for all pods:

    plugins/kubernetes.io/csi/volumeDevices/staging/NAME
    plugins/kubernetes.io/csi/volumeDevices/publish/NAME/UID
    plugins/kubernetes.io/csi/volumeDevices/NAME/data/vol_data.json
    plugins/kubernetes.io/csi/volumeDevices/NAME/dev/UID         the device, bound here
    pods/UID/volumeDevices/kubernetes.io~csi/NAME                a link to it, which the runtime is told

A record is written before the driver is asked and removed after the volume is gone, so that whatever a kubelet that
died left behind is found again. Source: pkg/volume/csi/csi_mounter.go, csi_attacher.go, csi_block.go.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pybernetes.host.files import write_atomic

_LOG = logging.getLogger(__name__)
FOLDER = "kubernetes.io~csi"
_RECORD = "vol_data.json"
_EPHEMERAL = "Ephemeral"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume as its driver knows it."""

    driver: str
    handle: str
    name: str
    """Of the PersistentVolume; of the pod's volume where it belongs to the pod alone."""
    block: bool = False
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """A volume in a pod."""

    volume: Volume
    uid: str


class Places:
    def __init__(self, root: Path) -> None:
        self._pods = root / "pods"
        self._drivers = root / "plugins" / "kubernetes.io" / "csi"
        self._devices = self._drivers / "volumeDevices"

    def target(self, use: Use) -> Path:
        """What the driver is told to publish the volume to."""
        if use.volume.block:
            return self.published(use.volume) / use.uid
        return self._pods / use.uid / "volumes" / FOLDER / use.volume.name / "mount"

    def published(self, volume: Volume) -> Path:
        """The folder in which a block volume is published, for all pods."""
        return self._devices / "publish" / volume.name

    def device(self, use: Use) -> Path:
        """A mount of the published device, one for each pod."""
        return self._devices / use.volume.name / "dev" / use.uid

    def link(self, use: Use) -> Path:
        """What names a pod's device."""
        return self._pods / use.uid / "volumeDevices" / FOLDER / use.volume.name

    def staging(self, volume: Volume) -> Path:
        """What the driver is told to stage the volume to."""
        if volume.block:
            return self._devices / "staging" / volume.name
        return self._drivers / volume.driver / hashlib.sha256(volume.handle.encode()).hexdigest() / "globalmount"

    def use_record(self, use: Use) -> Path:
        return self._block_record(use.volume) if use.volume.block else self.target(use).with_name(_RECORD)

    def staging_record(self, volume: Volume) -> Path:
        return self._block_record(volume) if volume.block else self.staging(volume).with_name(_RECORD)

    def _block_record(self, volume: Volume) -> Path:
        return self._devices / volume.name / "data" / _RECORD

    def uses(self) -> Iterator[Use]:
        """What the records say that pods have, or may have."""
        for record in self._pods.glob(f"*/volumes/{FOLDER}/*/{_RECORD}"):
            if (found := _volume(record, record.parent.name)) is not None:
                yield Use(found, record.parents[3].name)
        for link in self._pods.glob(f"*/volumeDevices/{FOLDER}/*"):
            if (found := _volume(self._devices / link.name / "data" / _RECORD, link.name, block=True)) is not None:
                yield Use(found, link.parents[2].name)

    def staged(self) -> Iterator[Volume]:
        """What the records say that is staged, or may be."""
        for record in self._drivers.glob(f"*/*/{_RECORD}"):
            if (found := _volume(record, record.parent.name)) is not None:
                yield found
        for record in self._devices.glob(f"*/data/{_RECORD}"):
            if (found := _volume(record, record.parents[1].name, block=True)) is not None:
                yield found


def _volume(record: Path, name: str, *, block: bool = False) -> Volume | None:
    try:
        data = msgspec.json.decode(record.read_bytes(), type=dict[str, str])
        ephemeral = data.get("volumeLifecycleMode") == _EPHEMERAL
        return Volume(data["driverName"], data["volumeHandle"], data.get("specVolID", name), block, ephemeral)
    except (OSError, msgspec.DecodeError, KeyError) as error:
        _LOG.warning("the record of a volume cannot be read: %s: %s", record, error)
        return None


def write_record(record: Path, data: dict[str, str]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    write_atomic(record, msgspec.json.encode(data) + b"\n")


def staging_data(volume: Volume) -> dict[str, str]:
    return {"volumeHandle": volume.handle, "driverName": volume.driver}


def use_data(use: Use, node_name: str, attachment: str) -> dict[str, str]:
    volume = use.volume
    return {
        "specVolID": volume.name,
        **staging_data(volume),
        "nodeName": node_name,
        "attachmentID": attachment,
        "volumeLifecycleMode": _EPHEMERAL if volume.ephemeral else "Persistent",
    }
