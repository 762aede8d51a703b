"""Small clusters with every feature that a scheduler looks at, drawn by a seed: upstream's and ours judge them.

A case is a tree of API objects in JSON, by resource, and one `pod` to place. Each object is as the API server would
have stored it. What has no one answer is left out: no two volumes have the same size, so the smallest is one. So is
what no scheduler lets happen: two Pods that hold one port of a node, or a claim that is for one of them.

    python -m tests.unit.scheduler.upstream_cases 10000     # prints the cases, one a line
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

Tree = dict[str, Any]
T = TypeVar("T")

ZONE, REGION, HOST = "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "kubernetes.io/hostname"
OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"
GI, MI = 1024**3, 1024**2
DRIVER = "disk.example.com"
APPS = ("web", "db", "cache")
NAMESPACES: dict[str, dict[str, str]] = {"default": {}, "team-a": {"team": "a"}, "team-b": {"team": "b"}}
IMAGES = {
    "registry/small:1": 10 * MI,
    "registry/app:1": 300 * MI,
    "registry/big:2": 900 * MI,
    "registry/x:latest": 500 * MI,
}
TAINTS = (("dedicated", "db"), ("dedicated", ""), ("gpu", ""), ("node.kubernetes.io/not-ready", ""))
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
PLACED_ON = "pv.kubernetes.io/bind-completed"


class Draw:
    """Chance, from `random()` alone: what that gives for a seed, Python promises never to change."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random
        self.roomy = self.often(50)
        """Nodes take most Pods, so that what is asked last is asked too, and many nodes are scored."""

    def below(self, bound: int) -> int:
        return int(self._random() * bound)

    def number(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def often(self, percent: int) -> bool:
        return self.below(100) < percent

    def choice(self, of: Iterable[T]) -> T:
        them = list(of)
        return them[self.below(len(them))]

    def some(self, of: Iterable[T], most: int, least: int = 1) -> list[T]:
        """Different ones, in an order of chance."""
        left = list(of)
        return [left.pop(self.below(len(left))) for _ in range(self.number(least, min(most, len(left))))]


def draw_case(seed: int) -> Tree:
    """The case of a seed; the same one every time."""
    draw = Draw(seed)
    nodes = [_node(draw, index) for index in range(draw.number(3, 12))]
    case: Tree = {
        "nodes": nodes,
        "namespaces": [{"metadata": {"name": name, "labels": labels}} for name, labels in NAMESPACES.items()],
    }
    storage = _Storage(draw, nodes) if draw.often(40) else None
    pods: list[Tree] = []
    for index in range(draw.number(0, 3 * len(nodes))):
        pods.append(_existing(draw, index, nodes, storage, pods))
    pod = _pod(draw, "new", nodes)
    pod["spec"]["priority"] = draw.choice([0, 0, 100, 1000])
    if draw.often(8):
        pod["spec"]["preemptionPolicy"] = "Never"
    if storage is not None:
        storage.give(pod, 70)
        case |= storage.objects()
    if draw.often(15):
        _promise(draw, nodes, pods)
    case |= {"pods": pods, "pod": pod}
    case["services"], case["replicasets"] = _owners(draw, pod)
    if draw.often(30):
        case["poddisruptionbudgets"] = [_budget(draw, index) for index in range(draw.number(1, 2))]
    return {key: value for key, value in case.items() if value or key == "pods"}


def _node(draw: Draw, index: int) -> Tree:
    name = f"n{index}"
    labels = {HOST: name}
    if draw.often(85):
        labels[ZONE] = f"z{draw.number(1, 3)}"
    if draw.often(40):
        labels[REGION] = f"r{draw.number(1, 2)}"
    if draw.often(10):
        labels[OLD_ZONE] = f"z{draw.number(1, 3)}"
    if draw.often(40):
        labels["disk"] = draw.choice(["ssd", "hdd"])
    if draw.often(30):
        labels["size"] = draw.choice(["3", "10", "-1", "large"])
    room = {
        "cpu": draw.choice(["8", "12", "16"] if draw.roomy else ["1", "2", "4", "3500m"]),
        "memory": draw.choice(["16Gi", "31Gi"] if draw.roomy else ["1Gi", "4Gi", "8Gi", "3900Mi"]),
        "pods": draw.choice(["9", "110"] if draw.roomy else ["2", "5", "110", "110"]),
        "ephemeral-storage": "20Gi",
    }
    if draw.often(30):
        room["example.com/gpu"] = draw.choice(["1", "2", "8"])
    if draw.often(15):
        room["hugepages-2Mi"] = "64Mi"
    spec: Tree = {}
    if draw.often(25):
        effects = ("PreferNoSchedule",) if draw.roomy and draw.often(80) else EFFECTS
        spec["taints"] = [_taint(key, value, draw.choice(effects)) for key, value in draw.some(TAINTS, 2)]
    if draw.often(2 if draw.roomy else 7):
        spec["unschedulable"] = True
        spec.setdefault("taints", []).append(_taint("node.kubernetes.io/unschedulable", "", "NoSchedule"))
    status: Tree = {"capacity": room, "allocatable": room}
    if draw.often(50):
        having = draw.some(IMAGES, 3)
        status["images"] = [{"names": [name, f"{name}@sha256:0"], "sizeBytes": IMAGES[name]} for name in having]
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def _taint(key: str, value: str, effect: str) -> Tree:
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def _existing(draw: Draw, index: int, nodes: list[Tree], storage: _Storage | None, others: list[Tree]) -> Tree:
    pod = _pod(draw, f"p{index}", nodes, placed=True)
    node = pod["spec"]["nodeName"] = draw.choice(nodes)["metadata"]["name"]
    if any("ports" in other["spec"]["containers"][0] for other in others if other["spec"]["nodeName"] == node):
        pod["spec"]["containers"][0].pop("ports", None)
    pod["spec"]["priority"] = draw.choice([-10, 0, 0, 50, 100, 2000])
    pod["status"] = {"phase": "Running", "startTime": f"2026-01-01T00:{index:02d}:00Z"}
    if draw.often(6):
        pod["metadata"] |= {"deletionTimestamp": "2026-01-01T01:00:00Z", "deletionGracePeriodSeconds": 30}
    if draw.often(8):
        _resize(draw, pod)
    if storage is not None:
        storage.give(pod, 30)
    return pod


def _resize(draw: Draw, pod: Tree) -> None:
    """The kubelet has given its container more or less than the spec asks now."""
    given = {"cpu": draw.choice(["50m", "700m"]), "memory": draw.choice(["32Mi", "900Mi"])}
    pod["status"]["containerStatuses"] = [
        {"name": "c0", "image": "", "imageID": "", "ready": True, "restartCount": 0}
        | {"allocatedResources": given, "resources": {"requests": given}}
    ]
    if draw.often(50):
        why = draw.choice(["Infeasible", "Deferred"])
        pod["status"]["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": why}]


def _promise(draw: Draw, nodes: list[Tree], pods: list[Tree]) -> None:
    """A Pod that waits for the node it was nominated to."""
    waiting = _pod(draw, "promised", nodes, placed=True)
    waiting["spec"]["priority"] = draw.choice([0, 500, 5000])
    waiting["status"] = {"nominatedNodeName": draw.choice(nodes)["metadata"]["name"]}
    pods.append(waiting)


def _pod(draw: Draw, name: str, nodes: list[Tree], *, placed: bool = False) -> Tree:
    labels = {"app": draw.choice(APPS)} if draw.often(85) else {}
    if draw.often(30):
        labels["version"] = draw.choice(["1", "2"])
    namespace = draw.choice(["default", "default", "team-a", "team-b"])
    spec: Tree = {"schedulerName": "default-scheduler", "containers": []}
    for index in range(draw.choice([1, 1, 1, 2])):
        spec["containers"].append(_container(draw, f"c{index}"))
    if draw.often(15):
        spec["initContainers"] = [_container(draw, f"i{i}", init=True) for i in range(draw.number(1, 3))]
    if draw.often(8):
        spec["overhead"] = {"cpu": "100m", "memory": "64Mi"}
    if draw.often(6):
        spec["resources"] = {"requests": {"cpu": draw.choice(["600m", "1"]), "memory": "700Mi"}}
    if draw.often(10 if placed else 20):
        port = {"containerPort": 80, "hostPort": draw.choice([80, 81]), "protocol": draw.choice(["TCP", "TCP", "UDP"])}
        if draw.often(40):
            port["hostIP"] = draw.choice(["10.0.0.1", "10.0.0.2", "0.0.0.0"])
        spec["containers"][0]["ports"] = [port]
    affinity = _pod_affinity(draw, labels, 15 if placed else 30)
    if not placed:
        _wishes_about_nodes(draw, spec, affinity, nodes)
        if draw.often(35):
            spec["topologySpreadConstraints"] = _spread(draw, labels)
    if affinity:
        spec["affinity"] = affinity
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": labels}, "spec": spec}


def _container(draw: Draw, name: str, *, init: bool = False) -> Tree:
    asked: dict[str, str] = {}
    if draw.often(75):
        asked["cpu"] = draw.choice(["100m", "250m", "500m", "1", "1500m"])
    if draw.often(70):
        asked["memory"] = draw.choice(["64Mi", "300Mi", "1Gi", "2000M"])
    if draw.often(2 if draw.roomy else 12):
        asked["example.com/gpu"] = draw.choice(["1", "2"])
    if draw.often(6):
        asked["ephemeral-storage"] = draw.choice(["1Gi", "9Gi"])
    if draw.often(1 if draw.roomy else 3):
        asked["hugepages-2Mi"] = "32Mi"
    container: Tree = {"name": name, "image": draw.choice([*IMAGES, "registry/x", "elsewhere/none:1"])}
    if asked:
        limits = {key: value for key, value in asked.items() if key not in ("cpu", "memory", "ephemeral-storage")}
        container["resources"] = {"requests": asked} | ({"limits": limits} if limits else {})
    if init and draw.often(50):
        container["restartPolicy"] = "Always"
    return container


def _wishes_about_nodes(draw: Draw, spec: Tree, affinity: Tree, nodes: list[Tree]) -> None:
    if draw.often(4 if draw.roomy else 15):
        spec["nodeSelector"] = {draw.choice(["disk", ZONE]): draw.choice(["ssd", "z1", "z2"])}
    if draw.often(50):
        spec["tolerations"] = [_toleration(draw) for _ in range(draw.number(1, 3))]
    of_nodes: Tree = {}
    if draw.often(8 if draw.roomy else 25):
        terms = [_node_term(draw, nodes) for _ in range(draw.number(1, 2))]
        of_nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    if draw.often(35):
        of_nodes["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {"weight": draw.number(1, 100), "preference": {"matchExpressions": [_requirement(draw)]}}
            for _ in range(draw.number(1, 3))
        ]
    if of_nodes:
        affinity["nodeAffinity"] = of_nodes


def _toleration(draw: Draw) -> Tree:
    if draw.often(15):
        return {"operator": "Exists"}
    key, value = draw.choice([*TAINTS, ("node.kubernetes.io/unschedulable", "")])
    found: Tree = {"key": key}
    if draw.often(50):
        found["operator"] = "Exists"
    else:
        found |= {"operator": "Equal"} | ({"value": value} if value else {})
    if draw.often(70):
        found["effect"] = draw.choice(EFFECTS)
    return found


def _node_term(draw: Draw, nodes: list[Tree]) -> Tree:
    term: Tree = {}
    if draw.often(80):
        term["matchExpressions"] = [_requirement(draw) for _ in range(draw.number(1, 2))]
    if draw.often(20):
        name = draw.choice([*nodes])["metadata"]["name"]
        operator = draw.choice(["In", "In", "NotIn"])
        term["matchFields"] = [{"key": "metadata.name", "operator": operator, "values": [name]}]
    return term


def _requirement(draw: Draw) -> Tree:
    key = draw.choice(["disk", "size", ZONE, REGION, "absent"])
    operator = draw.choice(["In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
    found: Tree = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        found["values"] = draw.some(["ssd", "hdd", "z1", "z2", "z3", "r1", "3", "10"], 4)
    elif operator in ("Gt", "Lt"):
        found |= {"key": "size", "values": [draw.choice(["0", "5"])]}
    return found


def _selector(draw: Draw) -> Tree:
    match draw.below(8):
        case 0:
            return {}
        case 1:
            return {"matchExpressions": [{"key": "version", "operator": draw.choice(["Exists", "DoesNotExist"])}]}
        case 2:
            chosen = draw.some(APPS, 2)
            operator = draw.choice(["In", "NotIn"])
            return {"matchExpressions": [{"key": "app", "operator": operator, "values": chosen}]}
        case _:
            return {"matchLabels": {"app": draw.choice(APPS)}}


def _pod_term(draw: Draw, labels: dict[str, str]) -> Tree:
    term: Tree = {"topologyKey": draw.choice([HOST, ZONE, ZONE, REGION]), "labelSelector": _selector(draw)}
    if draw.often(20):
        term["namespaces"] = draw.some(NAMESPACES, 2)
    if draw.often(20):
        term["namespaceSelector"] = draw.choice([{}, {"matchLabels": {"team": "a"}}])
    if draw.often(15) and "version" in labels:
        field, operator = draw.choice([("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")])
        term[field] = ["version"]
        merged = {"key": "version", "operator": operator, "values": [labels["version"]]}
        selector = term["labelSelector"]
        term["labelSelector"] = selector | {"matchExpressions": [*selector.get("matchExpressions", []), merged]}
    return term


def _pod_affinity(draw: Draw, labels: dict[str, str], percent: int) -> Tree:
    affinity: Tree = {}
    for side in ("podAffinity", "podAntiAffinity"):
        found: Tree = {}
        if draw.often(percent // 2):
            terms = [_pod_term(draw, labels) for _ in range(draw.choice([1, 1, 2]))]
            found["requiredDuringSchedulingIgnoredDuringExecution"] = terms
        if draw.often(percent):
            found["preferredDuringSchedulingIgnoredDuringExecution"] = [
                {"weight": draw.number(1, 100), "podAffinityTerm": _pod_term(draw, labels)}
                for _ in range(draw.number(1, 2))
            ]
        if found:
            affinity[side] = found
    return affinity


def _spread(draw: Draw, labels: dict[str, str]) -> list[Tree]:
    chosen = draw.some([(key, when) for key in (HOST, ZONE, REGION) for when in ("DoNotSchedule", "ScheduleAnyway")], 3)
    constraints = []
    for key, when in chosen:
        selector = _selector(draw)
        one: Tree = {"maxSkew": draw.number(1, 3), "topologyKey": key, "whenUnsatisfiable": when}
        if when == "DoNotSchedule" and draw.often(25):
            one["minDomains"] = draw.number(1, 4)
        if draw.often(25):
            one["nodeAffinityPolicy"] = draw.choice(["Honor", "Ignore"])
        if draw.often(25):
            one["nodeTaintsPolicy"] = draw.choice(["Honor", "Ignore"])
        if draw.often(15) and "version" in labels:
            one["matchLabelKeys"] = ["version"]
            merged = {"key": "version", "operator": "In", "values": [labels["version"]]}
            selector = selector | {"matchExpressions": [*selector.get("matchExpressions", []), merged]}
        constraints.append(one | {"labelSelector": selector})
    return constraints


def _owners(draw: Draw, pod: Tree) -> tuple[list[Tree], list[Tree]]:
    """What default spreading counts by."""
    app = pod["metadata"]["labels"].get("app")
    if app is None or not draw.often(45):
        return [], []
    meta = {"namespace": pod["metadata"]["namespace"], "name": app}
    services = [{"metadata": meta, "spec": {"selector": {"app": app}}}] if draw.often(60) else []
    if not draw.often(50):
        return services, []
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": app, "uid": f"uid-{app}", "controller": True}
    ]
    selector = {"matchLabels": {"app": app}}
    return services, [{"metadata": meta | {"uid": f"uid-{app}"}, "spec": {"selector": selector, "template": {}}}]


def _budget(draw: Draw, index: int) -> Tree:
    meta = {"name": f"b{index}", "namespace": draw.choice(["default", "team-a"])}
    status = {"disruptionsAllowed": draw.number(0, 2), "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3}
    return {"metadata": meta, "spec": {"selector": {"matchLabels": {"app": draw.choice(APPS)}}}, "status": status}


class _Storage:
    """Classes, volumes, claims and drivers; Pods are given claims as they come."""

    def __init__(self, draw: Draw, nodes: list[Tree]) -> None:
        self._draw = draw
        self._nodes = nodes
        self._volumes: list[Tree] = []
        self._claims: list[Tree] = []
        self._size = 1
        """Of the next volume, in Gi: no two are equal."""
        self._classes = [
            _class("manual", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
            _class("later", DRIVER, "WaitForFirstConsumer"),
            _class("now", DRIVER, "Immediate"),
            _class("zonal", DRIVER, "WaitForFirstConsumer"),
        ]
        values = draw.some(["z1", "z2", "z3"], 2)
        self._classes[3]["allowedTopologies"] = [{"matchLabelExpressions": [{"key": ZONE, "values": values}]}]
        for _ in range(draw.number(0, 5)):
            self._volume("manual", bound=None)

    def objects(self) -> Tree:
        draw = self._draw
        found: Tree = {
            "storageclasses": self._classes,
            "persistentvolumes": self._volumes,
            "persistentvolumeclaims": self._claims,
        }
        if draw.often(60):
            found["csinodes"] = [self._csi_node(node) for node in self._nodes if draw.often(80)]
        if draw.often(50):
            found["csidrivers"] = [{"metadata": {"name": DRIVER}, "spec": {"storageCapacity": draw.often(70)}}]
            found["csistoragecapacities"] = [self._capacity(index) for index in range(draw.number(0, 3))]
        of_driver = [volume for volume in self._volumes if "csi" in volume["spec"]]
        if draw.often(40) and of_driver:
            found["volumeattachments"] = [
                self._attachment(index, volume) for index, volume in enumerate(draw.some(of_driver, 3))
            ]
        return found

    def give(self, pod: Tree, percent: int) -> None:
        """Volumes for a Pod, maybe."""
        draw, volumes = self._draw, []
        while len(volumes) < 3 and draw.often(percent):
            percent //= 3
            name = f"v{len(volumes)}"
            kind = draw.below(8)
            if kind == 0:
                disk = {"pdName": draw.choice(["disk-1", "disk-2"]), "readOnly": draw.often(50)}
                volumes.append({"name": name, "gcePersistentDisk": disk})
            elif kind == 1:
                pool = {"monitors": draw.some(["a", "b", "c"], 2), "pool": "rbd", "image": draw.choice(["i", "j"])}
                volumes.append({"name": name, "rbd": pool | {"readOnly": draw.often(30)}})
            elif kind == 2:
                target = {"targetPortal": "10.0.0.9", "iqn": draw.choice(["iqn-1", "iqn-2"]), "lun": 0}
                volumes.append({"name": name, "iscsi": target | {"readOnly": draw.often(30)}})
            elif kind == 3:
                claim = self._claim(pod["metadata"]["namespace"], name=f"{pod['metadata']['name']}-{name}")
                mine = "nodeName" in pod["spec"] or draw.often(80)
                owner = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "controller": True}
                claim["metadata"]["ownerReferences"] = [owner | {"uid": pod["metadata"]["uid"] if mine else "other"}]
                template = {"spec": {"accessModes": ["ReadWriteOnce"]}}
                volumes.append({"name": name, "ephemeral": {"volumeClaimTemplate": template}})
            else:
                volumes.append({"name": name, "persistentVolumeClaim": {"claimName": self._claim_for(pod)}})
        if volumes:
            pod["spec"]["volumes"] = volumes

    def _claim_for(self, pod: Tree) -> str:
        """A new claim, one that others name too, or one that is not there."""
        namespace = pod["metadata"]["namespace"]
        placed = "nodeName" in pod["spec"]
        named = [
            claim
            for claim in self._claims
            if claim["metadata"]["namespace"] == namespace
            and not (placed and "ReadWriteOncePod" in claim["spec"]["accessModes"])
        ]
        if named and self._draw.often(25):
            name: str = self._draw.choice(named)["metadata"]["name"]
            return name
        if self._draw.often(2):
            return "missing"
        made: str = self._claim(namespace)["metadata"]["name"]
        return made

    def _claim(self, namespace: str, name: str = "") -> Tree:
        draw = self._draw
        class_ = draw.choice(["manual", "later", "later", "now", "now", "zonal", ""])
        modes = ["ReadWriteOncePod"] if draw.often(20) else ["ReadWriteOnce"]
        claim: Tree = {
            "metadata": {"name": name or f"claim-{len(self._claims)}", "namespace": namespace},
            "spec": {"accessModes": modes, "resources": {"requests": {"storage": f"{draw.number(1, 6)}Gi"}}},
            "status": {"phase": "Pending"},
        }
        claim["metadata"]["uid"] = f"uid-{namespace}-{claim['metadata']['name']}"
        claim["spec"]["storageClassName"] = class_
        if draw.often(75 if class_ in ("now", "") else 45):
            volume = self._volume(class_, bound=claim)
            claim["metadata"]["annotations"] = {PLACED_ON: "yes"}
            claim["spec"]["volumeName"] = volume["metadata"]["name"]
            claim["status"]["phase"] = "Bound"
            if draw.often(3):
                self._volumes.remove(volume)
            elif draw.often(2):
                claim["status"]["phase"] = "Lost"
        elif draw.often(10) and class_ in ("later", "zonal"):
            node = draw.choice(self._nodes)["metadata"]["name"]
            claim["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": node}
        if draw.often(2):
            claim["metadata"] |= {
                "deletionTimestamp": "2026-01-01T01:00:00Z",
                "finalizers": ["kubernetes.io/pvc-protection"],
            }
        self._claims.append(claim)
        return claim

    def _volume(self, class_: str, bound: Tree | None) -> Tree:
        draw = self._draw
        self._size += 1
        labels: dict[str, str] = {}
        if draw.often(30):
            labels[draw.choice([ZONE, ZONE, OLD_ZONE])] = draw.choice(["z1", "z2", "z1__z3"])
        if draw.often(10):
            labels[REGION] = draw.choice(["r1", "r2"])
        spec: Tree = {
            "capacity": {"storage": f"{self._size}Gi"},
            "accessModes": ["ReadWriteOnce"] if draw.often(80) else ["ReadWriteOnce", "ReadWriteOncePod"],
            "storageClassName": class_,
            "persistentVolumeReclaimPolicy": "Delete",
        }
        if class_ in ("later", "now", "zonal"):
            spec["csi"] = {"driver": DRIVER, "volumeHandle": f"handle-{self._size}"}
        else:
            spec["hostPath"] = {"path": "/data"}
        if draw.often(50 if class_ == "manual" else 25):
            key, values = draw.choice([(HOST, [f"n{draw.number(0, 5)}"]), (ZONE, draw.some(["z1", "z2", "z3"], 2))])
            term = {"matchExpressions": [{"key": key, "operator": "In", "values": values}]}
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
        volume: Tree = {
            "metadata": {"name": f"volume-{self._size}", "uid": f"uid-{self._size}", "labels": labels},
            "spec": spec,
            "status": {"phase": "Available" if bound is None else "Bound"},
        }
        if bound is not None:
            meta = bound["metadata"]
            spec["claimRef"] = {key: meta[key] for key in ("name", "namespace", "uid")}
        self._volumes.append(volume)
        return volume

    def _csi_node(self, node: Tree) -> Tree:
        name = node["metadata"]["name"]
        driver: Tree = {"name": DRIVER, "nodeID": name, "topologyKeys": []}
        if self._draw.often(70):
            driver["allocatable"] = {"count": self._draw.number(0, 3)}
        return {"metadata": {"name": name}, "spec": {"drivers": [driver] if self._draw.often(90) else []}}

    def _capacity(self, index: int) -> Tree:
        draw = self._draw
        account: Tree = {
            "metadata": {"name": f"account-{index}", "namespace": "kube-system"},
            "storageClassName": draw.choice(["later", "zonal"]),
            "capacity": draw.choice(["0", "3Gi", "100Gi"]),
        }
        if draw.often(80):
            account["nodeTopology"] = draw.choice([{}, {"matchLabels": {ZONE: draw.choice(["z1", "z2"])}}])
        if draw.often(20):
            account["maximumVolumeSize"] = "4Gi"
        return account

    def _attachment(self, index: int, volume: Tree) -> Tree:
        node = self._draw.choice(self._nodes)["metadata"]["name"]
        source = {"persistentVolumeName": volume["metadata"]["name"]}
        spec = {"attacher": DRIVER, "nodeName": node, "source": source}
        return {"metadata": {"name": f"attachment-{index}"}, "spec": spec, "status": {"attached": True}}


def _class(name: str, provisioner: str, mode: str) -> Tree:
    return {"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode}


def written(case: Any) -> str:
    return json.dumps(case, separators=(",", ":"))


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        print(written(draw_case(number)))
