"""Whatever a schema, a rule or a value is: an answer; and what is accepted stays as it is when it is read again."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apimachinery.field_errors import Path
from pybernetes.apimachinery.trees import copy_tree
from pybernetes.apiserver.crd import structural
from pybernetes.apiserver.crd.cel.rules import Rules
from pybernetes.apiserver.crd.json_path import JsonPathError, compile_path
from pybernetes.apiserver.crd.kinds import has_rules
from pybernetes.apiserver.crd.structural import Structural
from pybernetes.apiserver.crd.validation import SchemaValidator, duplicates
from pybernetes.apiserver.registry.apiextensions.customresourcedefinitions import schema_rules
from tests.definition_strategies import paths
from tests.fuzzing import fuzzed
from tests.rule_strategies import ruled
from tests.schema_strategies import JSON, schemas, spoiled, value_for

Tree = dict[str, Any]
sampled = fuzzed(150)


def refused(spec: Tree) -> list[str]:
    whole = {"type": "object", "properties": {"spec": spec}}
    return [str(error) for error in schema_rules.validate(whole, Path("schema"), False)]


@sampled
@given(st.one_of(schemas(), spoiled(), ruled()))
def test_a_schema_is_accepted_or_told_what_is_wrong_with_it(spec: Tree) -> None:
    before = json.dumps(spec)
    found = refused(spec)
    assert json.dumps(spec) == before
    assert all(text.startswith(("schema", "<nil>")) for text in found), found


@sampled
@given(schemas() | ruled(), st.data())
def test_what_is_accepted_of_objects_stays_as_it_is(spec: Tree, data: st.DataObject) -> None:
    if refused(spec):
        return
    schema = Structural({"type": "object", "properties": {"spec": spec}})
    validator = SchemaValidator(schema.tree)
    rules = Rules(schema) if has_rules(schema) else None
    for _ in range(4):
        content: Tree = {"spec": value_for(data.draw, spec)}
        structural.prune(content, schema)
        try:
            structural.coerce_embedded(content, schema, "")
        except structural.EmbeddedError:
            continue
        structural.default(content, schema)
        once = copy_tree(content)
        assert structural.prune(content, schema) == []
        structural.default(content, schema)
        assert content == once
        errors = [*validator.validate(content), *structural.validate_embedded(content, schema, Path())]
        errors += duplicates(content, schema, Path())
        if rules is not None and not errors:
            errors = rules.validate(content, None)
            rules.validate(content, once)
        again = json.loads(json.dumps(content))
        assert (validator.validate(again) == []) or errors


@sampled
@given(paths, JSON)
def test_paths_of_columns(path: str, tree: Any) -> None:
    try:
        find = compile_path(path)
    except JsonPathError:
        return
    find({"spec": tree, "metadata": {"name": "a"}})
