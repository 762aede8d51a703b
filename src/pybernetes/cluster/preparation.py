"""Everything that must lie ready before the processes of a cluster start. Safe to repeat.

Flow of `up`: `settle` (which cluster, where) → `claim` (no other takes its ranges and ports) → the control plane
starts → `prepare` (keys, files, network) → the control plane reads them → supervisor → images → example.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from pybernetes.cluster import kubeconfig, pki
from pybernetes.cluster import spec as spec_module
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.images.names import PAUSE
from pybernetes.cluster.layout import Layout, check_name, home_of, known_names, run_home, state_home
from pybernetes.cluster.machine import cgroups, containerd, etcd, load_balancer, topology
from pybernetes.cluster.process_table import INGRESS_PROXY, down_mark, record
from pybernetes.cluster.settings import check_pool_apart, check_store
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import in_turn, write_atomic, write_if_changed
from pybernetes.host.ip_families import socket_address
from pybernetes.host.processes import Process

_ROOM_BYTES = 200 * 1024 * 1024
"""Less free space than this would fail later and worse."""
_API_PORT = 6443
_KUBELET_PORT = 10250
_ETCD_PORT = 2379
_INGRESS_PORTS = ((80, 9080), (443, 9443))
"""For HTTP and HTTPS: the usual one, and where to look when it is taken."""
_PORTS_TRIED = 100
_IPV6_ROUTES = Path("/proc/net/ipv6_route")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked `up` for; None where they left it open."""

    name: str
    nodes: int | None = None
    data_dir: str = ""
    store: str | None = None
    etcd_prefix: str | None = None
    runtime: str | None = None
    api_port: int | None = None
    control_planes: int | None = None
    ip_family: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of the spec that may also be given to a cluster that is there."""


@contextlib.contextmanager
def choosing() -> Iterator[None]:
    """Held from `settle` to `claim`, so that clusters made at the same moment choose different ranges and ports.

    Another command that chooses is waited for. The lock of a cluster must be held: it keeps the folder there.
    """
    with in_turn(run_home()):
        yield


def settle(wishes: Wishes) -> tuple[ClusterSpec, Layout, bool]:
    """The cluster to run, its layout, and whether it is new. Raises ClusterError."""
    check_name(wishes.name)
    layout = _place(wishes)
    found = ClusterSpec.read(layout.spec)
    if found is not None:
        if found.name != wishes.name:
            raise ClusterError(f"{layout.data} holds the cluster {found.name!r}; name another folder with --data-dir")
        _check_unchanged(found, wishes)
        found = dataclasses.replace(found, **wishes.settings)
        check_store(found)
        check_pool_apart(found)
        return _with_ingress_ports(found, layout, _other_clusters(wishes.name)), layout, False
    return _new_spec(wishes), layout, True


def settle_like(origin: ClusterSpec, wishes: Wishes) -> tuple[ClusterSpec, Layout]:
    """A new cluster with the address ranges and node ports of another one, whose objects hold them.

    Raises ClusterError when they are in use.
    """
    made, layout, _ = settle(wishes)
    if made.slot != origin.slot:
        others = {other.slot: other.name for name in known_names() if (other := ClusterSpec.read(Layout.of(name).spec))}
        try:
            taken = {*others, *range(spec_module.SLOTS)} - ({origin.slot} - {*others})
            spec_module.choose_slot(taken, _routes(), origin.ip_family)
        except ClusterError:
            holder = f"the cluster {others[origin.slot]!r}" if origin.slot in others else "this machine"
            raise ClusterError(
                f"the snapshot's objects have addresses of {origin.service_cidr} and {origin.pod_cidr}, "
                f"which {holder} uses; restore into that cluster, or delete it first with `down --purge`"
            ) from None
    made = dataclasses.replace(
        made,
        slot=origin.slot,
        pod_cidr=origin.pod_cidr,
        service_cidr=origin.service_cidr,
        node_cidr=origin.node_cidr,
        node_port_low=origin.node_port_low,
        node_port_high=origin.node_port_high,
    )
    layout.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made, layout


def claim(spec: ClusterSpec, layout: Layout) -> None:
    """Makes the cluster's folders and records it there. Raises ClusterError."""
    make_folders(spec, layout)
    _record(spec, layout)


def _record(spec: ClusterSpec, layout: Layout) -> None:
    _link_home(layout)
    if spec != ClusterSpec.read(layout.spec):
        spec.write(layout.spec)


def adopt(spec: ClusterSpec, layout: Layout) -> None:
    """Records a cluster whose store lies in its folder already, for `up` to start."""
    _record(spec, layout)
    layout.example_mark.touch()
    layout.storage_class_mark.touch()


def _place(wishes: Wishes) -> Layout:
    recorded = Layout.of(wishes.name)
    if not wishes.data_dir:
        return recorded
    layout = Layout.of(wishes.name, wishes.data_dir)
    if recorded.data != Path(os.path.realpath(layout.data)):
        running = Process.recorded(record(recorded, "supervisor")) is not None
        if running:
            raise ClusterError(
                f"the cluster {wishes.name!r} runs with its state in {recorded.data}; "
                f"stop it first: pybernetes down --name {wishes.name}"
            )
    return layout


def _check_unchanged(found: ClusterSpec, wishes: Wishes) -> None:
    for option, asked, has in (
        ("--nodes", wishes.nodes, found.nodes),
        ("--control-planes", wishes.control_planes, found.control_planes),
        ("--store", wishes.store, found.store),
        ("--etcd-prefix", wishes.etcd_prefix, found.etcd_prefix),
        ("--runtime", wishes.runtime, found.runtime),
        ("--port", wishes.api_port, found.api_port),
        ("--ip-family", wishes.ip_family, found.ip_family),
    ):
        if asked is not None and asked != has:
            raise ClusterError(
                f"the cluster {found.name!r} exists with {option} {has}; to change that, delete it first: "
                f"pybernetes down --name {found.name} --purge"
            )


def _new_spec(wishes: Wishes) -> ClusterSpec:
    others = _other_clusters(wishes.name)
    family = wishes.ip_family or "ipv4"
    if family != "ipv4" and not _IPV6_ROUTES.exists():
        raise ClusterError(f"--ip-family {family}: IPv6 is switched off on this machine (ipv6.disable of its kernel)")
    slot = spec_module.choose_slot((other.slot for other in others), _routes(), family)
    pods, services, nodes = spec_module.slot_ranges(slot, family)
    low, high = spec_module.slot_node_ports(slot)
    used = _ports(others)
    simulated = wishes.runtime == "simulated"
    count, planes = 0 if simulated else wishes.nodes or 1, wishes.control_planes or 1
    store = wishes.store or ("etcd" if planes > 1 else "sqlite")
    etcd_port = free_port(_ETCD_PORT + 10 * slot, used) if store == "etcd" else 0
    made = ClusterSpec(
        name=wishes.name,
        slot=slot,
        nodes=count,
        api_port=wishes.api_port if wishes.api_port is not None else free_port(_API_PORT + slot, used),
        pod_cidr=pods,
        service_cidr=services,
        node_cidr=nodes,
        node_port_low=low,
        node_port_high=high,
        kubelet_port=_KUBELET_PORT if count * planes > 1 else free_port(_KUBELET_PORT + 10 * slot, used),
        store=store,
        etcd_port=etcd_port,
        etcd_peer_port=free_port(etcd_port + 1, used) if etcd_port else 0,
        etcd_prefix=wishes.etcd_prefix or "/registry",
        runtime=wishes.runtime or "containerd",
        control_planes=planes,
        **wishes.settings,
    )
    check_store(made)
    check_pool_apart(made)
    check_port(made.api_port)
    return _with_ingress_ports(made, Layout.of(wishes.name), others)


def _other_clusters(name: str) -> list[ClusterSpec]:
    return [other for known in known_names() if known != name and (other := ClusterSpec.read(Layout.of(known).spec))]


def _ports(clusters: list[ClusterSpec]) -> set[int]:
    """Those of their APIs, kubelets and etcds."""
    return {p for one in clusters for p in (one.api_port, one.kubelet_port, one.etcd_port, one.etcd_peer_port)}


def _with_ingress_ports(spec: ClusterSpec, layout: Layout, others: list[ClusterSpec]) -> ClusterSpec:
    """80 and 443, or the next free ones; kept from then on, unless another program has taken them meanwhile."""
    if not spec.serves_ingresses or Process.recorded(record(layout, INGRESS_PROXY)) is not None:
        return spec
    used = {port for other in others for port in (other.ingress_http_port, other.ingress_https_port)}
    used |= {other.api_port for other in (*others, spec)}
    chosen = []
    for port, usual, instead in (
        (spec.ingress_http_port, *_INGRESS_PORTS[0]),
        (spec.ingress_https_port, *_INGRESS_PORTS[1]),
    ):
        wanted = port or usual
        if wanted in used or not _bindable(wanted):
            wanted = free_port(instead, used)
        chosen.append(wanted)
    return dataclasses.replace(spec, ingress_http_port=chosen[0], ingress_https_port=chosen[1])


def _routes() -> list[IPv4Network | IPv6Network]:
    found: list[IPv4Network | IPv6Network] = []
    with contextlib.suppress(OSError):
        found += spec_module.host_routes(Path("/proc/net/route").read_text())
    with contextlib.suppress(OSError):
        found += spec_module.host_routes_ipv6(_IPV6_ROUTES.read_text())
    return found


def free_port(first: int, used: set[int]) -> int:
    """The first port from `first` on that no cluster has and nobody listens at."""
    for port in range(first, first + _PORTS_TRIED):
        if port not in used and _bindable(port):
            return port
    raise ClusterError(f"no free port from {first} to {first + _PORTS_TRIED - 1}; name one with --port")


def free_etcd_ports(spec: ClusterSpec) -> tuple[int, int]:
    """For an etcd of a cluster that had none: clients' and peers'."""
    used = _ports([*_other_clusters(spec.name), spec])
    port = free_port(_ETCD_PORT + 10 * spec.slot, used)
    return port, free_port(port + 1, used)


def check_port(port: int) -> None:
    """Raises ClusterError when something listens at the port already."""
    if not _bindable(port):
        raise ClusterError(f"port {port} is taken by another program; stop that, or name another port with --port")


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
        return True


def prepare(
    spec: ClusterSpec, layout: Layout, now_s: float, say: Callable[[str], None]
) -> tuple[ClusterSpec, list[str]]:
    """Makes keys, configurations and the network. The spec as it stands now, and renewed keys.

    The folders must be there. Raises ClusterError; OSError for a folder that cannot be written.
    """
    say("keys and configuration")
    if spec.simulated:
        spec = dataclasses.replace(spec, node_address="127.0.0.1")
    elif spec.own_namespaces:
        outside = [address for address in topology.lone_addresses(spec) if address not in spec.gateways]
        spec = dataclasses.replace(spec, outside_address=",".join(outside))
    else:
        spec = dataclasses.replace(spec, node_address=",".join(topology.lone_addresses(spec)))
    keys = pki.Pki(layout.pki)
    nodes = {node: spec.addresses_of(node) for node in spec.node_names}
    planes = [spec.address_of(machine) for machine in spec.control_plane_names]
    service_ips = spec_module.nth(spec.service_cidr, 1)
    certificates = pki.cluster_certificates([spec.api_address, *planes], service_ips, nodes, spec.cluster_domain)
    if spec.local_etcd:
        certificates += pki.etcd_certificates(planes)
        for member in etcd.members(spec, layout):
            member.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if spec.has_simulated_nodes:
        certificates += pki.simulation_certificates()
    if planes:
        certificates.append(pki.dns_certificate())
        write_if_changed(load_balancer.configuration_file(layout), load_balancer.configuration(spec, layout))
    renewed = keys.ensure(certificates, now_s)
    _write_kubeconfigs(spec, layout, keys)
    spec.write(layout.spec)
    spec.write(layout.run / "cluster.json")
    if spec.runtime == "containerd":
        say("network and container runtime")
        _prepare_machines(spec, layout)
    return spec, renewed


def make_folders(spec: ClusterSpec, layout: Layout) -> None:
    """Raises ClusterError when the data directory cannot be made, written, or is nearly full."""
    way_out = "name another folder with --data-dir"
    try:
        for folder in (layout.data, layout.logs, layout.kubeconfigs, layout.images):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = layout.data / ".probe"
        write_atomic(probe, b"\0" * 65536)
        probe.unlink()
        room = os.statvfs(layout.data)
    except OSError as error:
        raise ClusterError(f"the data directory {layout.data} cannot be used: {error.strerror}; {way_out}") from None
    if room.f_bavail * room.f_frsize < _ROOM_BYTES and not layout.store.exists():
        raise ClusterError(
            f"the disk of {layout.data} has less than {_ROOM_BYTES >> 20} MB left; free some space, or {way_out}"
        )
    # Root of a Pod with ids of its own is somebody else here: it passes through to its file system.
    modes = {run_home(): 0o755, layout.run: 0o711, layout.processes: 0o700, layout.run / "stopped": 0o700}
    for folder, mode in modes.items():
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
    down_mark(layout).unlink(missing_ok=True)
    for node in spec.node_names:
        place = layout.node(node)
        for folder in (
            place.data,
            place.run,
            place.cni_conf,
            place.certs_d,
            place.kubelet,
            place.manifests,
            place.pod_logs,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o755)


def _write_kubeconfigs(spec: ClusterSpec, layout: Layout, keys: pki.Pki) -> None:
    """The admin's goes through the loopback, so that it works whatever happens to the host's address."""
    local = f"https://127.0.0.1:{spec.api_port}"
    inside = f"https://{socket_address(spec.api_address, spec.api_port)}"
    servers = {
        "admin": local,
        "controller-manager": local,
        "scheduler": local,
        "proxy": inside,
        "local-path-provisioner": inside,
        "ingress": inside,
    }
    if spec.control_plane_names:
        servers |= dict.fromkeys(("controller-manager", "scheduler", "dns"), inside)
    if spec.has_simulated_nodes:
        servers[pki.SIMULATED_NODES] = local
    servers |= {f"kubelet-{node}": inside for node in spec.node_names}
    ca = keys.ca.read_bytes()
    for identity, server in servers.items():
        credentials = kubeconfig.Credentials(
            server, ca, keys.certificate(identity).read_bytes(), keys.key(identity).read_bytes()
        )
        tree = kubeconfig.config_tree(spec.context if identity == "admin" else identity, credentials)
        write_if_changed(layout.kubeconfig(identity), kubeconfig.dump(tree), 0o600)


def _link_home(layout: Layout) -> None:
    """Records where the cluster is, so that its name alone finds it."""
    home = home_of(layout.name)
    if home == layout.data or (home.exists() and home.samefile(layout.data)):
        return
    state_home().mkdir(parents=True, exist_ok=True, mode=0o755)
    if home.is_symlink():
        home.unlink()
    elif home.exists():
        raise ClusterError(
            f"a cluster {layout.name!r} exists already in {home}; "
            f"delete it with: pybernetes down --name {layout.name} --purge, or use another --name"
        )
    home.symlink_to(layout.data)


def _prepare_machines(spec: ClusterSpec, layout: Layout) -> None:
    containerd.command(layout.node(spec.node_names[0]))
    topology.prepare(spec)
    cni_bin = containerd.cni_folder()
    restrict = not containerd.may_raise_limits(Path("/proc/self/status").read_text())
    for node in spec.node_names:
        place = layout.node(node)
        text = containerd.configuration(place, sandbox_image=PAUSE, cni_bin=cni_bin, restrict_oom_score_adj=restrict)
        write_if_changed(place.containerd_config, text)
        cgroups.prepare(spec.cgroup(node))


def user_owner() -> tuple[int, int] | None:
    """Whom files in the user's home belong to: under sudo, the user who called it."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    return (int(uid), int(gid)) if os.geteuid() == 0 and uid.isdigit() and gid.isdigit() and uid != "0" else None
