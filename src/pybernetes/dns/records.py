"""Pure: Services and EndpointSlices as DNS records of the cluster domain.

Names (specification 1.1.0, kubernetes/dns):

    SERVICE.NS.svc.DOMAIN                A      the ClusterIP; every ready endpoint when headless
    HOSTNAME.SERVICE.NS.svc.DOMAIN       A      one endpoint of a headless Service
    _PORT._PROTO.SERVICE.NS.svc.DOMAIN   SRV    port and target name
    A-B-C-D.NS.pod.DOMAIN                A      the address in the name, as CoreDNS `pods insecure`
    D.C.B.A.in-addr.arpa                 PTR    the name of a ClusterIP or of a headless endpoint
    ns.dns.DOMAIN                        A      the DNS server's ClusterIP
    dns-version.DOMAIN                   TXT    the specification's version

As with CoreDNS, endpoints with a hostname have their name below a Service with a ClusterIP, too, and SRV asked of a
Service's own name gives all its ports.

Names are lower-case, without the final dot.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from pybernetes.api.core.v1 import Service, ServiceSpec
from pybernetes.api.discovery.v1 import Endpoint, EndpointSlice
from pybernetes.apimachinery.services import is_ready

VERSION = "1.1.0"
"""Of the specification."""
_T = TypeVar("_T")
Once = dict[_T, None]
"""Each once, in the order in which they came: there can be thousands."""


@dataclass(frozen=True, slots=True)
class Srv:
    port: int
    target: str


@dataclass(slots=True)
class Records:
    """All records that one Service gives rise to."""

    addresses: dict[str, Once[str]] = field(default_factory=dict)
    """Name → addresses of both families."""
    services: dict[str, Once[Srv]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    """Reverse name → name."""


def records_of(service: Service, slices: Iterable[EndpointSlice], domain: str) -> Records:
    """The records of one Service; `slices` are those that carry its name."""
    made = Records()
    base = f"{service.metadata.name}.{service.metadata.namespace}.svc.{domain}"
    spec = service.spec
    if spec.type == "ExternalName":
        if spec.externalName:
            made.aliases[base] = spec.externalName.rstrip(".").lower()
        return made
    if spec.clusterIP and spec.clusterIP != "None":
        ips = spec.clusterIPs or [spec.clusterIP]
        made.addresses[base] = dict.fromkeys(ips)
        for ip in ips:
            made.pointers[ipaddress.ip_address(ip).reverse_pointer] = base
        for port in spec.ports:
            _add(made.services, base, Srv(port.port, base))
            if port.name:
                protocol = (port.protocol or "TCP").lower()
                _add(made.services, f"_{port.name}._{protocol}.{base}".lower(), Srv(port.port, base))
        for piece in slices:
            for endpoint in piece.endpoints or ():
                if endpoint.hostname and is_published(endpoint, spec):
                    for ip in endpoint.addresses if piece.addressType != "FQDN" else ():
                        _add(made.addresses, f"{endpoint.hostname}.{base}".lower(), ip)
        return made
    for piece in slices:
        _headless(made, base, piece, spec)
    if not made.addresses:
        made.addresses[base] = {}
    return made


def is_published(endpoint: Endpoint, spec: ServiceSpec) -> bool:
    return is_ready(endpoint) or bool(spec.publishNotReadyAddresses)


def _headless(made: Records, base: str, piece: EndpointSlice, spec: ServiceSpec) -> None:
    if piece.addressType not in ("IPv4", "IPv6"):
        return
    for endpoint in piece.endpoints or []:
        if not is_published(endpoint, spec):
            continue
        for ip in endpoint.addresses:
            host = endpoint.hostname or ip.replace(".", "-").replace(":", "-")
            target = f"{host}.{base}".lower()
            _add(made.addresses, base, ip)
            _add(made.addresses, target, ip)
            made.pointers.setdefault(ipaddress.ip_address(ip).reverse_pointer, target)
            for port in piece.ports or []:
                if port.name and port.port:
                    name = f"_{port.name}._{(port.protocol or 'TCP').lower()}.{base}".lower()
                    _add(made.services, name, Srv(port.port, target))
                if port.port:
                    _add(made.services, base, Srv(port.port, target))


def _add(found: dict[str, Once[_T]], name: str, value: _T) -> None:
    found.setdefault(name, {})[value] = None


class Zone:
    """The records of all Services, changed one Service at a time."""

    def __init__(self, domain: str = "cluster.local", server: Iterable[str] = ()) -> None:
        """`server`: where the DNS server is for everybody."""
        self.domain = domain.strip(".").lower()
        self.version = 0
        """Grows with each change of any answer."""
        self._of: dict[tuple[str, str], Records] = {}
        self._addresses: dict[str, Once[str]] = {}
        self._services: dict[str, Once[Srv]] = {}
        self._aliases: dict[str, str] = {}
        self._pointers: dict[str, list[str]] = {}
        self._namespaces: set[str] = set()
        self._parents: dict[str, int] = {}
        """How many names lie below a name: such a name exists even when it has no records."""
        self.replace(("", ""), Records(addresses={f"ns.dns.{self.domain}": dict.fromkeys(server)}))

    def replace(self, key: tuple[str, str], records: Records | None) -> None:
        """Puts the records of the Service `key` = (namespace, name) in place of those before."""
        old = self._of.pop(key, None)
        if old == records:
            if old is not None:
                self._of[key] = old
            return
        self.version += 1
        if old is not None:
            for table, names in (
                (self._addresses, old.addresses), (self._services, old.services), (self._aliases, old.aliases),
            ):  # fmt: skip
                for name in names:
                    table.pop(name, None)
                    self._count(name, -1)
            for name, target in old.pointers.items():
                targets = self._pointers.get(name, [])
                targets.remove(target)
                if not targets:
                    del self._pointers[name]
        if records is not None:
            self._of[key] = records
            self._addresses.update(records.addresses)
            self._services.update(records.services)
            self._aliases.update(records.aliases)
            for name in (*records.addresses, *records.services, *records.aliases):
                self._count(name, 1)
            for name, target in records.pointers.items():
                self._pointers.setdefault(name, []).append(target)

    def namespaces(self, names: Iterable[str]) -> None:
        """The namespaces that exist: Pod names are answered only in these."""
        self.version += 1
        self._namespaces = set(names)

    def owns(self, name: str) -> bool:
        return name == self.domain or name.endswith("." + self.domain)

    def addresses(self, name: str, family: int) -> list[str]:
        found: Iterable[str] | None = self._addresses.get(name)
        if found is None:
            found = self._pod_address(name)
        return [a for a in found if (":" in a) == (family == 6)]

    def services(self, name: str) -> list[Srv]:
        return list(self._services.get(name, ()))

    def alias(self, name: str) -> str:
        return self._aliases.get(name, "")

    def pointers(self, name: str) -> list[str]:
        return self._pointers.get(name, [])

    def exists(self, name: str) -> bool:
        """True when the name or one below it has records: then an empty answer is NOERROR, else NXDOMAIN."""
        return (
            name in self._addresses
            or name in self._services
            or name in self._aliases
            or self._parents.get(name, 0) > 0
            or name in (self.domain, *(f"{part}.{self.domain}" for part in ("svc", "pod", "dns-version")))
            or bool(self._pod_address(name))
        )

    def _pod_address(self, name: str) -> list[str]:
        suffix = f".pod.{self.domain}"
        if not name.endswith(suffix):
            return []
        host, _, namespace = name.removesuffix(suffix).rpartition(".")
        if namespace not in self._namespaces or "." in host:
            return []
        for text in (host.replace("-", "."), host.replace("-", ":")):
            try:
                return [str(ipaddress.ip_address(text))]
            except ValueError:
                continue
        return []

    def _count(self, name: str, step: int) -> None:
        parent = name.partition(".")[2]
        while parent and parent != self.domain:
            self._parents[parent] = self._parents.get(parent, 0) + step
            if not self._parents[parent]:
                del self._parents[parent]
            parent = parent.partition(".")[2]
