"""`pybernetes kubelet`: the kubelet as a process of its own, with upstream's flag names."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybernetes.cmd import kubelet_flags

if TYPE_CHECKING:
    from pybernetes.kubelet.config import KubeletConfig


_DEFAULTS = {"healthz_port": 10248, "fail_swap_on": True}
"""Upstream's. The nodes of `pybernetes up` may be many on one machine, and run on any."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Without a flag what the file says holds, and without that the default of KubeletConfig."""
    add = parser.add_argument
    add("--config", default="", metavar="FILE", help="KubeletConfiguration to read; flags have the last word")
    add("--config-dir", default="", metavar="DIR", help="folder of files NAME.conf that change it, in their order")
    add("--kubeconfig", default="", metavar="FILE", help="how to reach the apiserver; without it only static pods run")
    add("--bootstrap-kubeconfig", default="", metavar="FILE", help="with it --kubeconfig is made where it is missing")
    add("--cert-dir", default="/var/lib/kubelet/pki", metavar="DIR", help="where these certificates are kept")
    add("--hostname-override", default="", metavar="NAME", help="name of the Node (default: the host's name)")
    add("--node-ip", default="", metavar="IP", help="the node's address (default: that of the default route)")
    add("--node-labels", action="append", default=[], metavar="KEY=VALUE,...", help="of the Node")
    add("--root-dir", default="/var/lib/kubelet", metavar="DIR", help="where pods' volumes lie (default %(default)s)")
    add("--image-credential-provider-config", default="", metavar="PATH", help="CredentialProviderConfig to read")
    add("--image-credential-provider-bin-dir", default="", metavar="DIR", help="where those programs lie")
    kubelet_flags.add_arguments(parser)


def config_of(args: argparse.Namespace) -> KubeletConfig:
    """What the file says and then the flags. Raises ValueError with one line."""
    from pybernetes.apimachinery import features
    from pybernetes.kubelet.config import KubeletConfig
    from pybernetes.kubelet.configuration import checks, reading

    settings: dict[str, Any] = _DEFAULTS | reading.read(args.config, args.config_dir, _tell)
    gates = settings.get("feature_gates", {})
    settings |= kubelet_flags.settings(args, _tell)
    settings["feature_gates"] = gates | settings.get("feature_gates", {})
    if args.image_credential_provider_config:
        from pybernetes.kubelet.credential_providers import read

        settings["credential_providers"] = read(Path(args.image_credential_provider_config))
    config = KubeletConfig(
        node_name=(args.hostname_override or socket.gethostname()).lower(),
        node_ip=args.node_ip,
        node_labels=_labels(args.node_labels),
        root_dir=args.root_dir,
        credential_provider_folder=args.image_credential_provider_bin_dir,
        **settings,
    )
    checks.check(config)
    for warning in features.FeatureGates(config.feature_gates).warnings():
        _tell(warning)
    return config


def _labels(texts: list[str]) -> dict[str, str]:
    """Source: cmd/kubelet/app/options/options.go (ValidateKubeletFlags)."""
    from pybernetes.apimachinery import names
    from pybernetes.apimachinery.nodes import is_beyond_kubelets
    from pybernetes.kubelet.configuration import kinds

    try:
        labels: dict[str, str] = kinds.PAIRS.of_flag(texts)
    except ValueError:
        raise ValueError(f"--node-labels is {kinds.PAIRS.form}, not {', '.join(map(repr, texts))}") from None
    for key, value in labels.items():
        for problem in (*names.label_key(key), *names.label_value(value)):
            raise ValueError(f"--node-labels: {key}={value}: {problem}")
        if is_beyond_kubelets(key):
            raise ValueError(f"--node-labels: {key} is not a label that a kubelet may set; node.kubernetes.io/… are")
    return labels


def _tell(line: str) -> None:
    print(f"pybernetes kubelet: {line}", file=sys.stderr)


async def run(args: argparse.Namespace) -> int:
    from pybernetes.client.client import Client
    from pybernetes.cmd.kubelet_identity import Identity
    from pybernetes.host.clock import SystemClock
    from pybernetes.host.random import Random
    from pybernetes.kubelet.kubelet import Kubelet

    try:
        config = config_of(args)
    except ValueError as error:
        _tell(str(error))
        raise SystemExit(2) from None
    if args.bootstrap_kubeconfig and not args.kubeconfig:
        _tell("--bootstrap-kubeconfig needs --kubeconfig, which is made with it")
        raise SystemExit(2)
    clock, random = SystemClock(), Random()
    identity = Identity(args, config.node_name, clock, random)
    failure: BaseException | None = None
    try:
        transport = await identity.transport() if args.kubeconfig else None
        client = Client(transport, user_agent="kubelet") if transport is not None else None
        kubelet = Kubelet(client, config, clock, random)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kubelet.run())
            if transport is not None:
                if config.rotate_certificates:
                    tasks.create_task(identity.keep(kubelet, transport))
                if config.rotate_server_certificates:
                    tasks.create_task(identity.keep_server(kubelet, transport))
    except* (OSError, ValueError) as group:
        failure = group
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if failure is not None:
        _tell(str(failure))
    return int(failure is not None)
