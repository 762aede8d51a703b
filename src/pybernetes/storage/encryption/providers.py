"""From a configuration to what reads and writes each resource, and the watch over the configuration's file.

A new configuration takes the place of the old one only when it reads, checks and its KMS plugins are well; what is
wrong with it is logged and counted, and the old one stays.
Source: apiserver/pkg/server/options/encryptionconfig/config.go, controller/controller.go.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from pybernetes.host.clock import Clock
from pybernetes.storage.encryption import configuration
from pybernetes.storage.encryption.configuration import EncryptionConfiguration, GroupResource, Keys, Provider
from pybernetes.storage.encryption.figures import Figures
from pybernetes.storage.encryption.kms import KmsProvider
from pybernetes.storage.encryption.transformers import (
    AesCbc,
    AesGcm,
    Identity,
    Prefixed,
    SecretBox,
    Transformer,
    TransformError,
)

_log = logging.getLogger(__name__)
_SETTLE_S = 0.1
_AGAIN_S = 10.0
_CLOSE_AFTER_S = 10.0
"""Requests under way may still need the plugins of the configuration before."""


class Providers:
    """The transformers of one configuration."""

    def __init__(self, config: EncryptionConfiguration, figures: Figures) -> None:
        self.plugins: list[KmsProvider] = []
        parts: dict[GroupResource, list[tuple[bytes, Transformer]]] = {}
        for rule in config.resources:
            made = [self._make(provider, figures) for provider in rule.providers]
            for resource in rule.resources:
                parts.setdefault(configuration.group_resource(resource), []).extend(made)
        self._by_resource = {resource: Prefixed(each) for resource, each in parts.items()}

    async def start(self) -> None:
        for plugin in self.plugins:
            await plugin.start()

    async def stop(self) -> None:
        for plugin in self.plugins:
            await plugin.stop()

    def problem(self) -> str:
        return "; ".join(problem for plugin in self.plugins if (problem := plugin.problem()))

    def of(self, resource: GroupResource) -> Prefixed | None:
        """None: no rule names it; it lies as it is."""
        by = self._by_resource
        return by.get(resource) or by.get((resource[0], "*")) or by.get(("*", "*"))

    def _make(self, provider: Provider, figures: Figures) -> tuple[bytes, Transformer]:
        if provider.identity is not None:
            return b"", Identity()
        if provider.kms is not None:
            plugin = KmsProvider(provider.kms, figures)
            self.plugins.append(plugin)
            return f"k8s:enc:kms:v2:{plugin.name}:".encode(), plugin
        for name, kind in (("aesgcm", AesGcm), ("aescbc", AesCbc), ("secretbox", SecretBox)):
            keys: Keys | None = getattr(provider, name)
            if keys is not None:
                ring: Sequence[tuple[bytes, Transformer]] = [(f"{k.name}:".encode(), kind(k.bytes)) for k in keys.keys]
                return f"k8s:enc:{name}:v1:".encode(), Prefixed(ring, f"no key of {name} fits the stored data")
        raise AssertionError("checked before")


class Encryption:
    """The providers in use now. Raises ValueError for a configuration that cannot be used."""

    def __init__(self, file: str, clock: Clock, *, reload: bool = False) -> None:
        self._file = Path(file)
        self._clock = clock
        self._reload = reload
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.figures = Figures()
        config, data = configuration.read(self._file)
        self._seen = self._hash(data)
        self.figures.config_hash = self._seen
        self.providers = Providers(config, self.figures)

    @property
    def has_health_check(self) -> bool:
        return self._reload or bool(self.providers.plugins)

    async def start(self) -> None:
        await self.providers.start()
        if self._reload:
            self._task = asyncio.get_running_loop().create_task(self._follow(), name="encryption configuration")

    async def stop(self) -> None:
        tasks = [*self._closing, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.providers.stop()

    def problem(self) -> str:
        return self.providers.problem()

    async def _follow(self) -> None:
        from pybernetes.host.inotify import FolderWatch

        try:
            with FolderWatch(self._file.parent) as folder:
                while True:
                    if await self._look_again():  # at first for what changed before the watch began
                        await folder.wait()
                        await asyncio.sleep(_SETTLE_S)
                    else:
                        await asyncio.sleep(_AGAIN_S)
        except OSError as error:
            _log.error("changes of %s are not followed: %s", self._file, error)

    async def _look_again(self) -> bool:
        """Whether this file is settled, used or refused; False: its plugins were not well, which may pass."""
        try:
            data = await asyncio.to_thread(self._file.read_bytes)
        except OSError:
            return True  # on its way to another name
        if self._hash(data) == self._seen:
            return True
        self._seen = self._hash(data)
        try:
            await self._take(configuration.parse(data))
        except (ValueError, TransformError) as error:
            self.figures.reload("failure", self._clock.now())
            _log.error("the encryption configuration stays as it was: %s: %s", self._file, error)
            return bool(self._seen)
        self.figures.reload("success", self._clock.now())
        self.figures.config_hash = self._seen
        _log.info("the encryption configuration %s is in use (%s)", self._file, self._seen)
        return True

    async def _take(self, config: EncryptionConfiguration) -> None:
        made = Providers(config, self.figures)
        await made.start()
        if problem := made.problem():
            await made.stop()
            self._seen = ""
            raise TransformError(problem)
        before, self.providers = self.providers, made
        if before.plugins:
            task = asyncio.get_running_loop().create_task(self._close(before))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    @staticmethod
    async def _close(providers: Providers) -> None:
        try:
            await asyncio.sleep(_CLOSE_AFTER_S)
        finally:
            await providers.stop()

    @staticmethod
    def _hash(data: bytes) -> str:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"
