"""Links, addresses and routes through netlink, in the caller's network namespace.

Every call states what must be so and is safe to repeat. Routes that are ours carry the protocol
number `ROUTE_PROTOCOL`, by which they are found again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

ROUTE_PROTOCOL = 112


class NetlinkFault(Exception):
    """The kernel refused; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Route:
    destination: str
    """CIDR."""
    gateway: str = ""
    device: str = ""
    kind: Literal["unicast", "unreachable"] = "unicast"
    source: str = ""
    metric: int = 0


class Netlink(Protocol):
    def ensure_bridge(self, name: str, address: str, mtu: int = 0) -> None:
        """A bridge that is up and has `address` (CIDR form, e.g. 10.244.0.1/24)."""
        ...

    def delete_link(self, name: str) -> None: ...

    def mtu_towards(self, address: str) -> int:
        """MTU of the device that has `address`; 0 when none has."""
        ...

    def our_routes(self) -> set[Route]:
        """Routes with ROUTE_PROTOCOL; `source` and `metric` are not read back."""
        ...

    def ensure_route(self, route: Route) -> None: ...

    def delete_route(self, route: Route) -> None: ...

    def sysctl(self, name: str, value: str) -> bool:
        """Writes net.ipv4.ip_forward and the like; False when this kernel has no such setting."""
        ...


class KernelNetlink:
    """The real one. pyroute2 is imported on first use: it costs a noticeable part of a start."""

    def ensure_bridge(self, name: str, address: str, mtu: int = 0) -> None:
        ip, _, prefix = address.partition("/")
        with _socket() as ipr:
            index = _index(ipr, name)
            if index is None:
                ipr.link("add", ifname=name, kind="bridge")
                index = _index(ipr, name)
            if mtu:
                ipr.link("set", index=index, mtu=mtu)
            ipr.link("set", index=index, state="up")
            present = {(a.get_attr("IFA_ADDRESS"), a["prefixlen"]) for a in ipr.get_addr(index=index, family=2)}
            for old in present - {(ip, int(prefix))}:
                ipr.addr("del", index=index, address=old[0], prefixlen=old[1])
            if (ip, int(prefix)) not in present:
                ipr.addr("add", index=index, address=ip, prefixlen=int(prefix))

    def delete_link(self, name: str) -> None:
        with _socket() as ipr:
            index = _index(ipr, name)
            if index is not None:
                ipr.link("del", index=index)

    def mtu_towards(self, address: str) -> int:
        with _socket() as ipr:
            for found in ipr.get_addr(family=2):
                if found.get_attr("IFA_ADDRESS") == address:
                    (link,) = ipr.get_links(found["index"])
                    return int(link.get_attr("IFLA_MTU"))
        return 0

    def our_routes(self) -> set[Route]:
        with _socket() as ipr:
            names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in ipr.get_links()}
            found = set()
            for route in ipr.get_routes(family=2):
                if route["proto"] != ROUTE_PROTOCOL:
                    continue
                found.add(
                    Route(
                        f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
                        route.get_attr("RTA_GATEWAY") or "",
                        names.get(route.get_attr("RTA_OIF"), "") if not route.get_attr("RTA_GATEWAY") else "",
                        "unreachable" if route["type"] == 7 else "unicast",
                    )
                )
            return found

    def ensure_route(self, route: Route) -> None:
        self._route("replace", route)

    def delete_route(self, route: Route) -> None:
        with contextlib.suppress(NetlinkFault):
            self._route("del", route)

    def _route(self, command: str, route: Route) -> None:
        with _socket() as ipr:
            options: dict[str, Any] = {"dst": route.destination, "proto": ROUTE_PROTOCOL, "type": route.kind}
            if route.gateway:
                options["gateway"] = route.gateway
            if route.device:
                options["oif"] = _index(ipr, route.device)
            if route.source:
                options["prefsrc"] = route.source
            if route.metric:
                options["priority"] = route.metric
            ipr.route(command, **options)

    def sysctl(self, name: str, value: str) -> bool:
        path = Path("/proc/sys") / name.replace(".", "/")
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except OSError:
            return False
        return True


@contextlib.contextmanager
def _socket() -> Iterator[Any]:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as ipr:
            yield ipr
    except NetlinkError as error:
        raise NetlinkFault(str(error)) from None
    except OSError as error:
        raise NetlinkFault(f"netlink: {error.strerror or error}") from None


def _index(ipr: Any, name: str) -> int | None:
    found = ipr.link_lookup(ifname=name)
    return found[0] if found else None
