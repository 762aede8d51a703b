"""`pybernetes down`: stops a cluster and takes all of it off this machine."""

from __future__ import annotations

import argparse
import os

from pybernetes.cli.output import Progress
from pybernetes.cli.selection import add_data_dir, add_name, find, up_command
from pybernetes.cluster import kubeconfig, teardown
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout, check_name
from pybernetes.cluster.spec import ClusterSpec
from pybernetes.host.files import exclusive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    add_data_dir(parser)
    parser.add_argument("--purge", action="store_true", help="delete its state too: everything in its data directory")


def run(args: argparse.Namespace) -> int:
    check_name(args.name)
    found = find(args.name, args.data_dir)
    if found is None:
        Layout.of(args.name).forget_lock()
        print(f"There is no cluster {args.name!r}; nothing to do.")
        return 0
    spec, layout = found
    if spec.runtime == "containerd" and os.geteuid() != 0:
        raise ClusterError(f"stopping this cluster needs root; run: sudo {up_command(args.name, 'down')}")
    with exclusive(layout.lock) as mine:
        if not mine:
            raise ClusterError(f"another `up` or `down` of the cluster {args.name!r} is at work; wait for it to end")
        _remove(spec, layout, purge=args.purge)
    layout.forget_lock()
    if not args.purge:
        print(f"Its state stays in {layout.data}: `{up_command(args.name)}` starts it again, `--purge` deletes it.")
    print(f"The cluster {args.name!r} is down.")
    return 0


def _remove(spec: ClusterSpec, layout: Layout, *, purge: bool) -> None:
    progress = Progress()
    progress.step("stopping processes, containers and network")
    left = teardown.remove_cluster(spec, layout)
    progress.step("taking it out of the kubeconfig")
    kubeconfig.remove(kubeconfig.user_files(os.environ), spec.context)
    if purge:
        progress.step("deleting its state")
        teardown.purge(layout)
    progress.done()
    if left:
        raise ClusterError(f"these would not go: {', '.join(left[:5])}; run `{up_command(spec.name, 'down')}` again")
