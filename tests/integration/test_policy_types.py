"""Expressions of ValidatingAdmissionPolicies are checked against the types that they are for."""

from __future__ import annotations

from typing import Any

import msgspec

from pybernetes.api.admissionregistration.v1 import ValidatingAdmissionPolicy
from tests.integration.cluster_world import World, definition, in_world


def policy(
    name: str, *expressions: str, rule: tuple[str, str, str] = ("apps", "v1", "deployments"), **spec: Any
) -> Any:
    group, version, resource = rule
    rules = {"apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": ["*"]}
    tree = {
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rules]},
            "validations": [{"expression": text} for text in expressions],
            **spec,
        },
    }
    return msgspec.convert(tree, ValidatingAdmissionPolicy)


async def checked(w: World, made: ValidatingAdmissionPolicy) -> list[tuple[str, str]]:
    name = (await w.client.create(made)).metadata.name or ""

    async def done() -> bool:
        return (await w.client.get(ValidatingAdmissionPolicy, name)).status.typeChecking is not None

    await w.until(done)
    status = (await w.client.get(ValidatingAdmissionPolicy, name)).status
    assert status.observedGeneration == 1
    assert status.typeChecking is not None
    return [(each.fieldRef, each.warning) for each in status.typeChecking.expressionWarnings]


EXPRESSIONS = (
    ("object.spec.replicas > 1 && oldObject.spec.replicas > 0", ""),
    ("object.spec.replicas > '1'", "found no matching overload for '_>_' applied to '(int, string)'"),
    ("object.spec.replica > 1", "undefined field 'replica'"),
    ("object.metadata.labels['app'] == 'x' && has(object.metadata.name)", ""),
    ("object.spec.template.spec.containers.all(c, c.image.startsWith('r/') && c.ports[0].containerPort > 1)", ""),
    ("object.spec.template.spec.containers.all(c, c.image > 1)", "found no matching overload for '_>_'"),
    ("object.spec.template.spec.containers[0].resources.limits['cpu'] == '1'", ""),
    ("object.spec.strategy.rollingUpdate.maxSurge == 1", ""),
    ("object.metadata.creationTimestamp < timestamp('2026-01-01T00:00:00Z')", ""),
    ("request.userInfo.username == 'a' && request.kind.group == 'apps' && !request.dryRun", ""),
    ("request.userInfo.name == 'a'", "undefined field 'name'"),
    ("namespaceObject.metadata.labels.all(l, l != 'x')", ""),
    ("authorizer.requestResource.check('delete').allowed()", ""),
)


def test_deployments() -> None:
    async def body(w: World) -> None:
        found = dict(await checked(w, policy("p", *(text for text, _ in EXPRESSIONS))))
        for number, (text, wrong) in enumerate(EXPRESSIONS):
            warning = found.pop(f"spec.validations[{number}].expression", "")
            assert wrong in warning, text
            assert warning.startswith("apps/v1, Kind=Deployment: ERROR: <input>:1:") == bool(wrong), warning
        assert found == {}

    in_world(body, controllers=["validatingadmissionpolicy-status-controller"])


def test_messages_variables_and_parameters() -> None:
    async def body(w: World) -> None:
        spec = {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "variables": [{"name": "size", "expression": "object.spec.replicas"}],
            "validations": [
                {"expression": "variables.size > 1", "messageExpression": "'got ' + object.spec.replicas"},
                {"expression": "variables.size == params.data['size']"},
                {"expression": "variables.size > int(params.data['size'])"},
            ],
        }
        found = await checked(w, policy("p", **spec))
        assert [field for field, _ in found] == [
            "spec.validations[0].messageExpression",
            "spec.validations[1].expression",
        ]
        assert "found no matching overload for '_+_' applied to '(string, int)'" in found[0][1]

    in_world(body, controllers=["validatingadmissionpolicy-status-controller"])


def test_custom_resources_and_what_nobody_describes() -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}},
    }

    async def body(w: World) -> None:
        await w.client.create(definition("crontab", schema))
        await w.settle()
        rule = ("example.com", "v1", "crontabs")
        found = await checked(w, policy("a", "object.spec.replicas > '1'", "object.spec.tries < 10", rule=rule))
        assert [field for field, _ in found] == ["spec.validations[0].expression", "spec.validations[1].expression"]
        assert "undefined field 'tries'" in found[1][1]
        for number, unknown in enumerate((("nobody.example.com", "v1", "things"), ("apps", "*", "deployments"))):
            assert await checked(w, policy(f"unknown-{number}", "object.spec.x > '1'", rule=unknown)) == []

    in_world(body, controllers=["validatingadmissionpolicy-status-controller"])
