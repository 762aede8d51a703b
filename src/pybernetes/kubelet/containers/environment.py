"""The environment of a container: services, envFrom, env with its sources, in upstream's order. Pure.

Source: pkg/kubelet/kubelet_pods.go makeEnvironmentVariables, pkg/kubelet/envvars/envvars.go.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pybernetes.api.core.v1 import (
    ClusterTrustBundleProjection,
    ConfigMap,
    Container,
    EnvVarSource,
    EphemeralContainer,
    Pod,
    Secret,
    Service,
)
from pybernetes.host.ip_families import socket_address
from pybernetes.kubelet.containers import downward
from pybernetes.kubelet.containers.expansion import expand
from pybernetes.kubelet.pod_spec import find_container

if TYPE_CHECKING:
    from pybernetes.api.certificates.v1beta1 import ClusterTrustBundle

_MASTER_SERVICE = "kubernetes"


class ConfigError(Exception):
    """The container cannot be described yet (CreateContainerConfigError); the text is upstream's."""


class Objects(Protocol):
    """What pods refer to of the API; None when there is none of that name."""

    def config_map(self, namespace: str, name: str) -> ConfigMap | None: ...

    def secret(self, namespace: str, name: str) -> Secret | None: ...

    def trust_bundles(self, projection: ClusterTrustBundleProjection) -> list[ClusterTrustBundle]: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What fields of the downward API are taken from, beside the pod."""

    node_name: str
    host_ips: list[str] = field(default_factory=list)
    pod_ips: list[str] = field(default_factory=list)
    allocatable: Mapping[str, str] = field(default_factory=dict)


def secret_value(secret: Secret, key: str) -> bytes | None:
    encoded = secret.data.get(key)
    return None if encoded is None else base64.b64decode(encoded)


def container_environment(
    pod: Pod,
    container: Container | EphemeralContainer,
    objects: Objects,
    services: Iterable[Service],
    facts: Facts,
    read_file: Callable[[str, str, str], str | None] | None = None,
) -> dict[str, str]:
    """Every variable of one container. `read_file(volume, path, key)` resolves fileKeyRef. Raises ConfigError."""
    namespace = pod.metadata.namespace or ""
    from_services = service_variables(services, namespace, pod.spec.enableServiceLinks is not False)
    values: dict[str, str] = {}
    for source in container.envFrom:
        prefix = source.prefix or ""
        for key, value in _whole_object(source, namespace, objects):
            values[prefix + key] = value

    def lookup(name: str) -> str | None:
        return values[name] if name in values else from_services.get(name)

    for variable in container.env:
        if variable.value:
            values[variable.name] = expand(variable.value, lookup)
        elif variable.valueFrom is not None:
            found = _one_source(pod, container, variable.valueFrom, objects, facts, read_file)
            if found is not None:
                values[variable.name] = found
        else:
            values[variable.name] = ""
    for name, text in from_services.items():
        values.setdefault(name, text)
    return values


def _whole_object(source: object, namespace: str, objects: Objects) -> Iterable[tuple[str, str]]:
    config_ref = getattr(source, "configMapRef", None)
    secret_ref = getattr(source, "secretRef", None)
    if config_ref is not None:
        config_map = objects.config_map(namespace, config_ref.name or "")
        if config_map is None:
            if not config_ref.optional:
                raise ConfigError(f'configmap "{config_ref.name}" not found')
            return
        yield from config_map.data.items()
    elif secret_ref is not None:
        secret = objects.secret(namespace, secret_ref.name or "")
        if secret is None:
            if not secret_ref.optional:
                raise ConfigError(f'secret "{secret_ref.name}" not found')
            return
        for key in secret.data:
            yield key, (secret_value(secret, key) or b"").decode(errors="surrogateescape")


def _one_source(
    pod: Pod,
    container: Container | EphemeralContainer,
    source: EnvVarSource,
    objects: Objects,
    facts: Facts,
    read_file: Callable[[str, str, str], str | None] | None,
) -> str | None:
    namespace = pod.metadata.namespace or ""
    try:
        if source.fieldRef is not None:
            return downward.field_value(
                pod,
                source.fieldRef.fieldPath,
                node_name=facts.node_name,
                host_ips=facts.host_ips,
                pod_ips=facts.pod_ips,
            )
        if source.resourceFieldRef is not None:
            name = source.resourceFieldRef.containerName
            holder = find_container(pod, name) if name else container
            if holder is None:
                raise ConfigError(f"container {name} not found")
            return downward.resource_value(pod, source.resourceFieldRef, holder, facts.allocatable)
    except downward.FieldError as error:
        raise ConfigError(str(error)) from None
    if (config_ref := source.configMapKeyRef) is not None:
        config_map = objects.config_map(namespace, config_ref.name or "")
        if config_map is None:
            return _missing(config_ref.optional, f'configmap "{config_ref.name}" not found')
        if config_ref.key in config_map.data:
            return config_map.data[config_ref.key]
        where = f"{namespace}/{config_ref.name}"
        return _missing(config_ref.optional, f"couldn't find key {config_ref.key} in ConfigMap {where}")
    if (secret_ref := source.secretKeyRef) is not None:
        secret = objects.secret(namespace, secret_ref.name or "")
        if secret is None:
            return _missing(secret_ref.optional, f'secret "{secret_ref.name}" not found')
        found = secret_value(secret, secret_ref.key)
        if found is not None:
            return found.decode(errors="surrogateescape")
        where = f"{namespace}/{secret_ref.name}"
        return _missing(secret_ref.optional, f"couldn't find key {secret_ref.key} in Secret {where}")
    if (file_ref := source.fileKeyRef) is not None and read_file is not None:
        value = read_file(file_ref.volumeName, file_ref.path, file_ref.key)
        if value is None:
            text = f'environment variable key "{file_ref.key}" not found in file "{file_ref.path}"'
            return _missing(file_ref.optional, text)
        return value
    return None


def _missing(optional: bool | None, text: str) -> str | None:
    if not optional:
        raise ConfigError(text)
    return None


def service_variables(services: Iterable[Service], namespace: str, service_links: bool) -> dict[str, str]:
    """{NAME}_SERVICE_HOST and its kin. The API's own service is there even without service links."""
    chosen: dict[str, Service] = {}
    for service in services:
        if not service.spec.clusterIP or service.spec.clusterIP == "None" or not service.spec.ports:
            continue
        name = service.metadata.name or ""
        if service.metadata.namespace == "default" and name == _MASTER_SERVICE:
            chosen.setdefault(name, service)
        elif service.metadata.namespace == namespace and service_links:
            chosen[name] = service
    result: dict[str, str] = {}
    for service in chosen.values():
        result.update(_variables_of(service))
    return result


def _variables_of(service: Service) -> dict[str, str]:
    prefix = _variable_name(service.metadata.name or "")
    address = service.spec.clusterIP or ""
    first = service.spec.ports[0]
    result = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(first.port)}
    for port in service.spec.ports:
        if port.name:
            result[f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}"] = str(port.port)
    for port in service.spec.ports:
        protocol = (port.protocol or "TCP").lower()
        url = f"{protocol}://{socket_address(address, port.port)}"
        if port is first:
            result[f"{prefix}_PORT"] = url
        link = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        result |= {link: url, f"{link}_PROTO": protocol, f"{link}_PORT": str(port.port), f"{link}_ADDR": address}
    return result


def _variable_name(name: str) -> str:
    return name.replace("-", "_").upper()
