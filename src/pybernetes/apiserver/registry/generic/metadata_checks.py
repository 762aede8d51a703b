"""Validation of metadata in a create or update: how often, and with which rule for finalizers, differs by kind.

As upstream, the registry and then a kind's own validation look at the same metadata, so clients see what is wrong
in it several times; the message says it once. Most kinds ask for finalizers with a domain, beside the standard ones.

Source: apiserver/pkg/registry/rest/{create,update}.go, pkg/apis/core/validation (ValidateObjectMeta,
ValidateObjectMetaUpdate, validateKubeFinalizerName), each kind's strategy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybernetes.apimachinery.field_errors import FieldError
from pybernetes.apiserver.registry.generic import object_meta
from pybernetes.apiserver.registry.generic.deletion import FOREGROUND, ORPHAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pybernetes.api.meta.v1 import ObjectMeta
    from pybernetes.apiserver.registry.generic.strategy import Strategy

STANDARD_FINALIZERS = frozenset({"kubernetes", ORPHAN, FOREGROUND})


def on_create(strategy: Strategy, meta: ObjectMeta) -> list[FieldError]:
    found = object_meta.validate_object_meta(meta, strategy.resource.namespaced)
    return found + _domains(strategy, meta.finalizers) if meta.finalizers else found


def on_update(strategy: Strategy, meta: ObjectMeta, old: ObjectMeta, subresource: str) -> list[FieldError]:
    whole = object_meta.validate_object_meta(meta, strategy.resource.namespaced)
    changed = object_meta.validate_object_meta_update(meta, old)
    domains = _domains(strategy, meta.finalizers) if meta.finalizers else []
    if not (whole or changed or domains):
        return []
    changed += object_meta.validate_shared(meta)
    found = whole + changed
    if strategy.metadata_again != "never":
        found += changed + domains
    if strategy.metadata_again == "whole" and not subresource:
        found += whole + domains
    return found


def _domains(strategy: Strategy, finalizers: Sequence[str]) -> list[FieldError]:
    if not strategy.finalizer_domains:
        return []
    at = object_meta.METADATA.child("finalizers")
    why = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        FieldError.invalid(at.index(index), finalizer, why)
        for index, finalizer in enumerate(finalizers)
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS
    ]
