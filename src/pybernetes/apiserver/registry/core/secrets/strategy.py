"""Secrets. Source: pkg/registry/core/secret/strategy.go, apis/core/v1/conversion.go (stringData), validation."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names, token_secrets
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.field_walk import json_type
from pybernetes.apimachinery.json_text import json_problem
from pybernetes.apiserver.registry.core.configmaps.strategy import FROZEN, MAX_SIZE_BYTES
from pybernetes.apiserver.registry.generic.interface import RequestContext
from pybernetes.apiserver.registry.generic.object_meta import IMMUTABLE
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

_DOCKER = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
_DATA = Path("data")


class SecretStrategy(Strategy):
    metadata_again = "whole"
    columns = columns("Name", "Type", "Data", "Age")
    extra_fields = frozenset({"type"})

    def default(self, obj: core.Secret) -> None:
        obj.type = obj.type or "Opaque"
        if obj.stringData:
            for key, value in obj.stringData.items():
                obj.data[key] = base64.b64encode(value.encode()).decode()
            obj.stringData = {}

    def prepare_for_update(self, ctx: RequestContext, obj: core.Secret, old: core.Secret) -> None:
        # A client that read a Secret before types existed sends none.
        if not obj.type:
            obj.type = old.type

    def validate(self, obj: core.Secret) -> list[FieldError]:
        found: list[FieldError] = []
        size = 0
        for key, value in obj.data.items():
            found += [FieldError.invalid(_DATA.key(key), key, message) for message in names.config_map_key(key)]
            size += len(base64.b64decode(value))
        if size > MAX_SIZE_BYTES:
            found.append(FieldError.too_long(_DATA, MAX_SIZE_BYTES))
        return found + _validate_type(obj)

    def validate_update(self, obj: core.Secret, old: core.Secret) -> list[FieldError]:
        found: list[FieldError] = []
        if obj.type != old.type:
            found.append(FieldError.invalid(Path("type"), obj.type, IMMUTABLE))
        if old.immutable:
            if not obj.immutable:
                found.append(FieldError.forbidden(Path("immutable"), FROZEN))
            if obj.data != old.data:
                found.append(FieldError.forbidden(_DATA, FROZEN))
        return found + self.validate(obj)

    def warnings(self, obj: core.Secret, old: core.Secret | None) -> list[str]:
        if obj.type != "kubernetes.io/tls":
            return []
        from pybernetes.apiserver.registry.core.secrets.key_pairs import key_pair_problem

        certificate, key = (base64.b64decode(obj.data.get(name, "")) for name in ("tls.crt", "tls.key"))
        problem = key_pair_problem(certificate, key)
        return [problem] if problem else []

    def fields(self, obj: core.Secret) -> dict[str, str]:
        return {"type": obj.type or ""}

    def row(self, obj: core.Secret, now: float) -> list[Any]:
        return [obj.metadata.name, obj.type, len(obj.data), age(obj.metadata.creationTimestamp, now)]


def _not_an_object(text: bytes) -> str:
    """What Go says of text that is no JSON object; "" of one."""
    if not text.strip():
        return "unexpected end of JSON input"
    try:
        parsed = orjson.loads(text)
    except ValueError:
        return json_problem(text)
    if isinstance(parsed, dict) or parsed is None:
        return ""
    return f"json: cannot unmarshal {json_type(parsed)} into Go value of type map[string]interface {{}}"


def _validate_type(obj: core.Secret) -> list[FieldError]:
    data = obj.data
    match obj.type:
        case token_secrets.SECRET_TYPE:
            if not obj.metadata.annotations.get(token_secrets.ACCOUNT_NAME):
                return [FieldError.required(Path("metadata", "annotations").key(token_secrets.ACCOUNT_NAME))]
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            key = _DOCKER[obj.type]
            if key not in data:
                return [FieldError.required(_DATA.key(key))]
            why = _not_an_object(base64.b64decode(data[key]))
            if why:
                return [FieldError.invalid(_DATA.key(key), "<secret contents redacted>", why)]
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                return [FieldError.required(_DATA.key("username")), FieldError.required(_DATA.key("password"))]
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                return [FieldError.required(_DATA.key("ssh-privatekey"))]
        case "kubernetes.io/tls":
            return [FieldError.required(_DATA.key(key)) for key in ("tls.crt", "tls.key") if key not in data]
    return []
