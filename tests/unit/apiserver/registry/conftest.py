"""A registry over a store in memory, with a namespace and its default account, and short ways to call it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson
import pytest

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.scheme import find
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.registry.generic.interface import (
    Deleted,
    DeleteOptions,
    ListOptions,
    ListResult,
    RequestContext,
)
from pybernetes.apiserver.registry.generic.registry import Registry, RegistryConfig
from pybernetes.apiserver.registry.generic.storage import Storage
from pybernetes.host.random import Random
from pybernetes.storage.memory import MemoryStore

ADMIN = UserInfo("admin", groups=("system:masters", "system:authenticated"))
START = 1_800_000_000.0


class ManualClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time


class Cluster:
    """What one test talks to; every method is one API request."""

    def __init__(self, **config: Any) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.registry = Registry(self.store, self.clock, Random(7), RegistryConfig(**config))
        self.warnings: list[str] = []

    async def start(self) -> None:
        await self.store.start()
        await self.registry.start()
        await self.create("namespaces", {"metadata": {"name": "default"}}, ns="")
        await self.create("serviceaccounts", {"metadata": {"name": "default"}})

    async def stop(self) -> None:
        await self.registry.stop()
        await self.store.stop()

    def context(self, plural: str, verb: str, ns: str, name: str, **more: Any) -> RequestContext:
        plural, _, group = plural.partition(".")
        group, _, version = group.partition("/")
        resource = find(group, version or "v1", plural)
        assert resource is not None, plural
        more.setdefault("user", ADMIN)
        more.setdefault("user_agent", "kubectl/v1.36.0")
        return RequestContext(
            resource=resource, verb=verb, namespace=ns if resource.namespaced else "", name=name, **more
        )

    def storage(self, ctx: RequestContext) -> Storage:
        return self.registry.storage_for(ctx.resource)

    def body(self, ctx: RequestContext, tree: dict[str, Any]) -> bytes:
        return orjson.dumps({"apiVersion": ctx.resource.api_version, "kind": ctx.resource.kind, **tree})

    async def create(self, plural: str, tree: dict[str, Any], ns: str = "default", **more: Any) -> Any:
        ctx = self.context(plural, "create", ns, "", **more)
        written = await self.storage(ctx).create(ctx, self.body(ctx, tree))
        self.warnings = ctx.warnings
        assert written.created
        return orjson.loads(written.value)

    async def refused(self, plural: str, tree: dict[str, Any], ns: str = "default") -> str:
        """What is said of an object that is invalid."""
        with pytest.raises(errors.Invalid) as caught:
            await self.create(plural, tree, ns)
        return caught.value.message

    async def get(self, plural: str, name: str, ns: str = "default", sub: str = "") -> Any:
        ctx = self.context(plural, "get", ns, name, subresource=sub)
        if sub:
            return orjson.loads(await self.storage(ctx).subresources[sub].get(ctx))
        return orjson.loads(await self.storage(ctx).get(ctx))

    async def update(self, plural: str, tree: dict[str, Any], ns: str = "default", sub: str = "", **more: Any) -> Any:
        ctx = self.context(plural, "update", ns, tree["metadata"]["name"], subresource=sub, **more)
        target = self.storage(ctx).subresources[sub] if sub else self.storage(ctx)
        written = await target.update(ctx, orjson.dumps(tree))
        self.warnings = ctx.warnings
        return orjson.loads(written.value)

    async def patch(
        self, plural: str, name: str, patch: Any, kind: Any = "merge", ns: str = "default", sub: str = "", **more: Any
    ) -> Any:
        ctx = self.context(plural, "patch", ns, name, subresource=sub, **more)
        target = self.storage(ctx).subresources[sub] if sub else self.storage(ctx)
        written = await target.patch(ctx, kind, patch if isinstance(patch, bytes) else orjson.dumps(patch))
        self.warnings = ctx.warnings
        return orjson.loads(written.value)

    async def post(self, plural: str, name: str, sub: str, tree: dict[str, Any], ns: str = "default") -> Any:
        ctx = self.context(plural, "create", ns, name, subresource=sub)
        written = await self.storage(ctx).subresources[sub].create(ctx, orjson.dumps(tree))
        return orjson.loads(written.value)

    async def delete(
        self, plural: str, name: str, ns: str = "default", options: DeleteOptions | None = None, **more: Any
    ) -> Any:
        ctx = self.context(plural, "delete", ns, name, **more)
        deleted: Deleted = await self.storage(ctx).delete(ctx, options or DeleteOptions())
        return orjson.loads(deleted.value)

    async def list(self, plural: str, ns: str = "default", **options: Any) -> ListResult:
        ctx = self.context(plural, "list", ns, "")
        return await self.storage(ctx).list(ctx, ListOptions(**options))

    async def names(self, plural: str, ns: str = "default", **options: Any) -> list[str]:
        return [orjson.loads(v)["metadata"]["name"] for v in (await self.list(plural, ns, **options)).items]

    async def watch(self, plural: str, ns: str = "default", **options: Any) -> Any:
        ctx = self.context(plural, "watch", ns, "")
        return await self.storage(ctx).watch(ctx, ListOptions(**options))

    async def row(self, plural: str, name: str, ns: str = "default") -> list[Any]:
        ctx = self.context(plural, "get", ns, name)
        storage = self.storage(ctx)
        cells = storage.row(await storage.get(ctx), self.clock.now())
        assert len(cells) == len(storage.columns)
        return cells

    def pod(self, name: str = "web", **spec: Any) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}], **spec}}


Scenario = Callable[[Cluster], Awaitable[Any]]


@pytest.fixture
def run() -> Callable[..., Any]:
    """Runs one scenario against a fresh cluster."""

    def go(scenario: Scenario, **config: Any) -> Any:
        async def whole() -> Any:
            cluster = Cluster(**config)
            await cluster.start()
            try:
                return await scenario(cluster)
            finally:
                await cluster.stop()

        return asyncio.run(whole())

    return go


@pytest.fixture(scope="session")
def signing_request() -> str:
    """A PKCS#10 request as the spec of a CertificateSigningRequest holds it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def decoded(value: bytes) -> Any:
    return msgspec.json.decode(value)
