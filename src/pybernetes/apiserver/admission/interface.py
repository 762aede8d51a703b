"""What an admission plugin is: it may change an object before validation, or refuse it after.

A plugin is a small class with the operations and resources it wants; the chain asks it only about those.
Source: apiserver/pkg/admission/interfaces.go, attributes.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pybernetes.apimachinery.errors import Forbidden
from pybernetes.apimachinery.scheme import Resource
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, RequestContext

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
T = TypeVar("T")


class Reader(Protocol):
    """Objects of the cluster as they are now, read-only."""

    async def read(self, cls: type[T], name: str, namespace: str = "") -> T | None: ...

    async def wait_for(self, cls: type[T], name: str, namespace: str, timeout_s: float) -> T | None:
        """The object, as soon as there is one; None when the time is up."""
        ...

    async def read_all(self, cls: type[T], namespace: str = "") -> list[T]: ...

    async def change_status(self, ctx: RequestContext, obj: T, change: Callable[[T], None]) -> None:
        """Changes the status of another object as part of a request; `change` gets a fresh copy, another one
        when other writes overtake it. Raises NotFound, and what `change` raises."""
        ...


@dataclass(slots=True)
class Attributes:
    """One object on its way into (or out of) the store."""

    ctx: RequestContext
    operation: Operation
    object: Any
    """The Struct in the storage version (of a subresource's own kind for CREATE of a subresource, e.g. a
    Binding); None for DELETE. Plugins that mutate change it in place."""
    old_object: Any = None
    """The object before; None for CREATE. Read-only."""
    options: DeleteOptions | None = None
    """Of a DELETE."""

    @property
    def resource(self) -> Resource:
        return self.ctx.resource

    @property
    def subresource(self) -> str:
        return self.ctx.subresource

    @property
    def user(self) -> UserInfo:
        return self.ctx.user

    @property
    def namespace(self) -> str:
        return self.ctx.namespace

    @property
    def name(self) -> str:
        """ "" for a CREATE whose name is generated."""
        if self.ctx.name:
            return self.ctx.name
        metadata = getattr(self.object, "metadata", None)
        return (metadata.name or "") if metadata is not None else ""

    def forbidden(self, why: str) -> Forbidden:
        """The refusal of this request: `pods "x" is forbidden: why`."""
        resource = self.ctx.resource
        name = self.name or getattr(getattr(self.object, "metadata", None), "generateName", None) or ""
        return Forbidden(
            f'{resource.qualified} "{name}" is forbidden: {why}',
            group=resource.group,
            kind=resource.plural,
            name=name,
        )


class Plugin:
    """The base of every plugin: wants nothing, does nothing."""

    name: ClassVar[str] = ""
    operations: ClassVar[frozenset[Operation]] = frozenset()
    resources: ClassVar[frozenset[tuple[str, str, str]] | None] = None
    """(group, plural, subresource) that it wants; None: all."""
    mutates: ClassVar[bool] = False
    validates: ClassVar[bool] = False

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def configure(self, tree: dict[str, Any]) -> None:
        """Takes what the file of --admission-control-config-file says to it. Raises ValueError."""
        raise ValueError("it takes no configuration")

    async def admit(self, attributes: Attributes) -> None:
        """Changes attributes.object in place. Raises StatusError to refuse."""

    async def validate(self, attributes: Attributes) -> None:
        """Raises StatusError to refuse."""

    def wants(self, operation: Operation, group: str, plural: str, subresource: str) -> bool:
        if operation not in self.operations:
            return False
        return self.resources is None or (group, plural, subresource) in self.resources
