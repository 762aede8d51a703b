"""A certificate authority from two files, read anew when they change, and the certificates it makes.

Source: pkg/controller/certificates/authority/{authority,policies}.go, signer/ca_provider.go. `cryptography` is
imported at the first use.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pybernetes.controllers.certificate_signing import plan

_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_EXTENDED_USAGES = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}


class Authority:
    def __init__(self, certificate_file: str, key_file: str) -> None:
        self._files = (Path(certificate_file), Path(key_file))
        self._stamp: tuple[int, ...] = ()
        self._loaded: tuple[Any, Any] | None = None

    def load(self) -> tuple[Any, Any]:
        """Certificate and key. Raises OSError or ValueError."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        stamp = tuple(file.stat().st_mtime_ns for file in self._files)
        if self._loaded is None or stamp != self._stamp:
            certificate = x509.load_pem_x509_certificate(self._files[0].read_bytes())
            key = load_pem_private_key(self._files[1].read_bytes(), None)
            self._loaded, self._stamp = (certificate, key), stamp
        return self._loaded

    def sign(self, request: Any, usages: Sequence[str], ttl_s: float, now: float) -> str:
        """The certificate as status.certificate holds it. Raises OSError or ValueError."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from cryptography.hazmat.primitives.serialization import Encoding

        if not request.is_signature_valid:
            raise ValueError("the signature of the certificate request is not valid")
        certificate, key = self.load()
        start, end = plan.validity(now, ttl_s, certificate.not_valid_after_utc.timestamp())
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime.fromtimestamp(int(start), datetime.UTC))
            .not_valid_after(datetime.datetime.fromtimestamp(int(end), datetime.UTC))
        )
        for extension, critical in [*_usages(usages), *_names(request, certificate)]:
            builder = builder.add_extension(extension, critical=critical)
        algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return base64.b64encode(builder.sign(key, algorithm).public_bytes(Encoding.PEM)).decode()


def _usages(usages: Sequence[str]) -> list[tuple[Any, bool]]:
    """Raises ValueError for a usage there is not."""
    from cryptography import x509

    unknown = [usage for usage in usages if usage not in _KEY_USAGES and usage not in _EXTENDED_USAGES]
    if unknown:
        raise ValueError(f"unrecognized usage values: {unknown}")
    wanted = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES}
    if not wanted & {"key_agreement"}:
        wanted -= {"encipher_only", "decipher_only"}  # They say how keys are agreed on.
    found: list[tuple[Any, bool]] = []
    if wanted:
        found.append((x509.KeyUsage(**{name: name in wanted for name in set(_KEY_USAGES.values())}), True))
    extended = dict.fromkeys(_EXTENDED_USAGES[usage] for usage in sorted(usages) if usage in _EXTENDED_USAGES)
    if extended:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended]), False))
    found.append((x509.BasicConstraints(ca=False, path_length=None), True))
    return found


def _names(request: Any, certificate: Any) -> list[tuple[Any, bool]]:
    """The other names of the request, and whose key signed. Nothing else that the request asks for counts."""
    from cryptography import x509

    found: list[tuple[Any, bool]] = []
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        found.append((x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False))
    except x509.ExtensionNotFound:
        pass
    try:
        other = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    kinds = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
    kept = [name for name in other if isinstance(name, kinds)]
    if kept:
        found.append((x509.SubjectAlternativeName(kept), not list(request.subject)))
    return found
