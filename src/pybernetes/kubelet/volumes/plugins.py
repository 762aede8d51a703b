"""What upstream calls the plugin of a volume. Pure.

Source: the plugins' names in pkg/volume, pkg/volume/util/metrics.go (GetFullQualifiedPluginNameForVolume).
"""

from __future__ import annotations

from pybernetes.api.core.v1 import PersistentVolume, Volume

_NAMES = {
    "emptyDir": "empty-dir",
    "configMap": "configmap",
    "secret": "secret",
    "downwardAPI": "downward-api",
    "projected": "projected",
    "image": "image",
    "hostPath": "host-path",
    "local": "local-volume",
    "nfs": "nfs",
}


def plugin_name(volume: Volume, claimed: PersistentVolume | None) -> str:
    """`claimed`: what is behind its claim, where that is known."""
    source = claimed.spec if claimed is not None else volume
    if source.csi is not None:
        return f"kubernetes.io/csi:{source.csi.driver}"
    named = (name for field, name in _NAMES.items() if getattr(source, field, None) is not None)
    return next(map("kubernetes.io/{}".format, named), "N/A")
