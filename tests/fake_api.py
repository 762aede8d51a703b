"""An apiserver in fifty lines for unit tests: stores trees, lists, watches, patches; no validation, no users.

Enough for informers and shells. What the real server does beyond it is tested against the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec

from pybernetes.api.meta.v1 import Status
from pybernetes.apimachinery import errors, scheme
from pybernetes.apimachinery.selectors import FieldSelector, LabelSelector
from pybernetes.apimachinery.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.transport import LocalTransport
from pybernetes.http.messages import Request, Response

Key = tuple[str, str, str]
"""(plural, namespace, name)."""

_NAMESPACED_PREFIX = "namespaces"


class FakeApi:
    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.version = 100
        self.requests: list[tuple[str, str]] = []
        """(method, path) of every write."""
        self.faults: Callable[[Request], errors.StatusError | None] = lambda request: None
        self._watchers: list[tuple[str, str, FieldSelector, LabelSelector, asyncio.Queue[bytes]]] = []
        self._held: dict[str, list[tuple[asyncio.Queue[bytes], bytes]]] = {}
        """By plural: news that come late."""
        self._uids = 0

    def client(self) -> Client:
        return Client(LocalTransport(self.handle, UserInfo("test")))

    # For tests

    def put(self, obj: Any, plural: str) -> dict[str, Any]:
        """Creates or replaces an object behind everybody's back."""
        tree = msgspec.json.decode(msgspec.json.encode(obj))
        meta = tree["metadata"]
        key = plural, meta.get("namespace") or "", meta["name"]
        old = self.objects.get(key)
        meta.setdefault("uid", old["metadata"]["uid"] if old else self._uid())
        return self._store(key, tree)

    def get(self, plural: str, name: str, namespace: str = "") -> dict[str, Any]:
        return self.objects[plural, namespace, name]

    def all(self, plural: str) -> list[dict[str, Any]]:
        return [tree for key, tree in self.objects.items() if key[0] == plural]

    def remove(self, plural: str, name: str, namespace: str = "") -> None:
        key = plural, namespace, name
        tree = self.objects.pop(key)
        self.version += 1
        gone = {**tree, "metadata": {**tree["metadata"], "resourceVersion": str(self.version)}}
        self._tell(plural, namespace, tree, None, gone)

    @contextlib.contextmanager
    def late(self, plural: str) -> Iterator[None]:
        """What happens to these objects meanwhile is told afterwards."""
        self._held[plural] = []
        yield
        for queue, line in self._held.pop(plural):
            queue.put_nowait(line)

    # The server

    async def handle(self, request: Request) -> Response:
        if request.path.count("/") == 3 and request.path.startswith("/apis/"):
            return Response(200, [], msgspec.json.encode(_discovered(request.path)))
        plural, namespace, name, subresource = _parse(request.path)
        fault = self.faults(request)
        try:
            if fault is not None:
                raise fault
            if request.method == "GET" and not name:
                return self._list_or_watch(request, plural, namespace)
            if request.method != "GET":
                self.requests.append((request.method, request.path))
            await asyncio.sleep(0)
            body = msgspec.json.decode(await request.whole() or b"{}")
            found = self._one(request, plural, namespace, name, subresource, body)
            return Response(200, [], msgspec.json.encode(found))
        except errors.StatusError as error:
            return Response(error.code, [], msgspec.json.encode(error.status))

    def _one(self, request: Request, plural: str, namespace: str, name: str, subresource: str, body: Any) -> Any:
        key = plural, namespace, name
        if request.method == "POST":
            return self._bind(key, body) if subresource == "binding" else self._create(plural, namespace, body)
        if key not in self.objects:
            raise errors.NotFound(f'{plural} "{name}" not found')
        old = self.objects[key]
        match request.method:
            case "GET":
                return old
            case "PUT":
                expected = body["metadata"].get("resourceVersion")
                if expected and expected != old["metadata"]["resourceVersion"]:
                    raise errors.Conflict(f"{plural} {name} was modified")
                if subresource == "status":
                    meta = {**old["metadata"], "annotations": body["metadata"].get("annotations", {})}
                    return self._store(key, {**old, "metadata": meta, "status": body["status"]})
                kept = {"status": old["status"]} if "status" in old else {}
                meta = {**body["metadata"], "uid": old["metadata"]["uid"]}
                return self._store(key, {**body, **kept, "metadata": meta})
            case "PATCH":
                expected = body.get("metadata", {}).get("resourceVersion")
                if expected and expected != old["metadata"]["resourceVersion"]:
                    raise errors.Conflict(f"{plural} {name} was modified")
                uid = body.get("metadata", {}).get("uid")
                if uid and uid != old["metadata"]["uid"]:
                    raise errors.Conflict(f"{plural} {name} has another uid")
                return self._store(key, _merged(old, body))
            case "DELETE":
                self.remove(plural, name, namespace)
                return Status(status="Success")
        raise errors.MethodNotAllowed(request.method)

    def _create(self, plural: str, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        meta = body["metadata"]
        if not meta.get("name"):
            meta["name"] = f"{meta['generateName']}{self._uids:05}"
        key = plural, meta.get("namespace") or namespace, meta["name"]
        if key in self.objects:
            raise errors.AlreadyExists(f"{plural} {meta['name']} already exists")
        if namespace:
            meta["namespace"] = namespace
        meta["uid"] = self._uid()
        return self._store(key, body)

    def _bind(self, key: Key, body: dict[str, Any]) -> Status:
        old = self.objects.get(key)
        if old is None or old["metadata"]["uid"] != body["metadata"].get("uid"):
            raise errors.NotFound(f'pods "{key[2]}" not found')
        if old["spec"].get("nodeName"):
            raise errors.Conflict(f"pod {key[2]} is already assigned to node {old['spec']['nodeName']}")
        self._store(key, {**old, "spec": {**old["spec"], "nodeName": body["target"]["name"]}})
        return Status(status="Success")

    def _list_or_watch(self, request: Request, plural: str, namespace: str) -> Response:
        params = {name: values[0] for name, values in request.params().items()}
        fields = FieldSelector.parse(params.get("fieldSelector", ""))
        labels = LabelSelector.parse(params.get("labelSelector", ""))
        if params.get("watch") == "true":
            queue: asyncio.Queue[bytes] = asyncio.Queue()
            watcher = plural, namespace, fields, labels, queue
            self._watchers.append(watcher)
            return Response(200, [], self._watch(watcher))
        items = [
            tree
            for (of, in_namespace, _), tree in self.objects.items()
            if of == plural and namespace in ("", in_namespace) and _selected(tree, fields, labels)
        ]
        return Response(
            200, [], msgspec.json.encode({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        )

    async def _watch(self, watcher: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield await watcher[-1].get()
        finally:
            self._watchers.remove(watcher)

    def _store(self, key: Key, tree: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        old = self.objects.get(key)
        tree = {**tree, "metadata": {**tree["metadata"], "resourceVersion": str(self.version)}}
        self.objects[key] = tree
        self._tell(key[0], key[1], old, tree, tree)
        return tree

    def _tell(self, plural: str, namespace: str, old: Any, new: Any, shown: Any) -> None:
        for of, in_namespace, fields, labels, queue in self._watchers:
            if of != plural or in_namespace not in ("", namespace):
                continue
            before = old is not None and _selected(old, fields, labels)
            after = new is not None and _selected(new, fields, labels)
            if before or after:
                kind = "DELETED" if not after else "MODIFIED" if before else "ADDED"
                line = msgspec.json.encode({"type": kind, "object": shown}) + b"\n"
                if plural in self._held:
                    self._held[plural].append((queue, line))
                else:
                    queue.put_nowait(line)

    def _uid(self) -> str:
        self._uids += 1
        return f"uid-{self._uids}"


def _discovered(path: str) -> dict[str, Any]:
    """Every resource of a group-version."""
    of = [r for r in scheme.RESOURCES if path == f"/apis/{r.api_version}"]
    return {"resources": [{"name": r.plural, "kind": r.kind, "namespaced": r.namespaced} for r in of]}


def _parse(path: str) -> tuple[str, str, str, str]:
    """(plural, namespace, name, subresource)."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if parts[0] == _NAMESPACED_PREFIX and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    return parts[0], namespace, parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else ""


def _selected(tree: dict[str, Any], fields: FieldSelector, labels: LabelSelector) -> bool:
    values = {
        "metadata.name": tree["metadata"].get("name", ""),
        "spec.nodeName": (tree.get("spec") or {}).get("nodeName", ""),
        "status.phase": (tree.get("status") or {}).get("phase", ""),
        "type": tree.get("type", ""),
    }
    return fields.matches(values) and labels.matches(tree["metadata"].get("labels"))


_MERGE_KEYS = {"conditions": "type", "ownerReferences": "uid"}


def _merged(old: Any, patch: Any) -> Any:
    """A merge patch, with the few lists that strategic merge patches of controllers touch merged by key."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, list) and name in _MERGE_KEYS and result.get(name):
            key = _MERGE_KEYS[name]
            merged = {entry[key]: entry for entry in result[name]}
            for entry in value:
                merged[entry[key]] = _merged(merged.get(entry[key]), entry)
            result[name] = list(merged.values())
        else:
            result[name] = _merged(result.get(name), value)
    return result
