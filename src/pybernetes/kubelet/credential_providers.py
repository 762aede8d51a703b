"""Programs of the node that know credentials for images: asked before a pull, their answers kept as long as they say.

The configuration is a file, or a folder of files: CredentialProviderConfig of kubelet.config.k8s.io. Differs: providers
with `tokenAttributes` are refused, as no ServiceAccount's token is handed to them.
Source: pkg/credentialprovider/plugin/{config,plugin}.go, staging/src/k8s.io/kubelet/pkg/apis/credentialprovider/v1.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.apimachinery.times import TimeError, parse_duration
from pybernetes.host.clock import Clock
from pybernetes.kubelet import programs
from pybernetes.kubelet.image_names import Credentials, best_first, registry_of

_LOG = logging.getLogger(__name__)
_CONFIG_VERSIONS = tuple(f"kubelet.config.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_API_VERSIONS = tuple(f"credentialprovider.kubelet.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_PATIENCE_S = 60.0


class _Variable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: str


class Provider(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    apiVersion: str
    matchImages: list[str]
    defaultCacheDuration: str
    args: list[str] = []
    env: list[_Variable] = []


class _Config(msgspec.Struct, forbid_unknown_fields=True):
    apiVersion: str
    kind: str
    providers: list[Provider] = []


class _Entry(msgspec.Struct):
    username: str = ""
    password: str = ""


class _Answer(msgspec.Struct):
    cacheKeyType: str
    auth: dict[str, _Entry] | None = None
    cacheDuration: str | None = None


@dataclass(slots=True)
class _Kept:
    auth: Mapping[str, _Entry]
    until_s: float


def read(path: Path) -> list[Provider]:
    """Raises ValueError with one line."""
    from pybernetes.apimachinery.yaml_text import parse_yaml

    files = sorted(f for f in path.iterdir() if f.suffix in (".json", ".yaml", ".yml")) if path.is_dir() else [path]
    found: list[Provider] = []
    for file in files:
        try:
            tree, repeated = parse_yaml(file.read_bytes())
            config = msgspec.convert(tree, _Config)
        except OSError as error:
            raise ValueError(f"cannot read the credential providers {file}: {error.strerror}") from None
        except (ValueError, msgspec.ValidationError) as error:
            raise ValueError(f"credential providers {file}: {error}") from None
        if repeated:
            raise ValueError(f"credential providers {file}: {repeated[0].splitlines()[-1].strip()}")
        if config.kind != "CredentialProviderConfig" or config.apiVersion not in _CONFIG_VERSIONS:
            raise ValueError(
                f"credential providers {file}: it must be a CredentialProviderConfig of {_CONFIG_VERSIONS[0]}"
            )
        found += config.providers
    if not found:
        raise ValueError(f"credential providers {path}: at least one of them is required")
    for number, provider in enumerate(found):
        if problem := _problem(provider, [earlier.name for earlier in found[:number]]):
            raise ValueError(f"credential provider {provider.name!r}: {problem}")
    return found


def _problem(provider: Provider, earlier: Sequence[str]) -> str:
    if provider.name in ("", ".", "..") or "/" in provider.name or " " in provider.name:
        return "its name must be that of a program in a folder"
    if provider.name in earlier:
        return "there are two of that name"
    if provider.apiVersion not in _API_VERSIONS:
        return f"apiVersion must be one of {', '.join(_API_VERSIONS)}"
    if not provider.matchImages:
        return "at least one item in matchImages is required"
    try:
        wrong = parse_duration(provider.defaultCacheDuration) < 0
    except TimeError:
        wrong = True
    return f"defaultCacheDuration {provider.defaultCacheDuration!r} is no duration of 0 or more" if wrong else ""


@dataclass(slots=True)
class _Program:
    provider: Provider
    kept: dict[str, _Kept] = field(default_factory=dict)
    """By the image, its registry, or "" for all, as the program said."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class CredentialProviders:
    def __init__(self, providers: Sequence[Provider], folder: Path, clock: Clock) -> None:
        self._programs = [_Program(provider) for provider in providers]
        self._folder = folder
        self._clock = clock

    async def credentials(self, image: str) -> list[Credentials]:
        """What all programs together know, the most specific first. One that fails knows nothing, and is logged."""
        found: list[tuple[str, Credentials]] = []
        for program in self._programs:
            if best_first(image, [(pattern, None) for pattern in program.provider.matchImages]):
                async with program.turn:
                    auth = await self._auth(program, image)
                found += [(pattern, Credentials(entry.username, entry.password)) for pattern, entry in auth.items()]
        return best_first(image, found)

    async def _auth(self, program: _Program, image: str) -> Mapping[str, _Entry]:
        now = self._clock.now()
        registry = registry_of(image)[0]
        for key in (image, registry, ""):
            if (kept := program.kept.get(key)) is not None and now < kept.until_s:
                return kept.auth
        program.kept = {key: kept for key, kept in program.kept.items() if now < kept.until_s}
        provider = program.provider
        try:
            answer = await self._ask(provider, image)
            lasts_s = parse_duration(answer.cacheDuration or provider.defaultCacheDuration)
            key = {"Image": image, "Registry": registry, "Global": ""}[answer.cacheKeyType]
        except (OSError, ValueError, KeyError, TimeoutError, msgspec.MsgspecError) as error:
            _LOG.warning("credential provider %s for %s: %s", provider.name, image, error or type(error).__name__)
            return {}
        auth = answer.auth or {}
        if lasts_s > 0:
            program.kept[key] = _Kept(auth, now + lasts_s)
        return auth

    async def _ask(self, provider: Provider, image: str) -> _Answer:
        request: dict[str, Any] = {
            "kind": "CredentialProviderRequest",
            "apiVersion": provider.apiVersion,
            "image": image,
        }
        status, said, complained = await programs.run(
            str(self._folder / provider.name),
            *provider.args,
            patience_s=_PATIENCE_S,
            stdin=msgspec.json.encode(request),
            environment={**os.environ, **{variable.name: variable.value for variable in provider.env}},
        )
        if status:
            raise ValueError(f"exit status {status}: {complained.decode(errors='replace').strip()}")
        tree = msgspec.json.decode(said)
        if not isinstance(tree, dict) or (tree.get("kind"), tree.get("apiVersion")) != (
            "CredentialProviderResponse",
            provider.apiVersion,
        ):
            raise ValueError(f"it did not answer with a CredentialProviderResponse of {provider.apiVersion}")
        return msgspec.convert(tree, _Answer)
