"""The kubelet's own certificates: asked for at the API, kept in a file with their key, renewed in time.

Source: pkg/kubelet/certificate/{kubelet.go,bootstrap/bootstrap.go}, client-go/util/certificate/certificate_manager.go.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybernetes.api.certificates.v1 import CertificateSigningRequest, CertificateSigningRequestSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.metrics_text import head
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.host.files import write_atomic
from pybernetes.host.random import Random

_LOG = logging.getLogger(__name__)
_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
_SERVING = "kubernetes.io/kubelet-serving"
_RETRY_S, _LONGEST_RETRY_S = 5.0, 300.0


class CertificateRefused(Exception):
    """The request was denied, or could not be signed; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose certificate, and what for."""

    node_name: str
    names: Sequence[str] = ()
    addresses: Sequence[str] = ()
    """With either, it is for a server."""

    @property
    def signer(self) -> str:
        return _SERVING if self.names or self.addresses else _CLIENT

    @property
    def usages(self) -> list[str]:
        return ["digital signature", "server auth" if self.signer == _SERVING else "client auth"]


def request_for(wanted: Wanted) -> tuple[bytes, bytes]:
    """(request, key) in PEM, the key a new one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{wanted.node_name}"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    others: list[x509.GeneralName] = [x509.DNSName(name) for name in wanted.names]
    others += [x509.IPAddress(ipaddress.ip_address(address)) for address in wanted.addresses]
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    made = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return made, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def validity_s(pem: bytes) -> tuple[float, float]:
    """From when until when the first certificate is good. Raises ValueError for what is none."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(pem)
    return found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()


def renew_at_s(begins_s: float, ends_s: float, part: float) -> float:
    """After 70 to 90 % of the time, by `part` of 0 to 1, so that not all nodes ask at once."""
    return begins_s + (ends_s - begins_s) * (0.7 + 0.2 * part)


class OwnCertificate:
    """One certificate and its key in a file."""

    def __init__(self, file: Path, wanted: Wanted, clock: Clock, random: Random) -> None:
        self.file = file
        self._wanted = wanted
        self._clock = clock
        self._random = random
        self._failures = 0

    def lines(self) -> Iterator[str]:
        """How long it is good, and how often it could not be renewed, for the kubelet's page of metrics."""
        kind = "server" if self._wanted.signer == _SERVING else "client"
        held, name = self.held(), f"kubelet_certificate_manager_{kind}_ttl_seconds"
        if held is not None:
            yield from head(name, "gauge", f"How long the {kind}'s certificate is good, in seconds.")
            yield f"{name} {validity_s(held)[1] - self._clock.now():.0f}"
        name = "kubelet_server_expiration_renew_errors"
        name = name if kind == "server" else "kubelet_certificate_manager_client_expiration_renew_errors"
        yield from head(name, "counter", f"How often the {kind}'s certificate could not be renewed.")
        yield f"{name} {self._failures}"

    def held(self) -> bytes | None:
        """What is in the file, if it is good now."""
        try:
            pem = self.file.read_bytes()
            begins, ends = validity_s(pem)
        except (OSError, ValueError):
            return None
        return pem if begins <= self._clock.now() < ends else None

    async def obtain(self, client: Client) -> bytes:
        """A new one, once it is approved and signed. Raises CertificateRefused, StatusError, OSError."""
        request, key = await asyncio.to_thread(request_for, self._wanted)
        spec = CertificateSigningRequestSpec(
            request=base64.b64encode(request).decode(), signerName=self._wanted.signer, usages=self._wanted.usages
        )
        made = await client.create(CertificateSigningRequest(metadata=ObjectMeta(generateName="csr-"), spec=spec))
        _LOG.info("waiting for the certificate of %s", made.metadata.name)
        selector = f"metadata.name={made.metadata.name}"
        page = await client.list(CertificateSigningRequest, field_selector=selector)
        certificate = next(filter(None, map(_certificate_of, page.items)), None)
        while certificate is None:
            async for event in client.watch(
                CertificateSigningRequest, resource_version=page.resource_version, field_selector=selector
            ):
                if event.type == "DELETED":
                    raise CertificateRefused("the request was deleted before it was signed")
                if event.type != "BOOKMARK" and (certificate := _certificate_of(event.object)) is not None:
                    break
        pem = certificate + key
        await asyncio.to_thread(self._write, pem)
        return pem

    async def keep(self, client: Client, use: Callable[[bytes], Awaitable[None]]) -> None:
        """Renews it again and again; `use` is told of each new one. Until cancelled."""
        retry_s = _RETRY_S
        while True:
            held = await asyncio.to_thread(self.held)
            if held is not None:
                due_s = renew_at_s(*validity_s(held), self._random.uniform(0, 1))
                await asyncio.sleep(max(0.0, due_s - self._clock.now()))
            try:
                await use(await self.obtain(client))
                retry_s = _RETRY_S
            except (CertificateRefused, StatusError, OSError) as error:
                self._failures += 1
                _LOG.warning("no new certificate %s, trying again in %g s: %s", self.file.name, retry_s, error)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)

    def _write(self, pem: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self.file, pem, 0o600)


def _certificate_of(request: CertificateSigningRequest) -> bytes | None:
    """None while it is not decided or signed. Raises CertificateRefused."""
    for condition in request.status.conditions:
        if condition.type in ("Denied", "Failed"):
            raise CertificateRefused(f"certificate signing request {condition.type.lower()}: {condition.message or ''}")
    return base64.b64decode(request.status.certificate) if request.status.certificate else None
