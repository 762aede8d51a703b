"""What upstream's evaluator says of some rules, as it was recorded: mistakes, estimates, costs, failures.

`most` is what a rule was estimated to cost at most, `cost` what it did cost with the recorded value.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pybernetes.apiserver.crd.cel import types
from pybernetes.apiserver.crd.cel.compiling import rule_program
from pybernetes.apiserver.crd.cel.readers import reader
from pybernetes.apiserver.crd.cel.rules import Rules
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.cel.estimates import estimate
from pybernetes.cel.planning import Program
from pybernetes.cel.syntax import CelError

RECORDED = json.loads((Path(__file__).parent / "recorded_rules.json").read_text())


def schema(rule: str) -> Structural:
    rules = [{"rule": rule}]
    return Structural({"type": "object", "properties": RECORDED["properties"], "x-kubernetes-validations": rules})


def compiled(rule: str) -> tuple[types.Declared, Program]:
    declared = types.declared(schema(rule), root=False)
    assert declared is not None
    return declared, rule_program(rule, types.environment(declared))


@pytest.mark.parametrize("rule", RECORDED["rules"])
def test_as_recorded(rule: str) -> None:
    said: dict[str, Any] = RECORDED["rules"][rule]
    if "wrong" in said:
        with pytest.raises(CelError) as wrong:
            compiled(rule)
        assert str(wrong.value) == said["wrong"]
        return
    declared, program = compiled(rule)
    assert estimate(program.checked, declared.most_elements).most == said["most"]
    found = Rules(schema(rule), root=False).validate(RECORDED["value"], None)
    assert [str(e).removeprefix("<nil>: Invalid value: ") for e in found] == (
        [said["found"]] if "found" in said else []
    )
    if types.OLD_SELF not in program.checked.variables:
        _, run = program.evaluate({types.SELF: reader(schema(rule))(RECORDED["value"])})
        assert run.cost == said["cost"]
