"""Brings one machine's network from what it was to what `plan` says: links, routes and the CNI configuration.

A CNI configuration that somebody else put into the folder is left alone: then it is theirs that Pods get, no bridge is
made, and ours goes.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pybernetes.host.files import write_if_changed
from pybernetes.host.netlink import Netlink, NetlinkFault, Route
from pybernetes.network.overlay import device_of
from pybernetes.network.plan import MachineNetwork, NetworkConfig

log = logging.getLogger(__name__)

CNI_FILE = "10-pybernetes.conflist"


def apply(config: NetworkConfig, wanted: MachineNetwork, before: MachineNetwork | None, netlink: Netlink) -> None:
    """`before` is what was applied last; None where that is not known. Raises NetlinkFault, OSError."""
    folder = Path(config.cni_conf_dir)
    if _is_somebody_elses(folder):
        (folder / CNI_FILE).unlink(missing_ok=True)
    elif wanted.cni:
        netlink.ensure_bridge(config.bridge, wanted.bridge_addresses, wanted.mtu)
        folder.mkdir(parents=True, exist_ok=True)
        write_if_changed(folder / CNI_FILE, wanted.cni)
    if wanted.tunnel is not None:
        netlink.ensure_tunnel(wanted.tunnel)
    elif before is None or before.tunnel is not None:
        netlink.delete_link(device_of(config.bridge))
    keys = {_key(route) for route in wanted.routes}
    for route in netlink.our_routes():
        if route.within(_ranges(config)) and _key(route) not in keys:
            netlink.delete_route(route)
    for route in wanted.routes:
        try:
            netlink.ensure_route(route)
        except NetlinkFault as error:
            log.warning("no route to %s: %s", route.destination, error)


def _ranges(config: NetworkConfig) -> tuple[str, ...]:
    return (*config.cluster_cidrs, *config.service_cidrs, *config.balancer_cidrs)


def _is_somebody_elses(folder: Path) -> bool:
    names = (file.name for file in folder.glob("*") if file.suffix in (".conf", ".conflist", ".json"))
    return any(name != CNI_FILE for name in names)


def _key(route: Route) -> tuple[str, str, str, str]:
    return route.destination, route.gateway, route.device, route.kind
