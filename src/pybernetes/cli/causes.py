"""The chain of causes behind an object, from the journal's entries. Pure; `why` fetches and prints.

A write's cause is the write whose observation led to it, so the chain is followed backwards until a
request that nothing caused: a user's. Where a controller acted with no observed write (it had just
started), the owner reference leads on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Entry = dict[str, Any]
"""An item of `/pybernetes/v1/journal` with its objects."""

_MAX_STEPS = 100
_SERVICE_ACCOUNT = "system:serviceaccount:"


def owner_of(entry: Entry) -> dict[str, Any] | None:
    """The controller reference of the object that was written."""
    tree = entry.get("object") or entry.get("previous") or {}
    for reference in tree.get("metadata", {}).get("ownerReferences", []):
        if reference.get("controller"):
            return dict(reference)
    return None


def is_user(entry: Entry) -> bool:
    """Did somebody ask for this write, rather than a component decide on it?"""
    return not str(entry["user"]).startswith("system:")


def chain(
    first: Entry, by_revision: Callable[[int], Entry | None], before: Callable[[Entry], Entry | None]
) -> list[Entry]:
    """The writes that led to `first`, the oldest first, `first` last.

    `before(entry)` is the last write to the entry's owner before it, for where the journal names no cause.
    """
    found = [first]
    while len(found) < _MAX_STEPS:
        entry = found[-1]
        cause = by_revision(entry["causeRevision"]) if entry["causeRevision"] else None
        if cause is None and not is_user(entry):
            cause = before(entry)
        if cause is None or cause["revision"] >= entry["revision"]:
            break
        found.append(cause)
    return found[::-1]


def story(chain_to: list[Entry], own: list[Entry], limit: int) -> tuple[list[Entry], int]:
    """The chain, then what happened to the object itself; how many writes were left out of the middle."""
    told = {entry["revision"] for entry in chain_to}
    rest = [entry for entry in own if entry["revision"] not in told and said(entry)]
    left_out = 0
    if limit and len(rest) > limit:
        left_out = len(rest) - limit
        rest = rest[: limit // 2] + rest[len(rest) - (limit - limit // 2) :]
    return sorted([*chain_to, *rest], key=lambda entry: int(entry["revision"])), left_out


def said(entry: Entry) -> bool:
    """Is there anything to tell of this write? A status that did not change for a reader is not told."""
    if "status" not in str(entry["verb"]) or "object" not in entry or "previous" not in entry:
        return True
    return bool(change_of(entry))


def who(entry: Entry) -> str:
    user = str(entry["user"])
    return user.rpartition(":")[2] if user.startswith(_SERVICE_ACCOUNT) else user


def what(entry: Entry) -> str:
    """`replicasets.apps/web-6d4c`, as kubectl would name it."""
    if not entry["resource"]:
        return str(entry["name"])
    group = f".{entry['group']}" if entry["group"] else ""
    return f"{entry['resource']}{group}/{entry['name']}"


def why(entry: Entry) -> str:
    if entry["causeRevision"]:
        return str(entry["causeRevision"])
    agent = str(entry["userAgent"]).split(" ", 1)[0]
    return f"asked with {agent}" if is_user(entry) and agent else ""


def change_of(entry: Entry) -> str:
    """What the write changed, in a few words; "" when it is not known or not worth a word."""
    old, new = entry.get("previous") or {}, entry.get("object") or {}
    if not new:
        return ""
    facts = [*_replicas(old, new), *_images(old, new)]
    if entry["resource"] == "pods":
        facts += _pod(old, new)
    if new.get("metadata", {}).get("deletionTimestamp") and not old.get("metadata", {}).get("deletionTimestamp"):
        facts.append("marked for deletion")
    return ", ".join(facts)


def _replicas(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    for part, label in (("spec", "replicas"), ("status", "ready")):
        field = "replicas" if part == "spec" else "readyReplicas"
        before, after = old.get(part, {}).get(field, 0), new.get(part, {}).get(field, 0)
        if before != after and not (part == "status" and "replicas" not in new.get("spec", {})):
            found.append(f"{label} {before} → {after}" if old else f"{label} {after}")
    return found


def _images(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    def images(tree: dict[str, Any]) -> list[str]:
        template = tree.get("spec", {}).get("template", {}).get("spec", {})
        return [str(container.get("image", "")) for container in template.get("containers", [])]

    before, after = images(old), images(new)
    if before == after or not after:
        return []
    return [f"image {', '.join(after)}"]


def _pod(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    facts = []
    node = new.get("spec", {}).get("nodeName", "")
    if node and node != old.get("spec", {}).get("nodeName", ""):
        facts.append(f"to node {node}")
    before, after = old.get("status", {}), new.get("status", {})
    if old and before.get("phase") != after.get("phase"):
        facts.append(f"{before.get('phase', '')} → {after.get('phase', '')}")
    earlier = _containers(before)
    for name, state in _containers(after).items():
        if state and state != earlier.get(name):
            facts.append(f"{name}: {state}")
    return facts


def _containers(status: dict[str, Any]) -> dict[str, str]:
    found = {}
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = container.get("state", {})
        restarts = f" (restart {container['restartCount']})" if container.get("restartCount") else ""
        if "running" in state:
            text = "started, ready" if container.get("ready") else "started"
        elif "terminated" in state:
            ended = state["terminated"]
            text = f"ended with {ended.get('exitCode', 0)} {ended.get('reason', '')}".rstrip()
        else:
            text = str(state.get("waiting", {}).get("reason", ""))
        found[str(container.get("name", ""))] = text + restarts if text else ""
    return found
