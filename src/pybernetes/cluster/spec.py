"""What a cluster is: its nodes, address ranges and ports, as `up` fixed them the first time.

Several clusters live side by side, so each takes a slot: a number that sets every range and port. Slot 0
has the customary ones (10.244.0.0/16, 10.96.0.0/16, 6443, 30000-32767). A slot is free when no other
cluster has it and none of its ranges overlaps a route of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network, summarize_address_range
from pathlib import Path

from pybernetes.cluster.errors import ClusterError
from pybernetes.host.files import write_atomic

IP_FAMILIES = ("ipv4", "ipv6", "dual", "dual-ipv6")
"""Of Pods, Services and nodes; of both, IPv4 is the primary one in `dual`, IPv6 in `dual-ipv6`."""
SLOTS = 10
_NODE_PORTS = (30000, 32767)
"""The customary range, of the first slot."""
_NODE_PORTS_OF_OTHERS = 1600
"""Every further slot has so many below the one before: all lie above the ports that clusters listen at themselves."""
MAX_NODES = 50
MAX_SIMULATED_NODES = 10_000
MAX_SIMULATED_BESIDE_REAL = 200
"""In a cluster with a network each takes a piece of its addresses, of which there are 256."""
CONTROL_PLANES = (1, 3, 5)
"""An etcd of two members is lost with either."""
CONTROL_PLANE = "control-plane"
"""Names the machines of a control plane, and the process where it is one."""


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """Immutable once made; `up` on an existing cluster reads it instead of its defaults."""

    name: str
    slot: int
    nodes: int
    api_port: int
    pod_cidr: str
    """With two IP families, like those that follow, a range of each by comma, the primary one first."""
    service_cidr: str
    node_cidr: str
    """Addresses of the nodes in their own network namespaces; with one node, unused."""
    node_port_low: int
    node_port_high: int
    kubelet_port: int
    store: str = "sqlite"
    """sqlite, etcd (one of its own) or etcd=URL,… (a given one)."""
    etcd_port: int = 0
    etcd_peer_port: int = 0
    etcd_prefix: str = "/registry"
    etcd_ca_file: str = ""
    etcd_cert_file: str = ""
    etcd_key_file: str = ""
    etcd_user_file: str = ""
    """USER:PASSWORD for a given etcd with authentication; only the name of the file is recorded."""
    runtime: str = "containerd"
    node_address: str = ""
    """With one node: its address on the host; by comma, like the ranges, where there are two IP families."""
    outside_address: str = ""
    """With several nodes: the host's own towards the outside, by comma like the one above; "" where it has none."""
    cluster_domain: str = "cluster.local"
    """What the names of Services end with."""
    control_planes: int = 1
    """With several: machines in network namespaces with an etcd, an apiserver, a controller manager and a scheduler
    each, behind a load balancer on the host. With one, the control plane is on the host."""
    encryption_config: str = ""
    """File with an EncryptionConfiguration; "": objects lie in the store as they are."""
    kubelet_config: str = ""
    """File with a KubeletConfiguration for real nodes; "": they have the defaults."""
    kubelet_config_digest: str = ""
    """Of what was in it when it was given last: nodes read it only when they start."""
    feature_gates: str = ""
    """Of the apiserver and the controllers: Name=true,…"""
    runtime_config: str = ""
    """Which APIs are served: api/beta=true,…"""
    load_balancer_pool: str = ""
    """CIDRs and ranges FIRST-LAST, by comma, for Services of type LoadBalancer; "": the nodes' addresses."""
    snapshot_schedule: str = ""
    """Five cron fields, in UTC, at which a snapshot is saved; "": never."""
    snapshot_keep: int = 7
    """How many of those are kept."""
    snapshot_dir: str = ""
    """Where they are; "": in the data directory."""
    fork_of: str = ""
    """The cluster whose copy this one is."""
    ingress: bool = True
    """Whether Ingresses are served."""
    ingress_http_port: int = 0
    ingress_https_port: int = 0
    """80 and 443 where they were free; 0 before they were chosen."""
    simulated_nodes: int = 0
    """Nodes that only pretend, which one process plays. Of a simulated cluster it plays all."""
    simulated_zones: int = 0
    """Zones that those are spread over; 0: they are in none."""
    simulated_capacity: str = ""
    """What each has, as RESOURCE=QUANTITY,…; "": a large machine."""

    @property
    def own_namespaces(self) -> bool:
        """Whether each machine has a network namespace of its own; a single node is in the host's."""
        return (self.nodes > 1 or self.control_planes > 1) and not self.simulated

    @property
    def simulated(self) -> bool:
        """Whether its nodes only pretend: then it is some processes and nothing else on the machine."""
        return self.runtime == "simulated"

    @property
    def has_simulated_nodes(self) -> bool:
        """A simulated cluster may have them without a number: a copy has those of its origin."""
        return self.simulated or self.simulated_nodes > 0

    @property
    def local_etcd(self) -> bool:
        """Whether an etcd runs with the cluster, for it alone."""
        return self.store == "etcd"

    @property
    def etcd_servers(self) -> tuple[str, ...]:
        """URLs; () for a cluster on SQLite."""
        if self.local_etcd:
            members = [self.address_of(machine) for machine in self.control_plane_names] or ["127.0.0.1"]
            return tuple(f"https://{address}:{self.etcd_port}" for address in members)
        _, _, urls = self.store.partition("=")
        return tuple(url for url in urls.split(",") if url)

    @property
    def balancer_pool(self) -> tuple[str, ...]:
        return tuple(text.strip() for text in self.load_balancer_pool.split(",") if text.strip())

    @property
    def balancer_cidrs(self) -> tuple[str, ...]:
        """The pool as networks of the cluster's IP families. Raises ValueError when it is none."""
        found: list[IPv4Network | IPv6Network] = []
        for text in self.balancer_pool:
            first, dash, last = text.partition("-")
            if dash:
                bounds = ip_address(first.strip()), ip_address(last.strip())
                found += summarize_address_range(*bounds)
            else:
                found.append(ip_network(text))
        families = {ip_network(cidr).version for cidr in ranges(self.service_cidr)}
        return tuple(str(network) for network in found if network.version in families)

    @property
    def ip_family(self) -> str:
        """As `up --ip-family` names it."""
        first, *second = ranges(self.pod_cidr)
        if second:
            return "dual-ipv6" if ":" in first else "dual"
        return "ipv6" if ":" in first else "ipv4"

    @property
    def node_names(self) -> list[str]:
        return [f"node-{number}" for number in range(1, self.nodes + 1)]

    @property
    def simulated_names(self) -> list[str]:
        return [f"simulated-{number}" for number in range(1, self.simulated_nodes + 1)]

    @property
    def control_plane_names(self) -> list[str]:
        """The machines of the control plane; [] where it is on the host."""
        count = self.control_planes if self.control_planes > 1 else 0
        return [f"{CONTROL_PLANE}-{number}" for number in range(1, count + 1)]

    @property
    def machine_names(self) -> list[str]:
        """Everything that can be switched off alone, if there is more than one."""
        return [*self.control_plane_names, *self.node_names]

    @property
    def context(self) -> str:
        """Its name in kubeconfig files."""
        return "pybernetes" if self.name == "default" else f"pybernetes-{self.name}"

    @property
    def tag(self) -> str:
        """At most six characters that name the cluster in interface names, which hold 15 bytes."""
        return interface_tag(self.name)

    @property
    def bridge(self) -> str:
        """The host's end of the node network, with several nodes."""
        return f"pyb-{self.tag}"

    @property
    def pod_bridge(self) -> str:
        """The bridge that the pods of a node hang on."""
        return f"pyc-{self.tag}"

    @property
    def gateway(self) -> str:
        """The host's address on the node network, of the primary IP family."""
        return self.gateways[0]

    @property
    def gateways(self) -> tuple[str, ...]:
        return nth(self.node_cidr, 1)

    @property
    def api_address(self) -> str:
        """Where nodes and pods reach the apiserver."""
        return self.gateway if self.own_namespaces else ranges(self.node_address)[0]

    @property
    def api_listens_on(self) -> list[str]:
        """The loopback, and where nodes and pods reach it: nothing of the network outside that needs it not."""
        return list(dict.fromkeys(["127.0.0.1", self.api_address]))

    @property
    def ingress_listens_on(self) -> list[str]:
        """The loopback, which *.localhost means to browsers, and the addresses that nodes, Pods and others reach."""
        return list(dict.fromkeys([*self.api_listens_on, *(a for a in self.outside_address.split(",") if a)]))

    @property
    def serves_ingresses(self) -> bool:
        return self.ingress and not self.simulated

    @property
    def cluster_ip(self) -> str:
        """The ClusterIP of the `kubernetes` Service."""
        return nth(self.service_cidr, 1)[0]

    @property
    def dns_ips(self) -> tuple[str, ...]:
        return nth(self.service_cidr, 10)

    def address_of(self, machine: str) -> str:
        """Of the primary IP family."""
        return self.addresses_of(machine)[0]

    def addresses_of(self, machine: str) -> tuple[str, ...]:
        if not self.own_namespaces:
            return ranges(self.node_address)
        kind, _, number = machine.rpartition("-")
        return nth(self.node_cidr, (1 if kind == CONTROL_PLANE else 10) + int(number))

    def network_namespace(self, machine: str) -> str:
        return f"pybernetes-{self.name}-{machine}"

    def veth(self, machine: str) -> str:
        """The host's end of the link to a machine."""
        kind, _, number = machine.rpartition("-")
        return f"pyn-{self.tag}-{'c' if kind == CONTROL_PLANE else ''}{number}"

    def cgroup(self, node: str) -> str:
        """The cgroup that holds everything a node runs, relative to the root of each hierarchy."""
        return f"/pybernetes-{self.name}/{node}"

    def write(self, path: Path) -> None:
        write_atomic(path, json.dumps(asdict(self), indent=2) + "\n", 0o600)

    @classmethod
    def read(cls, path: Path) -> ClusterSpec | None:
        """The recorded cluster; None where there is none. Raises ClusterError when it cannot be read."""
        try:
            return cls.parse(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError:
            raise ClusterError(
                f"{path} may not be read by this user; clusters with real containers belong to root: run this with sudo"
            ) from None
        except (OSError, ValueError) as error:
            raise ClusterError(f"{path} cannot be read ({error}); restore it, or delete it to start anew") from None

    @classmethod
    def parse(cls, text: str) -> ClusterSpec:
        """What `write` wrote. Raises ValueError."""
        tree = json.loads(text)
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in tree.items() if key in known})


def interface_tag(name: str) -> str:
    """Six characters at most, alike for equal names: the name itself where it fits."""
    if len(name) <= 6:
        return name
    from hashlib import sha256

    return sha256(name.encode()).hexdigest()[:6]


def ranges(text: str) -> tuple[str, ...]:
    """The CIDRs (or addresses) that a text holds by comma."""
    return tuple(text.split(","))


def nth(cidrs: str, number: int) -> tuple[str, ...]:
    """The address with this number in each of the ranges."""
    return tuple(str(ip_network(cidr)[number]) for cidr in ranges(cidrs))


def slot_ranges(slot: int, ip_family: str) -> tuple[str, str, str]:
    """Pod, service and node ranges of a slot, for one of IP_FAMILIES."""
    found = []
    if ip_family != "ipv6":
        found.append((f"10.{244 - slot}.0.0/16", f"10.{96 + slot}.0.0/16", f"172.{31 - slot}.255.0/24"))
    if ip_family != "ipv4":
        found.append((f"fd00:10:{244 - slot}::/56", f"fd00:10:{96 + slot}::/112", f"fd00:172:{31 - slot}:255::/64"))
    if ip_family == "dual-ipv6":
        found.reverse()
    pods, services, nodes = (",".join(each) for each in zip(*found, strict=True))
    return pods, services, nodes


def slot_node_ports(slot: int) -> tuple[int, int]:
    if slot == 0:
        return _NODE_PORTS
    low = _NODE_PORTS[0] - _NODE_PORTS_OF_OTHERS * slot
    return low, low + _NODE_PORTS_OF_OTHERS - 1


def choose_slot(taken: Iterable[int], routes: Sequence[IPv4Network | IPv6Network], ip_family: str) -> int:
    """The first slot that no cluster has and no route overlaps. Raises ClusterError when none is free."""
    used = set(taken)
    for slot in range(SLOTS):
        wanted = [ip_network(cidr) for texts in slot_ranges(slot, ip_family) for cidr in ranges(texts)]
        if slot not in used and not any(overlap(route, cidr) for route in routes for cidr in wanted):
            return slot
    raise ClusterError("no free address ranges for another cluster; stop one with: pybernetes down --name NAME")


def overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    """Whether an address is in both."""
    return one.version == other.version and one.overlaps(other)


def host_routes(table: str) -> list[IPv4Network | IPv6Network]:
    """The destinations in /proc/net/route's text, without the default route."""
    routes: list[IPv4Network | IPv6Network] = []
    for line in table.splitlines()[1:]:
        columns = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(columns[i]), "little") for i in (1, 7))
        if mask:
            routes.append(IPv4Network((destination, mask.bit_count())))
    return routes


def host_routes_ipv6(table: str) -> list[IPv4Network | IPv6Network]:
    """The same of /proc/net/ipv6_route."""
    found: list[IPv4Network | IPv6Network] = []
    for line in table.splitlines():
        destination, length = line.split()[:2]
        if int(length, 16):
            found.append(IPv6Network((int(destination, 16), int(length, 16)), strict=False))
    return found
