"""The HTTPS port of a component that is a process of its own: health, metrics, configuration, by upstream's flags.

Source: apiserver/pkg/server/options/serving.go, cmd/kube-controller-manager/app/controllermanager.go,
cmd/kube-scheduler/app/server.go.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.endpoints.answers import page_not_found, text
from pybernetes.apiserver.endpoints.health import Health
from pybernetes.client.client import Client
from pybernetes.cmd.delegated_access import DelegatedAccess, client_ca
from pybernetes.host.clock import Clock
from pybernetes.http.messages import Request, Response
from pybernetes.http.server import HttpServer
from pybernetes.http.tls import server_context

log = logging.getLogger(__name__)
_DAYS = 365


class Pages:
    """What is shown: checks of `health` under their endpoints, lines of metrics, a tree of configuration."""

    def __init__(self, name: str, metrics: Callable[[], Iterator[str]], configuration: Any) -> None:
        self.health = Health()
        self._name = name
        self._metrics = metrics
        self._configuration = configuration

    def answer(self, request: Request) -> Response:
        path = request.path
        if path.split("/")[1] in ("healthz", "livez", "readyz"):
            return self.health.answer(request)
        if path == "/metrics":
            return text("\n".join(self._metrics()) + "\n")
        if path == "/metrics/slis":
            return text("\n".join(self.health.indicators()) + "\n")
        if path == "/configz":
            body = msgspec.json.encode({self._name: msgspec.to_builtins(self._configuration, str_keys=True)})
            return Response(200, [("content-type", "application/json")], body)
        return page_not_found()


@contextlib.asynccontextmanager
async def serving(args: argparse.Namespace, pages: Pages, client: Client, clock: Clock) -> AsyncIterator[None]:
    """Listens while the block runs. Raises OSError or ValueError with one line for the user."""
    if not args.secure_port:
        yield
        return
    if bool(args.tls_cert_file) != bool(args.tls_private_key_file):
        raise ValueError("--tls-cert-file and --tls-private-key-file belong together")
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
    return _self_signed(args.bind_address, now), ca


def _self_signed(address: str, now: float) -> tuple[bytes, bytes]:
    """A certificate for this host that nobody signed but itself, and its key; PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{host}@{int(now)}"[:64])])
    start = datetime.datetime.fromtimestamp(int(now) - 3600, datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys((address, "127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host), x509.DNSName("localhost"), *addresses]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem
