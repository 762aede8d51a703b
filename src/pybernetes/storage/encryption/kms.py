"""KMS v2: data keys that a plugin on a unix socket wraps, so that its master key never comes here.

A seed is made here, wrapped by the plugin (Encrypt), and used for every write until the plugin's Status names another
key: then a new one is made. The wrapped seed lies beside each value; reading one that is not known yet asks the
plugin (Decrypt) once. While the plugin fails, reads of known seeds go on for good and writes for three minutes.

The protocol has no way for the plugin to call, so its Status is asked every minute, after a failure every ten seconds.
Source: kms/apis/v2/api.proto, apiserver/pkg/storage/value/encrypt/envelope/kmsv2,
server/options/encryptionconfig/config.go (primeAndProbeKMSv2, rotateDEKOnKeyIDChange).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from pybernetes.storage.encryption.configuration import Kms
from pybernetes.storage.encryption.figures import Figures
from pybernetes.storage.encryption.transformers import (
    AesGcm,
    ExtendedNonceGcm,
    KeyMissing,
    Transformer,
    TransformError,
)

_log = logging.getLogger(__name__)
_WELL_S, _ILL_S = 60.0, 10.0
_LOOKED_WELL_S, _LOOKED_ILL_S = 20.0, 3.0
"""How long an answer of the health check stands for the next."""
_WRITE_S = 180.0
_MAX_KEY_ID = _MAX_SOURCE = 1024
_MAX_ANNOTATIONS = 32 * 1024
_SEEDS = 4096
_SERVICE = "/v2.KeyManagementService/"


@dataclass(slots=True, frozen=True)
class _Seed:
    """What is written with now."""

    transformer: Transformer
    key_id: str
    wrapped: Any
    """EncryptedObject without its data."""


class KmsProvider:
    """A plugin: the transformer of its values, and its health. `start` on a running loop."""

    def __init__(self, config: Kms, figures: Figures) -> None:
        self.name = config.name
        self._config = config
        self._figures = figures
        self._seed: _Seed | None = None
        self._write_until_s = 0.0
        self._known: OrderedDict[bytes, Transformer] = OrderedDict()
        self._looked_s = float("-inf")
        self._problem = "not asked yet"
        self._channel: Any = None
        self._probe: asyncio.Task[None] | None = None
        self._look: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Asks the plugin once and then keeps asking; one that does not answer yet is no error."""
        import grpc.aio

        from pybernetes.storage.encryption import kms_pb2

        self._pb: Any = kms_pb2
        self._grpc: Any = grpc
        path = self._config.endpoint.removeprefix("unix://")
        target = f"unix-abstract:{path[2:]}" if path.startswith("/@") else f"unix:{path}"
        options: list[tuple[str, Any]] = [("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 5000)]
        options += [("grpc.default_authority", "localhost"), ("grpc.initial_reconnect_backoff_ms", 200)]
        self._channel = grpc.aio.insecure_channel(target, options=options)
        await self._check()
        self._probe = asyncio.get_running_loop().create_task(self._keep_asking(), name=f"KMS {self.name}")

    async def stop(self) -> None:
        tasks = [task for task in (self._probe, self._look) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    def problem(self) -> str:
        """What the last look found; looks again, in the background, when that is a while ago."""
        fresh_s = _LOOKED_ILL_S if self._problem else _LOOKED_WELL_S
        idle = self._look is None or self._look.done()
        if self._channel is not None and idle and time.monotonic() - self._looked_s > fresh_s:
            self._look = asyncio.get_running_loop().create_task(self._check())
        return self._problem

    # -- as a transformer

    def read(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if self._channel is None:
            raise TransformError(f"the KMS provider {self.name!r} is not started")
        found = self._decode(data)
        transformer = self._known.get(_cache_key(found))
        if transformer is None:
            raise _Unwrap(self, found)
        plain, stale = transformer.read(found.encryptedData, context)
        seed = self._seed
        current = seed is not None and (seed.key_id, seed.wrapped.encryptedDEKSourceType) == (
            found.keyID,
            found.encryptedDEKSourceType,
        )
        return plain, stale or not current

    def write(self, data: bytes, context: bytes) -> bytes:
        seed = self._seed
        if seed is None or time.monotonic() > self._write_until_s:
            raise TransformError(f"the KMS provider {self.name!r} cannot encrypt: {self._problem or 'its key expired'}")
        sealed = self._pb.EncryptedObject()
        sealed.CopyFrom(seed.wrapped)
        sealed.encryptedData = seed.transformer.write(data, context)
        return bytes(sealed.SerializeToString(deterministic=True))

    async def unwrap(self, found: Any) -> None:
        """Asks the plugin for the seed of a value. Raises TransformError."""
        key = _cache_key(found)
        if key in self._known:
            return
        self._figures.cache_misses += 1
        request = self._pb.DecryptRequest(
            ciphertext=found.encryptedDEKSource,
            uid=str(uuid.uuid4()),
            key_id=found.keyID,
            annotations=found.annotations,
        )
        answer = await self._call("Decrypt", request, self._pb.DecryptResponse)
        seeded = found.encryptedDEKSourceType == self._pb.HKDF_SHA256_XNONCE_AES_GCM_SEED
        try:
            made: Transformer = ExtendedNonceGcm(answer.plaintext) if seeded else AesGcm(answer.plaintext)
        except ValueError:
            raise TransformError(f"the KMS provider {self.name!r} answered no data key") from None
        self._remember(key, made)

    # -- the plugin

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(_ILL_S if self._problem else _WELL_S)
            await self._check()

    async def _check(self) -> None:
        before, self._problem = self._problem, await self._ask()
        self._looked_s = time.monotonic()
        if self._problem and self._problem != before:
            _log.warning("%s", self._problem)

    async def _ask(self) -> str:
        """Asks for the plugin's state and follows it; what is wrong."""
        until_s = time.monotonic() + _WRITE_S
        try:
            status = await self._call("Status", self._pb.StatusRequest(), self._pb.StatusResponse)
            if status.healthz != "ok":
                raise TransformError(f"it says of its health {status.healthz!r}, expected 'ok'")
            if status.version not in ("v2", "v2beta1"):
                raise TransformError(f"its version is {status.version!r}, expected 'v2'")
            _check_key_id(status.key_id)
            if self._seed is None or self._seed.key_id != status.key_id:
                await self._rotate(status.key_id)
            self._write_until_s = until_s
        except TransformError as error:
            said = str(error)
            return said if said.startswith("KMS ") else f"KMS provider {self.name!r} is not healthy: {said}"
        return ""

    async def _rotate(self, key_id: str) -> None:
        raw = os.urandom(32)
        request = self._pb.EncryptRequest(plaintext=raw, uid=str(uuid.uuid4()))
        answer = await self._call("Encrypt", request, self._pb.EncryptResponse)
        wrapped = self._pb.EncryptedObject(
            keyID=answer.key_id,
            encryptedDEKSource=answer.ciphertext,
            annotations=answer.annotations,
            encryptedDEKSourceType=self._pb.HKDF_SHA256_XNONCE_AES_GCM_SEED,
        )
        _check_wrapped(wrapped)
        if answer.key_id != key_id:
            raise TransformError(f"Encrypt used the key {_hashed(answer.key_id)}, Status names {_hashed(key_id)}")
        self._seed = _Seed(ExtendedNonceGcm(raw), key_id, wrapped)
        self._remember(_cache_key(wrapped), self._seed.transformer)
        self._figures.data_keys += 1
        _log.info("KMS provider %r: values are written with a new data key, under %s", self.name, _hashed(key_id))

    def _remember(self, key: bytes, transformer: Transformer) -> None:
        self._known[key] = transformer
        while len(self._known) > _SEEDS:
            self._known.popitem(last=False)
        self._figures.seeds[self.name] = len(self._known)

    async def _call(self, method: str, request: Any, answer: Any) -> Any:
        call = self._channel.unary_unary(
            _SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        began = time.perf_counter()
        code = "OK"
        try:
            return await call(request, timeout=self._config.timeout_s)
        except self._grpc.aio.AioRpcError as error:
            code = error.code().name
            said = " ".join((error.details() or "").split())[:200]
            raise TransformError(f"KMS provider {self.name!r}: {method} failed: {code}: {said}") from None
        finally:
            self._figures.kms_call(self.name, method, code, time.perf_counter() - began)

    def _decode(self, data: bytes) -> Any:
        from google.protobuf.message import DecodeError

        try:
            found = self._pb.EncryptedObject.FromString(data)
        except DecodeError:
            raise TransformError("the stored data is no encrypted object") from None
        if not found.encryptedData:
            raise TransformError("encrypted data is empty")
        _check_wrapped(found)
        return found


class _Unwrap(KeyMissing):
    def __init__(self, provider: KmsProvider, wrapped: Any) -> None:
        super().__init__(provider.name)
        self._provider = provider
        self._wrapped = wrapped

    async def fetch(self) -> None:
        await self._provider.unwrap(self._wrapped)


def _check_wrapped(found: Any) -> None:
    source, annotations = found.encryptedDEKSource, found.annotations
    if found.encryptedDEKSourceType not in (0, 1):
        raise TransformError(f"unknown encryptedDEKSourceType: {found.encryptedDEKSourceType}")
    if not 0 < len(source) <= _MAX_SOURCE:
        raise TransformError(f"encrypted DEK source is {len(source)} bytes, which must be from 1 to {_MAX_SOURCE}")
    _check_key_id(found.keyID)
    if sum(len(name) + len(value) for name, value in annotations.items()) > _MAX_ANNOTATIONS:
        raise TransformError(f"total size of annotations exceeds the max size of {_MAX_ANNOTATIONS}")
    if wrong := next((name for name in annotations if "." not in name or name != name.lower()), None):
        raise TransformError(f"the annotation {wrong!r} is no fully qualified domain name")


def _check_key_id(key_id: str) -> None:
    if not key_id:
        raise TransformError("keyID is empty")
    if len(key_id) > _MAX_KEY_ID:
        raise TransformError(f"keyID is {len(key_id)} bytes, which exceeds the max size of {_MAX_KEY_ID}")


def _cache_key(found: Any) -> bytes:
    digest = hashlib.sha256(b"%d" % found.encryptedDEKSourceType)
    parts = [found.encryptedDEKSource, found.keyID.encode()]
    for name in sorted(found.annotations):
        parts += [name.encode(), found.annotations[name]]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _hashed(key_id: str) -> str:
    return f"sha256:{hashlib.sha256(key_id.encode()).hexdigest()}"
