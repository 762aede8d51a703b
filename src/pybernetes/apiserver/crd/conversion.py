"""ConversionReviews: what a conversion webhook is asked, and what of its answer can be believed. Pure.

Source: apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pybernetes.apimachinery.field_errors import FieldError, Path, aggregate
from pybernetes.apimachinery.managed_fields import gvk_text
from pybernetes.apimachinery.trees import go_type
from pybernetes.apiserver.registry.generic import object_meta

Tree = dict[str, Any]
KNOWN = ("v1", "v1beta1")
_GROUP = "apiextensions.k8s.io"


class Failure(Exception):
    """Why objects could not be converted; `kind` is what the metric calls it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def review_version(offered: Sequence[str]) -> str:
    """The first version of ConversionReview that both sides know. Raises Failure."""
    found = next((version for version in offered if version in KNOWN), None)
    if found is None:
        raise Failure("conversion_webhook_call_failure", "no supported conversion review versions")
    return found


def request(version: str, uid: str, api_version: str, objects: Sequence[bytes]) -> bytes:
    """The review that asks for `objects` in `api_version`."""
    head = orjson.dumps({"uid": uid, "desiredAPIVersion": api_version})
    return b'{"kind":"ConversionReview","apiVersion":"%b/%b","request":%b,"objects":[%b]}}' % (
        _GROUP.encode(),
        version.encode(),
        head[:-1],
        b",".join(objects),
    )


def converted(answer: bytes, version: str, uid: str, api_version: str, originals: Sequence[Tree]) -> list[Tree]:
    """The objects of an answer, each checked against its original and with its metadata restored. Raises Failure."""
    who = gvk_text(originals[0])
    objects = _objects(answer, version, uid, who)
    if len(objects) != len(originals):
        why = f"conversion webhook for {who} returned {len(objects)} objects, expected {len(originals)}"
        raise Failure("conversion_webhook_partial_response_failure", why)
    made = []
    for index, (original, found) in enumerate(zip(originals, objects, strict=True)):
        problem = _problem(original, found, api_version, index)
        if problem:
            why = f"conversion webhook for {gvk_text(original)} returned {problem}"
            raise Failure("conversion_webhook_invalid_converted_object_failure", why)
        made.append({**found, "metadata": _restored(original["metadata"], found["metadata"])})
    return made


def _objects(answer: bytes, version: str, uid: str, who: str) -> list[Any]:
    def failed(why: str, kind: str = "conversion_webhook_malformed_response_failure") -> Failure:
        return Failure(kind, f"conversion webhook for {who} failed: {why}")

    try:
        tree = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise failed(why, "conversion_webhook_call_failure") from None
    tree = tree if isinstance(tree, dict) else {}
    if not tree.get("kind"):
        raise failed(f"Object 'Kind' is missing in '{shown(answer)}'", "conversion_webhook_call_failure")
    group, _, got = str(tree.get("apiVersion") or "").rpartition("/")
    if group != _GROUP or got not in KNOWN or tree["kind"] != "ConversionReview":
        why = f'no kind "{tree["kind"]}" is registered for version "{tree.get("apiVersion") or ""}" in scheme'
        raise failed(why, "conversion_webhook_call_failure")
    if version == "v1" and got != "v1":
        why = f"expected webhook response of {_GROUP}/v1, Kind=ConversionReview, got {group}/{got}, Kind={tree['kind']}"
        raise failed(why)
    response = tree.get("response")
    if not isinstance(response, dict):
        raise failed("no response provided")
    got = response.get("uid") or ""
    if version == "v1" and got != uid:
        raise failed(f'expected response.uid="{uid}", got "{got}"')
    result = response.get("result")
    result = result if isinstance(result, dict) else {}
    if result.get("status") != "Success":
        raise failed(result.get("message") or f"response.result.status was '{result.get('status', '')}', not 'Success'")
    objects = response.get("convertedObjects")
    return objects if isinstance(objects, list) else []


def shown(answer: bytes) -> str:
    return answer[:1024].decode("utf-8", "replace")


def _problem(original: Tree, found: Any, api_version: str, index: int) -> str:
    """What is wrong with one object of an answer; "" when it can be taken."""
    if not isinstance(found, dict) or not found.get("kind"):
        return f"invalid converted object at index {index}: Object 'Kind' is missing in '{shown(orjson.dumps(found))}'"
    got = found.get("apiVersion") or ""
    if got != api_version:
        return f"invalid object at index {index}: invalid groupVersion (expected {api_version}, received {got})"
    if found["kind"] != original.get("kind"):
        expected, kind = original.get("kind"), found["kind"]
        return f"invalid object at index {index}: invalid kind (expected {expected}, received {kind})"
    meta, old = found.get("metadata"), original["metadata"]
    ours = meta if isinstance(meta, dict) else {}
    for name, word in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (ours.get(name) or "") != (old.get(name) or ""):
            return f"invalid object: must have the same {word}: {old.get(name) or ''} != {ours.get(name) or ''}"
    if not isinstance(meta, dict):
        why = f"invalid metadata of type {go_type(meta)} in converted object"
        if "metadata" not in found:
            why = "missing metadata in converted object"
        return f"invalid metadata: {why}"
    for name in ("labels", "annotations"):
        why = _bad_strings(name, meta.get(name), old.get(name))
        if why:
            return f"invalid metadata: {why}"
    return ""


def _bad_strings(name: str, value: Any, old: Any) -> str:
    if value is None or value == old:
        return ""
    if not isinstance(value, dict):
        return f"invalid metadata.{name} of type {go_type(value)} in converted object"
    for key, text in value.items():
        if not isinstance(text, str):
            return f"metadata.{name}[{key}] must be a string, but is {go_type(text)} in converted object"
    at = Path("metadata")
    found: list[FieldError]
    if name == "labels":
        found = object_meta.validate_labels(value, at.child("labels"))
    else:
        found = object_meta.validate_annotations(value, at.child("annotation"))
    return aggregate(found) if found else ""


def _restored(old: Tree, new: Tree) -> Tree:
    """The original's metadata; labels and annotations are the webhook's to change."""
    kept = {name: value for name, value in old.items() if name not in ("labels", "annotations")}
    return kept | {name: new[name] for name in ("labels", "annotations") if new.get(name) is not None}
