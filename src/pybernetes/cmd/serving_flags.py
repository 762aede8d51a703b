"""The flags of a component's own HTTPS port, by upstream's names; `secure_serving` acts on them."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    group = parser.add_argument_group("its own HTTPS port")
    group.add_argument("--bind-address", default="0.0.0.0", help="(default 0.0.0.0)")
    group.add_argument("--secure-port", type=int, default=port, help="0 listens nowhere (default %(default)s)")
    group.add_argument("--tls-cert-file", default="", help="PEM; without it a certificate is made at each start")
    group.add_argument("--tls-private-key-file", default="", help="its key")
    group.add_argument("--client-ca-file", default="", help="signs clients' certificates (default: asks the apiserver)")
    group.add_argument(
        "--authorization-always-allow-paths",
        default="/healthz,/readyz,/livez",
        help="paths for everybody (default %(default)s)",
    )
