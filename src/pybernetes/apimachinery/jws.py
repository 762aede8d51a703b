"""Signed tokens in JWS compact form with ES256, ES384 or RS256, and nothing else of JOSE.

The algorithm is tied to the key, never taken from the token alone. `cryptography` is imported at
the first use, off the start path; joserfc is not used because its import costs five times that.
Source: RFC 7515, RFC 7518 §3; pkg/serviceaccount/jwt.go (key ids).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_EC = {"secp256r1": ("ES256", "P-256", 32), "secp384r1": ("ES384", "P-384", 48)}


class TokenError(Exception):
    """The text is no token of ours."""


class Header(msgspec.Struct):
    alg: str
    kid: str = ""


class VerifyingKey:
    """A public key with its id and the one algorithm it is used with."""

    def __init__(self, key: PublicKey) -> None:
        from cryptography.hazmat.primitives import serialization

        self.key = key
        self.alg, self.curve, self.size = _algorithm(key)
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = encode(hashlib.sha256(der).digest())

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                if len(signature) != 2 * self.size:
                    return False
                r = int.from_bytes(signature[: self.size])
                s = int.from_bytes(signature[self.size :])
                self.key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(_hash(self.alg)))
            else:
                self.key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, Any]:
        """The key as JWKS serves it."""
        from cryptography.hazmat.primitives.asymmetric import ec

        common = {"use": "sig", "kid": self.kid, "alg": self.alg}
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            numbers = self.key.public_numbers()
            x, y = (encode(value.to_bytes(self.size)) for value in (numbers.x, numbers.y))
            return {"kty": "EC", "crv": self.curve, "x": x, "y": y, **common}
        public = self.key.public_numbers()
        modulus = public.n.to_bytes((public.n.bit_length() + 7) // 8)
        exponent = public.e.to_bytes((public.e.bit_length() + 7) // 8)
        return {"kty": "RSA", "n": encode(modulus), "e": encode(exponent), **common}


class SigningKey:
    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.verifying = VerifyingKey(key.public_key())

    @classmethod
    def generate(cls) -> SigningKey:
        from cryptography.hazmat.primitives.asymmetric import ec

        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, claims: dict[str, Any]) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        verifying = self.verifying
        head = encode(orjson.dumps({"alg": verifying.alg, "kid": verifying.kid}))
        signed = f"{head}.{encode(orjson.dumps(claims))}".encode()
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(self._key.sign(signed, ec.ECDSA(_hash(verifying.alg))))
            signature = r.to_bytes(verifying.size) + s.to_bytes(verifying.size)
        else:
            signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return f"{signed.decode()}.{encode(signature)}"


def read_keys(pem: bytes) -> tuple[SigningKey | None, VerifyingKey]:
    """The key of a PEM text: a private one signs and verifies, a public one verifies. Raises ValueError."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if b"PRIVATE KEY" in pem:
        private = serialization.load_pem_private_key(pem, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("a ServiceAccount key is RSA, P-256 or P-384")
        signing = SigningKey(private)
        return signing, signing.verifying
    public: object
    if b"BEGIN CERTIFICATE" in pem:
        public = x509.load_pem_x509_certificate(pem).public_key()
    else:
        public = serialization.load_pem_public_key(pem)
    if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError("a ServiceAccount key is RSA, P-256 or P-384")
    return None, VerifyingKey(public)


def split(token: str) -> tuple[Header, bytes, bytes, bytes]:
    """Header, payload, signed part and signature of a compact token, unverified. Raises TokenError."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenError("not a compact JWS")
    try:
        header = msgspec.json.decode(decode(parts[0]), type=Header)
        payload, signature = decode(parts[1]), decode(parts[2])
        signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    except (ValueError, msgspec.MsgspecError):
        raise TokenError("malformed token") from None
    return header, payload, signed, signature


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _algorithm(key: PublicKey) -> tuple[str, str, int]:
    from cryptography.hazmat.primitives.asymmetric import ec

    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _EC:
            raise ValueError(f"curve {key.curve.name} is not P-256 or P-384")
        return _EC[key.curve.name]
    return "RS256", "", 0


def _hash(alg: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA384() if alg == "ES384" else hashes.SHA256()
