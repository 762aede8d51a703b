"""CEL rules about schemas, as Hypothesis draws them: with the types right or not, short or deep, broken."""

from __future__ import annotations

import copy

from hypothesis import strategies as st

from pybernetes.cel.names import escape
from tests.schema_strategies import Draw, Tree, places, schema_of, sometimes

CEL_BOOLS = (
    "true", "{b} && {b}", "{b} || {b}", "!{b}", "{i} == {i}", "{i} < {i}", "{s} == {s}", "{s} != {s}", "{l} == {l}",
    "{b} ? {b} : {b}", "{s}.startsWith({s})", "{s}.contains({s})", "{s}.matches('^a')", "{s} in {l}", "{i} in [1, 2]",
    "{l}.all(x, x == {s})", "{l}.exists(x, x.size() > {i})", "{l}.exists_one(x, x == 'a')", "'a' in {m}",
    "{m}.all(k, k != {s})", "{l}.isSorted()", "sets.contains({l}, {l})", "sets.intersects({l}, ['a'])",
    "sets.equivalent({l}, {l})", "quantity('1Gi').isGreaterThan(quantity('1'))", "isQuantity({s})",
    "quantity({s}).isInteger()", "isURL({s})", "url('https://a.b/c').getHost() == {s}", "isIP({s})",
    "ip('10.0.0.1').family() == {i}", "isCIDR({s})", "ip.isCanonical('::1')",
    "cidr('10.0.0.0/8').containsIP('10.0.0.1')", "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
    "cidr('10.0.0.0/8').prefixLength() == {i}", "isSemver({s})", "semver('1.2.3').isLessThan(semver('2.0.0'))",
    "semver('1.2.3').major() == {i}", "format.dns1123Label().validate({s}).hasValue()",
    "!format.named('dns1123Label').hasValue()", "type({i}) == int", "has(self.a)", "has(self.zzz)", "self == self",
    "dyn({i}) == dyn({s})", "duration('1h') > duration('1m')",
    "timestamp('2020-01-01T00:00:00Z').getFullYear() == {i}", "b'a' == bytes({s})", "cel.bind(x, {i}, x == x)",
    "optional.of({i}).hasValue()", "{l}.sum() == 1", "math.greatest([1, 2]) == {i}",
    "[1, 2, 3].map(x, x * 2).sum() == {i}", "{l}.map(x, x.size()).max() > {i}",
    "[[1], [2]].all(x, x.all(y, y > {i}))", "{l}.all(i, x, i < 3 && x != {s})", "{m}.exists(k, v, k == v)",
    "{l}.transformList(i, x, x).size() == {i}", "jsonpatch.escapeKey('a') == 'a'",
)  # fmt: skip
CEL_INTS = (
    "1", "-2", "{i} + {i}", "{i} * {i}", "{i} / {i}", "{i} % {i}", "size({s})", "{s}.size()", "{l}.size()",
    "size({m})", "int({s})", "{s}.indexOf({s})", "{l}.indexOf({s})", "int(1.5)", "9223372036854775807",
    "{b} ? {i} : {i}", "{s}.lastIndexOf('a')", "math.least(1, 2)", "uint(1) == 1u ? 1 : 2",
    "quantity('5').asInteger()",
)  # fmt: skip
CEL_TEXTS = (
    "'a'", "''", "{s} + {s}", "string({i})", "{s}.lowerAscii()", "{s}.upperAscii()", "{s}.trim()",
    "{s}.replace('a', {s})", "{s}.substring(0)", "{s}.substring({i}, 1)", "{s}.charAt({i})", "{l}.join(',')",
    "{l}[0]", "{s}.find('[0-9]+')", "'%s-%d'.format([{s}, {i}])", "'%s'.format([{l}])", "'%q'.format([{s}])",
    "{s}.split(',')[0]", "{b} ? {s} : {s}", "string(true)", "'\\n'", "{l}.min()", "{s}.reverse()",
    "strings.quote({s})", "base64.encode(b'a')", "quantity('1').add({i}) == quantity('2') ? 'a' : 'b'",
)  # fmt: skip
CEL_LISTS = (
    "['a', 'b']", "[{s}]", "{l} + {l}", "{s}.split({s})", "{l}.filter(x, x != {s})", "{l}.map(x, x + 'a')",
    "{s}.findAll('a')", "{l}.map(x, x != 'a', x)", "[]", "{l}.slice(0, 1)", "{l}.flatten()", "{l}.distinct()",
    "{l}.sort()", "{l}.reverse()",
)  # fmt: skip
CEL_MAPS = (
    "{{'a': 'b'}}", "{{}}", "{{{s}: {s}}}",
)  # fmt: skip
CEL_BROKEN = (
    "", "(", "self.", "1 +", "self.a.b.c.d", "unknown", "self == 1 == 2", "'a' + 1", "size()", "has(1)",
    "self.all(x)", "x.all(x, true)", "[1, 2", "self[", "'unclosed", "1 && 2", "{b} ? 1 : 'a'", "a b", "@",
    "self.exists(1, true)", "\u0000", "1u + 1", "oldSelf == oldSelf", "self.a == 'a' // said", "// nothing",
    "r'\\d'.matches('a')", "true\n&& true", "self.__for__ == 'a'", "self.for == 'a'", "Foo{{a: 1}}",
    "nosuchfunction({s})", "self.map(x, y, z, w)", "99999999999999999999 > 1", "1.0 == 1", "1.0 < 2", "null == self",
    "type(self) == type(self)", "optional.none() == {s}", "cel.bind(1, 2, 3)", "quantity(1) == 1", "int('a') == 1",
    "1 / 0 == 1", "[0][1] == 0", "{{'a': 1}}['b'] == 1",
)  # fmt: skip


def paths(schema: Tree, root: str = "self") -> dict[str, list[str]]:
    """Expressions for what a schema holds, by the letter of their type."""
    found: dict[str, list[str]] = {"b": [], "i": [], "s": [], "l": [], "m": []}
    letters = {"boolean": "b", "integer": "i", "string": "s"}
    for name, child in (schema.get("properties") or {}).items():
        said = f"{root}.{escape(name)}" if escape(name) else f"{root}.{name}"
        kind = child.get("type")
        if kind in letters and not child.get("x-kubernetes-int-or-string") and not child.get("nullable"):
            found[letters[kind]].append(said)
        elif kind == "array" and isinstance(child.get("items"), dict) and child["items"].get("type") == "string":
            found["l"].append(said)
        elif kind == "object" and isinstance(child.get("additionalProperties"), dict):
            found["m"].append(said)
        elif kind == "object":
            for letter, more in paths(child, said).items():
                found[letter] += more
    return found


def _expression(draw: Draw, letter: str, known: dict[str, list[str]], depth: int) -> str:
    ways = {"b": CEL_BOOLS, "i": CEL_INTS, "s": CEL_TEXTS, "l": CEL_LISTS, "m": CEL_MAPS}[letter]
    if known[letter] and (depth <= 0 or sometimes(draw, 2)):
        return str(draw(st.sampled_from(known[letter])))
    if depth <= 0:
        return {"b": "true", "i": "1", "s": "'a'", "l": "['a']", "m": "{'a': 'b'}"}[letter]
    text = str(draw(st.sampled_from(ways)))
    for inner in "bislm":
        while f"{{{inner}}}" in text:
            said = _expression(draw, inner, known, depth - 1)
            said = said if said[0] in "'[{(" or said.replace(".", "").replace("_", "").isalnum() else f"({said})"
            text = text.replace(f"{{{inner}}}", said, 1)
    return text.replace("{{", "{").replace("}}", "}")


@st.composite
def rules(draw: Draw, schema: Tree) -> Tree:
    """One entry of x-kubernetes-validations for a schema."""
    known = paths(schema)
    if schema.get("type") == "string":
        known["s"] = ["self"]
    if sometimes(draw, 3):
        for letter, more in paths(schema, "oldSelf").items():
            known[letter] += more
    depth = draw(st.sampled_from((1, 2, 2, 3, 4)))
    text = _expression(draw, "b", known, depth)
    if sometimes(draw, 6):
        text = str(draw(st.sampled_from(CEL_BROKEN))).replace("{{", "{").replace("}}", "}")
        text = text.replace("{s}", "'a'").replace("{b}", "true")
    rule: Tree = {"rule": text}
    if sometimes(draw):
        rule["message"] = draw(st.sampled_from(("no", "", " ", "two\nlines")))
    if sometimes(draw):
        good = _expression(draw, "s", known, 2)
        rule["messageExpression"] = draw(st.sampled_from((good, good, good, "1", "(", " ", "''", "self.zzz")))
    if sometimes(draw):
        rule["reason"] = draw(
            st.sampled_from(
                ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate", "Odd", "")
            )
        )
    if sometimes(draw):
        inside = [f".{name}" for name in schema.get("properties") or ()] + [
            f"['{name}']" for name in schema.get("properties") or ()
        ]
        rule["fieldPath"] = draw(st.sampled_from([*inside, *inside, ".zzz", "a", "", ".a\n", ".a[0]", "['a", ".a.b.c"]))
    if sometimes(draw, 6):
        rule["optionalOldSelf"] = draw(st.booleans())
    return rule


@st.composite
def ruled(draw: Draw, depth: int = 3) -> Tree:
    """A schema with rules at one or two of its places."""
    tree = copy.deepcopy(schema_of(draw, depth))
    typed = [place for place in places(tree) if "type" in place]
    for place in draw(st.lists(st.sampled_from(typed), min_size=1, max_size=2)) if typed else ():
        place["x-kubernetes-validations"] = draw(st.lists(rules(place), min_size=1, max_size=2))
    return tree
