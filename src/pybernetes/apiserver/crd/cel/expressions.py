"""What is wrong with an expression that stands alone: a condition of a webhook, a policy's, a selector of devices.

They are compiled as their objects are written, so that a mistake is told to who makes it. What an expression is
given has no declared structure here: a field that is not there is found when the expression is evaluated.
Source: apiserver/pkg/admission/plugin/cel/compile.go, dynamic-resource-allocation/cel/compile.go,
apiserver/pkg/cel/library/authz.go.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from cel_expr_python import cel

from pybernetes.apiserver.crd.cel import environment
from pybernetes.apiserver.crd.cel.checking import plain_error

BOOL: tuple[Any, ...] = (cel.Type.BOOL,)
TEXT: tuple[Any, ...] = (cel.Type.STRING,)
TEXT_OR_NULL: tuple[Any, ...] = (cel.Type.STRING, cel.Type.NULL)
DEVICE = "device"
"""What selectors of devices are given; they alone may use cel.bind."""
_D, _S, _B = cel.Type.DYN, cel.Type.STRING, cel.Type.BOOL
_AUTHORIZER: tuple[tuple[str, tuple[Any, ...], Any], ...] = (
    ("path", (_D, _S), _D),
    ("group", (_D, _S), _D),
    ("serviceAccount", (_D, _S, _S), _D),
    ("resource", (_D, _S), _D),
    ("subresource", (_D, _S), _D),
    ("namespace", (_D, _S), _D),
    ("name", (_D, _S), _D),
    ("fieldSelector", (_D, _S), _D),
    ("labelSelector", (_D, _S), _D),
    ("check", (_D, _S), _D),
    ("errored", (_D,), _B),
    ("error", (_D,), _S),
    ("allowed", (_D,), _B),
    ("reason", (_D,), _S),
)


def problem(expression: str, variables: Iterable[str], returns: tuple[Any, ...] | None) -> str:
    """ "" of an expression that compiles and gives one of these types, or one that is not known before."""
    try:
        compiled = _environment(frozenset(variables)).compile(expression)
    except RuntimeError as error:
        return f"compilation failed: {plain_error(error)}"
    found = compiled.return_type()
    if returns is None or found == cel.Type.DYN or found in returns:
        return ""
    names = " ".join(_shown(each) for each in returns)
    wanted = names if len(returns) == 1 else f"one of [{names}]"
    return f"must evaluate to {wanted} but got {_shown(found)}"


def _shown(kind: Any) -> str:
    return "null_type" if kind == cel.Type.NULL else str(kind.name()).lower()


@functools.cache
def _environment(variables: frozenset[str]) -> Any:
    devices = DEVICE in variables
    functions = [*environment.functions(), *(_authorization() if "authorizer" in variables else ())]
    return cel.NewEnv(
        variables=dict.fromkeys(variables, cel.Type.DYN),
        functions=functions,
        extensions=environment.extensions(bindings=devices),
    )


def _authorization() -> list[Any]:
    """The functions of `authorizer`, for the compiler alone."""
    return [
        cel.FunctionDecl(
            name,
            [cel.Overload(f"authorizer_{name}", return_type=result, parameters=list(parameters), is_member=True)],
        )
        for name, parameters, result in _AUTHORIZER
    ]
