"""Where expressions are compiled: the variables and functions that they may use.

Source: apiserver/pkg/cel/environment/base.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pybernetes.cel import checking, declarations, literals, parsing, planning
from pybernetes.cel.checking import Checked, Structs
from pybernetes.cel.declarations import Functions
from pybernetes.cel.planning import Program
from pybernetes.cel.syntax import CelError
from pybernetes.cel.types import Type


@dataclass(frozen=True, slots=True)
class Environment:
    """`structs` are the fields of the messages that variables are, `bindings` allows cel.bind."""

    variables: Mapping[str, Type]
    structs: Structs = field(default_factory=dict)
    bindings: bool = False
    functions: Functions = field(default_factory=declarations.standard)

    def compile(self, text: str) -> Checked:
        """Raises CelError with all that is wrong with an expression."""
        try:
            tree, source = parsing.parsed(text, bindings=self.bindings)
            found = checking.checked(tree, source, self.variables, self.functions, self.structs)
            literals.validate(found)
        except RecursionError:
            raise CelError("expression recursion limit exceeded") from None
        return found

    def program(self, expression: Checked) -> Program:
        """Raises CelError for constants that cannot be what they are converted to."""
        try:
            return planning.planned(expression, self.functions)
        except RecursionError:
            raise CelError("expression recursion limit exceeded") from None
