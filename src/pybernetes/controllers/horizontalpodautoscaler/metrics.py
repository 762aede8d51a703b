"""Asks the metrics APIs: resource metrics of Pods, custom metrics of Pods and objects, external metrics.

Source: pkg/controller/podautoscaler/metrics/client.go, k8s.io/metrics/pkg/client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pybernetes.api.autoscaling.v2 import CrossVersionObjectReference, MetricIdentifier, MetricSpec
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.errors import NotFound, ServiceUnavailable, StatusError
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.apimachinery.times import parse_duration, parse_time
from pybernetes.client.client import Client
from pybernetes.client.discovery import resources_of
from pybernetes.controllers.horizontalpodautoscaler.replicas import MetricError, Sample, Samples, total

_RESOURCE = "/apis/metrics.k8s.io/v1beta1"
_CUSTOM = "custom.metrics.k8s.io"
_EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
_CUSTOM_VERSIONS = ("v1beta2", "v1beta1")
_WINDOW_S = 60.0
"""Of custom metrics that name none."""

Tree = Mapping[str, Any]


class MetricsClient:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def fetch(self, spec: MetricSpec, namespace: str, selector: str) -> Samples | int:
        """Samples by Pod, or the one value (in thousandths) of an Object or External metric. Raises MetricError."""
        try:
            if spec.object is not None:
                return await self._object(spec.object.describedObject, spec.object.metric, namespace)
            if spec.external is not None:
                return await self._external(spec.external.metric, namespace)
            if spec.pods is not None:
                return await self._pods(spec.pods.metric, namespace, selector)
            source = spec.resource or spec.containerResource
            assert source is not None
            container = "" if spec.containerResource is None else spec.containerResource.container
            return await self._resource(source.name, container, namespace, selector)
        except (LookupError, TypeError, AttributeError, msgspec.DecodeError, ValueError) as error:
            if isinstance(error, MetricError):
                raise
            raise MetricError(f"the answer of the metrics API cannot be read: {error!r}") from None

    async def _resource(self, name: str, container: str, namespace: str, selector: str) -> Samples:
        query = {"labelSelector": selector} if selector else {}
        listed = await self._get(
            f"{_RESOURCE}/namespaces/{namespace}/pods", query, "resource metrics", "get pods.metrics.k8s.io"
        )
        items = listed.get("items") or []
        if not items:
            raise MetricError("no metrics returned from resource metrics API")
        found: dict[str, Sample] = {}
        for item in items:
            used = used_by(item.get("containers") or [], name, container)
            if used is not None:
                window_s = parse_duration(item.get("window") or "0s")
                found[item["metadata"]["name"]] = Sample(used, parse_time(item["timestamp"]), window_s)
        return found

    async def _pods(self, metric: MetricIdentifier, namespace: str, selector: str) -> Samples:
        query = {"labelSelector": selector} if selector else {}
        place = f"namespaces/{namespace}/pods/*/{quote(metric.name, safe='')}"
        items = await self._custom(place, metric, query, f"get pods.{_CUSTOM} *")
        if not items:
            raise MetricError("no metrics returned from custom metrics API")
        found: dict[str, Sample] = {}
        for item in items:
            window_s = item.get("windowSeconds", item.get("window"))
            found[item["describedObject"]["name"]] = Sample(
                quantity.milli(item["value"]),
                parse_time(item["timestamp"]),
                _WINDOW_S if window_s is None else float(window_s),
            )
        return found

    async def _object(self, about: CrossVersionObjectReference, metric: MetricIdentifier, namespace: str) -> int:
        group = (about.apiVersion or "").rpartition("/")[0]
        name = quote(metric.name, safe="")
        if (group, about.kind) == ("", "Namespace"):
            # A reference cannot leave the autoscaler's own namespace.
            place, asked = f"namespaces/{namespace}/metrics/{name}", f"get metrics.{_CUSTOM} {metric.name}"
        else:
            why = f'no matches for kind "{about.kind}" in group "{group}"'
            try:
                mapped = await resources_of(self._client, group, about.kind)
            except StatusError as error:
                mapped, why = [], error.message
            if not mapped:
                full = f"{about.kind}.{group}" if group else about.kind
                raise MetricError(f"{_unable('custom metrics')}: unable to map kind {full} to resource: {why}")
            resource = mapped[0].qualified
            place = f"namespaces/{namespace}/{resource}/{quote(about.name, safe='')}/{name}"
            asked = f"get {resource}.{_CUSTOM} {about.name}"
        items = await self._custom(place, metric, {}, asked)
        if len(items) != 1:
            why = f"the custom metrics API server returned {len(items)} results when we asked for exactly one"
            raise MetricError(f"{_unable('custom metrics')}: {why}")
        return quantity.milli(items[0]["value"])

    async def _custom(
        self, place: str, metric: MetricIdentifier, query: dict[str, str], asked: str
    ) -> list[dict[str, Any]]:
        listed = await self._get(f"/apis/{_CUSTOM}", {}, "custom metrics", "get custom metrics")
        offered = [each["version"] for each in listed.get("versions") or []]
        version = next((each for each in _CUSTOM_VERSIONS if each in offered), _CUSTOM_VERSIONS[0])
        chosen = _text(metric)
        if chosen:
            query = {**query, "metricLabelSelector": chosen}
        answer = await self._get(f"/apis/{_CUSTOM}/{version}/{place}", query, "custom metrics", asked)
        return answer.get("items") or []

    async def _external(self, metric: MetricIdentifier, namespace: str) -> int:
        chosen = _text(metric)
        query = {"labelSelector": chosen} if chosen else {}
        place = f"{_EXTERNAL}/namespaces/{namespace}/{quote(metric.name, safe='')}"
        answer = await self._get(place, query, "external metrics", f"get {metric.name}.external.metrics.k8s.io")
        items = answer.get("items") or []
        if not items:
            raise MetricError("no metrics returned from external metrics API")
        return total(quantity.milli(item["value"]) for item in items)

    async def _get(self, path: str, query: dict[str, str], api: str, asked: str) -> Tree:
        """Raises MetricError in upstream's words."""
        try:
            answer = await self._client.raw("GET", path, urlencode(query))
        except NotFound as error:
            why = error.message
            if error.details is None or not error.details.name:
                why = f"the server could not find the requested resource ({asked})"
            raise MetricError(f"{_unable(api)}: {why}") from None
        except ServiceUnavailable:
            why = f"the server is currently unable to handle the request ({asked})"
            raise MetricError(f"{_unable(api)}: {why}") from None
        except StatusError as error:
            raise MetricError(f"{_unable(api)}: {error.message}") from None
        except OSError as error:
            raise MetricError(f"{_unable(api)}: {error}") from None
        found = msgspec.json.decode(answer.body)
        if not isinstance(found, dict):
            raise MetricError(f"{_unable(api)}: the answer is no object")
        return found


def used_by(containers: Iterable[Tree], resource: str, container: str) -> int | None:
    """Thousandths of the resource, of one container or of all; None when one of them does not tell."""
    wanted = [each for each in containers if not container or each["name"] == container]
    if not wanted or any(resource not in each["usage"] for each in wanted):
        return None
    return sum(quantity.milli(each["usage"][resource]) for each in wanted)


def _unable(api: str) -> str:
    return f"unable to fetch metrics from {api} API"


def _text(metric: MetricIdentifier) -> str:
    """The metric's own selector, as a query has it. Raises MetricError."""
    if metric.selector is None:
        return ""
    try:
        return str(LabelSelector.of(metric.selector))
    except SelectorError as error:
        raise MetricError(str(error)) from None
