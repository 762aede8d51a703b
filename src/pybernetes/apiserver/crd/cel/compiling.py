"""Rules and their messages made into programs; what is wrong with them in upstream's words.

Source: apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pybernetes.cel import types
from pybernetes.cel.environment import Environment
from pybernetes.cel.planning import Program
from pybernetes.cel.syntax import CelError
from pybernetes.cel.types import Type

_Made = TypeVar("_Made")


def rule_program(text: str, environment: Environment) -> Program:
    """Raises CelError."""
    said = ("compilation failed", "program instantiation failed")
    return _program(text, environment, types.BOOL, said, "cel expression must evaluate to a bool")


def message_program(text: str, environment: Environment) -> Program:
    """Raises CelError."""
    said = ("messageExpression compilation failed", "messageExpression instantiation failed")
    return _program(text, environment, types.STRING, said, "messageExpression must evaluate to a string")


def _program(text: str, environment: Environment, gives: Type, said: tuple[str, str], otherwise: str) -> Program:
    found = _told(said[0], lambda: environment.compile(text))
    if found.gives != gives:
        raise CelError(otherwise)
    return _told(said[1], lambda: environment.program(found))


def _told(problem: str, make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except CelError as error:
        raise CelError(f"{problem}: {error}") from None
