"""Certificates that the proxy shows: whether a Secret's can be used, and one for hosts that have none."""

from __future__ import annotations

import ssl
import time
from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache

from pybernetes.api.core.v1 import Secret
from pybernetes.http.self_signed import self_signed
from pybernetes.http.tls import pem_file

_FALLBACK_NAME = "Pybernetes Ingress fallback certificate"
_FALLBACK_DAYS = 3650
_SENTENCES = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "the key is too short",
    "CA_MD_TOO_WEAK": "the signature is too weak",
}


@lru_cache(maxsize=1024)
def fault(pem: bytes) -> str:
    """What is wrong with a certificate chain and its key in PEM; "" when OpenSSL takes them."""
    try:
        with pem_file(pem) as path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password=_no_password)
    except ssl.SSLError as error:
        reason = error.reason or ""
        return _SENTENCES.get(reason, f"it is no certificate with its key ({reason or 'not PEM'})")
    except (ValueError, OSError) as error:
        return f"it is no certificate with its key ({error})"
    return ""


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def fallback() -> bytes:
    """A certificate with its key in PEM, for hosts without a certificate of their own."""
    certificate, key = self_signed(_FALLBACK_NAME, ("ingress.local",), (), time.time(), _FALLBACK_DAYS)
    return certificate + key


def from_secret(secret: Secret | None, fault: Callable[[bytes], str]) -> tuple[bytes, str]:
    """Certificate chain and key of a Secret in PEM; or b"" and what is wrong with it."""
    if secret is None:
        return b"", "it is not there"
    parts = [b64decode(secret.data.get(name, "")) for name in ("tls.crt", "tls.key")]
    if not all(parts):
        return b"", "it lacks tls.crt or tls.key"
    lines = [line.strip() for part in parts for line in part.splitlines()]
    pem = b"\n".join(line for line in lines if line) + b"\n"
    return pem, fault(pem)
