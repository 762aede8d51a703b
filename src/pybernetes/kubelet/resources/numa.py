"""The NUMA nodes of the machine: memory, huge pages and how far they are from each other, as the kernel tells them.

Source: cadvisor machine/machine.go, utils/sysinfo/sysinfo.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pybernetes.apimachinery import quantity

_TOTAL = re.compile(r"MemTotal:\s*(\d+) kB")


@dataclass(frozen=True, slots=True)
class NumaNode:
    memory_bytes: int
    huge_pages: Mapping[str, int] = field(default_factory=dict)
    """Bytes that are set aside, by resource."""
    distances: tuple[int, ...] = ()
    """To the node of that number."""


def read_nodes(folder: Path = Path("/sys/devices/system/node")) -> dict[int, NumaNode]:
    """By number; none where the kernel knows of none. Raises OSError or ValueError."""
    found = {}
    for place in folder.glob("node[0-9]*"):
        total = _TOTAL.search((place / "meminfo").read_text())
        if total is None:
            raise ValueError(f"{place}/meminfo does not tell how much memory there is")
        distances = tuple(int(text) for text in (place / "distance").read_text().split())
        pages = read_huge_pages(place / "hugepages")
        found[int(place.name.removeprefix("node"))] = NumaNode(int(total[1]) * 1024, pages, distances)
    return dict(sorted(found.items()))


def only_node(capacity: Mapping[str, str]) -> dict[int, NumaNode]:
    """That of a machine whose kernel knows of none: it has all there is."""
    pages = {name: quantity.value(amount) for name, amount in capacity.items() if name.startswith("hugepages-")}
    return {0: NumaNode(quantity.value(capacity["memory"]), pages, (10,))}


def read_huge_pages(folder: Path) -> dict[str, int]:
    """Bytes of huge pages that are set aside, by resource."""
    found = {}
    for place in sorted(folder.glob("hugepages-*kB")):
        size = int(place.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        name = f"hugepages-{quantity.from_value(size, 'BinarySI')}"
        found[name] = size * int((place / "nr_hugepages").read_text())
    return found
