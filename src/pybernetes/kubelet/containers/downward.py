"""The downward API: fields and resources of a pod as text. Pure.

Source: pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go, kubelet_pods.go podFieldSelectorRuntimeValue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pybernetes.api.core.v1 import Container, EphemeralContainer, Pod, ResourceFieldSelector
from pybernetes.apimachinery import quantity
from pybernetes.kubelet.resources.requests import resources_of

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")
_GO_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class FieldError(ValueError):
    """A field or resource that cannot be given; the text is upstream's."""


def field_value(
    pod: Pod, path: str, *, node_name: str = "", host_ips: list[str] | None = None, pod_ips: list[str] | None = None
) -> str:
    """One field of the pod. Raises FieldError."""
    meta, spec = pod.metadata, pod.spec
    if match := _SUBSCRIPT.match(path):
        holder: dict[str, str] = getattr(meta, match[1])
        return holder.get(match[2], "")
    hosts, ips = host_ips or [], pod_ips or []
    plain: dict[str, str | None] = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "metadata.labels": format_map(meta.labels),
        "metadata.annotations": format_map(meta.annotations),
        "spec.nodeName": spec.nodeName or node_name,
        "spec.serviceAccountName": spec.serviceAccountName,
        "status.hostIP": hosts[0] if hosts else "",
        "status.hostIPs": ",".join(hosts),
        "status.podIP": ips[0] if ips else "",
        "status.podIPs": ",".join(ips),
    }
    if path not in plain:
        raise FieldError(f"unsupported fieldPath: {path}")
    return plain[path] or ""


def format_map(items: Mapping[str, str]) -> str:
    """key="value" lines, sorted, values quoted as Go does."""
    return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(items.items()))


def _quoted(text: str) -> str:
    return '"' + "".join(_GO_ESCAPES.get(c, c if c.isprintable() else f"\\x{ord(c):02x}") for c in text) + '"'


def resource_value(
    pod: Pod, selector: ResourceFieldSelector, container: Container | EphemeralContainer, allocatable: Mapping[str, str]
) -> str:
    """A request or limit in units of the divisor; a missing limit is the pod's, or the node's allocatable.

    Raises FieldError. Source: pkg/kubelet/kubelet_resources.go.
    """
    kind, _, name = selector.resource.partition(".")
    if kind not in ("limits", "requests") or not name:
        raise FieldError(f"Unsupported container resource : {selector.resource}")
    divisor = selector.divisor if selector.divisor and quantity.compare(selector.divisor, "0") else "1"
    resources = resources_of(container)
    amounts = resources.limits if kind == "limits" else resources.requests
    amount = amounts.get(name)
    if amount is None and name in ("cpu", "memory", "ephemeral-storage"):
        whole = pod.spec.resources.limits if pod.spec.resources is not None else {}
        most = whole.get(name) or allocatable.get(name, "0")
        amount = most if kind == "limits" else resources.limits.get(name, "0")
    amount = amount or "0"
    if name == "cpu":
        return str(-(-quantity.milli(amount) // max(quantity.milli(divisor), 1)))
    return str(-(-quantity.value(amount) // max(quantity.value(divisor), 1)))
