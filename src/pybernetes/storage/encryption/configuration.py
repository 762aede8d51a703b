"""EncryptionConfiguration (apiserver.config.k8s.io/v1): read from its file and checked. No message holds a key.

Source: apiserver/pkg/apis/apiserver/v1/types_encryption.go, validation/validation_encryption.go.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pybernetes.apimachinery.times import TimeError, parse_duration

_TIMEOUT_S = 3.0
_AES_BYTES = (16, 24, 32)
_SECRETBOX_BYTES = (32,)
_NO_API = ("apiserveripinfo", "serviceipallocations", "servicenodeportallocations")
GroupResource = tuple[str, str]
"""(group, resource); either may be "*"."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Key(_Strict):
    name: str = ""
    secret: str = ""

    @property
    def bytes(self) -> bytes:
        return base64.b64decode(self.secret)

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


class Keys(_Strict):
    keys: tuple[Key, ...] = ()


class Identity(_Strict):
    pass


class Kms(_Strict):
    name: str = ""
    endpoint: str = ""
    apiVersion: str = "v1"
    timeout: str | None = None
    cachesize: int | None = None

    @property
    def timeout_s(self) -> float:
        """Raises ValueError."""
        if self.timeout is None:
            return _TIMEOUT_S
        try:
            return parse_duration(self.timeout)
        except TimeError:
            raise ValueError("is no duration; write it as 3s") from None


class Provider(_Strict):
    aesgcm: Keys | None = None
    aescbc: Keys | None = None
    secretbox: Keys | None = None
    identity: Identity | None = None
    kms: Kms | None = None


class Rule(_Strict):
    resources: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()


class EncryptionConfiguration(_Strict):
    apiVersion: str = ""
    kind: str = ""
    resources: tuple[Rule, ...] = ()


def read(file: Path) -> tuple[EncryptionConfiguration, bytes]:
    """The configuration in a file, and the file's bytes. Raises ValueError with one line that tells no key."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the encryption configuration {file}: {error.strerror}") from None
    try:
        return parse(data), data
    except ValueError as error:
        raise ValueError(f"encryption configuration {file}: {error}") from None


def parse(data: bytes) -> EncryptionConfiguration:
    """Raises ValueError."""
    import yaml

    try:
        tree: Any = yaml.safe_load(data)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # its text would show the lines around, keys included
        raise ValueError(f"no YAML{f' (line {mark.line + 1})' if mark is not None else ''}") from None
    if not isinstance(tree, dict):
        raise ValueError("it is empty" if tree is None else "it is no object")
    if tree.get("apiVersion") != "apiserver.config.k8s.io/v1" or tree.get("kind") != "EncryptionConfiguration":
        raise ValueError("it must have apiVersion apiserver.config.k8s.io/v1 and kind EncryptionConfiguration")
    for rule in tree.get("resources") or ():
        for provider in rule.get("providers") or () if isinstance(rule, dict) else ():
            if isinstance(provider, dict) and provider.get("identity", 0) is None:
                provider["identity"] = {}
    try:
        found = msgspec.convert(tree, EncryptionConfiguration)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    problems = list(_problems(found))
    if problems:
        raise ValueError("; ".join(problems))
    return found


def group_resource(text: str) -> GroupResource:
    """`deployments.apps`, `secrets`, `*.apps`, `*.` (core) or `*.*`."""
    resource, _, group = text.partition(".")
    return group, resource


def _problems(config: EncryptionConfiguration) -> Iterator[str]:
    if not config.resources:
        yield "resources: Required value: at least one resources is required"
    names: set[str] = set()
    before: set[GroupResource] = set()
    for number, rule in enumerate(config.resources):
        at = f"resources[{number}]"
        if not rule.resources:
            yield f"{at}.resources: Required value: at least one {at}.resources is required"
        yield from _overlaps(rule.resources, f"{at}.resources")
        for index, resource in enumerate(rule.resources):
            if problem := _name_problem(resource):
                yield f'{at}.resources[{index}]: Invalid value: "{resource}": {problem}'
        if not rule.providers:
            yield f"{at}.providers: Required value: at least one {at}.providers is required"
        for index, provider in enumerate(rule.providers):
            yield from _provider_problems(provider, f"{at}.providers[{index}]", names)
        for resource in rule.resources:
            wanted = group_resource(resource)
            for mask, text in (((wanted[0], "*"), f"*.{wanted[0]}"), (("*", "*"), "*.*")):
                if mask in before:
                    yield f'resource "{resource}" is masked by earlier rule "{text}"'
        before |= {group_resource(resource) for resource in rule.resources}


def _overlaps(resources: Sequence[str], at: str) -> Iterator[str]:
    found = [group_resource(resource) for resource in resources]
    shown = "[" + ", ".join(f'"{resource}"' for resource in resources) + "]"
    if len(set(found)) != len(found):
        yield f"{at}: Invalid value: {shown}: the same resource cannot be specified multiple times"
    groups = {group for group, resource in found if resource == "*"}
    distinct = set(found)
    if len(distinct) > 1 and any("*" in groups or (one[1] != "*" and one[0] in groups) for one in distinct):
        yield (
            f"{at}: Invalid value: {shown}: using overlapping resources such as 'secrets' and '*.' in the same "
            "resource list is not allowed as they will be masked"
        )


def _name_problem(resource: str) -> str:
    group, plural = group_resource(resource)
    if resource != resource.lower():
        return "resource name should not contain capital letters"
    if resource == "*":
        return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    if resource in _NO_API:
        return "resources which do not have REST API/s cannot be encrypted"
    if group == "events.k8s.io":
        return (
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. "
            "Use 'events' instead in the config file"
        )
    if group == "extensions":
        return "'extensions' group has been removed and cannot be used for encryption"
    if group == "*" and plural != "*":
        return "encrypting the same resource across groups is not supported"
    return ""


def _provider_problems(provider: Provider, at: str, names: set[str]) -> Iterator[str]:
    given = [name for name in provider.__struct_fields__ if getattr(provider, name) is not None]
    if not given:
        yield (
            f"{at}: Invalid value: provider does not contain any of the expected providers: "
            "KMS, AESGCM, AESCBC, Secretbox, Identity"
        )
    elif len(given) > 1:
        yield (
            f"{at}: Invalid value: more than one provider specified in a single element, "
            "should split into different list elements"
        )
    elif provider.kms is not None:
        yield from _kms_problems(provider.kms, f"{at}.kms", names)
        names.add(provider.kms.name)
    elif given != ["identity"]:
        lengths = _SECRETBOX_BYTES if provider.secretbox is not None else _AES_BYTES
        keys: Keys = getattr(provider, given[0])
        yield from _key_problems(keys.keys, f"{at}.{given[0]}.keys", lengths)


def _key_problems(keys: Sequence[Key], at: str, lengths: Sequence[int]) -> Iterator[str]:
    if not keys:
        yield f"{at}: Required value: at least one keys is required"
    for number, key in enumerate(keys):
        if not key.name:
            yield f"{at}[{number}].name: Required value: name is a mandatory field for a key"
        if not key.secret:
            yield f"{at}[{number}].secret: Required value: secret is a mandatory field for a key"
            continue
        try:
            size = len(base64.b64decode(key.secret, validate=True))
        except (binascii.Error, ValueError):
            yield f'{at}[{number}].secret: Invalid value: "REDACTED": secrets must be base64 encoded'
            continue
        if size not in lengths:
            yield (
                f'{at}[{number}].secret: Invalid value: "REDACTED": secret is not of the expected length, '
                f"got {size}, expected one of [{' '.join(map(str, lengths))}]"
            )


def _kms_problems(kms: Kms, at: str, names: set[str]) -> Iterator[str]:
    if not kms.name:
        yield f"{at}.name: Required value: name is a mandatory field for a provider"
    if kms.apiVersion != "v1" and ":" in kms.name:
        yield f"{at}.name: Invalid value: \"{kms.name}\": invalid KMS provider name {kms.name}, must not contain ':'"
    if kms.name in names:
        yield (f'{at}.name: Invalid value: "{kms.name}": duplicate KMS provider name {kms.name}, names must be unique')
    try:
        if kms.timeout_s <= 0:
            yield f'{at}.timeout: Invalid value: "{kms.timeout}": timeout should be a positive value'
    except ValueError as error:
        yield f'{at}.timeout: Invalid value: "{kms.timeout}": {error}'
    if not kms.endpoint:
        yield f'{at}.endpoint: Invalid value: "": endpoint is a mandatory field for a kms'
    elif (scheme := urlsplit(kms.endpoint).scheme) != "unix":
        yield (
            f'{at}.endpoint: Invalid value: "{kms.endpoint}": unsupported scheme "{scheme}" for KMS provider, '
            "only unix is supported"
        )
    if kms.apiVersion not in ("v1", "v2"):
        yield (
            f'{at}.apiVersion: Invalid value: "{kms.apiVersion}": unsupported apiVersion apiVersion for KMS provider, '
            "only v1 and v2 are supported"
        )
    elif kms.apiVersion == "v1":
        yield (f"{at}: KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead")
    elif kms.cachesize is not None:
        yield f"{at}.cachesize: Invalid value: {kms.cachesize}: cachesize is not supported in v2"
