"""Which runtimes mount images, by what they say of themselves."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.runtime import lacks_image_volumes


@pytest.mark.parametrize(
    ("name", "version", "complaint"),
    [
        ("containerd", "1.6.20~ds1", "need containerd 2.2 or newer; this node runs containerd 1.6.20~ds1"),
        ("containerd", "v1.7.27", "need containerd 2.2 or newer"),
        ("containerd", "v2.1.9", "need containerd 2.2 or newer"),
        ("containerd", "v2.2.0-rc.0", ""),
        ("containerd", "2.10.1", ""),
        ("cri-o", "1.30.4", "need cri-o 1.31 or newer"),
        ("cri-o", "1.31.0", ""),
        ("another", "0.1", ""),
        ("containerd", "unknown", ""),
    ],
)
def test_runtimes(name: str, version: str, complaint: str) -> None:
    found = lacks_image_volumes(name, version)
    assert complaint in found and bool(complaint) == bool(found)
