"""Query parameters and option bodies, read into what the registry takes.

Source: apimachinery/pkg/apis/meta/internalversion/validation, apis/meta/v1/validation,
apiserver/pkg/endpoints/handlers/{get,delete}.go.
"""

from __future__ import annotations

from typing import Any

from pybernetes.apimachinery.errors import BadRequest, StatusError
from pybernetes.apimachinery.field_errors import FieldError, Path, invalid
from pybernetes.apimachinery.scheme import GroupVersionKind, Resource
from pybernetes.apimachinery.user import UserInfo
from pybernetes.apiserver.endpoints import bodies
from pybernetes.apiserver.endpoints.deprecated import DEPRECATED, deprecation
from pybernetes.apiserver.registry.generic.interface import DeleteOptions, ListOptions, RequestContext
from pybernetes.apiserver.request_info import RequestInfo, truth
from pybernetes.http.messages import Request

Params = dict[str, list[str]]
_PROPAGATIONS = ("Foreground", "Background", "Orphan")
_VALIDATIONS = ("Ignore", "Strict", "Warn")
_MAX_MANAGER_CHARACTERS = 128


def context(request: Request, info: RequestInfo, resource: Resource, verb: str) -> RequestContext:
    """What the registry learns of a request; options of writes are added by `write_options`."""
    headers = request.headers
    user = request.user
    assert isinstance(user, UserInfo)
    cause = headers.get("x-pybernetes-cause", "")
    if (resource.group, resource.version, resource.plural) in DEPRECATED:
        request.context.setdefault("warnings", []).append(deprecation(resource))
    return RequestContext(
        user=user,
        resource=resource,
        verb=verb,
        namespace=info.namespace if resource.namespaced else "",
        name=info.name,
        subresource=info.subresource,
        user_agent=headers.get("user-agent", ""),
        traceparent=headers.get("traceparent", ""),
        cause_revision=int(cause) if cause.isdigit() else 0,
        warnings=request.context.setdefault("warnings", []),
    )


def write_options(ctx: RequestContext, request: Request, kind: str, patch_type: str = "") -> None:
    """Reads dryRun, fieldManager, fieldValidation and force into `ctx`. Raises Invalid."""
    params = request.params() if request.query else {}
    errors: list[FieldError] = []
    ctx.field_manager = _one(params, "fieldManager")
    if kind == "PatchOptions":
        if patch_type == "apply" and not ctx.field_manager:
            errors.append(FieldError.required(Path("fieldManager"), "is required for apply patch"))
        if "force" in params:
            ctx.force = _boolean(params, "force")
            if patch_type != "apply":
                errors.append(FieldError.forbidden(Path("force"), "may not be specified for non-apply patch"))
    if ctx.field_manager:
        errors += _manager_errors(ctx.field_manager)
    if "dryRun" in params:
        errors += _dry_run_errors(params["dryRun"])
        ctx.dry_run = "All" in params["dryRun"]
    validation = _one(params, "fieldValidation")
    if validation and validation not in _VALIDATIONS:
        errors.append(FieldError.not_supported(Path("fieldValidation"), validation, ("", *_VALIDATIONS)))
    ctx.field_validation = validation or "Warn"
    _check(kind, errors)


def list_options(params: Params, watch: bool = False) -> ListOptions:
    """The options of a list, watch or deletecollection. Raises BadRequest, Invalid."""
    options = ListOptions(
        label_selector=_one(params, "labelSelector"),
        field_selector=_one(params, "fieldSelector"),
        limit=max(0, _integer(params, "limit")),
        continue_=_one(params, "continue"),
        resource_version=_one(params, "resourceVersion"),
        resource_version_match=_one(params, "resourceVersionMatch"),
        allow_watch_bookmarks=_boolean(params, "allowWatchBookmarks"),
        send_initial_events=_boolean(params, "sendInitialEvents") if "sendInitialEvents" in params else None,
        timeout_s=float(_integer(params, "timeoutSeconds")) or None,
    )
    _check("ListOptions", _watch_errors(options) if watch else _list_errors(options))
    return options


def _list_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match, path = options.resource_version_match, Path("resourceVersionMatch")
    if match:
        if not options.resource_version:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            errors.append(FieldError.forbidden(path, detail))
        if options.continue_:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(FieldError.forbidden(path, detail))
        if match not in ("Exact", "NotOlderThan"):
            errors.append(FieldError.not_supported(path, match, ("Exact", "NotOlderThan", "")))
        if match == "Exact" and options.resource_version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(FieldError.forbidden(path, detail))
    if options.send_initial_events is not None:
        errors.append(FieldError.forbidden(Path("sendInitialEvents"), "sendInitialEvents is forbidden for list"))
    return errors


def _watch_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match, path = options.resource_version_match, Path("resourceVersionMatch")
    if options.send_initial_events is not None and match != "NotOlderThan":
        detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        errors.append(FieldError.forbidden(path, detail))
    if match:
        if options.send_initial_events is None:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(FieldError.forbidden(path, detail))
        if match != "NotOlderThan":
            errors.append(FieldError.not_supported(path, match, ("NotOlderThan",)))
        if options.continue_:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(FieldError.forbidden(path, detail))
    return errors


async def delete_options(ctx: RequestContext, request: Request) -> DeleteOptions:
    """DeleteOptions from the body, else from the query; sets ctx.dry_run. Raises BadRequest, Invalid."""
    if await request.whole():
        options, dry_run = await _delete_body(ctx, request)
    else:
        params = request.params() if request.query else {}
        dry_run = params.get("dryRun", [])
        options = DeleteOptions(
            grace_period_s=_integer(params, "gracePeriodSeconds") if "gracePeriodSeconds" in params else None,
            propagation_policy=_one(params, "propagationPolicy") or None,
            orphan_dependents=_boolean(params, "orphanDependents") if "orphanDependents" in params else None,
        )
    ctx.dry_run = "All" in dry_run
    errors: list[FieldError] = []
    path = Path("propagationPolicy")
    policy = options.propagation_policy
    if policy is not None and options.orphan_dependents is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(FieldError.invalid(path, policy, detail))
    if policy is not None and policy not in _PROPAGATIONS:
        errors.append(FieldError.not_supported(path, policy, (*_PROPAGATIONS, "nil")))
    errors += _dry_run_errors(dry_run)
    _check("DeleteOptions", errors)
    return options


async def _delete_body(ctx: RequestContext, request: Request) -> tuple[DeleteOptions, list[str]]:
    tree = await bodies.tree(request)
    kind = tree.get("kind") or "DeleteOptions"
    if kind != "DeleteOptions":
        raise BadRequest(f'no kind "{kind}" is registered for version "{tree.get("apiVersion") or "v1"}"')
    preconditions = tree.get("preconditions") or {}
    dry_run = tree.get("dryRun") or []
    grace, policy, orphan = tree.get("gracePeriodSeconds"), tree.get("propagationPolicy"), tree.get("orphanDependents")
    uid, version = None, None
    if isinstance(preconditions, dict):
        uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    for field, value, types in (
        ("gracePeriodSeconds", grace, int),
        ("propagationPolicy", policy, str),
        ("orphanDependents", orphan, bool),
        ("preconditions", preconditions, dict),
        ("preconditions.uid", uid, str),
        ("preconditions.resourceVersion", version, str),
        ("dryRun", dry_run, list),
    ):
        if value is not None and (not isinstance(value, types) or (types is int and isinstance(value, bool))):
            raise BadRequest(f"json: cannot unmarshal {_json_type(value)} into Go struct field DeleteOptions.{field}")
    return DeleteOptions(grace, policy or None, orphan, uid, version), [str(item) for item in dry_run]


def _json_type(value: Any) -> str:
    for types, name in ((bool, "bool"), ((int, float), "number"), (str, "string"), (list, "array")):
        if isinstance(value, types):
            return name
    return "object"


def _one(params: Params, key: str) -> str:
    return params[key][0] if key in params else ""


def _integer(params: Params, key: str) -> int:
    text = _one(params, key)
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _boolean(params: Params, key: str) -> bool:
    return key in params and truth(params[key][0])


def _manager_errors(manager: str) -> list[FieldError]:
    errors: list[FieldError] = []
    path = Path("fieldManager")
    if len(manager.encode()) > _MAX_MANAGER_CHARACTERS:
        errors.append(FieldError.too_long(path, _MAX_MANAGER_CHARACTERS))
    for position, character in enumerate(manager):
        if not character.isprintable():
            detail = f"invalid character U+{ord(character):04X} (at position {position})"
            errors.append(FieldError.invalid(path, manager, detail))
    return errors


def _dry_run_errors(values: list[str]) -> list[FieldError]:
    if set(values) <= {"All"}:
        return []
    return [FieldError.not_supported(Path("dryRun"), values, ("All",))]


def _check(kind: str, errors: list[FieldError]) -> None:
    if errors:
        error: StatusError = invalid(GroupVersionKind("meta.k8s.io", "v1", kind), "", errors)
        raise error
