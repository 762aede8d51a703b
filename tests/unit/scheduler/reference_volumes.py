"""The volume plugins again, plainly: one node at a time, from a case of `upstream_cases.py` as it is written.

Sizes of the cases are in Gi, all of them; Pods name their claims, or have them made for themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.unit.scheduler.reference import RESOLVABLE, UNRESOLVABLE, Refusal
from tests.unit.scheduler.upstream_cases import OLD_ZONE, PLACED_ON, REGION, ZONE, Tree


def named(case: Tree, resource: str, name: str) -> Any:
    return next((each for each in case.get(resource, []) if each["metadata"]["name"] == name), None)


def claim_names(pod: Tree, *, own: bool = True) -> Iterator[tuple[str, bool]]:
    """(name, whether it is made for the Pod)."""
    for volume in pod["spec"].get("volumes", []):
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"], False
        elif "ephemeral" in volume and own:
            yield f"{pod['metadata']['name']}-{volume['name']}", True


def claim_of(case: Tree, pod: Tree, name: str) -> Any:
    namespace = pod["metadata"]["namespace"]
    of_namespace = [
        each for each in case.get("persistentvolumeclaims", []) if each["metadata"]["namespace"] == namespace
    ]
    return named({"persistentvolumeclaims": of_namespace}, "persistentvolumeclaims", name)


def claims(case: Tree, pod: Tree, *, own: bool = True) -> list[Tree]:
    found = [claim_of(case, pod, name) for name, _ in claim_names(pod, own=own)]
    return [claim for claim in found if claim is not None]


def placed(case: Tree, node: Tree | None = None) -> list[Tree]:
    on = [pod for pod in case["pods"] if "nodeName" in pod["spec"]]
    return on if node is None else [pod for pod in on if pod["spec"]["nodeName"] == node["metadata"]["name"]]


def missing(case: Tree) -> str:
    for name, _ in claim_names(case["pod"], own=False):
        if claim_of(case, case["pod"], name) is None:
            return f'persistentvolumeclaim "{name}" not found'
    return ""


# VolumeRestrictions


def same_disk(mine: Tree, theirs: Tree) -> bool:
    for kind, identity in (("gcePersistentDisk", ("pdName",)), ("iscsi", ("iqn",)), ("rbd", ("pool", "image"))):
        if kind in mine and kind in theirs:
            a, b = mine[kind], theirs[kind]
            if kind == "rbd" and not set(a["monitors"]) & set(b["monitors"]):
                return False
            return all(a[part] == b[part] for part in identity) and not (a["readOnly"] and b["readOnly"])
    return False


def restricted(case: Tree, node: Tree) -> Refusal:
    mine = case["pod"]["spec"].get("volumes", [])
    for other in placed(case, node):
        if any(same_disk(a, b) for a in mine for b in other["spec"].get("volumes", [])):
            return ["node(s) had no available disk"], RESOLVABLE
    for claim in claims(case, case["pod"], own=False):
        if "ReadWriteOncePod" in claim["spec"]["accessModes"]:
            for other in placed(case):
                if any(theirs is claim for theirs in claims(case, other, own=False)):
                    text = "PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
                    return [f"node(s) unavailable due to {text}"], RESOLVABLE
    return None


# NodeVolumeLimits


def csi_volumes(case: Tree, pod: Tree) -> set[str]:
    """Of the one driver of the cases."""
    found = set()
    for claim in claims(case, pod):
        volume = named(case, "persistentvolumes", claim["spec"].get("volumeName", ""))
        if volume is None:
            if named(case, "storageclasses", claim["spec"]["storageClassName"]) is not None:
                of_driver = claim["spec"]["storageClassName"] != "manual"
                found |= {f"new {claim['metadata']['name']}"} if of_driver else set()
        elif "csi" in volume["spec"]:
            found.add(volume["spec"]["csi"]["volumeHandle"])
    return found


def limited(case: Tree, node: Tree) -> Refusal:
    on = named(case, "csinodes", node["metadata"]["name"])
    drivers = on["spec"]["drivers"] if on is not None else []
    if not drivers or "allocatable" not in drivers[0]:
        return None
    used = {handle for other in placed(case, node) for handle in csi_volumes(case, other)}
    attached = set()
    for attachment in case.get("volumeattachments", []):
        if attachment["spec"]["nodeName"] == node["metadata"]["name"]:
            volume = named(case, "persistentvolumes", attachment["spec"]["source"]["persistentVolumeName"])
            attached |= {volume["spec"]["csi"]["volumeHandle"]} if volume is not None else set()
    new = csi_volumes(case, case["pod"]) - used
    if new and len(new) + len(used | attached) > drivers[0]["allocatable"]["count"]:
        return ["node(s) exceed max volume count"], RESOLVABLE
    return None


# VolumeZone


def zone_rejected(case: Tree) -> str:
    for claim in claims(case, case["pod"], own=False):
        name, class_ = claim["spec"].get("volumeName", ""), claim["spec"]["storageClassName"]
        if name:
            if named(case, "persistentvolumes", name) is None:
                return f'persistentvolume "{name}" not found'
        elif not class_:
            return "PersistentVolumeClaim had no pv name and storageClass name"
        elif named(case, "storageclasses", class_)["volumeBindingMode"] != "WaitForFirstConsumer":
            return "PersistentVolume had no name"
    return ""


def zoned(case: Tree, node: Tree) -> Refusal:
    having = node["metadata"]["labels"]
    if not any(key in having for key in (ZONE, REGION, OLD_ZONE)):
        return None
    for claim in claims(case, case["pod"], own=False):
        volume = named(case, "persistentvolumes", claim["spec"].get("volumeName", ""))
        for key, value in (volume["metadata"]["labels"] if volume is not None else {}).items():
            there = having.get(key, having.get(ZONE) if key == OLD_ZONE else None)
            if there not in value.split("__"):
                return ["node(s) had no available volume zone"], UNRESOLVABLE
    return None


# VolumeBinding


def bound(claim: Tree) -> bool:
    return "volumeName" in claim["spec"] and PLACED_ON in claim["metadata"].get("annotations", {})


def binding_rejected(case: Tree) -> str:
    pod = case["pod"]
    for name, own in claim_names(pod):
        claim = claim_of(case, pod, name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if claim["status"]["phase"] == "Lost":
            gone = claim["spec"]["volumeName"]
            return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{gone}"'
        if "deletionTimestamp" in claim["metadata"]:
            return f'persistentvolumeclaim "{name}" is being deleted'
        if own and claim["metadata"]["ownerReferences"][0]["uid"] != pod["metadata"]["uid"]:
            whole = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            of = f"{pod['metadata']['namespace']}/{name}"
            return f"PVC {of} was not created for pod {whole} (pod is not owner)"
    if any(not bound(claim) and claim["spec"]["storageClassName"] in ("now", "") for claim in claims(case, pod)):
        return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def size(text: str) -> int:
    return int(text.removesuffix("Gi"))


def reaches(volume: Tree, node: Tree) -> bool:
    if "nodeAffinity" not in volume["spec"]:
        return True
    ((wanted,),) = (t["matchExpressions"] for t in volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"])
    return node["metadata"]["labels"].get(wanted["key"]) in wanted["values"]


def provisionable(case: Tree, claim: Tree, node: Tree) -> str:
    """Why no volume can be made for the claim there."""
    class_ = named(case, "storageclasses", claim["spec"]["storageClassName"])
    here = node["metadata"]["labels"]
    if class_["provisioner"] == "kubernetes.io/no-provisioner":
        return "node(s) didn't find available persistent volumes to bind"
    for topology in class_.get("allowedTopologies", []):
        if here.get(ZONE) not in topology["matchLabelExpressions"][0]["values"]:
            return "node(s) didn't find available persistent volumes to bind"
    driver = named(case, "csidrivers", class_["provisioner"])
    if driver is None or not driver["spec"]["storageCapacity"]:
        return ""
    wanted = size(claim["spec"]["resources"]["requests"]["storage"])
    for account in case.get("csistoragecapacities", []):
        if account["storageClassName"] == class_["metadata"]["name"] and "nodeTopology" in account:
            labels = account["nodeTopology"].get("matchLabels", {})
            enough = size(account.get("maximumVolumeSize", account["capacity"])) >= wanted
            if enough and all(here.get(key) == value for key, value in labels.items()):
                return ""
    return "node(s) did not have enough free storage"


def unbindable(case: Tree, node: Tree) -> Refusal:
    of_pod = claims(case, case["pod"])
    reasons: list[str] = []
    for claim in (each for each in of_pod if bound(each)):
        volume = named(case, "persistentvolumes", claim["spec"]["volumeName"])
        if volume is None:
            reasons = ["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"]
            break
        if not reaches(volume, node):
            reasons = ["node(s) didn't match PersistentVolume's node affinity"]
            break
    unbound = [claim for claim in of_pod if not bound(claim)]
    selected = [c["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node") for c in unbound]
    if any(name not in (None, node["metadata"]["name"]) for name in selected):
        return [*reasons, "node(s) didn't find available persistent volumes to bind"], UNRESOLVABLE
    provisioned = [claim for claim, name in zip(unbound, selected, strict=True) if name is not None]
    seeking = [claim for claim, name in zip(unbound, selected, strict=True) if name is None]
    taken: list[str] = []
    for claim in sorted(seeking, key=lambda each: size(each["spec"]["resources"]["requests"]["storage"])):
        wanted = size(claim["spec"]["resources"]["requests"]["storage"])
        free = [
            volume
            for volume in case.get("persistentvolumes", [])
            if volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"]
            and "claimRef" not in volume["spec"]
            and size(volume["spec"]["capacity"]["storage"]) >= wanted
            and set(claim["spec"]["accessModes"]) <= set(volume["spec"]["accessModes"])
            and reaches(volume, node)
            and volume["metadata"]["name"] not in taken
        ]
        if free:
            taken.append(min(free, key=lambda each: size(each["spec"]["capacity"]["storage"]))["metadata"]["name"])
        else:
            provisioned.append(claim)
    for claim in provisioned:
        why = provisionable(case, claim, node)
        if why:
            return [*reasons, why], UNRESOLVABLE
    return (reasons, UNRESOLVABLE) if reasons else None


PLUGINS = {
    "VolumeRestrictions": (missing, restricted),
    "NodeVolumeLimits": (lambda case: "", limited),
    "VolumeBinding": (binding_rejected, unbindable),
    "VolumeZone": (lambda case: missing(case) or zone_rejected(case), zoned),
}
"""(why the Pod is refused as a whole, why a node is)."""
