"""Short ways to what the DNS server tells of."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pybernetes.api.core.v1 import Service
from pybernetes.api.discovery.v1 import EndpointSlice


def service(name: str, **spec: object) -> Service:
    return msgspec.convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, Service)


def slice_(*endpoints: Mapping[str, object]) -> EndpointSlice:
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return msgspec.convert({"addressType": "IPv4", "endpoints": list(endpoints), "ports": ports}, EndpointSlice)
