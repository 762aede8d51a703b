"""Volumes in huge pages: of which size."""

from __future__ import annotations

import pytest

from pybernetes.kubelet.volumes.huge_pages import page_size_for

from ..pods import pod


@pytest.mark.parametrize(
    ("medium", "asked", "size"),
    [
        ("HugePages", ["2Mi"], 2 << 20),
        ("HugePages-1Gi", ["2Mi", "1Gi"], 1 << 30),
        ("HugePages", ["2Mi", "1Gi"], "can't be used if container requests multiple huge page sizes"),
        ("HugePages", [], "medium HugePages: hugePages storage requested, but there is no resource request"),
        (
            "HugePages-1Gi",
            ["2Mi"],
            "hugePages storage requested, but there is no resource request",
        ),
    ],
)
def test_pages_of_a_volume(medium: str, asked: list[str], size: int | str) -> None:
    requests = {f"hugepages-{each}": each for each in asked}
    of = pod([{"name": "c", "image": "i", "resources": {"requests": requests, "limits": requests}}])
    if isinstance(size, int):
        assert page_size_for(of, medium) == size
    else:
        with pytest.raises(ValueError, match=size):
            page_size_for(of, medium)
