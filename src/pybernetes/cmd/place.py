"""Which cluster a process of `up` belongs to: the flags that `process_table` starts it with, and what they lead to."""

from __future__ import annotations

import argparse

from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout
from pybernetes.cluster.spec import ClusterSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="the cluster")
    parser.add_argument("--data-dir", required=True, help="its data directory")


def spec_of(layout: Layout) -> ClusterSpec:
    """Raises ClusterError where there is none."""
    spec = ClusterSpec.read(layout.spec)
    if spec is None:
        raise ClusterError(f"there is no cluster in {layout.data}")
    return spec
