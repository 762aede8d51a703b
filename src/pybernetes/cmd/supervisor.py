"""`pybernetes supervisor`: the process that `up` starts to keep the others running."""

from __future__ import annotations

import argparse

from pybernetes.cluster.supervisor import run_supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="the cluster")
    parser.add_argument("--data-dir", required=True, help="its data directory")


def run(args: argparse.Namespace) -> int:
    return run_supervisor(args.name, args.data_dir)
