"""`pybernetes version`."""

from __future__ import annotations

import argparse
import json

from pybernetes import __version__
from pybernetes.apimachinery.version import GIT_VERSION, KUBERNETES_VERSION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=["json"], help="print JSON")


def run(args: argparse.Namespace) -> int:
    if args.output == "json":
        print(json.dumps({"kubernetes": KUBERNETES_VERSION, "pybernetes": __version__, "gitVersion": GIT_VERSION}))
    else:
        print(f"Pybernetes {__version__}\nKubernetes {KUBERNETES_VERSION}")
    return 0
