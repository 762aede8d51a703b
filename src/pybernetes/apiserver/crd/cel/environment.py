"""The functions of Kubernetes's CEL, declared to the library with what does their work.

The library picks an overload by the kinds of its arguments and knows no generic ones for Python functions, so those
that
take any value are declared once a kind.
Source: apiserver/pkg/cel/library, apiserver/pkg/cel/environment/base.go, cel-go/ext/{strings,sets}.go.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_optional

from pybernetes.apimachinery import names
from pybernetes.apimachinery.formats import FORMATS
from pybernetes.apiserver.crd.cel import opaque, texts

T = cel.Type
_S, _I, _B, _D = T.STRING, T.INT, T.BOOL, T.DYN
_LIST = T.List(T.DYN)
_TEXTS = T.List(T.STRING)
_ANY = (T.INT, T.UINT, T.DOUBLE, T.STRING, T.BOOL, T.BYTES, T.DURATION, T.TIMESTAMP, T.LIST, T.MAP, T.NULL)
_QUANTITY, _URL, _IP, _CIDR, _SEMVER = (T(f"{opaque.PACKAGE}.{name}") for name in opaque.NAMES)
_NAMED_FORMATS: dict[str, Callable[[str], bool]] = {
    "dns1123Label": lambda text: not names.dns1123_label(text),
    "dns1123Subdomain": lambda text: not names.dns1123_subdomain(text),
    "dns1035Label": lambda text: not names.dns1035_label(text),
    "qualifiedName": lambda text: not names.qualified_name(text),
    "labelValue": lambda text: not names.label_value(text),
    "uri": FORMATS["uri"],
    "uuid": FORMATS["uuid"],
    "byte": FORMATS["byte"],
    "date": FORMATS["date"],
    "datetime": FORMATS["datetime"],
}


class _Functions:
    """Collects overloads by name."""

    def __init__(self) -> None:
        self._overloads: dict[str, list[Any]] = {}
        self._seen: set[str] = set()

    def add(
        self, name: str, parameters: Sequence[Any], result: Any, work: Callable[..., Any] | None, member: bool = False
    ) -> None:
        key = f"{name}_{'m' if member else 'f'}_{'_'.join(_name(p) for p in parameters)}"
        if key in self._seen:
            return
        self._seen.add(key)
        facts: dict[str, Any] = {"return_type": result, "parameters": list(parameters), "is_member": member}
        if work is not None:
            facts["impl"] = work
        overload = cel.Overload(key, **facts)
        self._overloads.setdefault(name, []).append(overload)

    def member(self, name: str, parameters: Sequence[Any], result: Any, work: Callable[..., Any] | None) -> None:
        self.add(name, parameters, result, work, member=True)

    def declarations(self) -> list[Any]:
        return [cel.FunctionDecl(name, overloads) for name, overloads in self._overloads.items()]


def _name(kind: Any) -> str:
    return "".join(c if c.isalnum() else "_" for c in kind.name())


def _text(value: Any) -> str:
    return str(value.text)


def _on(work: Callable[..., Any]) -> Callable[..., Any]:
    """A function of texts as one of messages."""
    return lambda *values: work(*(_text(v) if hasattr(v, "text") else v for v in values))


def _compare(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _strings(f: _Functions) -> None:
    f.member("charAt", (_S, _I), _S, texts.char_at)
    for name, work in (("indexOf", texts.index_of), ("lastIndexOf", texts.last_index_of)):
        f.member(name, (_S, _S), _I, work)
        f.member(name, (_S, _S, _I), _I, work)
    f.member("join", (_LIST,), _S, lambda items: "".join(items))
    f.member("join", (_LIST, _S), _S, lambda items, between: between.join(items))
    f.member("lowerAscii", (_S,), _S, texts.lower)
    f.member("upperAscii", (_S,), _S, texts.upper)
    f.member("trim", (_S,), _S, str.strip)
    f.member("replace", (_S, _S, _S), _S, str.replace)
    f.member("replace", (_S, _S, _S, _I), _S, str.replace)
    f.member("split", (_S, _S), _TEXTS, texts.split)
    f.member("split", (_S, _S, _I), _TEXTS, texts.split)
    f.member("substring", (_S, _I), _S, texts.substring)
    f.member("substring", (_S, _I, _I), _S, texts.substring)
    f.member("format", (_S, _LIST), _S, texts.formatted)
    f.add("strings.quote", (_S,), _S, texts.quoted)
    f.member("find", (_S, _S), _S, texts.find)
    f.member("findAll", (_S, _S), _TEXTS, texts.find_all)
    f.member("findAll", (_S, _S, _I), _TEXTS, texts.find_all)


def _lists(f: _Functions) -> None:
    f.member("isSorted", (_LIST,), _B, lambda items: all(a <= b for a, b in itertools.pairwise(items)))
    f.member("sum", (_LIST,), _D, texts.total)
    f.member("min", (_LIST,), _D, min)
    f.member("max", (_LIST,), _D, max)
    for kind in _ANY:
        f.member(
            "indexOf", (_LIST, kind), _I, lambda items, item: next((i for i, x in enumerate(items) if x == item), -1)
        )
        f.member(
            "lastIndexOf",
            (_LIST, kind),
            _I,
            lambda items, item: next((i for i in reversed(range(len(items))) if items[i] == item), -1),
        )
    f.member("slice", (_LIST, _I, _I), _LIST, texts.sliced)
    f.member("reverse", (_LIST,), _LIST, lambda items: items[::-1])
    f.member("distinct", (_LIST,), _LIST, texts.distinct)
    f.member("sort", (_LIST,), _LIST, texts.ordered)
    f.member("flatten", (_LIST,), _LIST, texts.flattened)
    f.member("flatten", (_LIST, _I), _LIST, texts.flattened)
    f.add("lists.range", (_I,), T.List(_I), texts.counted)
    f.add("sets.contains", (_LIST, _LIST), _B, lambda a, b: all(x in a for x in b))
    f.add("sets.equivalent", (_LIST, _LIST), _B, lambda a, b: all(x in a for x in b) and all(x in b for x in a))
    f.add("sets.intersects", (_LIST, _LIST), _B, lambda a, b: any(x in a for x in b))


def _quantities(f: _Functions) -> None:
    amount = opaque.amount
    f.add("quantity", (_S,), _QUANTITY, opaque.quantity)
    f.add("isQuantity", (_S,), _B, opaque.is_quantity)
    q = (_QUANTITY,)
    f.member("sign", q, _I, _on(lambda a: _compare(amount(a), 0)))
    f.member("isInteger", q, _B, _on(lambda a: amount(a) == amount(a).to_integral_value()))
    f.member("asInteger", q, _I, _on(lambda a: texts.whole(amount(a))))
    f.member("asApproximateFloat", q, T.DOUBLE, _on(lambda a: float(amount(a))))
    for name, work in (("add", lambda a, b: a + b), ("sub", lambda a, b: a - b)):
        combine = functools.partial(_combined, work)
        f.member(name, (_QUANTITY, _QUANTITY), _QUANTITY, combine)
        f.member(name, (_QUANTITY, _I), _QUANTITY, combine)
    comparisons: dict[str, tuple[Any, Callable[[int], Any]]] = {
        "isGreaterThan": (_B, lambda order: order > 0),
        "isLessThan": (_B, lambda order: order < 0),
        "compareTo": (_I, lambda order: order),
    }
    for name, (result, verdict) in comparisons.items():
        # All messages are of one kind when it comes to calling: one function does the work for both.
        f.member(name, (_QUANTITY, _QUANTITY), result, lambda a, b, verdict=verdict: verdict(_order(a, b)))
        f.member(name, (_SEMVER, _SEMVER), result, None)


def _order(left: Any, right: Any) -> int:
    read = opaque.version if left.DESCRIPTOR.name == "Semver" else opaque.amount
    return _compare(read(_text(left)), read(_text(right)))


def _combined(work: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    other = opaque.amount(_text(right)) if hasattr(right, "text") else right
    return opaque.quantity_of(work(opaque.amount(_text(left)), other))


def _semver(f: _Functions) -> None:
    f.add("semver", (_S,), _SEMVER, opaque.semver)
    f.add("semver", (_S, _B), _SEMVER, lambda s, loose: opaque.semver(opaque.normalized(s) if loose else s))
    f.add("isSemver", (_S,), _B, opaque.is_semver)
    f.add("isSemver", (_S, _B), _B, lambda s, loose: opaque.is_semver(opaque.normalized(s) if loose else s))
    for i, name in enumerate(("major", "minor", "patch")):
        f.member(name, (_SEMVER,), _I, _on(lambda v, i=i: opaque.version(v)[i]))


def _urls(f: _Functions) -> None:
    f.add("url", (_S,), _URL, opaque.url)
    f.add("isURL", (_S,), _B, opaque.is_url)
    f.member("getScheme", (_URL,), _S, _on(lambda u: opaque.split_url(u).scheme))
    f.member("getHost", (_URL,), _S, _on(opaque.url_host))
    f.member("getHostname", (_URL,), _S, _on(opaque.url_hostname))
    f.member("getPort", (_URL,), _S, _on(opaque.url_port))
    f.member("getEscapedPath", (_URL,), _S, _on(opaque.url_path))
    f.member("getQuery", (_URL,), T.Map(_S, _TEXTS), _on(opaque.url_query))


def _networks(f: _Functions) -> None:
    address, interface = opaque.address, opaque.interface
    f.add("ip", (_S,), _IP, opaque.ip)
    f.add("isIP", (_S,), _B, opaque.is_ip)
    f.add("ip.isCanonical", (_S,), _B, lambda text: str(address(text)) == text)
    f.member("family", (_IP,), _I, _on(lambda a: address(a).version))
    f.member("isUnspecified", (_IP,), _B, _on(lambda a: address(a).is_unspecified))
    f.member("isLoopback", (_IP,), _B, _on(lambda a: address(a).is_loopback))
    f.member("isLinkLocalMulticast", (_IP,), _B, _on(opaque.is_link_local_multicast))
    f.member("isLinkLocalUnicast", (_IP,), _B, _on(lambda a: address(a).is_link_local))
    f.member("isGlobalUnicast", (_IP,), _B, _on(opaque.is_global_unicast))
    f.add("cidr", (_S,), _CIDR, opaque.cidr)
    f.add("isCIDR", (_S,), _B, opaque.is_cidr)
    for kind in (_S, _IP):
        f.member("containsIP", (_CIDR, kind), _B, _on(opaque.contains_ip))
    for kind in (_S, _CIDR):
        f.member("containsCIDR", (_CIDR, kind), _B, _on(opaque.contains_cidr))
    f.member("ip", (_CIDR,), _IP, _on(lambda c: opaque.message("IP", str(interface(c).ip))))
    f.member("prefixLength", (_CIDR,), _I, _on(lambda c: interface(c).network.prefixlen))
    f.member("masked", (_CIDR,), _CIDR, _on(lambda c: opaque.message("CIDR", str(interface(c).network))))


def _formats(f: _Functions) -> None:
    # A named format is a text here: nothing but validate() takes one.
    for name in _NAMED_FORMATS:
        f.add(f"format.{name}", (), _S, lambda name=name: name)
    f.member("validate", (_S, _S), _D, _validated)


def _validated(name: str, text: str) -> Any:
    if name not in _NAMED_FORMATS:
        raise ValueError(f"unknown format {name}")
    return [] if _NAMED_FORMATS[name](text) else [f"not a valid {name}"]


@functools.cache
def functions() -> list[Any]:
    found = _Functions()
    for add in (_strings, _lists, _quantities, _semver, _urls, _networks, _formats):
        add(found)
    return found.declarations()


@functools.cache
def extensions(*, bindings: bool = False) -> list[Any]:
    """Those of the library that rules may use; with `bindings`, what a rule is wrapped in may use cel.bind."""
    return [ext_optional.ExtOptional(), *([ext_bindings.ExtBindings()] if bindings else [])]


@functools.cache
def evaluating() -> Any:
    """The environment rules are evaluated in: `self` and `oldSelf` are what the object holds."""
    variables = {"self": T.DYN, "oldSelf": T.DYN, "hasOldSelf": T.BOOL, "oldSelfValue": T.DYN}
    return cel.NewEnv(
        descriptor_pool=opaque.POOL, variables=variables, functions=functions(), extensions=extensions(bindings=True)
    )
