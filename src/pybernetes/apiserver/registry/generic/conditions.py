"""Validation of conditions of meta/v1, which kinds of our days have in their status.

Source: apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateConditions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pybernetes.api.meta.v1 import Condition
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apimachinery.names import qualified_name, regex_error

_STATUSES = ("False", "True", "Unknown")
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_TEXT = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'"
)
_MOST_OF_A_REASON = 1024
_MOST_OF_A_MESSAGE = 32 * 1024


def validate_conditions(conditions: Sequence[Condition], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at = path.index(index)
        if condition.type in seen:
            found.append(FieldError.duplicate(at.child("type"), condition.type))
        seen.add(condition.type)
        found += _validate_condition(condition, at)
    return found


def _validate_condition(condition: Condition, path: Path) -> list[FieldError]:
    found = [FieldError.invalid(path.child("type"), condition.type, m) for m in qualified_name(condition.type)]
    if condition.status not in _STATUSES:
        found.append(FieldError.not_supported(path.child("status"), condition.status, _STATUSES))
    if (condition.observedGeneration or 0) < 0:
        why = "must be greater than or equal to zero"
        found.append(FieldError.invalid(path.child("observedGeneration"), condition.observedGeneration, why))
    if not condition.lastTransitionTime:
        found.append(FieldError.required(path.child("lastTransitionTime")))
    at, reason = path.child("reason"), condition.reason
    if not reason:
        found.append(FieldError.required(at))
    elif not re.fullmatch(_REASON, reason, re.ASCII):
        examples = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")
        found.append(FieldError.invalid(at, reason, regex_error(_REASON_TEXT, _REASON, *examples)))
    if len(reason) > _MOST_OF_A_REASON:
        found.append(FieldError.too_long(at, _MOST_OF_A_REASON))
    if len(condition.message) > _MOST_OF_A_MESSAGE:
        found.append(FieldError.too_long(path.child("message"), _MOST_OF_A_MESSAGE))
    return found
