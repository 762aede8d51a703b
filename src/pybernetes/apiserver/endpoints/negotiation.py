"""Which form the answer takes (Accept).

Source: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation.
Protobuf is offered for built-in kinds, and never for Tables: they have no form in it.
Differs: CBOR is not offered, as upstream without its gate; a client that accepts only that gets 406.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from pybernetes.apimachinery.errors import NotAcceptable
from pybernetes.http.messages import Request

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
SERVED = (JSON, YAML, PROTOBUF)
_STREAMED = (JSON, PROTOBUF)
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
    accept: str, transforms: tuple[tuple[str, str], ...], stream: bool, protobuf: bool = True
) -> Form | None:
    if not accept:
        return Form()
    served = _served(stream, protobuf)
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
    if params.get("sv"):
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
    form = _negotiate(request.headers.get("accept", ""), transforms, stream, protobuf)
    if form is None:
        raise NotAcceptable(f"only the following media types are accepted: {_names(stream, protobuf)}")
    if not form.pretty and pretty(request):
        return Form(form.media_type, form.kind, form.version, form.group, True, form.stream)
    return form


def error_form(request: Request) -> Form:
    """The form of an error answer: what was asked for where served, else JSON."""
    form = _negotiate(request.headers.get("accept", ""), OBJECT_FORMS + LIST_FORMS, False) or Form()
    return Form(form.media_type, pretty=form.pretty or pretty(request))


def pretty(request: Request) -> bool:
    """?pretty=, or a client that a human reads. Source: negotiate.go isPrettyPrint."""
    if "pretty" in request.query and (value := request.params().get("pretty", [""])[0]):
        return value in ("1", "t", "T", "true", "TRUE", "True")
    return request.headers.get("user-agent", "").startswith(_HUMANS)


def _served(stream: bool, protobuf: bool) -> tuple[str, ...]:
    served = _STREAMED if stream else SERVED
    return served if protobuf else served[:-1]


def _names(stream: bool, protobuf: bool) -> str:
    return ", ".join(f"{name};stream=watch" if stream else name for name in _served(stream, protobuf))
