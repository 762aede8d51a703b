"""The options by which every verb finds its cluster."""

from __future__ import annotations

import argparse
import os

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import DEFAULT_NAME, Layout, check_name
from pybernetes.cluster.process_table import record
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.processes import Process


def add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default=DEFAULT_NAME, help="which cluster, where several run side by side")


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        default="",
        metavar="DIR",
        help="where its state lives (default: /var/lib/pybernetes/NAME for root, else the XDG data folder)",
    )


def find(name: str, data_dir: str = "") -> tuple[ClusterSpec, Layout] | None:
    """The cluster that `up` made under this name; None when there is none."""
    layout = Layout.of(check_name(name))
    for candidate in (layout, Layout.of(name, data_dir) if data_dir else layout):
        for path in (candidate.spec, candidate.run / "cluster.json"):
            spec = ClusterSpec.read(path)
            if spec is not None and spec.name == name:
                return spec, candidate
    return None


def existing(name: str) -> tuple[ClusterSpec, Layout]:
    """The cluster, running or not. Raises ClusterError with the way to one."""
    found = find(name)
    if found is None:
        raise ClusterError(f"there is no cluster {name!r}; make it with: {up_command(name)}")
    return found


def running(name: str) -> tuple[ClusterSpec, Layout]:
    """The cluster, supervised. Raises ClusterError with the way to start it."""
    spec, layout = existing(name)
    if Process.recorded(record(layout, "supervisor")) is None:
        raise ClusterError(f"the cluster {name!r} is not running; start it with: {up_command(name)}")
    return spec, layout


def own_name() -> str:
    """The command as the user calls it: the launcher of a checkout says how."""
    return os.environ.get("PYBERNETES_COMMAND", "pybernetes")


def up_command(name: str, verb: str = "up") -> str:
    return f"{own_name()} {verb}" if name == DEFAULT_NAME else f"{own_name()} {verb} --name {name}"
