"""Pure: what the proxy serves, as values. Ingresses and Gateways are both brought into this form.

Flow: `ingresses.routes` and `gateways.routes` → `Table` → `configuration.render` → data plane. Nothing here is text of
HAProxy's language; what users wrote is here as they wrote it, and `configuration` alone knows how to say it safely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pybernetes.api.core.v1 import Secret, Service, ServicePort
from pybernetes.api.discovery.v1 import EndpointSlice

NOT_FOUND = "not-found"
UNAVAILABLE = "unavailable"
"""The target of a rule whose Service cannot be had: it answers 503."""
FAULTY = "faulty"
"""The target of a rule of a Gateway that leads nowhere: it answers 500, as the Gateway API wants it."""

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Changes to the headers of a message, in this order."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to; the path is that of the treatment, the host that which was asked for where none is given."""

    code: int
    scheme: str
    host: str = ""
    port: int = 0
    """0: the one that goes without saying."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to the requests of a backend and to its answers. Zero, "" and None leave the default."""

    rewrite: str = ""
    """Path that the backend sees."""
    rest_from: int | None = None
    """From which byte on the path asked for is appended to it."""
    host: str = ""
    """Host that the backend sees."""
    redirect: Redirect | None = None
    """The answer, instead of a server's."""
    request: Headers = Headers()
    response: Headers = Headers()
    body_bytes: int = 0
    connect_ms: int = 0
    read_ms: int = 0
    sources: tuple[str, ...] = ()
    """Networks that may ask; () for everybody."""


@dataclass(frozen=True, slots=True)
class Backend:
    name: str
    protocol: str
    """http, https, h2c (HTTP/2 without TLS) or h2 (with)."""
    treatment: Treatment
    servers: tuple[str, ...]
    """ADDRESS:PORT, in order."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a request must have besides host and path."""

    on: Literal["method", "header", "query"]
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Route:
    """Among those for the same host and path the first one whose conditions hold is taken; else a shorter path's."""

    host: str
    """A name, *.DOMAIN, or "" for every host."""
    path: str
    """Without a "/" at its end unless it is exact."""
    exact: bool
    target: str
    """Name of a backend or of a split."""
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    secret: Key
    pem: bytes
    """Certificate chain and key."""

    @property
    def file(self) -> str:
        return f"{self.secret[0]}_{self.secret[1]}.pem"


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate at a frontend."""

    file: str
    hosts: tuple[str, ...]
    """Names it is shown for; () for those that it names itself."""


@dataclass(slots=True)
class Frontend:
    name: str
    listens: tuple[tuple[str, int], ...]
    """Addresses and ports of this machine."""
    port: int
    """The one that clients ask."""
    routes: list[Route] = field(default_factory=list)
    secure: bool = False
    shown: tuple[Shown, ...] = ()
    fallback: str = ""
    """File of the certificate for all other names; "": the self-signed one."""
    deep: bool = False
    """Whether a wildcard stands for any number of labels rather than one."""


@dataclass(frozen=True, slots=True)
class Problem:
    reason: str
    message: str


@dataclass(slots=True)
class Table:
    frontends: list[Frontend] = field(default_factory=list)
    """Without one no proxy is needed."""
    backends: dict[str, Backend] = field(default_factory=dict)
    splits: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Weights and backends among which requests are shared out, by name."""
    certificates: dict[str, Certificate] = field(default_factory=dict)
    """By file."""
    leads: dict[Key, dict[str, ServicePort]] = field(default_factory=dict)
    """By Service, the backends that have its endpoints, and of which port."""
    services: set[Key] = field(default_factory=set)
    secrets: set[Key] = field(default_factory=set)
    """What the table depends on, there or not."""


@dataclass(frozen=True, slots=True)
class World:
    """How the makers of a table look things up."""

    service: Callable[[str, str], Service | None]
    slices: Callable[[str, str], Iterable[EndpointSlice]]
    secret: Callable[[str, str], Secret | None]
    certificate_fault: Callable[[bytes], str]
    """What is wrong with a chain and key in PEM; "" when nothing is."""
