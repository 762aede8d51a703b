"""Accept headers, as kubectl, client-go and people send them."""

from __future__ import annotations

import pytest

from pybernetes.apimachinery.errors import NotAcceptable, UnsupportedMediaType
from pybernetes.apiserver.endpoints import bodies
from pybernetes.apiserver.endpoints.negotiation import LIST_FORMS, OBJECT_FORMS, PROTOBUF, error_form, negotiate
from pybernetes.http.messages import Request

KUBECTL = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)


def asking(accept: str, query: str = "", agent: str = "") -> Request:
    return Request("GET", "/", query, {"accept": accept, "user-agent": agent} if accept else {"user-agent": agent})


@pytest.mark.parametrize(
    ("accept", "media_type", "kind", "version"),
    [
        ("", "application/json", "", ""),
        ("*/*", "application/json", "", ""),
        ("application/*", "application/json", "", ""),
        ("application/yaml", "application/yaml", "", ""),
        (KUBECTL, "application/json", "Table", "v1"),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", "application/json", "Table", "v1beta1"),
        ("application/vnd.kubernetes.protobuf,application/json", PROTOBUF, "", ""),
        (f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json", "application/json", "", ""),
        ("application/json;q=0.5,application/yaml", "application/yaml", "", ""),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json", "", ""),
        (
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
            "application/json",
            "PartialObjectMetadataList",
            "v1",
        ),
        ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", "application/json", "", ""),
        ("application/json;as=Unknown;v=v1;g=x,application/json", "application/json", "", ""),
    ],
)
def test_forms_of_a_list(accept: str, media_type: str, kind: str, version: str) -> None:
    form = negotiate(asking(accept), LIST_FORMS)
    assert (form.media_type, form.kind, form.version) == (media_type, kind, version)


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/cbor", "application/json;as=Table;v=v2;g=meta.k8s.io"],
)
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="only the following media types are accepted: application/json, "):
        negotiate(asking(accept), OBJECT_FORMS)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (KUBECTL, "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/yaml;as=Table;v=v1;g=meta.k8s.io", "application/json"),
        (f"{PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/json"),
        ("text/html", "application/json"),
        ("application/json;sv=v1", "application/json"),
    ],
)
def test_forms_of_an_error(accept: str, media_type: str) -> None:
    assert error_form(asking(accept)).media_type == media_type


def test_watches_are_never_yaml() -> None:
    for media_type in ("application/json", PROTOBUF):
        assert negotiate(asking(f"{media_type};stream=watch"), stream=True).media_type == media_type
    with pytest.raises(NotAcceptable):
        negotiate(asking("application/yaml"), stream=True)


@pytest.mark.parametrize(
    ("query", "agent", "pretty"),
    [("", "kubectl/v1.32", False), ("", "curl/8", True), ("pretty=true", "", True), ("pretty=0", "curl/8", False)],
)
def test_pretty(query: str, agent: str, pretty: bool) -> None:
    assert negotiate(asking("", query, agent)).pretty is pretty


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf"),
    ],
)
def test_body_types(given: str, found: str) -> None:
    assert bodies.media_type(Request("POST", "/", headers={"content-type": given})) == found


def test_other_bodies_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="the body of the request was in an unknown format"):
        bodies.media_type(Request("POST", "/", headers={"content-type": "text/plain"}))
