"""Group-versions that are going away, and what their users are told. Pure.

Source: api/*/*/zz_generated.prerelease-lifecycle.go, api/core/v1/lifecycle.go, apiserver/pkg/endpoints/deprecation.
"""

from __future__ import annotations

from pybernetes.apimachinery.scheme import Resource

_ADMISSION, _RESOURCE = "admissionregistration.k8s.io", "resource.k8s.io"
DEPRECATED: dict[tuple[str, str, str], tuple[int, int, str]] = {
    ("", "v1", "componentstatuses"): (19, 0, ""),
    ("", "v1", "endpoints"): (33, 0, "discovery.k8s.io/v1 EndpointSlice"),
    (_ADMISSION, "v1alpha1", "mutatingadmissionpolicies"): (35, 38, ""),
    (_ADMISSION, "v1alpha1", "mutatingadmissionpolicybindings"): (35, 38, ""),
    ("certificates.k8s.io", "v1alpha1", "clustertrustbundles"): (34, 37, ""),
    ("coordination.k8s.io", "v1alpha2", "leasecandidates"): (35, 38, ""),
    ("coordination.k8s.io", "v1beta1", "leasecandidates"): (36, 39, ""),
    ("networking.k8s.io", "v1beta1", "ipaddresses"): (34, 37, ""),
    ("networking.k8s.io", "v1beta1", "servicecidrs"): (34, 37, ""),
    (_RESOURCE, "v1alpha3", "devicetaintrules"): (36, 39, ""),
    (_RESOURCE, "v1beta1", "deviceclasses"): (35, 38, ""),
    (_RESOURCE, "v1beta1", "resourceclaims"): (35, 38, ""),
    (_RESOURCE, "v1beta1", "resourceclaimtemplates"): (35, 38, ""),
    (_RESOURCE, "v1beta1", "resourceslices"): (35, 38, ""),
    (_RESOURCE, "v1beta2", "deviceclasses"): (36, 39, ""),
    (_RESOURCE, "v1beta2", "resourceclaims"): (36, 39, ""),
    (_RESOURCE, "v1beta2", "resourceclaimtemplates"): (36, 39, ""),
    (_RESOURCE, "v1beta2", "resourceslices"): (36, 39, ""),
    ("storage.k8s.io", "v1beta1", "volumeattributesclasses"): (34, 37, "storage.k8s.io/v1 VolumeAttributesClass"),
}
"""Deprecated since which minor version, gone in which (0: nobody said), and what to use instead."""


def deprecation(resource: Resource) -> str:
    """The text of the Warning header."""
    since, gone, instead = DEPRECATED[(resource.group, resource.version, resource.plural)]
    text = f"{resource.api_version} {resource.kind} is deprecated in v1.{since}+"
    if gone:
        text += f", unavailable in v1.{gone}+"
    return f"{text}; use {instead}" if instead else text
