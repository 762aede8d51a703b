"""Ingresses, their classes and network policies: what is refused, where, and what an update may keep."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pybernetes.api.networking import v1 as networking
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.apiserver.registry.networking import validation

Tree = dict[str, Any]
BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


def told(errors: list[FieldError]) -> list[str]:
    return [str(error).split(" must consist")[0] for error in errors]


def ingress(tree: Tree, old: Tree | None = None) -> list[str]:
    before = None if old is None else msgspec.convert(old, networking.IngressSpec)
    return told(validation.ingress(msgspec.convert(tree, networking.IngressSpec), before))


def path(**fields: Any) -> Tree:
    return {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND, **fields}]}}]}


AT = "spec.rules[0].http.paths[0]"
LABEL = "a lowercase RFC 1123 label"


@pytest.mark.parametrize(
    ("tree", "problems"),
    [
        ({"defaultBackend": BACKEND}, []),
        ({}, ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (path(pathType=None), [f"{AT}.pathType: Required value: pathType must be specified"]),
        (
            path(pathType=""),
            [f'{AT}.pathType: Unsupported value: "": supported values: "Exact", "ImplementationSpecific", "Prefix"'],
        ),
        (path(path="a"), [f'{AT}.path: Invalid value: "a": must be an absolute path']),
        (path(path="/a/.."), [f"{AT}.path: Invalid value: \"/a/..\": cannot end with '/..'"]),
        (
            path(path="a", pathType="ImplementationSpecific"),
            [f'{AT}.path: Invalid value: "a": must be an absolute path'],
        ),
        (path(path="", pathType="ImplementationSpecific"), []),
        (path(backend={}), [f'{AT}.backend: Invalid value: "": resource or service backend is required']),
        (
            path(backend={"service": {"name": "Bad", "port": {"number": 99999}}}),
            [
                f'{AT}.backend.service.name: Invalid value: "Bad": {LABEL}',
                f"{AT}.backend.service.port.number: Invalid value: 99999: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            path(backend={"resource": {"apiGroup": "x.io", "kind": "", "name": "a/b"}}),
            [
                f"{AT}.backend.resource.kind: Required value",
                f"{AT}.backend.resource.name: Invalid value: \"a/b\": may not contain '/'",
            ],
        ),
        (
            {"rules": [{"host": "1.2.3.4"}]},
            ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'],
        ),
        (
            {"defaultBackend": BACKEND, "tls": [{"hosts": ["A"], "secretName": "B"}]},
            [
                'spec.tls[0].hosts[0]: Invalid value: "A": a lowercase RFC 1123 subdomain',
                'spec.tls[0].secretName: Invalid value: "B": a lowercase RFC 1123 subdomain',
            ],
        ),
    ],
)
def test_ingress(tree: Tree, problems: list[str]) -> None:
    assert ingress(tree) == problems


def test_what_was_stored_stays_allowed() -> None:
    stored = {"defaultBackend": BACKEND, "tls": [{"secretName": "B"}]}
    assert ingress(stored, stored) == []
    policy = msgspec.convert({"ingress": [{"from": [{"ipBlock": {"cidr": "no"}}]}]}, networking.NetworkPolicySpec)
    assert validation.network_policy(policy)
    assert validation.network_policy(policy, validation.cidrs(policy)) == []


@pytest.mark.parametrize(
    ("tree", "problems"),
    [
        ({"controller": "a.io/b"}, []),
        ({}, ["spec.controller: Required value"]),
        (
            {"controller": "b"},
            ['spec.controller: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")'],
        ),
        (
            {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}},
            ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        ),
        (
            {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n", "scope": "Cluster", "namespace": "x"}},
            ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        ),
    ],
)
def test_ingress_class(tree: Tree, problems: list[str]) -> None:
    assert told(validation.ingress_class(msgspec.convert(tree, networking.IngressClassSpec))) == problems


RULE = "spec.ingress[0]"


@pytest.mark.parametrize(
    ("rule", "problems"),
    [
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}, []),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]},
            [f'{RULE}.from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`'],
        ),
        ({"from": [{"ipBlock": {}}]}, [f"{RULE}.from[0].ipBlock.cidr: Required value"]),
        ({"from": [{}]}, [f"{RULE}.from[0]: Required value: must specify a peer"]),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]},
            [f"{RULE}.from[0]: Forbidden: may not specify both ipBlock and another peer"],
        ),
        (
            {"ports": [{"port": 80, "endPort": 70}]},
            [f"{RULE}.ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"],
        ),
        (
            {"ports": [{"port": "web", "endPort": 70, "protocol": "X"}]},
            [
                f'{RULE}.ports[0].protocol: Unsupported value: "X": supported values: "TCP", "UDP", "SCTP"',
                f"{RULE}.ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric",
            ],
        ),
    ],
)
def test_network_policy(rule: Tree, problems: list[str]) -> None:
    spec = msgspec.convert({"ingress": [rule]}, networking.NetworkPolicySpec)
    assert told(validation.network_policy(spec)) == problems


def test_a_block_with_bits_beyond_its_prefix_is_warned_of() -> None:
    spec = msgspec.convert({"egress": [{"to": [{"ipBlock": {"cidr": "10.1.2.3/8"}}]}]}, networking.NetworkPolicySpec)
    assert validation.network_policy_warnings(spec) == [
        'spec.egress[0].to[0].ipBlock.cidr: CIDR value "10.1.2.3/8" is ambiguous in this context '
        '(should be "10.0.0.0/8" or "10.1.2.3/32"?)'
    ]
    assert validation.domain_prefixed_path("a.io/b", Path("x")) == []
