"""Ciphers and the choice between them."""

from __future__ import annotations

import pytest

from pybernetes.storage.encryption.transformers import (
    AesCbc,
    AesGcm,
    ExtendedNonceGcm,
    Identity,
    Prefixed,
    SecretBox,
    Transformer,
    TransformError,
)

KEY, OTHER = b"0123456789abcdef0123456789abcdef", b"f" * 32
HERE, THERE = b"/registry/secrets/a/b", b"/registry/secrets/a/c"
CIPHERS = [AesGcm, AesCbc, SecretBox, ExtendedNonceGcm]


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("plain", [b"", b"x", b"sixteen bytes...", b"y" * 5000])
def test_there_and_back(cipher: type[AesGcm], plain: bytes) -> None:
    made = cipher(KEY)
    sealed = made.write(plain, HERE)
    assert sealed != made.write(plain, HERE), "never twice the same"
    assert len(plain) < 2 or plain not in sealed
    assert made.read(sealed, HERE) == (plain, False)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_does_not_open(cipher: type[AesGcm]) -> None:
    sealed = cipher(KEY).write(b"plain text", HERE)
    for wrong in (b"", sealed[:5], sealed[:20]):
        with pytest.raises(TransformError):
            cipher(KEY).read(wrong, HERE)
    if cipher is not AesCbc:  # which does not authenticate
        with pytest.raises(TransformError):
            cipher(OTHER).read(sealed, HERE)
        with pytest.raises(TransformError):
            cipher(KEY).read(sealed[:-1] + bytes([sealed[-1] ^ 1]), HERE)
    if cipher in (AesGcm, ExtendedNonceGcm):
        with pytest.raises(TransformError):
            cipher(KEY).read(sealed, THERE)


def ring(*names: str) -> Prefixed:
    keys: list[tuple[bytes, Transformer]] = [(f"{name}:".encode(), AesGcm(name.encode() * 16)) for name in names]
    return Prefixed(keys)


def test_the_first_writes_and_all_read() -> None:
    old = ring("a").write(b"plain", HERE)
    assert old.startswith(b"a:")
    both = ring("b", "a")
    assert both.read(old, HERE) == (b"plain", True), "stale: the first would write it otherwise"
    new = both.write(b"plain", HERE)
    assert new.startswith(b"b:")
    assert both.read(new, HERE) == (b"plain", False)
    with pytest.raises(TransformError, match="no matching prefix found"):
        ring("b").read(old, HERE)


def test_identity_reads_what_is_plain_and_never_hands_out_ciphertext() -> None:
    choice = Prefixed([(b"k8s:enc:aesgcm:v1:", ring("a")), (b"", Identity())])
    assert choice.read(b"plain", HERE) == (b"plain", True)
    assert choice.prefix_of(b"plain") == "identity"
    with pytest.raises(TransformError):
        choice.read(b"k8s:enc:secretbox:v1:x:yyy", HERE)
    back = Prefixed([(b"", Identity()), (b"k8s:enc:aesgcm:v1:", ring("a"))])
    sealed = choice.write(b"plain", HERE)
    assert back.read(sealed, HERE) == (b"plain", True), "decrypting: identity first"
