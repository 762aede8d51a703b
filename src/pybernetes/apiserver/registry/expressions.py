"""What is wrong with an expression that stands alone: a condition of a webhook, a policy's, a selector of devices.

They are compiled as their objects are written, so that a mistake is told to who makes it. What an expression is
given has no declared structure here: a field that is not there is found when the expression is evaluated.
Source: apiserver/pkg/admission/plugin/cel/compile.go, dynamic-resource-allocation/cel/compile.go,
apiserver/pkg/cel/library/authz.go.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from pybernetes.cel import declarations, types
from pybernetes.cel.environment import Environment
from pybernetes.cel.syntax import CelError
from pybernetes.cel.types import Type

BOOL: tuple[Type, ...] = (types.BOOL,)
TEXT: tuple[Type, ...] = (types.STRING,)
TEXT_OR_NULL: tuple[Type, ...] = (types.STRING, types.NULL)
DEVICE = "device"
"""What selectors of devices are given; they alone may use cel.bind."""
_AUTHORIZER = {
    "authorizer": declarations.AUTHORIZER,
    "authorizer.requestResource": declarations.RESOURCE_CHECK,
}


def problem(expression: str, variables: Iterable[str], returns: tuple[Type, ...] | None) -> str:
    """ "" of an expression that compiles and gives one of these types, or one that is not known before."""
    try:
        found = _environment(frozenset(variables)).compile(expression).gives
    except CelError as error:
        return f"compilation failed: {error}"
    if returns is None or found == types.DYN or found in returns:
        return ""
    names = " ".join(each.runtime_name for each in returns)
    wanted = names if len(returns) == 1 else f"one of [{names}]"
    return f"must evaluate to {wanted} but got {found.runtime_name}"


@functools.cache
def _environment(variables: frozenset[str]) -> Environment:
    declared = dict.fromkeys(variables, types.DYN)
    if "authorizer" in variables:
        declared.update(_AUTHORIZER)
    return Environment(declared, bindings=DEVICE in variables)
