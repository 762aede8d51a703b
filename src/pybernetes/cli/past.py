"""Asks a cluster for the past of objects, as a user who may be somebody else. Everything goes through the API."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pybernetes.apimachinery.errors import NotFound
from pybernetes.cli import kinds
from pybernetes.cli.causes import Entry
from pybernetes.client.client import Client
from pybernetes.cluster.errors import ClusterError
from pybernetes.cluster.layout import Layout

_HISTORY = "/pybernetes/v1/history"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of objects, built in or custom."""

    group: str
    version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{quote(name)}" if name else "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The object, its namespace, and as whom to ask."""
    parser.add_argument(
        "object", metavar="TYPE/NAME", help="such as deploy/web, secret/password, crontabs.example.com/a"
    )
    parser.add_argument("object_name", metavar="NAME", nargs="?", default="", help=argparse.SUPPRESS)
    parser.add_argument("-n", "--namespace", default="default", help="where the object is (default: default)")
    parser.add_argument("--as", dest="user", default="", metavar="USER", help="ask as this user (impersonated)")
    parser.add_argument("--as-group", action="append", default=[], metavar="GROUP", help="and these groups")


def named(args: argparse.Namespace, *, all_of_a_type: bool = False) -> tuple[str, str]:
    """(type, name) that were asked for; name "" for all of a type. Raises ClusterError."""
    kind, _, name = (f"{args.object}/{args.object_name}" if args.object_name else args.object).partition("/")
    if "/" in name or not kind or not (name or all_of_a_type):
        raise ClusterError(f"{args.object!r} is not TYPE/NAME, such as deployment/web")
    return kind, name


class Past:
    def __init__(self, client: Client, user: str = "", groups: tuple[str, ...] = ()) -> None:
        self.client = client
        self._headers: dict[str, Any] = {"Impersonate-User": user} if user else {}
        if user and groups:
            self._headers["Impersonate-Group"] = list(groups)  # HttpTransport sends a header for each

    async def kind(self, text: str) -> Kind:
        """The type as kubectl takes it: plural, singular, short name or kind. Raises ClusterError."""
        resource = kinds.built_in(text)
        if resource is not None:
            return Kind(resource.group, resource.version, resource.plural, resource.namespaced)
        name, _, group = text.lower().partition(".")
        answer = await self.client.raw("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        for item in msgspec.json.decode(answer.body)["items"]:
            spec = item["spec"]
            said = spec["names"]
            names = (said["plural"], said.get("singular", ""), said["kind"].lower(), *said.get("shortNames", ()))
            if name in names and (not group or group == spec["group"]):
                version = next(each["name"] for each in spec["versions"] if each["served"])
                return Kind(spec["group"], version, said["plural"], spec["scope"] == "Namespaced")
        raise kinds.unknown(text)

    async def entries(self, kind: Kind, namespace: str, name: str) -> list[Entry]:
        """Every known write to an object, in order."""
        found: list[Entry] = []
        while True:
            after = found[-1]["revision"] if found else 0
            page = (await self._get(_HISTORY, **_object(kind, namespace, name), after=after, limit=_PAGE))["items"]
            found += page
            if len(page) < _PAGE:
                return found

    async def at(self, kind: Kind, namespace: str, name: str, when: dict[str, Any]) -> dict[str, Any]:
        """{"revision", "written", "object"}: an object as it was. `when`: {"at": revision} or {"time": RFC 3339}."""
        found: dict[str, Any] = await self._get(_HISTORY, **_object(kind, namespace, name), **when)
        return found

    async def list_at(self, kind: Kind, namespace: str, when: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
        """The revision that was meant, and the objects of a type at it."""
        revision = when.get("at") or (await self._get(_HISTORY, **when))["revision"]
        query = {"resourceVersion": revision, "resourceVersionMatch": "Exact"}
        return int(revision), (await self._get(kind.path(namespace), **query))["items"]

    async def now(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._get(kind.path(namespace, name))
        except NotFound:
            return None
        return found

    async def write(self, method: str, path: str, tree: dict[str, Any]) -> dict[str, Any]:
        """Raises StatusError."""
        headers = {**self._headers, "content-type": "application/json"}
        query = urlencode({"fieldManager": "pybernetes-undo"})
        answer = await self.client.raw(method, path, query, headers, msgspec.json.encode(tree))
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        return found

    async def _get(self, path: str, **query: Any) -> Any:
        answer = await self.client.raw("GET", path, urlencode(query), self._headers)
        return msgspec.json.decode(answer.body)


@asynccontextmanager
async def past_of(layout: Layout, args: argparse.Namespace, agent: str) -> AsyncIterator[Past]:
    from pybernetes.cli.readiness import admin

    async with admin(layout, agent) as client:
        yield Past(client, args.user, tuple(args.as_group))


def _object(kind: Kind, namespace: str, name: str) -> dict[str, str]:
    space = namespace if kind.namespaced else ""
    return {"group": kind.group, "resource": kind.plural, "namespace": space, "name": name}
