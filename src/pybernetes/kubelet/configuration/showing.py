"""The configuration in effect as a KubeletConfiguration, for /configz. Pure."""

from __future__ import annotations

from typing import Any

from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.configuration.fields import FIELDS
from pybernetes.kubelet.configuration.reading import API_VERSION, KIND


def shown(config: KubeletConfig) -> dict[str, Any]:
    tree: dict[str, Any] = {"apiVersion": API_VERSION, "kind": KIND}
    for field in FIELDS.values():
        value = field.kind.show(getattr(config, field.attribute)) if field.attribute else field.value
        if value is None or (not field.zero_counts and not value):
            continue
        *above, last = field.name.split(".")
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return tree
