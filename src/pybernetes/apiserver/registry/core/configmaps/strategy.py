"""ConfigMaps. Source: pkg/registry/core/configmap/strategy.go, apis/core/validation."""

from __future__ import annotations

import base64
from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.generic.strategy import Strategy
from pybernetes.apiserver.registry.generic.table import age, columns

MAX_SIZE_BYTES = 1024 * 1024
FROZEN = "field is immutable when `immutable` is set"
_DATA = Path("data")


class ConfigMapStrategy(Strategy):
    metadata_again = "whole"
    columns = columns("Name", "Data", "Age")

    def validate(self, obj: core.ConfigMap) -> list[FieldError]:
        found: list[FieldError] = []
        size = 0
        for key, value in obj.data.items():
            found += [FieldError.invalid(_DATA.key(key), key, message) for message in names.config_map_key(key)]
            if key in obj.binaryData:
                found.append(FieldError.invalid(_DATA.key(key), key, "duplicate of key present in binaryData"))
            size += len(value) if value.isascii() else len(value.encode())
        for key, value in obj.binaryData.items():
            at = Path("binaryData")
            found += [FieldError.invalid(at.key(key), key, message) for message in names.config_map_key(key)]
            size += len(base64.b64decode(value))
        if size > MAX_SIZE_BYTES:
            found.append(FieldError.too_long(Path(""), MAX_SIZE_BYTES))
        return found

    def validate_update(self, obj: core.ConfigMap, old: core.ConfigMap) -> list[FieldError]:
        found: list[FieldError] = []
        if old.immutable:
            if not obj.immutable:
                found.append(FieldError.forbidden(Path("immutable"), FROZEN))
            for name in ("data", "binaryData"):
                if getattr(obj, name) != getattr(old, name):
                    found.append(FieldError.forbidden(Path(name), FROZEN))
        return found + self.validate(obj)

    def row(self, obj: core.ConfigMap, now: float) -> list[Any]:
        meta = obj.metadata
        return [meta.name, len(obj.data) + len(obj.binaryData), age(meta.creationTimestamp, now)]
