"""What is wrong with a certificate and its key, in the words of Go's crypto/tls; a Secret is stored all the same.

Source: Go crypto/tls (X509KeyPair).
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pybernetes.apimachinery.pem import blocks


def key_pair_problem(certificate: bytes, key: bytes) -> str:
    """ "" of a pair that fits."""
    certificates = blocks(certificate)
    chain = [block.text for block in certificates if block.kind == "CERTIFICATE"]
    if not chain:
        return _nothing_found("certificate", '"CERTIFICATE" PEM block', [block.kind for block in certificates])
    keys = blocks(key)
    found = next((b for b in keys if b.kind == "PRIVATE KEY" or b.kind.endswith(" PRIVATE KEY")), None)
    if found is None:
        skipped = [block.kind for block in keys]
        if skipped == ["CERTIFICATE"]:
            return "tls: found a certificate rather than a key in the PEM for the private key"
        return _nothing_found("key", 'PEM block with type ending in "PRIVATE KEY"', skipped)
    try:
        public = x509.load_pem_x509_certificate(chain[0]).public_key()
    except ValueError:
        return "x509: malformed certificate"
    try:
        private = serialization.load_pem_private_key(found.text, None)
    except (ValueError, TypeError):
        return "tls: failed to parse private key"
    kinds = (
        (rsa.RSAPublicKey, rsa.RSAPrivateKey),
        (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey),
        (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
    )
    for of_certificate, of_key in kinds:
        if isinstance(public, of_certificate):
            if not isinstance(private, of_key):
                return "tls: private key type does not match public key type"
            return "" if private.public_key() == public else "tls: private key does not match public key"
    return "tls: unknown public key algorithm"


def _nothing_found(what: str, wanted: str, skipped: list[str]) -> str:
    if not skipped:
        return f"tls: failed to find any PEM data in {what} input"
    after = f"after skipping PEM blocks of the following types: [{' '.join(skipped)}]"
    return f"tls: failed to find {wanted} in {what} input {after}"
