"""Volumes in huge pages: of which size. Pure.

Source: pkg/volume/emptydir/empty_dir.go getPageSizeMountOption.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.kubelet.resources.requests import hugepages, pod_requests


def page_size_for(pod: Pod, medium: str) -> int:
    """Bytes of a page: what the medium names, or what the pod asks for. Raises ValueError."""
    asked, named = {size for size, _ in hugepages(pod_requests(pod))}, medium.partition("-")[2]
    found = asked & {quantity.value(named)} if named else asked
    if len(found) > 1:
        raise ValueError(f"medium: {medium} can't be used if container requests multiple huge page sizes")
    if not found:
        why = "hugePages storage requested, but there is no resource request for huge pages"
        raise ValueError(f"medium {medium}: {why}")
    return found.pop()
