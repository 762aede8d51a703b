"""Which class is the default of those that name none: the newest one with a mark. Pure.

Source: pkg/volume/util/storageclass.go GetDefaultClass, plugin/pkg/admission/network/defaultingressclass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybernetes.apimachinery.times import parse_time

STORAGE_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
INGRESS_MARKS = ("ingressclass.kubernetes.io/is-default-class",)
INGRESS_CLASS = "kubernetes.io/ingress.class"
"""The annotation that named an Ingress' class before there was a field."""


def is_default(class_: Any, marks: tuple[str, ...]) -> bool:
    return any(class_.metadata.annotations.get(mark) == "true" for mark in marks)


def default_class(classes: Iterable[Any], marks: tuple[str, ...]) -> str | None:
    """The name of the newest class with a mark, of the first by name among those of one second."""
    marked = [c for c in classes if is_default(c, marks)]
    newest = min(
        marked, key=lambda c: (-parse_time(c.metadata.creationTimestamp or ""), c.metadata.name or ""), default=None
    )
    return newest.metadata.name if newest is not None else None
