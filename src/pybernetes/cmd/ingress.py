"""`pybernetes ingress`: the Ingress controller as a process of its own. Its HAProxy outlives it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pybernetes.client.client import Client
from pybernetes.client.transport import HttpTransport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig with the address and credentials")
    parser.add_argument(
        "--listen-address",
        action="append",
        metavar="ADDRESS",
        help="address that the proxy listens on; may be given several times (default 127.0.0.1)",
    )
    parser.add_argument("--http-port", type=int, default=80, help="port for HTTP (default %(default)s)")
    parser.add_argument("--https-port", type=int, default=443, help="port for HTTPS (default %(default)s)")
    parser.add_argument(
        "--publish-status-address",
        action="append",
        metavar="ADDRESS",
        help="address for the status of Ingresses; may be given several times (default: those it listens on)",
    )
    parser.add_argument(
        "--state-dir", default="/run/pybernetes-ingress", help="for the proxy's files (default %(default)s)"
    )


async def run(args: argparse.Namespace) -> None:
    from pybernetes.host.clock import SystemClock
    from pybernetes.ingress.controller import IngressConfig, IngressController
    from pybernetes.ingress.data_plane import DataPlaneConfig
    from pybernetes.ingress.ingresses.routes import Entry

    folder = _folder(args.state_dir)
    listen = tuple(args.listen_address or ["127.0.0.1"])
    plane = DataPlaneConfig(folder, folder / "process", folder / "haproxy.log")
    entry = Entry(listen, args.http_port, args.https_port)
    config = IngressConfig(plane, entry, tuple(args.publish_status_address or listen))
    client = Client(HttpTransport.from_kubeconfig(args.kubeconfig), user_agent="pybernetes-ingress")
    await IngressController(client, config, SystemClock()).run()


def _folder(name: str) -> Path:
    folder = Path(name).absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
