"""`pybernetes supervisor`: the process that `up` starts to keep the others running."""

from __future__ import annotations

import argparse

from pybernetes.cluster.supervisor import run_supervisor
from pybernetes.cmd import place

add_arguments = place.add_arguments


def run(args: argparse.Namespace) -> int:
    return run_supervisor(args.name, args.data_dir)
