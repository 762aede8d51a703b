"""The HTTPS port of a component that is a process of its own: health, metrics, configuration, by upstream's flags.

Source: apiserver/pkg/server/options/serving.go, cmd/kube-controller-manager/app/controllermanager.go,
cmd/kube-scheduler/app/server.go.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.client.client import Client
from pybernetes.cmd.delegated_access import DelegatedAccess, client_ca
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import metrics, page_not_found
from pybernetes.http.self_signed import self_signed
from pybernetes.http.server import HttpServer
from pybernetes.http.tls import server_context

log = logging.getLogger(__name__)
_DAYS = 365


class Pages:
    """What is shown: checks of `health` under their endpoints, lines of metrics, a tree of configuration."""

    def __init__(self, name: str, metrics: Callable[[], Iterator[str]], configuration: Any) -> None:
        self.health = Health()
        self.client: Client | None = None
        self._name = name
        self._metrics = metrics
        self._configuration = configuration

    def answer(self, request: Request) -> Response:
        path = request.path
        if path.split("/")[1] in ("healthz", "livez", "readyz"):
            return self.health.answer(request)
        if path == "/metrics":
            return metrics(chain(self._metrics(), self.client.transport.figures.lines() if self.client else ()))
        if path == "/metrics/slis":
            return metrics(self.health.indicators())
        if path == "/configz":
            body = msgspec.json.encode({self._name: msgspec.to_builtins(self._configuration, str_keys=True)})
            return Response(200, [("content-type", "application/json")], body)
        return page_not_found()


@contextlib.asynccontextmanager
async def serving(args: argparse.Namespace, pages: Pages, client: Client, clock: Clock) -> AsyncIterator[None]:
    """Listens while the block runs; what `client` counts is among the metrics.

    Raises OSError or ValueError with one line for the user.
    """
    if not args.secure_port:
        yield
        return
    if bool(args.tls_cert_file) != bool(args.tls_private_key_file):
        raise ValueError("--tls-cert-file and --tls-private-key-file belong together")
    pages.client = client
    pair, ca = _files(args, clock.now())
    if not args.client_ca_file:
        ca = await client_ca(client)
    access = DelegatedAccess(client, clock, args.client_ca_file, args.authorization_always_allow_paths.split(","))

    async def handle(request: Request) -> Response:
        try:
            await access.check(request)
        except StatusError as error:
            return Response(error.code, [("content-type", "application/json")], msgspec.json.encode(error.status))
        return pages.answer(request)

    server = HttpServer(handle, server_context(*pair, ca.encode() or None), args.bind_address, args.secure_port)
    try:
        await server.start()
    except OSError as error:
        where = f"{args.bind_address}:{args.secure_port}"
        raise OSError(f"cannot listen on {where} ({error.strerror}); --secure-port gives another port") from None
    log.info("pages of its own at https://%s:%d", args.bind_address, server.port)
    try:
        yield
    finally:
        await server.stop()


def _files(args: argparse.Namespace, now: float) -> tuple[tuple[bytes, bytes], str]:
    """Certificate and key, and the client CA where a file has it."""
    ca = Path(args.client_ca_file).read_text() if args.client_ca_file else ""
    if args.tls_cert_file:
        return (Path(args.tls_cert_file).read_bytes(), Path(args.tls_private_key_file).read_bytes()), ca
    host = socket.gethostname()
    made = self_signed(f"{host}@{int(now)}"[:64], (host, "localhost"), (args.bind_address, "127.0.0.1"), now, _DAYS)
    return made, ca
