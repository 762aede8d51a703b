from __future__ import annotations

import pytest

from pybernetes.api.meta import v1 as meta
from pybernetes.apimachinery.selectors import FieldSelector, LabelSelector, SelectorError

LABELS = {"app": "web", "tier": "front", "level": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app=api", False),
        ("missing!=x", True),
        ("missing=", False),
        ("empty=", True),
        ("app in (api, web)", True),
        ("app notin (api,web)", False),
        ("missing notin (a)", True),
        ("missing in ()", False),
        ("empty in ()", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("level>4", True),
        ("level<5", False),
        ("app>4", False),
        ("missing>4", False),
        ("app in (web),!missing,level>1", True),
    ],
)
def test_label_selectors_match(text: str, matches: bool) -> None:
    assert LabelSelector.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("b=1,a=2", "a=2,b=1"),
        ("x in (c,a,,a)", "x in (,a,c)"),
        (" a  ==  b ", "a==b"),
        ("in=in", "in=in"),
        ("!x", "!x"),
    ],
)
def test_label_selectors_are_written_in_order(text: str, written: str) -> None:
    assert str(LabelSelector.parse(text)) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        (
            "a>b",
            'unable to parse requirement: values[0]: Invalid value: "b": '
            "for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_label_selectors_refuse(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        LabelSelector.parse(text)
    assert str(caught.value) == message


def test_the_api_type() -> None:
    selector = LabelSelector.of(
        meta.LabelSelector(
            matchLabels={"app": "web"},
            matchExpressions=[meta.LabelSelectorRequirement(key="tier", operator="NotIn", values=["back"])],
        )
    )
    assert selector.matches(LABELS)
    assert not selector.matches(LABELS | {"tier": "back"})
    assert selector.exact("app") == "web"
    assert LabelSelector.of({"matchExpressions": [{"key": "app", "operator": "Exists"}]}).matches(LABELS)
    assert LabelSelector.of({}).empty
    assert not LabelSelector.of(None).empty
    assert not LabelSelector.of(None).matches({})


@pytest.mark.parametrize(
    ("selector", "part"),
    [
        ({"matchExpressions": [{"key": "a", "operator": "Foo"}]}, '"Foo" is not a valid label selector operator'),
        ({"matchExpressions": [{"key": "a", "operator": "In"}]}, "values set can't be empty"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}, "values set must be empty"),
        ({"matchLabels": {"a b": "c"}}, "name part must consist of"),
        ({"matchLabels": {"a": "b c"}}, "values[0][a]: Invalid value"),
    ],
)
def test_the_api_type_refuses(selector: dict[str, object], part: str) -> None:
    with pytest.raises(SelectorError) as caught:
        LabelSelector.of(selector)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fields", "matches"),
    [
        ("", {}, True),
        ("metadata.name=a", {"metadata.name": "a"}, True),
        ("metadata.name==a,status.phase!=Running", {"metadata.name": "a", "status.phase": "Failed"}, True),
        ("spec.nodeName=", {}, True),
        ("spec.nodeName!=", {"spec.nodeName": "n"}, True),
        (r"a=x\,y\=z\\", {"a": "x,y=z\\"}, True),
    ],
)
def test_field_selectors(text: str, fields: dict[str, str], matches: bool) -> None:
    selector = FieldSelector.parse(text)
    assert selector.matches(fields) is matches
    assert FieldSelector.parse(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "invalid selector: 'name'; can't understand 'name'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        (r"a=\x", r"invalid field selector: invalid escape sequence: \x"),
        ("a=\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_field_selectors_refuse(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        FieldSelector.parse(text)
    assert str(caught.value) == message
