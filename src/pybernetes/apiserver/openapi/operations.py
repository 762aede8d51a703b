"""What can be done at which path: the operations of every resource, independent of the OpenAPI version.

Source: apiserver/pkg/endpoints/installer.go (paths, operation ids, parameters, answers).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pybernetes.apimachinery.scheme import RESOURCES, Resource, Subresource

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
STATUS = _META + "Status"
DELETE_OPTIONS = _META + "DeleteOptions"
PATCH = _META + "Patch"
WATCH_EVENT = _META + "WatchEvent"
TEXT = "text"
"""An answer that is plain text, where otherwise stands the name of a definition."""

PRODUCES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
"""What answers are written in; custom resources have no protobuf."""

_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_DELETE = (
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
)
_SELECT = (
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
)
_LIST = ("allowWatchBookmarks", *_SELECT, "watch")
_DELETE_COLLECTION = tuple(sorted({*_DELETE, *_SELECT}))
_CONNECT_METHODS = {
    "proxy": ("delete", "get", "head", "options", "patch", "post", "put"),
    "attach": ("get", "post"),
    "exec": ("get", "post"),
    "portforward": ("get", "post"),
}
_CONNECT_PARAMETERS = {
    "proxy": ("path",),
    "attach": ("container", "stderr", "stdin", "stdout", "tty"),
    "exec": ("command", "container", "stderr", "stdin", "stdout", "tty"),
    "portforward": ("ports",),
}
_LOG_PARAMETERS = (
    "container",
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "stream",
    "tailLines",
    "timestamps",
)
_FOREIGN = {
    "Scale": ("autoscaling", "v1"),
    "Eviction": ("policy", "v1"),
    "TokenRequest": ("authentication.k8s.io", "v1"),
}
"""Kinds of subresources that live in another group than their resource."""
_RETURNS_OBJECT_ON_DELETE = {
    "": {
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    },
    "storage.k8s.io": {
        "csidrivers",
        "csinodes",
        "storageclasses",
        "volumeattachments",
        "volumeattributesclasses",
    },
    "resource.k8s.io": {
        "deviceclasses",
        "devicetaintrules",
        "resourceclaims",
        "resourceclaimtemplates",
        "resourcepoolstatusrequests",
        "resourceslices",
    },
}
"""Resources whose DELETE answers with the object instead of a Status."""
_DEFINITION_GROUPS = {"": "core", "internal.apiserver.k8s.io": "apiserverinternal"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path. `body` and the values of `answers` are names of definitions (or TEXT)."""

    method: str
    id: str
    description: str
    action: str
    gvk: tuple[str, str, str] | None
    tag: str
    parameters: tuple[str, ...] = ()
    body: str = ""
    body_required: bool = False
    answers: dict[str, str] = field(default_factory=dict)
    streams: bool = False
    produces: tuple[str, ...] = PRODUCES


@dataclass(frozen=True, slots=True)
class PathItem:
    path: str
    parameters: tuple[str, ...]
    operations: tuple[Operation, ...]


def definition_of(group: str, version: str, kind: str) -> str:
    """io.k8s.api.apps.v1.Deployment of (apps, v1, Deployment)."""
    if group == "apiextensions.k8s.io":
        return f"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}"
    if group == "apiregistration.k8s.io":
        return f"io.k8s.kube-aggregator.pkg.apis.apiregistration.{version}.{kind}"
    package = _DEFINITION_GROUPS.get(group) or group.partition(".")[0]
    return f"io.k8s.api.{package}.{version}.{kind}"


def group_versions(resources: Iterable[Resource] = RESOURCES) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r.group, r.version) for r in resources))


def tag_of(group: str, version: str) -> str:
    return f"{_tag(group)}_{version}"


def _tag(group: str) -> str:
    """rbacAuthorization of rbac.authorization.k8s.io."""
    words = _words(group)
    return words[0].lower() + words[1:]


def _words(group: str) -> str:
    """RbacAuthorization of rbac.authorization.k8s.io."""
    return "".join(part.capitalize() for part in (group or "core").removesuffix(".k8s.io").split("."))


def _one(kind: str) -> str:
    """`a Pod`, `an Event`, `Endpoints`: as the descriptions of operations name one object."""
    if kind.endswith("s") and not kind.endswith(("ss", "us")):
        return kind
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def discovery(group: str, version: str) -> PathItem:
    """The path that lists the resources of a group-version."""
    path = f"/apis/{group}/{version}/" if group else f"/api/{version}/"
    name = f"get{_words(group)}{version.capitalize()}APIResources"
    return _information(path, name, "get available resources", tag_of(group, version), _META + "APIResourceList")


def group_discovery(group: str) -> PathItem:
    if not group:
        return _information("/api/", "getCoreAPIVersions", "get available API versions", "core", _META + "APIVersions")
    name = f"get{_words(group)}APIGroup"
    return _information(f"/apis/{group}/", name, "get information of a group", _tag(group), _META + "APIGroup")


def all_groups() -> PathItem:
    return _information("/apis/", "getAPIVersions", "get available API versions", "apis", _META + "APIGroupList")


def version() -> PathItem:
    text = "get the version information for this server"
    return _information("/version/", "getCodeVersion", text, "version", "io.k8s.apimachinery.pkg.version.Info")


def _information(path: str, name: str, text: str, tag: str, answer: str) -> PathItem:
    return PathItem(path, (), (Operation("get", name, text, "", None, tag, answers={"200": answer}),))


def paths(group: str, version: str, resources: Iterable[Resource] = RESOURCES) -> Iterator[PathItem]:
    """Every path of a group-version, with its operations."""
    yield discovery(group, version)
    for resource in resources:
        if (resource.group, resource.version) == (group, version):
            yield from _Resource(resource).paths()
            yield from _Resource(resource).watch_paths()


def openid() -> tuple[PathItem, PathItem]:
    """What others verify service accounts' tokens with."""
    configuration = Operation(
        "get",
        "getServiceAccountIssuerOpenIDConfiguration",
        "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
        "",
        None,
        "WellKnown",
        answers={"200": TEXT},
        produces=("application/json",),
    )
    keys = Operation(
        "get",
        "getServiceAccountIssuerOpenIDKeyset",
        "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
        "",
        None,
        "openid",
        answers={"200": TEXT},
        produces=("application/jwk-set+json",),
    )
    return PathItem("/.well-known/openid-configuration/", (), (configuration,)), PathItem(
        "/openid/v1/jwks/", (), (keys,)
    )


def paths_of(resource: Resource, definition: str, list_kind: str) -> Iterator[PathItem]:
    """Every path of one custom resource; `definition` names its schema, whose list lies beside it."""
    made = _Resource(resource)
    made.type = definition
    made.list_type = f"{definition.rpartition('.')[0]}.{list_kind}"
    yield from made.paths()


class _Resource:
    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.tag = tag_of(resource.group, resource.version)
        self.prefix = _words(resource.group) + resource.version.capitalize()
        self.scope = "Namespaced" if resource.namespaced else ""
        self.type = definition_of(resource.group, resource.version, resource.kind)
        self.list_type = f"{self.type}List"
        self.root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"

    def paths(self) -> Iterator[PathItem]:
        r = self.resource
        within = f"{self.root}/namespaces/{{namespace}}" if r.namespaced else self.root
        scope = ("namespace", "pretty") if r.namespaced else ("pretty",)
        if collection := self._collection():
            yield PathItem(f"{within}/{r.plural}", scope, collection)
        if r.namespaced and "list" in r.verbs:
            everywhere = self._list(f"list{self.prefix}{r.kind}ForAllNamespaces")
            yield PathItem(f"{self.root}/{r.plural}", ("pretty",), (everywhere,))
        item = f"{within}/{r.plural}/{{name}}"
        if single := self._single():
            yield PathItem(item, ("name", *scope), single)
        for sub in r.subresources:
            yield from self._subresource(item, ("name", *scope), sub)

    def watch_paths(self) -> Iterator[PathItem]:
        """The old paths below /watch/."""
        r = self.resource
        if "watch" not in r.verbs:
            return
        listed = tuple(sorted((*_LIST, "pretty")))
        all_of = f"watch{self.prefix}{r.kind}List{'ForAllNamespaces' if r.namespaced else ''}"
        yield PathItem(f"{self.root}/watch/{r.plural}", listed, (self._watch(all_of, one=False),))
        within = f"{self.root}/watch"
        if r.namespaced:
            within += "/namespaces/{namespace}"
            listed = tuple(sorted((*listed, "namespace")))
            operation = self._watch(f"watch{self.prefix}Namespaced{r.kind}List", one=False)
            yield PathItem(f"{within}/{r.plural}", listed, (operation,))
        if "get" in r.verbs:
            operation = self._watch(f"watch{self.prefix}{self.scope}{r.kind}", one=True)
            yield PathItem(f"{within}/{r.plural}/{{name}}", tuple(sorted((*listed, "name"))), (operation,))

    def _watch(self, name: str, *, one: bool) -> Operation:
        kind = self.resource.kind
        text = f"watch changes to an object of kind {kind}" if one else f"watch individual changes to a list of {kind}"
        text += ". deprecated: use the 'watch' parameter with a list operation instead"
        text += ", filtered to a single item with the 'fieldSelector' parameter." if one else "."
        action = "watch" if one else "watchlist"
        return self._operation("get", name, text, action, (), "", {"200": WATCH_EVENT}, streams=True)

    def _collection(self) -> tuple[Operation, ...]:
        r, found = self.resource, []
        if "deletecollection" in r.verbs:
            name = f"delete{self.prefix}Collection{self.scope}{r.kind}"
            found.append(
                self._operation(
                    "delete",
                    name,
                    f"delete collection of {r.kind}",
                    "deletecollection",
                    _DELETE_COLLECTION,
                    DELETE_OPTIONS,
                    {"200": STATUS},
                )
            )
        if "list" in r.verbs:
            found.append(self._list(f"list{self.prefix}{self.scope}{r.kind}"))
        if "create" in r.verbs:
            answers = {"200": self.type, "201": self.type, "202": self.type}
            name = f"create{self.prefix}{self.scope}{r.kind}"
            found.append(self._operation("post", name, f"create {_one(r.kind)}", "post", _WRITE, self.type, answers))
        return tuple(found)

    def _list(self, name: str) -> Operation:
        r = self.resource
        what = "list or watch objects of kind" if "watch" in r.verbs else "list objects of kind"
        answers = {"200": self.list_type}
        return self._operation("get", name, f"{what} {r.kind}", "list", _LIST, "", answers, streams="watch" in r.verbs)

    def _single(self) -> tuple[Operation, ...]:
        r, found = self.resource, []
        if "delete" in r.verbs:
            answer = self.type if r.plural in _RETURNS_OBJECT_ON_DELETE.get(r.group, ()) else STATUS
            found.append(
                self._operation(
                    "delete",
                    f"delete{self.prefix}{self.scope}{r.kind}",
                    f"delete {_one(r.kind)}",
                    "delete",
                    _DELETE,
                    DELETE_OPTIONS,
                    {"200": answer, "202": answer},
                )
            )
        gvk = (r.group, r.version, r.kind)
        return (*found, *self._reading_and_writing(r.verbs, f"the specified {r.kind}", "", self.type, gvk))

    def _reading_and_writing(
        self, verbs: tuple[str, ...], what: str, suffix: str, definition: str, gvk: tuple[str, str, str]
    ) -> Iterator[Operation]:
        target = f"{self.prefix}{self.scope}{self.resource.kind}{suffix}"
        both = {"200": definition, "201": definition}
        if "get" in verbs:
            answers = {"200": definition}
            yield self._operation("get", f"read{target}", f"read {what}", "get", (), "", answers, gvk)
        if "patch" in verbs:
            text = f"partially update {what}"
            yield self._operation("patch", f"patch{target}", text, "patch", (*_WRITE, "force"), PATCH, both, gvk)
        if "update" in verbs:
            yield self._operation("put", f"replace{target}", f"replace {what}", "put", _WRITE, definition, both, gvk)

    def _subresource(self, item: str, scope: tuple[str, ...], sub: Subresource) -> Iterator[PathItem]:
        r = self.resource
        group, version = _FOREIGN.get(sub.kind, (r.group, r.version))
        gvk = (group, version, sub.kind)
        definition = definition_of(group, version, sub.kind) if sub.kind != r.kind else self.type
        name = sub.name.capitalize() if sub.name != "ephemeralcontainers" else "Ephemeralcontainers"
        path = f"{item}/{sub.name}"
        if sub.name in _CONNECT_METHODS:
            parameters = tuple(p for p in scope if p != "pretty") + _CONNECT_PARAMETERS[sub.name]
            yield PathItem(path, parameters, tuple(self._connections(sub, name, gvk)))
            if sub.name == "proxy":
                operations = tuple(self._connections(sub, f"{name}WithPath", gvk))
                yield PathItem(f"{path}/{{path}}", (*parameters, "path_rest"), operations)
            return
        if sub.name == "log":
            target = f"{self.prefix}{self.scope}{r.kind}Log"
            read = self._operation(
                "get", f"read{target}", f"read log of the specified {r.kind}", "get", (), "", {"200": TEXT}
            )
            yield PathItem(path, (*scope, *_LOG_PARAMETERS), (read,))
            return
        operations = tuple(
            self._reading_and_writing(sub.verbs, f"{sub.name} of the specified {r.kind}", name, definition, gvk)
        )
        if "create" in sub.verbs:
            answers = {"200": definition, "201": definition, "202": definition}
            target = f"create{self.prefix}{self.scope}{r.kind}{name}"
            text = f"create {sub.name} of {_one(r.kind)}"
            operations += (self._operation("post", target, text, "post", _WRITE, definition, answers, gvk),)
        yield PathItem(path, scope, operations)

    def _connections(self, sub: Subresource, name: str, gvk: tuple[str, str, str]) -> Iterator[Operation]:
        for method in _CONNECT_METHODS[sub.name]:
            yield self._operation(
                method,
                f"connect{self.prefix}{method.capitalize()}{self.scope}{self.resource.kind}{name}",
                f"connect {method.upper()} requests to {sub.name} of {self.resource.kind}",
                "connect",
                (),
                "",
                {"200": TEXT},
                gvk,
            )

    def _operation(
        self,
        method: str,
        name: str,
        description: str,
        action: str,
        parameters: tuple[str, ...],
        body: str,
        answers: dict[str, str],
        gvk: tuple[str, str, str] | None = None,
        streams: bool = False,
    ) -> Operation:
        r = self.resource
        kind = gvk or (r.group, r.version, r.kind)
        required = body not in ("", DELETE_OPTIONS)
        return Operation(
            method,
            name,
            description,
            action,
            kind,
            self.tag,
            parameters,
            body,
            required,
            answers,
            streams,
            PRODUCES[:2] if r.custom else PRODUCES,
        )
