"""Where a streaming request goes: container, node address, query, backend of a proxy. Pure.

Source: pkg/registry/core/pod/strategy.go (validateContainer, LogLocation, streamLocation, ResourceLocation),
pkg/registry/core/service/storage/storage.go, pkg/kubelet/client/kubelet_client.go.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from pybernetes.api.core.v1 import Endpoints, Node, Pod, Service
from pybernetes.apimachinery.errors import BadRequest, InternalError, ServiceUnavailable
from pybernetes.apimachinery.field_errors import FieldError, Path
from pybernetes.host.ip_families import socket_address

DEFAULT_KUBELET_PORT = 10250
_ADDRESS_TYPES = ("InternalIP", "InternalDNS", "Hostname", "ExternalIP", "ExternalDNS")
_STREAM_FLAGS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_LOG_STREAMS = ("All", "Stderr", "Stdout")

Params = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Backend:
    """A server and what to ask it."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    kubelet: bool = False
    """Shown the apiserver's client certificate."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{socket_address(self.host, self.port)}"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Streams:
    """Which streams an exec or attach asks for."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False

    @classmethod
    def of(cls, params: Params) -> Streams:
        """Raises BadRequest when nothing would flow."""
        tty = truth(params, "tty")
        streams = cls(truth(params, "stdin"), truth(params, "stdout"), truth(params, "stderr") and not tty, tty)
        if not (streams.stdin or streams.stdout or streams.stderr):
            raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
        return streams


def truth(params: Params, name: str) -> bool:
    """A boolean query parameter; present without a value is true, as upstream's conversion has it."""
    value = params.get(name, ["false"])[0].lower()
    return value not in ("false", "0")


def container_of(pod: Pod, wanted: str) -> str:
    """The container a request means. Raises BadRequest in upstream's words."""
    spec = pod.spec
    name = pod.metadata.name
    names = [
        *(c.name for c in spec.initContainers),
        *(c.name for c in spec.containers),
        *(c.name for c in spec.ephemeralContainers),
    ]
    if wanted:
        if wanted not in names:
            raise BadRequest(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(spec.containers) == 1:
        return spec.containers[0].name
    choice = f", choose one of: [{' '.join(names)}]" if spec.containers else ""
    raise BadRequest(f"a container name must be specified for pod {name}{choice}")


def kubelet_of(node: Node, path: str, query: str = "") -> Backend:
    """The kubelet of a node. Raises InternalError when the node has told no address."""
    addresses = node.status.addresses if node.status else []
    for kind in _ADDRESS_TYPES:
        for address in addresses:
            if address.type == kind and address.address:
                return Backend("https", address.address, kubelet_port(node), path, query, kubelet=True)
    known = " ".join(f"{{{a.type} {a.address}}}" for a in addresses)
    raise InternalError(f"no preferred addresses found; known addresses: [{known}]")


def kubelet_port(node: Node) -> int:
    endpoints = node.status.daemonEndpoints if node.status else None
    endpoint = endpoints.kubeletEndpoint if endpoints else None
    return (endpoint.Port if endpoint else 0) or DEFAULT_KUBELET_PORT


def stream_backend(pod: Pod, node: Node, verb: str, params: Params) -> Backend:
    """exec, attach or portforward at the kubelet. Raises BadRequest."""
    namespace, name = pod.metadata.namespace, pod.metadata.name
    if verb == "portforward":
        ports = [port for value in params.get("ports", []) for port in value.split(",") if port]
        if any(not port.isdigit() or not 0 < int(port) < 65536 for port in ports):
            raise BadRequest(f"invalid port among {','.join(ports)}")
        query = urlencode([("port", ",".join(ports))]) if ports else ""
        return kubelet_of(node, f"/portForward/{namespace}/{name}", query)
    container = container_of(pod, params.get("container", [""])[0])
    asked = Streams.of(params)
    pairs = [(short, "1") for long, short in _STREAM_FLAGS.items() if getattr(asked, long)]
    if verb == "exec":
        command = params.get("command", [])
        if not command:
            raise BadRequest("you must specify at least one command for the container")
        pairs += [("command", part) for part in command]
    return kubelet_of(node, f"/{verb}/{namespace}/{name}/{quote(container)}", urlencode(pairs))


def log_errors(params: Params) -> list[FieldError]:
    """What is wrong with PodLogOptions."""
    errors: list[FieldError] = []
    numbers: dict[str, int] = {}
    for field in ("tailLines", "limitBytes", "sinceSeconds"):
        if params.get(field, [""])[0]:
            try:
                numbers[field] = int(params[field][0])
            except ValueError:
                errors.append(FieldError.invalid(Path(field), params[field][0], "must be an integer"))
    if numbers.get("tailLines", 0) < 0:
        errors.append(FieldError.invalid(Path("tailLines"), numbers["tailLines"], "must be greater than or equal to 0"))
    for field in ("limitBytes", "sinceSeconds"):
        if numbers.get(field, 1) < 1:
            errors.append(FieldError.invalid(Path(field), numbers[field], "must be greater than 0"))
    if "sinceSeconds" in numbers and params.get("sinceTime", [""])[0]:
        text = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        errors.append(FieldError.forbidden(Path(""), text))
    stream = params.get("stream", ["All"])[0] or "All"
    if stream not in _LOG_STREAMS:
        errors.append(FieldError.not_supported(Path("stream"), stream, _LOG_STREAMS))
    elif stream != "All" and "tailLines" in numbers:
        text = "`tailLines` and specific `stream` are mutually exclusive for now"
        errors.append(FieldError.forbidden(Path(""), text))
    return errors


def log_backend(pod: Pod, node: Node, params: Params) -> Backend:
    """The container's log at the kubelet. Raises BadRequest."""
    container = container_of(pod, params.get("container", [""])[0])
    pairs = [(flag, "true") for flag in ("follow", "previous", "timestamps") if truth(params, flag)]
    for name in ("sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream"):
        if params.get(name, [""])[0]:
            pairs.append((name, params[name][0]))
    path = f"/containerLogs/{pod.metadata.namespace}/{pod.metadata.name}/{quote(container)}"
    return kubelet_of(node, path, urlencode(pairs))


def split_id(text: str, what: str) -> tuple[str, str, str]:
    """(scheme, name, port) of `name`, `name:port` or `scheme:name:port`. Raises BadRequest."""
    parts = text.split(":")
    if len(parts) == 1:
        parts = ["", parts[0], ""]
    elif len(parts) == 2:
        parts = ["", *parts]
    if len(parts) != 3 or not parts[1] or parts[0] not in ("", "http", "https"):
        raise BadRequest(f'invalid {what} request "{text}"')
    return parts[0], parts[1], parts[2]


def pod_proxy_backend(pod: Pod, scheme: str, port: str, path: str, query: str) -> Backend:
    """A Pod's own server. Raises BadRequest."""
    if not port:
        ports = [p.containerPort for c in pod.spec.containers for p in c.ports]
        port = str(ports[0]) if ports else ""
    ips = pod.status.podIPs if pod.status else []
    address = ips[0].ip if ips else ""
    if not allowed(address or ""):
        raise BadRequest("address not allowed")
    return Backend(scheme or "http", address or "", _port(port, scheme), path, query)


def service_port_name(service: Service, port: str) -> str:
    """The name of the port a request means, which may be given by number. Raises ServiceUnavailable."""
    if not port.isdigit():
        return port
    for declared in service.spec.ports:
        if declared.port == int(port):
            return declared.name or ""
    raise ServiceUnavailable(f'no service port {port} found for service "{service.metadata.name}"')


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address of a Service, to be asked only if the Pod has it: who writes Endpoints can name any address."""

    address: str
    port: int
    pod: str

    def is_of(self, pod: Pod) -> bool:
        addresses = pod.status.podIPs if pod.status else []
        return any(each.ip == self.address for each in addresses)


def service_candidates(endpoints: Endpoints, namespace: str, port_name: str) -> list[Candidate]:
    """The ready addresses behind a port of a Service that say they are Pods'."""
    return [
        Candidate(address.ip, port.port, address.targetRef.name or "")
        for subset in endpoints.subsets
        for port in subset.ports
        if (port.name or "") == port_name
        for address in subset.addresses
        if address.targetRef is not None and address.targetRef.namespace == namespace and allowed(address.ip)
    ]


def service_proxy_backend(found: Candidate, scheme: str, path: str, query: str) -> Backend:
    return Backend(scheme or "http", found.address, found.port, path, query)


def no_endpoints(text: str) -> ServiceUnavailable:
    return ServiceUnavailable(f'no endpoints available for service "{text}"')


def node_proxy_backend(node: Node, scheme: str, port: str, path: str, query: str) -> Backend:
    """A node's kubelet, or another port on the node."""
    backend = kubelet_of(node, path, query)
    if not port or port == str(backend.port):
        return backend
    return Backend(scheme or "http", backend.host, _port(port, scheme), path, query)


def allowed(address: str) -> bool:
    """Global unicast: no loopback, link-local, multicast, broadcast or unspecified address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip == _BROADCAST:
        return False
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)


def _port(port: str, scheme: str) -> int:
    if not port:
        return 443 if scheme == "https" else 80
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise BadRequest(f'invalid port "{port}"')
    return int(port)
