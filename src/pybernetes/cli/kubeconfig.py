"""`pybernetes kubeconfig`: prints the admin's kubeconfig."""

from __future__ import annotations

import argparse

from pybernetes.cli.selection import add_name, existing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_name(parser)


def run(args: argparse.Namespace) -> int:
    _, layout = existing(args.name)
    print(layout.kubeconfig("admin").read_text(), end="")
    return 0
