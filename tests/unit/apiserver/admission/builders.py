"""What admission plugins read, and what they are asked about."""

from __future__ import annotations

from typing import Any

from pybernetes.api.core import v1 as core
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.admission.interface import Attributes
from pybernetes.apiserver.registry.generic.interface import RequestContext

ADMIN = UserInfo("admin")


class Objects:
    """A reader of objects given by (class, namespace, name)."""

    def __init__(self, *objects: Any) -> None:
        self.objects = {(type(o), o.metadata.namespace or "", o.metadata.name): o for o in objects}

    async def read(self, cls: type, name: str, namespace: str = "") -> Any:
        return self.objects.get((cls, namespace, name))

    async def wait_for(self, cls: type, name: str, namespace: str, timeout_s: float) -> Any:
        return await self.read(cls, name, namespace)

    async def read_all(self, cls: type, namespace: str = "") -> list[Any]:
        return [o for (c, ns, _), o in self.objects.items() if c is cls and (not namespace or ns == namespace)]

    async def change_status(self, ctx: RequestContext, obj: Any, change: Any) -> None:
        if (type(obj), obj.metadata.namespace or "", obj.metadata.name) not in self.objects:
            raise errors.NotFound("gone")
        change(obj)


def meta(name: str, namespace: str | None = "default", **more: Any) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, **more)


def pod(name: str = "web", **spec: Any) -> core.Pod:
    spec.setdefault("containers", [core.Container(name="c", image="i")])
    return core.Pod(metadata=meta(name), spec=core.PodSpec(**spec))


def attributes(
    plural: str,
    obj: Any,
    operation: Any = "CREATE",
    old: Any = None,
    user: UserInfo = ADMIN,
    sub: str = "",
    name: str = "",
) -> Attributes:
    plural, _, group = plural.partition(".")
    resource = find(group, "v1", plural)
    assert resource is not None
    shown = obj if obj is not None else old
    namespace = (shown.metadata.namespace or "") if shown is not None else ""
    ctx = RequestContext(user=user, resource=resource, verb="create", namespace=namespace, name=name, subresource=sub)
    return Attributes(ctx, operation, obj, old)
