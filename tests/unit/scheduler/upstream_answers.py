"""What upstream's scheduler said of the cases of `upstream_cases.py`, and what ours says, in the same words.

The answers of v1.36 are in `upstream_answers.jsonl.xz`, one a line, by seed, each with a checksum of its case. They
come from `findNodesThatFitPod`, `prioritizeNodes` and `RunPostFilterPlugins` (pkg/scheduler/schedule_one.go) with the
default plugins, all nodes looked at and victims deleted at once: a program linked with these printed, for each case it
read, what `recorded` reads.

    python -m tests.unit.scheduler.upstream_answers RAW     # packs such a program's answers to all cases
"""

from __future__ import annotations

import json
import lzma
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec

from pybernetes.api.apps.v1 import ReplicaSet
from pybernetes.api.core.v1 import Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service
from pybernetes.api.policy.v1 import PodDisruptionBudget
from pybernetes.api.storage.v1 import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.scheduler import explain
from pybernetes.scheduler.algorithm import NoFit, PluginFailed, schedule
from pybernetes.scheduler.config import ProfileConfig
from pybernetes.scheduler.default_selector import default_selector
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Candidate
from pybernetes.scheduler.profile import Profile
from tests.unit.scheduler.builders import Storage, snapshot_of
from tests.unit.scheduler.upstream_cases import Tree, draw_case, written

ANSWERS = Path(__file__).with_suffix(".jsonl.xz")

_STORAGE = {
    "persistentvolumes": PersistentVolume,
    "persistentvolumeclaims": PersistentVolumeClaim,
    "storageclasses": StorageClass,
    "csinodes": CSINode,
    "csidrivers": CSIDriver,
    "csistoragecapacities": CSIStorageCapacity,
    "volumeattachments": VolumeAttachment,
}
_CLAIMS_KEPT = "no new claims to deallocate, "
"""What the plugin of dynamic resources adds to every message."""


def judged(case: Tree) -> Tree:
    """`error`, or who `rejected` the Pod; or per node why not, per node and plugin the score, and who must go."""
    pods: list[Pod] = _all(case, "pods", Pod)
    new = PodInfo(msgspec.convert(case["pod"], Pod))
    evicted: list[Candidate] = []
    profile = profile_of(case)
    preemption: Any = dict(profile.post_filter_plugins)["DefaultPreemption"]
    preemption._executor.start = lambda candidate, info, yielding: evicted.append(candidate)
    snapshot = snapshot_of(_all(case, "nodes", Node), [pod for pod in pods if pod.spec.nodeName])
    for pod in pods:
        if not pod.spec.nodeName:
            snapshot.nominations.set(PodInfo(pod), pod.status.nominatedNodeName or "")
    state = CycleState()
    try:
        result = schedule(profile, state, new, snapshot, lambda count: 0)
    except PluginFailed:
        return {"error": True}
    diagnosis = result.diagnosis
    if isinstance(result, NoFit):
        if diagnosis.pre_filter_message:
            assert diagnosis.absent is not None
            return {"rejected": [diagnosis.absent.plugin, diagnosis.pre_filter_message]}
        answer: Tree = {"message": message(diagnosis.message())}
        if evicted:
            victims = sorted(victim.pod.metadata.name or "" for victim in evicted[0].victims if not victim.terminating)
            answer["preempted"] = [evicted[0].node_name, victims]
    else:
        rows, _, _ = profile.find_feasible(state, new, snapshot)
        _, parts, _ = profile.score(state, new, snapshot, rows)
        answer = {
            "scores": {
                diagnosis.names[row]: {name: int(scores[i]) for name, scores in parts.items() if scores[i]}
                for i, row in enumerate(rows)
            }
        }
    refused = {
        name: [plugin, bool(diagnosis.unresolvable[snapshot.row_of[name]]), sorted(reasons)]
        for name, (plugin, reasons) in explain.refusals(diagnosis).items()
    }
    return _told(answer, refused, case)


def recorded(raw: Tree, case: Tree) -> Tree:
    """Upstream's answer in the same words."""
    if "error" in raw:
        return {"error": True}
    if "rejected" in raw:
        return {"rejected": [raw["absent"][0], raw["rejected"]]}
    answer: Tree = {}
    if "message" in raw:
        answer["message"] = message(raw["message"])
    if "nominate" in raw:
        answer["preempted"] = [raw["nominate"], raw.get("victims") or []]
    if "scores" in raw:
        answer["scores"] = raw["scores"]
    refused = {
        name: [plugin, code == "UnschedulableAndUnresolvable", sorted(reasons)]
        for name, (plugin, code, reasons) in raw.get("refused", {}).items()
        if plugin
    }
    return _told(answer, refused, case)


def _told(answer: Tree, refused: Tree, case: Tree) -> Tree:
    """Where a node is promised to a Pod that waits, upstream's reasons are those with that Pod; ours need not be."""
    promised = {pod["status"]["nominatedNodeName"] for pod in case["pods"] if "nominatedNodeName" in pod["status"]}
    if promised & refused.keys():
        answer.pop("message", None)
        refused = {name: [] if name in promised else why for name, why in refused.items()}
    return answer | ({"refused": refused} if refused else {})


def message(text: str) -> str:
    return text.replace(_CLAIMS_KEPT, "")


def profile_of(case: Tree) -> Profile:
    storage = Storage(*(obj for resource, cls in _STORAGE.items() for obj in _all(case, resource, cls)))
    namespaces = {each.metadata.name or "": each.metadata.labels for each in _all(case, "namespaces", Namespace)}
    services, sets = _all(case, "services", Service), _all(case, "replicasets", ReplicaSet)

    def selector(pod: Pod) -> Any:
        here = pod.metadata.namespace
        found = {each.metadata.name: each for each in sets if each.metadata.namespace == here}
        of_pod = [each for each in services if each.metadata.namespace == here]
        return default_selector(pod, of_pod, lambda kind, name: found.get(name))

    handle = Handle(
        None,  # type: ignore[arg-type]
        selector,
        budgets=lambda: _all(case, "poddisruptionbudgets", PodDisruptionBudget),
        namespace_labels=lambda name: namespaces.get(name, {}),
        namespaces=lambda chosen: [name for name, labels in namespaces.items() if chosen.matches(labels)],
        storage=storage.view,
    )
    return Profile(ProfileConfig(), handle)


def _all(case: Tree, resource: str, cls: Any) -> list[Any]:
    return msgspec.convert(case.get(resource, []), list[cls])


def checksum(case: Tree) -> int:
    return zlib.crc32(written(case).encode())


def answers() -> list[tuple[int, Tree]]:
    """(checksum of the case, answer), by seed."""
    with lzma.open(ANSWERS, "rt") as lines:
        return [tuple(json.loads(line)) for line in lines]


def pack(raw: Path) -> None:
    with lzma.open(ANSWERS, "wt", preset=9) as packed, raw.open() as lines:
        for seed, line in enumerate(lines):
            case = draw_case(seed)
            packed.write(written([checksum(case), recorded(json.loads(line), case)]) + "\n")


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
