"""Which form the answer takes (Accept).

Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation.
Protobuf is offered for built-in kinds, and never for Tables: they have no form in it. CBOR is offered where
the gate CBORServingAndStorage is on; else a client that accepts only that gets 406.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from pybernetes.apimachinery.errors import NotAcceptable
from pybernetes.http.messages import Handler, Request, Response, Upgrade

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
CBOR = "application/cbor"
CBOR_SEQUENCE = "application/cbor-seq"
"""The media type of a watch in CBOR, which is asked for by CBOR's own."""
_SERVED = (JSON, YAML, PROTOBUF, CBOR)
_STREAMED = (JSON, PROTOBUF, CBOR)
_CBOR_OFFERED = "cbor offered"
_META = "meta.k8s.io"
_HUMANS = ("curl", "Wget", "Mozilla/5.0")


@dataclass(slots=True, frozen=True)
class Form:
    """The form an answer takes."""

    media_type: str = JSON
    kind: str = ""
    """"" as it is, or Table, PartialObjectMetadata, PartialObjectMetadataList, APIGroupDiscoveryList."""
    version: str = ""
    group: str = ""
    pretty: bool = False
    stream: str = ""


@dataclass(slots=True, frozen=True)
class Clause:
    type: str
    subtype: str
    params: dict[str, str]


@functools.lru_cache(512)
def clauses(accept: str) -> tuple[Clause, ...]:
    """The Accept header's clauses, the preferred first; equal quality and precision keep their order."""
    found: list[tuple[float, int, int, Clause]] = []
    for position, text in enumerate(accept.split(",")):
        media_type, *rest = text.split(";")
        type_, _, subtype = media_type.strip().partition("/")
        if not type_:
            continue
        params: dict[str, str] = {}
        quality = 1.0
        for part in rest:
            key, _, value = part.strip().partition("=")
            if key == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 1.0
                continue
            params[key] = value.strip('"')
        wild = (type_ == "*") + (subtype in ("*", ""))
        found.append((-quality, wild, position, Clause(type_.lower(), (subtype or "*").lower(), params)))
    found.sort(key=lambda entry: entry[:3])
    return tuple(entry[3] for entry in found)


@functools.lru_cache(1024)
def _negotiate(
    accept: str, transforms: tuple[tuple[str, str], ...], stream: bool, protobuf: bool, cbor: bool
) -> Form | None:
    if not accept:
        return Form()
    served = _served(stream, protobuf, cbor)
    for clause in clauses(accept):
        for media_type in served:
            type_, _, subtype = media_type.partition("/")
            if (clause.type, clause.subtype) not in ((type_, subtype), (type_, "*"), ("*", "*")):
                continue
            form = _form(clause, media_type, transforms, stream)
            if form is not None:
                return form
    return None


def _form(clause: Clause, media_type: str, transforms: tuple[tuple[str, str], ...], stream: bool) -> Form | None:
    params = clause.params
    if params.get("stream") and (params["stream"] != "watch" or media_type not in _STREAMED):
        return None
    kind, group, version = params.get("as", ""), params.get("g", ""), params.get("v", "")
    if (kind or group or version) and (kind, f"{group}/{version}") not in transforms:
        return None
    if kind == "Table" and media_type == PROTOBUF:
        return None
    return Form(media_type, kind, version, group, params.get("pretty") == "1", params.get("stream", ""))


OBJECT_FORMS = tuple((kind, f"{_META}/{v}") for kind in ("Table", "PartialObjectMetadata") for v in ("v1", "v1beta1"))
LIST_FORMS = tuple((kind, f"{_META}/{v}") for kind in ("Table", "PartialObjectMetadataList") for v in ("v1", "v1beta1"))


def negotiate(
    request: Request, transforms: tuple[tuple[str, str], ...] = (), *, stream: bool = False, protobuf: bool = True
) -> Form:
    """The form to answer in. Raises NotAcceptable when nothing the client accepts is served."""
    cbor = cbor_offered(request)
    form = _negotiate(request.headers.get("accept", ""), transforms, stream, protobuf, cbor)
    if form is None:
        raise NotAcceptable(f"only the following media types are accepted: {_names(stream, protobuf, cbor)}")
    if not form.pretty and pretty(request):
        return Form(form.media_type, form.kind, form.version, form.group, True, form.stream)
    return form


def error_form(request: Request) -> Form:
    """The form of an error answer: what was asked for where served, else JSON; errors are no Tables."""
    form = _negotiate(request.headers.get("accept", ""), (), False, True, cbor_offered(request)) or Form()
    return Form(form.media_type, pretty=form.pretty or pretty(request))


def pretty(request: Request) -> bool:
    """?pretty=, or a client that a human reads. Source: negotiate.go isPrettyPrint."""
    if "pretty" in request.query and (value := request.params().get("pretty", [""])[0]):
        return value in ("1", "t", "T", "true", "TRUE", "True")
    return request.headers.get("user-agent", "").startswith(_HUMANS)


def offering_cbor(inner: Handler) -> Handler:
    """The filter of a server whose gate for CBOR is on."""

    async def handle(request: Request) -> Response | Upgrade:
        request.context[_CBOR_OFFERED] = True
        return await inner(request)

    return handle


def cbor_offered(request: Request) -> bool:
    return _CBOR_OFFERED in request.context


def _served(stream: bool, protobuf: bool, cbor: bool) -> tuple[str, ...]:
    without = (() if protobuf else (PROTOBUF,)) + (() if cbor else (CBOR,))
    return tuple(name for name in (_STREAMED if stream else _SERVED) if name not in without)


def _names(stream: bool, protobuf: bool, cbor: bool) -> str:
    served = _served(stream, protobuf, cbor)
    if stream:
        served = tuple(CBOR_SEQUENCE if name == CBOR else f"{name};stream=watch" for name in served)
    return ", ".join(served)
