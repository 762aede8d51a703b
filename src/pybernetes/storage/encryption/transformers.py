"""From an object's bytes to those at rest and back: one class a provider, and the choice between several.

What lies in the store is `k8s:enc:<provider>:v1:<key name>:` and the cipher text, as upstream writes it; with
identity the bytes themselves. The first provider writes, whichever fits the prefix reads; `stale` says that a
write would now give other bytes. Where a cipher authenticates, it authenticates the object's key too, so that a
value copied to another key does not open.

Source: apiserver/pkg/storage/value/transformer.go, value/encrypt/{aes,secretbox,identity}.
Differs: the authenticated key is that under /registry, whatever --etcd-prefix says: values can move between stores.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from pybernetes.storage.store import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

ENCRYPTED = b"k8s:enc:"
_GCM_NONCE = 12
_BLOCK = 16
_SECRETBOX_NONCE, _SECRETBOX_TAG = 24, 16
_INFO = 32
_SHORT = "the stored data was shorter than the required size"


class TransformError(StoreError):
    """A value that cannot be read or written; the text tells neither key nor content."""


class KeyMissing(Exception):
    """The data key of a value is not here yet: `await fetch()` and read again."""

    async def fetch(self) -> None:
        """Raises TransformError."""
        raise NotImplementedError


class Transformer(Protocol):
    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        """The plain bytes and whether they are stale. Raises TransformError, KeyMissing."""
        ...

    def write(self, data: bytes, context: bytes) -> bytes:
        """Raises TransformError."""
        ...


class Identity:
    """Bytes as they are. Refuses to hand out what somebody encrypted."""

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if data.startswith(ENCRYPTED):
            raise TransformError("identity transformer tried to read encrypted data")
        return data, False

    def write(self, data: bytes, context: bytes) -> bytes:
        return data


class AesGcm:
    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        from cryptography.exceptions import InvalidTag

        if len(data) < _GCM_NONCE:
            raise TransformError(_SHORT)
        try:
            return self._cipher.decrypt(data[:_GCM_NONCE], data[_GCM_NONCE:], context), False
        except InvalidTag:
            raise TransformError("cipher: message authentication failed") from None

    def write(self, data: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_GCM_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, context)


class AesCbc:
    """Not authenticated; there for what upstream clusters wrote."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < _BLOCK:
            raise TransformError(_SHORT)
        if len(data) % _BLOCK:
            raise TransformError("the stored data is not a multiple of the block size")
        opened, padding = self._cipher(data[:_BLOCK]).decryptor(), _padding().unpadder()
        padded = opened.update(data[_BLOCK:]) + opened.finalize()
        try:
            return padding.update(padded) + padding.finalize(), False
        except ValueError:
            raise TransformError("invalid padding on input") from None

    def write(self, data: bytes, context: bytes) -> bytes:
        iv = os.urandom(_BLOCK)
        sealed, padding = self._cipher(iv).encryptor(), _padding().padder()
        return iv + sealed.update(padding.update(data) + padding.finalize()) + sealed.finalize()

    def _cipher(self, iv: bytes) -> Cipher[CBC]:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        return Cipher(algorithms.AES(self._key), modes.CBC(iv))


def _padding() -> PKCS7:
    from cryptography.hazmat.primitives.padding import PKCS7

    return PKCS7(8 * _BLOCK)


class SecretBox:
    """XSalsa20 and Poly1305."""

    def __init__(self, key: bytes) -> None:
        from nacl.secret import SecretBox as Box

        self._box = Box(key)

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        from nacl.exceptions import CryptoError

        if len(data) < _SECRETBOX_NONCE + _SECRETBOX_TAG:
            raise TransformError(_SHORT)
        try:
            return bytes(self._box.decrypt(data)), False
        except CryptoError:
            raise TransformError("the secretbox does not open with this key") from None

    def write(self, data: bytes, context: bytes) -> bytes:
        return bytes(self._box.encrypt(data))


class ExtendedNonceGcm:
    """AES-GCM with a key of its own for every write, derived from a seed and 32 random bytes that lie in front."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) < 32:
            raise TransformError(f"invalid seed length {len(seed)} used for key generation")
        self._seed = seed

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if len(data) < _INFO:
            raise TransformError(_SHORT)
        return self._derived(data[:_INFO]).read(data[_INFO:], context)

    def write(self, data: bytes, context: bytes) -> bytes:
        info = os.urandom(_INFO)
        return info + self._derived(info).write(data, context)

    def _derived(self, info: bytes) -> AesGcm:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

        return AesGcm(HKDFExpand(SHA256(), 32, info).derive(self._seed))


class Prefixed:
    """Several transformers, each with a prefix: the first writes, those whose prefix fits are tried in turn."""

    def __init__(self, parts: Sequence[tuple[bytes, Transformer]], unknown: str = "no matching prefix found") -> None:
        self._parts = tuple(parts)
        self._unknown = unknown

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        problems: list[str] = []
        for number, (prefix, transformer) in enumerate(self._parts):
            if not data.startswith(prefix):
                continue
            try:
                plain, stale = transformer.read(data[len(prefix) :], context)
            except TransformError as error:
                if prefix:  # one of identity's says nothing: it fits everything
                    problems.append(str(error))
                continue
            return plain, stale or number > 0
        raise TransformError("; ".join(dict.fromkeys(problems)) or self._unknown)

    def write(self, data: bytes, context: bytes) -> bytes:
        prefix, transformer = self._parts[0]
        return prefix + transformer.write(data, context)

    def prefix_of(self, data: bytes) -> str:
        """Of bytes at rest, for figures."""
        for prefix, _ in self._parts:
            if data.startswith(prefix):
                return prefix.decode() or "identity"
        return "unknown"
