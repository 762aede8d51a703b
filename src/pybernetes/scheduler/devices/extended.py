"""The claim behind a Pod's extended resources, where these are made of devices. Pure.

It has a request for each container and resource. Init containers that end use what later containers get anyway, and
share what they need beyond that.
Source: pkg/scheduler/framework/plugins/dynamicresources/extendeddynamicresources.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybernetes.api.core.v1 import Container, ContainerExtendedResourceRequest, Pod
from pybernetes.api.meta.v1 import ObjectMeta, OwnerReference
from pybernetes.api.resource.v1 import (
    DeviceClaim,
    DeviceRequest,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
)
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.extended_resources import CLAIM_ANNOTATION
from pybernetes.apimachinery.pod_resources import amounts_of

_NOT_MADE_YET = "<extended-resources>"
"""No name that a claim can have."""


@dataclass(slots=True, frozen=True)
class ExtendedClaim:
    claim: ResourceClaim
    mappings: list[ContainerExtendedResourceRequest]
    """Which request each container gets its resources from."""


def extended_claim(pod: Pod, classes: Mapping[str, str]) -> ExtendedClaim:
    """`classes`: the resources that are made of devices, with the name of the class. The claim has no uid yet."""
    requests: list[DeviceRequest] = []
    mappings: list[ContainerExtendedResourceRequest] = []
    for resource in sorted(classes):
        wanted = list(_wanted(pod, resource))
        lasting = {index: each for index, each in enumerate(wanted) if each.count and each.lasts}
        requests += [_request(each.request, classes[resource], each.count) for each in lasting.values()]
        mappings += [_mapping(each, resource, each.request) for each in lasting.values()]
        passing = [_Passing(each, _reusable(index, each, lasting)) for index, each in enumerate(wanted) if each.passes]
        own = max((each for each in passing if each.missing), key=lambda each: each.missing, default=None)
        if own is not None:
            requests.append(_request(own.wanted.request, classes[resource], own.missing))
        for each in passing:
            names = [reused.request for reused in each.reused]
            if own is not None and each.missing:
                names.append(own.wanted.request)
            mappings += [_mapping(each.wanted, resource, name) for name in names]
    requests.sort(key=lambda request: request.name)
    return ExtendedClaim(_claim(pod, requests), mappings)


@dataclass(slots=True, frozen=True)
class _Wanted:
    """What a container wants of a resource."""

    container: Container
    request: str
    count: int
    lasts: bool
    """Until the Pod ends, as no init container does but sidecars."""

    @property
    def passes(self) -> bool:
        return self.count > 0 and not self.lasts


@dataclass(slots=True, frozen=True)
class _Passing:
    """A container that ends, with what it uses of later ones."""

    wanted: _Wanted
    reused: list[_Wanted]

    @property
    def missing(self) -> int:
        return max(self.wanted.count - sum(each.count for each in self.reused), 0)


def _wanted(pod: Pod, resource: str) -> Iterator[_Wanted]:
    containers = [*pod.spec.initContainers, *pod.spec.containers]
    for index, container in enumerate(containers):
        asked = amounts_of(container, "requests")
        count, rest = divmod(quantity.nano(asked.get(resource, "0")), quantity.NANO)
        number = sorted(asked).index(resource) if resource in asked else 0
        lasts = index >= len(pod.spec.initContainers) or container.restartPolicy == "Always"
        yield _Wanted(container, f"container-{index}-request-{number}", 0 if rest else count, lasts)


def _reusable(index: int, wanted: _Wanted, lasting: Mapping[int, _Wanted]) -> list[_Wanted]:
    """What containers after this one have, as much of it as it wants."""
    found: list[_Wanted] = []
    for later, each in lasting.items():
        if later > index and sum(reused.count for reused in found) < wanted.count:
            found.append(each)
    return found


def _request(name: str, device_class: str, count: int) -> DeviceRequest:
    exactly = ExactDeviceRequest(deviceClassName=device_class, allocationMode="ExactCount", count=count)
    return DeviceRequest(name=name, exactly=exactly)


def _mapping(wanted: _Wanted, resource: str, request: str) -> ContainerExtendedResourceRequest:
    name = wanted.container.name
    return ContainerExtendedResourceRequest(containerName=name, resourceName=resource, requestName=request)


def _claim(pod: Pod, requests: list[DeviceRequest]) -> ResourceClaim:
    meta = pod.metadata
    owner = OwnerReference(apiVersion="v1", kind="Pod", name=meta.name or "", uid=meta.uid or "", controller=True)
    metadata = ObjectMeta(
        name=_NOT_MADE_YET,
        namespace=meta.namespace,
        generateName=f"{meta.name}-extended-resources-",
        annotations={CLAIM_ANNOTATION: "true"},
        ownerReferences=[owner],
    )
    return ResourceClaim(metadata=metadata, spec=ResourceClaimSpec(devices=DeviceClaim(requests=requests)))
