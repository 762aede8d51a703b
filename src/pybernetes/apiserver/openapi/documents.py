"""The documents, written piece by piece: v2 as JSON, v3 as JSON for one group-version.

Source: the shape of api/openapi-spec (swagger.json, v3/*.json).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

from pybernetes.apimachinery.scheme import RESOURCES, Resource
from pybernetes.apimachinery.version import KUBERNETES_VERSION
from pybernetes.apiserver.openapi import operations
from pybernetes.apiserver.openapi.definitions import V2_PREFIX, V3_PREFIX, Definitions, references
from pybernetes.apiserver.openapi.operations import TEXT, Operation, PathItem
from pybernetes.apiserver.openapi.parameters import INLINE, PARAMETERS, WIRE_NAMES

Tree = dict[str, Any]
_STREAM = ";stream=watch"
_PATCHES = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
]
BEARER = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "in": "header",
        "name": "authorization",
        "type": "apiKey",
    }
}
INFO = {"title": "Kubernetes", "version": KUBERNETES_VERSION}


def v2_paths(resources: Sequence[Resource] = RESOURCES) -> Iterator[PathItem]:
    """Every path of the API, in order."""
    groups = operations.group_versions(resources)
    found = [operations.all_groups(), operations.version(), *operations.openid()]
    found += [operations.group_discovery(group) for group in dict.fromkeys(group for group, _ in groups)]
    for group, version in groups:
        found += operations.paths(group, version, resources)
    yield from sorted(found, key=lambda item: item.path)


def v2_definitions(definitions: Definitions, resources: Sequence[Resource]) -> Iterator[tuple[str, Tree]]:
    """Every definition that the paths of the resources lead to, by name."""
    found: dict[str, Tree] = {}
    wanted = {name for item in v2_paths(resources) for name in references(v2_path(item))}
    wanted |= {operations.DELETE_OPTIONS, operations.PATCH}
    while missing := [name for name in wanted if name not in found and name in definitions]:
        for name in missing:
            found[name] = definitions.v2(name)
            wanted.update(references(found[name]))
    yield from sorted(found.items())


def v2_json(definitions: Definitions, resources: Sequence[Resource] = RESOURCES) -> bytes:
    head = b'{"swagger":"2.0","info":' + orjson.dumps(INFO) + b',"paths":{'
    out = bytearray(head)
    _join(out, ((item.path, v2_path(item)) for item in v2_paths(resources)))
    out += b'},"definitions":{'
    _join(out, v2_definitions(definitions, resources))
    out += b'},"parameters":{'
    _join(out, v2_parameters())
    out += b'},"securityDefinitions":' + orjson.dumps(BEARER) + b',"security":[{"BearerToken":[]}]}'
    return bytes(out)


def v3_json(
    items: Iterable[PathItem], definitions: Definitions, adapt: Callable[[Tree], Tree] = lambda tree: tree
) -> bytes:
    """One document: its paths, each changed by `adapt`, and every schema that they lead to."""
    out = bytearray(b'{"openapi":"3.0.0","info":' + orjson.dumps(INFO) + b',"paths":{')
    wanted: set[str] = set()

    def described() -> Iterator[tuple[str, Tree]]:
        for item in items:
            tree = adapt(v3_path(item))
            wanted.update(references(tree))
            yield item.path, tree

    _join(out, described())
    out += b'},"components":{"schemas":{'
    schemas = {}
    while missing := [name for name in wanted if name not in schemas and name in definitions]:
        for name in missing:
            tree = definitions.v3(name)
            wanted.update(references(tree))
            schemas[name] = orjson.dumps(tree)
    out += b",".join(orjson.dumps(name) + b":" + schemas[name] for name in sorted(schemas))
    out += b'},"securitySchemes":' + orjson.dumps(BEARER) + b"}}"
    return bytes(out)


def _join(out: bytearray, members: Iterable[tuple[str, Tree]]) -> None:
    first = True
    for name, tree in members:
        if not first:
            out += b","
        first = False
        out += orjson.dumps(name) + b":" + orjson.dumps(tree)


def v2_parameters() -> Iterator[tuple[str, Tree]]:
    """The parameters that operations refer to by name."""
    for name in sorted(PARAMETERS):
        if name not in INLINE:
            yield name, _v2_parameter(name)
    for name, definition in (("deleteBody", operations.DELETE_OPTIONS), ("patchBody", operations.PATCH)):
        body: Tree = {"in": "body", "name": "body", "schema": {"$ref": V2_PREFIX + definition}}
        yield name, body if definition == operations.DELETE_OPTIONS else {**body, "required": True}


def v2_path(item: PathItem) -> Tree:
    tree: Tree = {operation.method: _v2_operation(operation) for operation in item.operations}
    if item.parameters:
        tree["parameters"] = [_v2_reference(name) for name in item.parameters]
    return tree


def _v2_operation(operation: Operation) -> Tree:
    text = TEXT in operation.answers.values()
    tree: Tree = {
        "consumes": _PATCHES if operation.method == "patch" and not text else ["*/*"],
        "description": operation.description,
        "operationId": operation.id,
    }
    parameters = [_v2_body(operation)] if operation.body else []
    parameters += [_v2_reference(name) for name in operation.parameters]
    if parameters:
        tree["parameters"] = parameters
    tree["produces"] = _produced(operation)
    tree["responses"] = {code: _v2_answer(code, answer) for code, answer in operation.answers.items()}
    tree["responses"]["401"] = {"description": "Unauthorized"}
    tree["schemes"] = ["https"]
    return {**tree, **_extensions(operation)}


def _produced(operation: Operation) -> list[str]:
    if operation.action == "connect":
        return ["*/*"]
    if TEXT in operation.answers.values() and operation.action:
        return ["text/plain", *operation.produces]
    streams = [f"{kind}{_STREAM}" for kind in operation.produces if not kind.endswith("yaml")]
    return [*operation.produces, *streams] if operation.streams else list(operation.produces)


def _v2_body(operation: Operation) -> Tree:
    if operation.body == operations.DELETE_OPTIONS:
        return {"$ref": "#/parameters/deleteBody"}
    if operation.body == operations.PATCH:
        return {"$ref": "#/parameters/patchBody"}
    return {"in": "body", "name": "body", "required": True, "schema": {"$ref": V2_PREFIX + operation.body}}


def _v2_reference(name: str) -> Tree:
    return _v2_parameter(name) if name in INLINE else {"$ref": f"#/parameters/{name}"}


def _v2_parameter(name: str) -> Tree:
    where, kind, description = PARAMETERS[name]
    tree: Tree = {"description": description, "in": where, "name": WIRE_NAMES.get(name, name)}
    if where == "path":
        tree["required"] = True
    return {**tree, "type": kind, "uniqueItems": True}


def _v2_answer(code: str, answer: str) -> Tree:
    schema: Tree = {"type": "string"} if answer == TEXT else {"$ref": V2_PREFIX + answer}
    return {"description": _CODES[code], "schema": schema}


_CODES = {"200": "OK", "201": "Created", "202": "Accepted"}


def v3_path(item: PathItem) -> Tree:
    tree: Tree = {operation.method: _v3_operation(operation) for operation in item.operations}
    if item.parameters:
        tree["parameters"] = [_v3_parameter(name) for name in item.parameters]
    return tree


def _v3_operation(operation: Operation) -> Tree:
    tree: Tree = {"description": operation.description, "operationId": operation.id}
    if operation.parameters:
        tree["parameters"] = [_v3_parameter(name) for name in operation.parameters]
    if operation.body:
        schema = {"schema": {"$ref": V3_PREFIX + operation.body}}
        types = _PATCHES if operation.method == "patch" else ["*/*"]
        tree["requestBody"] = {"content": dict.fromkeys(types, schema)}
        if operation.body_required:
            tree["requestBody"]["required"] = True
    tree["responses"] = {code: _v3_answer(code, answer, operation) for code, answer in operation.answers.items()}
    tree["responses"]["401"] = {"description": "Unauthorized"}
    return {**tree, **_extensions(operation)}


def _v3_answer(code: str, answer: str, operation: Operation) -> Tree:
    if answer == TEXT:
        types = _produced(operation)
        schema: Tree = {"schema": {"type": "string"}}
    else:
        types = list(operation.produces)
        schema = {"schema": {"$ref": V3_PREFIX + answer}}
    content: Tree = dict.fromkeys(types, schema)
    if operation.streams:
        event = {"schema": {"$ref": V3_PREFIX + operations.WATCH_EVENT}}
        content |= {kind: event for kind in _produced(operation) if kind.endswith(_STREAM)}
    return {"content": content, "description": _CODES[code]}


def _v3_parameter(name: str) -> Tree:
    where, kind, description = PARAMETERS[name]
    tree: Tree = {"description": description, "in": where, "name": WIRE_NAMES.get(name, name)}
    if where == "path":
        tree["required"] = True
    return {**tree, "schema": {"type": kind, "uniqueItems": True}}


def _extensions(operation: Operation) -> Tree:
    tree: Tree = {"tags": [operation.tag]}
    if operation.action:
        tree["x-kubernetes-action"] = operation.action
    if operation.gvk:
        group, version, kind = operation.gvk
        tree["x-kubernetes-group-version-kind"] = {"group": group, "kind": kind, "version": version}
    return tree
