"""Certificates that nobody signed but themselves, for servers that were given none."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence

_BACKDATE_S = 3600


def self_signed(
    common_name: str, names: Sequence[str], addresses: Iterable[str], now_s: float, days: int
) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.datetime.fromtimestamp(int(now_s) - _BACKDATE_S, datetime.UTC)
    ips = [x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys(addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([*(x509.DNSName(each) for each in names), *ips]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem
