"""What the attach-detach controller and node agents call a volume of a CSI driver. Pure.

Source: pkg/volume/csi/csi_attacher.go getAttachmentName, pkg/volume/util/util.go GetUniqueVolumeName.
"""

from __future__ import annotations

import hashlib

from pybernetes.api.storage.v1 import CSIDriver


def unique_name(driver: str, handle: str) -> str:
    """How nodes call it in volumesInUse and volumesAttached."""
    return f"kubernetes.io/csi/{driver}^{handle}"


def attachment_name(driver: str, handle: str, node_name: str) -> str:
    """The VolumeAttachment that stands for the volume on one node."""
    return f"csi-{hashlib.sha256(f'{handle}{driver}{node_name}'.encode()).hexdigest()}"


def is_attached_first(driver: CSIDriver | None) -> bool:
    """Whether volumes of the driver are attached to a node; one that says nothing of itself is taken to need it."""
    return driver is None or driver.spec.attachRequired is not False
