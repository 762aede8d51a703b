"""`pybernetes scheduler`: kube-scheduler as a process of its own. NumPy is imported only once it runs."""

from __future__ import annotations

import argparse
import dataclasses
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport
from pybernetes.cmd import lease_flags, serving_flags
from pybernetes.cmd.flag_types import SWITCH

if TYPE_CHECKING:
    from pybernetes.scheduler.config import SchedulerConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig with the address and credentials")
    parser.add_argument("--config", default="", metavar="FILE", help="KubeSchedulerConfiguration to read")
    parser.add_argument(
        "--leader-elect",
        **SWITCH,
        help="schedule only while holding the lease kube-system/kube-scheduler",
    )
    lease_flags.add_arguments(parser)
    parser.add_argument(
        "--feature-gates", action="append", default=[], help="features on or off: Name=true,… (AllAlpha, AllBeta too)"
    )
    serving_flags.add_arguments(parser, 10259)


async def run(args: argparse.Namespace) -> None:
    from pybernetes.apimachinery import features
    from pybernetes.cmd import secure_serving
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.scheduler.config import ConfigError, SchedulerConfig
    from pybernetes.scheduler.scheduler import Scheduler

    random = Random()
    try:
        config = _read(args.config) if args.config else SchedulerConfig()
    except ConfigError as error:
        print(f"pybernetes scheduler: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if args.leader_elect is not None:
        config.leader_elect = args.leader_elect
    config = dataclasses.replace(config, **lease_flags.settings(args))
    config.feature_gates = features.parse(args.feature_gates)
    config.identity = f"{socket.gethostname()}_{random.uid()}"
    client = Client(HttpTransport.from_kubeconfig(args.kubeconfig), user_agent="kube-scheduler")
    try:
        scheduler = Scheduler(client, config, SystemClock(), random)
        pages = secure_serving.Pages("kubescheduler.config.k8s.io", scheduler.figures, config)
        pages.health.add("ping", lambda: "")
        synced = "" if config.leader_elect else "informers have not synced"  # One that waits for the lease is ready.
        pages.health.add("sched-handler-sync", lambda: "" if scheduler.synced.is_set() else synced, ("readyz",))
        async with secure_serving.serving(args, pages, client, SystemClock()):
            await scheduler.run()
    except ConfigError as error:
        print(f"pybernetes scheduler: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _read(path: str) -> SchedulerConfig:
    from pybernetes.apimachinery.yaml_text import parse_yaml
    from pybernetes.scheduler.config import ConfigError, from_tree

    try:
        tree, _ = parse_yaml(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    try:
        return from_tree(tree)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: a field is missing or of the wrong type: {error}") from error
