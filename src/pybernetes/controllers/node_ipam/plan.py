"""Which ranges of a cluster's Pod addresses are taken, and the next free one. Pure. Source: nodeipam/ipam/cidrset."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


_MASK_SIZE_V6 = 64


class CidrSets:
    """A range of Pod addresses for each IP family that the cluster has: a node gets a piece of each."""

    def __init__(self, cluster_cidrs: str, mask_size: int) -> None:
        """`cluster_cidrs` by comma, the primary one first; `mask_size` is the one of IPv4. Raises ValueError."""
        self._sets = [CidrSet(cidr, _MASK_SIZE_V6 if ":" in cidr else mask_size) for cidr in cluster_cidrs.split(",")]

    def occupy(self, cidr: str) -> bool:
        """As of one set; a range belongs to one at most."""
        return all(each.occupy(cidr) for each in self._sets)

    def release(self, cidr: str) -> None:
        for each in self._sets:
            each.release(cidr)

    def allocate(self) -> list[str] | None:
        """A free piece of each; None when one of them has none left."""
        pieces: list[str] = []
        for each in self._sets:
            piece = each.allocate()
            if piece is None:
                for taken in pieces:
                    self.release(taken)
                return None
            pieces.append(piece)
        return pieces


class CidrSet:
    """Equal pieces of a range, handed out round robin so that one given back is not used again at once."""

    def __init__(self, cluster_cidr: str, mask_size: int) -> None:
        """Raises ValueError when the mask does not fit the range."""
        self._range: Network = ipaddress.ip_network(cluster_cidr)
        bits = self._range.max_prefixlen
        if not self._range.prefixlen <= mask_size <= bits:
            raise ValueError(f"node CIDR mask size /{mask_size} does not fit the cluster CIDR {cluster_cidr}")
        self._mask_size = mask_size
        self._step = 1 << (bits - mask_size)
        self._count = 1 << (mask_size - self._range.prefixlen)
        self._taken: set[int] = set()
        self._next = 0

    def occupy(self, cidr: str) -> bool:
        """Marks every piece that a range touches; False when one of them was taken already.

        A range outside the cluster's is none of ours, and free.
        """
        pieces = self._pieces(cidr)
        free = not any(piece in self._taken for piece in pieces)
        self._taken.update(pieces)
        return free

    def release(self, cidr: str) -> None:
        self._taken.difference_update(self._pieces(cidr))

    def allocate(self) -> str | None:
        """A free piece, now taken; None when there is none left."""
        if len(self._taken) >= self._count:
            return None
        while self._next in self._taken:
            self._next = (self._next + 1) % self._count
        piece = self._next
        self._taken.add(piece)
        self._next = (piece + 1) % self._count
        first = int(self._range.network_address) + piece * self._step
        return f"{type(self._range.network_address)(first)}/{self._mask_size}"

    def _pieces(self, cidr: str) -> range:
        network = ipaddress.ip_network(cidr, strict=False)
        if network.version != self._range.version or not network.overlaps(self._range):
            return range(0)
        base = int(self._range.network_address)
        first = max(0, (int(network.network_address) - base) // self._step)
        last = min(self._count - 1, (int(network.broadcast_address) - base) // self._step)
        return range(first, last + 1)
