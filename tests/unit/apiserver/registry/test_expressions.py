"""Expressions that stand alone: conditions, policies, selectors of devices."""

from __future__ import annotations

import pytest

from pybernetes.apiserver.registry.expressions import BOOL, DEVICE, TEXT, TEXT_OR_NULL, problem

GIVEN = ("object", "oldObject", "request", "authorizer", "namespaceObject", "params", "variables")


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.replicas <= params.maxReplicas",
        "request.dryRun",
        "variables.small && oldObject == null",
        "has(object.metadata.labels) && 'a' in object.metadata.labels",
        "object.spec.containers.all(c, c.image.startsWith('example.com/'))",
        "object.metadata.?labels['a'].orValue('') == 'b'",
        "authorizer.group('').resource('pods').subresource('log').namespace('a').name('b').check('get').allowed()",
        "authorizer.serviceAccount('a', 'b').path('/healthz').check('get').reason() == ''",
        "authorizer.requestResource.check('create').errored()",
        "quantity(object.a).isLessThan(quantity('1Gi'))",
        "ip(object.a).family() == 4 && cidr('10.0.0.0/8').containsIP(object.a)",
        "namespaceObject.metadata.name.matches('^kube-')",
    ],
)
def test_what_policies_say(expression: str) -> None:
    assert problem(expression, GIVEN, BOOL) == ""


@pytest.mark.parametrize(
    "expression",
    [
        "device.driver == 'a.example.com'",
        "device.attributes['a.b'].model == 'x' || device.capacity['a'].memory.compareTo(quantity('1Gi')) >= 0",
        "device.attributes['a'].version.isGreaterThan(semver('1.0.0'))",
        "cel.bind(d, device.attributes['a'], has(d.c) && d.c)",
    ],
)
def test_which_devices(expression: str) -> None:
    assert problem(expression, (DEVICE,), BOOL) == ""


@pytest.mark.parametrize(
    ("expression", "returns", "told"),
    [
        ("Bad!", BOOL, "compilation failed: ERROR: <input>:1:4: Syntax error: extraneous input '!' expecting <EOF>"),
        ("nothing", BOOL, "compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing'"),
        ("object.x.foo()", BOOL, "compilation failed: ERROR: <input>:1:13: undeclared reference to 'foo'"),
        ("1", BOOL, "must evaluate to bool but got int"),
        ("1", TEXT, "must evaluate to string but got int"),
        ("1", TEXT_OR_NULL, "must evaluate to one of [string null_type] but got int"),
    ],
)
def test_what_is_wrong(expression, returns, told) -> None:
    assert problem(expression, ("object",), returns).startswith(told)


def test_any_value_will_do_for_a_variable() -> None:
    assert problem("[1, 2]", ("object",), None) == ""
