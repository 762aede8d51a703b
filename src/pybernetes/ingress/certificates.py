"""Certificates that the proxy shows: whether a Secret's can be used, and one for hosts that have none."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

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
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except ssl.SSLError as error:
        reason = error.reason or ""
        return _SENTENCES.get(reason, f"it is no certificate with its key ({reason or 'not PEM'})")
    except (ValueError, OSError) as error:
        return f"it is no certificate with its key ({error})"
    finally:
        os.close(descriptor)
    return ""


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def self_signed() -> bytes:
    """A certificate with its key in PEM, for hosts without a certificate of their own."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _FALLBACK_NAME)])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=_FALLBACK_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ingress.local")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
