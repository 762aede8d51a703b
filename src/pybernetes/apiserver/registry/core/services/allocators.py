"""Who has which ClusterIP and node port. Pure and in memory: rebuilt from the Services at start.

A claim is taken before a Service is written and given back when the write fails; that is all the
locking a single process needs, since nothing here awaits.
Source: pkg/registry/core/service/ipallocator, portallocator (the dynamic ranges keep low numbers for
those who ask for one).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence


class Taken(Exception):
    """Somebody else has it."""


class OutOfRange(Exception):
    """Not in the range that this cluster serves."""


class Full(Exception):
    """Nothing is left."""


class Range:
    """Numbers low … high, handed out at random from the upper part first."""

    def __init__(self, low: int, high: int, reserved: int, choose: Callable[[int], int]) -> None:
        self._low, self._high = low, high
        self._dynamic = low + reserved
        self._choose = choose
        self._taken: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return self._low <= number <= self._high

    def has(self, number: int) -> bool:
        return number in self._taken

    def take(self, number: int) -> None:
        """Raises OutOfRange, Taken."""
        if number not in self:
            raise OutOfRange
        if number in self._taken:
            raise Taken
        self._taken.add(number)

    def take_any(self) -> int:
        """Raises Full."""
        for low, high in ((self._dynamic, self._high), (self._low, self._dynamic - 1)):
            count = high - low + 1
            if count <= 0:
                continue
            start = self._choose(count)
            for step in range(count):
                number = low + (start + step) % count
                if number not in self._taken:
                    self._taken.add(number)
                    return number
        raise Full

    def give_back(self, number: int) -> None:
        self._taken.discard(number)

    def replace(self, taken: set[int]) -> None:
        """Says who is known to be in use; anything else is free."""
        self._taken = {number for number in taken if number in self}


class AddressAllocator:
    """ClusterIPs of one CIDR, without its first and last address."""

    def __init__(self, cidr: str, choose: Callable[[int], int]) -> None:
        self.network = ipaddress.ip_network(cidr)
        first = int(self.network.network_address)
        size = min(self.network.num_addresses, 1 << 16)
        last = first + size - (2 if self.network.version == 4 else 1)
        usable = last - first
        reserved = min(max(16, usable // 16), 256) if usable > 32 else 0
        self._range = Range(first + 1, last, reserved, choose)

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    def holds(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return address.version == self.network.version and int(address) in self._range

    def take(self, address: str) -> None:
        """Raises OutOfRange, Taken; ValueError for what is no address."""
        ip = ipaddress.ip_address(address)
        if ip.version != self.network.version:
            raise OutOfRange
        self._range.take(int(ip))

    def take_any(self) -> str:
        number = self._range.take_any()
        return str(ipaddress.ip_address(number) if self.network.version == 4 else ipaddress.IPv6Address(number))

    def give_back(self, address: str) -> None:
        self._range.give_back(int(ipaddress.ip_address(address)))

    def replace(self, addresses: list[str]) -> None:
        self._range.replace({int(ipaddress.ip_address(a)) for a in addresses})


class AddressRanges:
    """ClusterIPs of the configured CIDRs, one a family, and of whatever other ones the cluster is given."""

    def __init__(self, cidrs: Sequence[str], choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._configured = tuple(cidrs)
        self._all = {cidr: AddressAllocator(cidr, choose) for cidr in cidrs}
        self.families = [self._all[cidr].family for cidr in cidrs]
        """IPv4, IPv6; the one that a Service has by default first."""
        self._given: set[str] = set()

    def text(self, family: str) -> str:
        return ",".join(str(each.network) for each in self._of(family))

    def follow(self, cidrs: list[str]) -> None:
        """Serves from these CIDRs (of the families that are served) too."""
        wanted = [c for c in cidrs if f"IPv{ipaddress.ip_network(c).version}" in self.families]
        for cidr in [c for c in self._all if c not in wanted and c not in self._configured]:
            del self._all[cidr]
        for cidr in wanted:
            if cidr not in self._all:
                made = self._all[cidr] = AddressAllocator(cidr, self._choose)
                made.replace(list(self._given))

    def _of(self, family: str) -> list[AddressAllocator]:
        return [each for each in self._all.values() if each.family == family]

    def take(self, address: str) -> None:
        """Raises OutOfRange, Taken; ValueError for what is no address."""
        wanted = ipaddress.ip_address(address)
        if address in self._given:
            raise Taken
        holding = [each for each in self._all.values() if each.holds(wanted)]
        if not holding:
            raise OutOfRange
        for each in holding:
            each.take(address)
        self._given.add(address)

    def take_any(self, family: str) -> str:
        """Raises Full."""
        for each in self._of(family):
            try:
                while (address := each.take_any()) in self._given:
                    pass
            except Full:
                continue
            self._given.add(address)
            return address
        raise Full

    def give_back(self, address: str) -> None:
        self._given.discard(address)
        for each in self._all.values():
            each.give_back(address)

    def replace(self, addresses: list[str]) -> None:
        self._given = set(addresses)
        for each in self._all.values():
            each.replace(addresses)


class PortAllocator:
    """Node ports of one range: a number is one Service's, who may use it once a protocol."""

    def __init__(self, low: int, high: int, choose: Callable[[int], int]) -> None:
        size = high - low + 1
        reserved = min(max(16, size // 32), 128) if size > 32 else 0
        self._ranges = {p: Range(low, high, reserved, choose) for p in ("TCP", "UDP", "SCTP")}
        self._low, self._high = low, high

    @property
    def text(self) -> str:
        return f"{self._low}-{self._high}"

    def in_use(self, port: int) -> bool:
        """By any protocol."""
        return any(held.has(port) for held in self._ranges.values())

    def take(self, port: int, protocol: str) -> None:
        """Raises OutOfRange, Taken."""
        self._ranges[protocol].take(port)

    def take_any(self, protocol: str) -> int:
        """A port that no protocol uses yet. Raises Full."""
        while True:
            port = self._ranges[protocol].take_any()
            if not any(r.has(port) for name, r in self._ranges.items() if name != protocol):
                return port
            # Leaves it marked: a port in use by another protocol is not offered again.

    def give_back(self, port: int, protocol: str) -> None:
        self._ranges[protocol].give_back(port)

    def replace(self, ports: list[tuple[int, str]]) -> None:
        for protocol, held in self._ranges.items():
            held.replace({port for port, p in ports if p == protocol})
