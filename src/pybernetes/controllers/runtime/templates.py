"""Pod templates as trees that can be compared. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.core.v1 import PodTemplateSpec


def template_tree(template: PodTemplateSpec) -> dict[str, Any]:
    """With nothing where upstream's types cannot tell empty from absent, so that equal templates give equal trees."""
    tree: dict[str, Any] = msgspec.to_builtins(template)
    if metadata := tree.get("metadata"):
        metadata.pop("creationTimestamp", None)
    if not tree.get("metadata"):
        tree.pop("metadata", None)
    spec = tree.get("spec") or {}
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or []:
            if not container.get("resources", True):
                del container["resources"]
    return tree
