"""Claims with real folders: data survives its Pod and the node agent, and goes when the policy says so."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from .conftest import IMAGE, Cluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

STATEFUL_SET = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  replicas: 1
  serviceName: db
  persistentVolumeClaimRetentionPolicy: {{whenDeleted: Delete, whenScaled: Retain}}
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {{runAsUser: 1000, fsGroup: 2000}}
      containers:
      - name: c
        image: "{IMAGE}"
        command: [sh, -c, "echo started >> /data/log; exec sleep 100000"]
        volumeMounts: [{{name: data, mountPath: /data}}, {{name: data, mountPath: /part, subPath: part}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
STATIC = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: "{name}", labels: {{disk: "{name}"}}}}
spec: {{capacity: {{storage: 5Gi}}, accessModes: [ReadWriteOnce], hostPath: {{path: "{path}", type: Directory}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: static}}
spec:
  storageClassName: ""
  accessModes: [ReadWriteOnce]
  selector: {{matchLabels: {{disk: "{name}"}}}}
  resources: {{requests: {{storage: 1Gi}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: nothing}}
spec: {{storageClassName: "", accessModes: [ReadWriteMany], resources: {{requests: {{storage: 1Gi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: reader}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: "{image}"
    command: [cat, /shown/greeting]
    volumeMounts: [{{name: v, mountPath: /shown, readOnly: true}}]
  volumes: [{{name: v, persistentVolumeClaim: {{claimName: static}}}}]
"""


def test_data_survives_pods_and_the_node_agent(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=STATEFUL_SET)
    cluster.kubectl("rollout", "status", "statefulset/db", "--timeout=120s")
    cluster.kubectl("exec", "db-0", "--", "sh", "-c", "echo kept > /part/file")
    claim = cluster.get("persistentvolumeclaim", "data-db-0")
    volume = cluster.get("persistentvolume", claim["spec"]["volumeName"])
    folder = Path(volume["spec"]["local"]["path"])
    assert (folder / "part" / "file").stat().st_gid == 2000
    shown = cluster.kubectl("get", "persistentvolumeclaims").stdout
    assert shown.splitlines()[1].split()[:2] == ["data-db-0", "Bound"]

    cluster.kubectl("delete", "pod", "db-0")
    eventually("the Pod is back", lambda: (folder / "log").read_text() == "started\n" * 2)
    show = ("exec", "db-0", "--", "cat", "/data/part/file")
    eventually("its file is there", lambda: cluster.kubectl(*show, check=False).stdout == "kept\n")

    before = agent(cluster)
    os.kill(before, signal.SIGKILL)
    eventually("the node agent is back", lambda: agent(cluster) not in (0, before))
    eventually("the API answers", lambda: cluster.kubectl("get", "nodes", check=False).returncode == 0)
    cluster.kubectl("delete", "pod", "db-0")
    eventually("the Pod is back", lambda: (folder / "log").read_text() == "started\n" * 3)

    cluster.kubectl("delete", "statefulset", "db")
    eventually("the folder is gone", lambda: not folder.exists())


def agent(cluster: Cluster) -> int:
    """The process with the node agent, which is the control plane's; 0 while there is none."""
    answer = msgspec.json.decode(cluster.command("status", "--name", cluster.name, "-o", "json", check=False).stdout)
    return next((part["pid"] or 0 for part in answer["components"] if part["name"] == "control-plane"), 0)


def test_volumes_of_ones_own(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "greeting").write_text("hello\n")
    name = f"static-{os.getpid()}"
    cluster.kubectl("apply", "-f", "-", stdin=STATIC.format(name=name, path=tmp_path, image=IMAGE))
    try:
        eventually("the Pod has read", lambda: cluster.kubectl("logs", "reader", check=False).stdout == "hello\n")
        message = "no persistent volumes available for this claim and no storage class is set"
        events = ("get", "events", "--field-selector=involvedObject.name=nothing,reason=FailedBinding")
        eventually("the event says why", lambda: message in cluster.kubectl(*events).stdout)
        size = '{"spec": {"resources": {"requests": {"storage": "9Gi"}}}}'
        refused = cluster.kubectl("patch", "persistentvolumeclaim", "static", "-p", size, check=False)
        assert "only dynamically provisioned pvc can be resized" in refused.stderr
    finally:
        cluster.kubectl("delete", "pod,persistentvolumeclaim", "--all")
        cluster.kubectl("delete", "persistentvolume", name)


DISK = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 30Mi}}
  accessModes: [ReadWriteOnce]
  storageClassName: {name}
  persistentVolumeReclaimPolicy: Retain
  mountOptions: [noatime]
  local: {{path: {device}, fsType: ext4}}
  nodeAffinity:
    required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/os, operator: Exists}}]}}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: disk}}
spec: {{storageClassName: {name}, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 10Mi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: writer}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {{runAsUser: 1000, fsGroup: 2000}}
  containers:
  - name: c
    image: "{image}"
    command: [sh, -c, "echo kept >> /disk/file; exec sleep 3600"]
    volumeMounts: [{{name: v, mountPath: /disk}}]
  volumes: [{{name: v, persistentVolumeClaim: {{claimName: disk}}}}]
"""


def test_an_empty_disk_is_formatted_once_and_let_go(
    cluster: Cluster, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "disk"
    with file.open("wb") as made:
        made.truncate(32 << 20)
    device = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True, text=True)
    name = f"disk-{os.getpid()}"
    request.addfinalizer(lambda: subprocess.run(["losetup", "--detach", device.stdout.strip()], check=True))
    text = DISK.format(name=name, device=device.stdout.strip(), image=IMAGE)
    for lines in (1, 2):
        cluster.kubectl("apply", "-f", "-", stdin=text)
        cluster.kubectl("wait", "pod/writer", "--for=condition=Ready", "--timeout=60s")
        assert cluster.kubectl("exec", "writer", "--", "cat", "/disk/file").stdout == "kept\n" * lines
        assert "noatime" in cluster.kubectl("exec", "writer", "--", "grep", " /disk ", "/proc/mounts").stdout
        cluster.kubectl("delete", "pod", "writer")
        eventually("it is unmounted", lambda: device.stdout.strip() not in Path("/proc/self/mounts").read_text())
    cluster.kubectl("delete", "persistentvolume", name, "--wait=false")
