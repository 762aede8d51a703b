"""TLS contexts from PEM: for clients (CA, optional client certificate) and servers (optional client CA)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator


def client_context(
    ca_pem: bytes | None = None,
    certificate_pem: bytes | None = None,
    key_pem: bytes | None = None,
    *,
    verify: bool = True,
) -> ssl.SSLContext:
    """Trusts `ca_pem` (the system's CAs when None) and shows the certificate when there is one.

    Raises ValueError with one line when the PEM does not parse or key and certificate do not match.
    """
    try:
        context = ssl.create_default_context(cadata=ca_pem.decode("ascii", "replace") if ca_pem else None)
    except ssl.SSLError as error:
        raise ValueError(f"cannot read the certificate authority: {_reason(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate_pem:
        load_pair(context, certificate_pem, key_pem or b"")
    return context


def server_context(
    certificate_pem: bytes, key_pem: bytes, client_ca_pem: bytes | None = None, *, require_client: bool = False
) -> ssl.SSLContext:
    """Serves the certificate; with a client CA, asks for client certificates and verifies those shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, certificate_pem, key_pem)
    if client_ca_pem:
        context.load_verify_locations(cadata=client_ca_pem.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_pair(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Gives the context a certificate and its key without leaving the key in a file."""
    with pem_file(certificate_pem + b"\n" + key_pem) as path:
        try:
            context.load_cert_chain(path)
        except ssl.SSLError as error:
            raise ValueError(f"cannot use the certificate and key: {_reason(error)}") from None


@contextlib.contextmanager
def pem_file(data: bytes) -> Iterator[str]:
    """A path that holds `data` while the block runs: in memory on Linux, else a private temporary file."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pem", os.MFD_CLOEXEC)
        try:
            os.write(fd, data)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    with tempfile.NamedTemporaryFile(prefix="pybernetes-") as file:
        file.write(data)
        file.flush()
        yield file.name


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")


def close(transport: asyncio.Transport) -> None:
    """Once: closed twice, a TLS transport of Python 3.11.2 could not be aborted any more."""
    if not transport.is_closing():
        transport.close()
