"""A chart's manifests as `helm template` prints them, applied at once: every kind works with the others, and goes."""

from __future__ import annotations

import json

import pytest

from .conftest import IMAGE, Cluster, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LABELS = """{app.kubernetes.io/name: shop, app.kubernetes.io/instance: mine, helm.sh/chart: shop-1.0.0,
      app.kubernetes.io/managed-by: Helm}"""
CHART = f"""
# Source: shop/templates/serviceaccount.yaml
apiVersion: v1
kind: ServiceAccount
metadata: {{name: mine-shop, labels: {LABELS}}}
automountServiceAccountToken: false
---
# Source: shop/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {{name: mine-shop, labels: {LABELS}}}
type: Opaque
data: {{password: "c2VjcmV0"}}
---
# Source: shop/templates/configmap.yaml
apiVersion: v1
kind: ConfigMap
metadata: {{name: mine-shop, labels: {LABELS}}}
data:
  start.sh: |
    echo "$HOSTNAME $PASSWORD" >> /data/log
    exec httpd -f -p 8080 -h /data
---
# Source: shop/templates/service-headless.yaml
apiVersion: v1
kind: Service
metadata: {{name: mine-shop-headless, labels: {LABELS}}}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{app.kubernetes.io/name: shop, component: db}}
  ports: [{{name: http, port: 8080, targetPort: http}}]
---
# Source: shop/templates/statefulset.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: mine-shop-db, labels: {LABELS}}}
spec:
  replicas: 2
  serviceName: mine-shop-headless
  selector: {{matchLabels: {{app.kubernetes.io/name: shop, component: db}}}}
  persistentVolumeClaimRetentionPolicy: {{whenDeleted: Delete, whenScaled: Retain}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: shop, component: db}}
      annotations: {{checksum/config: "0f1e2d"}}
    spec:
      serviceAccountName: mine-shop
      terminationGracePeriodSeconds: 0
      securityContext: {{fsGroup: 1001}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              topologyKey: kubernetes.io/hostname
              labelSelector: {{matchLabels: {{app.kubernetes.io/name: shop, component: db}}}}
      containers:
      - name: db
        image: "{IMAGE}"
        imagePullPolicy: IfNotPresent
        command: [sh, /scripts/start.sh]
        env:
        - name: PASSWORD
          valueFrom: {{secretKeyRef: {{name: mine-shop, key: password}}}}
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /log, port: http}}, periodSeconds: 1}}
        resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{memory: 64Mi}}}}
        volumeMounts: [{{name: data, mountPath: /data}}, {{name: scripts, mountPath: /scripts}}]
      volumes:
      - name: scripts
        configMap: {{name: mine-shop}}
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
---
# Source: shop/templates/pvc.yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: mine-shop-uploads, labels: {LABELS}}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {{name: mine-shop-web, labels: {LABELS}}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/name: shop, component: web}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: shop, component: web}}}}
    spec:
      serviceAccountName: mine-shop
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: "{IMAGE}"
        command: [sleep, "100000"]
        resources: {{requests: {{cpu: 10m}}}}
        volumeMounts: [{{name: uploads, mountPath: /uploads}}]
      volumes:
      - name: uploads
        persistentVolumeClaim: {{claimName: mine-shop-uploads}}
---
# Source: shop/templates/hpa.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: mine-shop-web, labels: {LABELS}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: mine-shop-web}}
  minReplicas: 2
  maxReplicas: 4
  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 80}}}}
---
# Source: shop/templates/pdb.yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: mine-shop-db, labels: {LABELS}}}
spec:
  maxUnavailable: 0
  selector: {{matchLabels: {{app.kubernetes.io/name: shop, component: db}}}}
---
# Source: shop/templates/cronjob.yaml
apiVersion: batch/v1
kind: CronJob
metadata: {{name: mine-shop-tidy, labels: {LABELS}}}
spec:
  schedule: "0 3 * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 2
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: tidy
            image: "{IMAGE}"
            command: [sh, -c, "wget -qO- http://mine-shop-db-0.mine-shop-headless:8080/log"]
"""


def test_everything_of_a_chart_works_together(cluster: Cluster, namespace: str) -> None:
    def kubectl(*args: str, stdin: str | None = None) -> str:
        return cluster.kubectl(*args, stdin=stdin).stdout

    assert kubectl("apply", "-f", "-", stdin=CHART).count(" created") == 10
    kubectl("rollout", "status", "statefulset/mine-shop-db", "--timeout=120s")
    eventually(
        "the autoscaler sees to its least", lambda: cluster.get("deploy", "mine-shop-web")["spec"]["replicas"] == 2
    )
    kubectl("rollout", "status", "deployment/mine-shop-web", "--timeout=120s")
    claims = {claim["metadata"]["name"]: claim["status"]["phase"] for claim in cluster.get("pvc")["items"]}
    assert claims == dict.fromkeys(("data-mine-shop-db-0", "data-mine-shop-db-1", "mine-shop-uploads"), "Bound")

    kubectl("create", "job", "now", "--from=cronjob/mine-shop-tidy")
    kubectl("wait", "--for=condition=complete", "job/now", "--timeout=120s")
    assert kubectl("logs", "job/now") == "mine-shop-db-0 secret\n", "by name, from its volume, what its Secret holds"

    eventually("the budget is known", lambda: cluster.get("pdb", "mine-shop-db")["status"].get("currentHealthy") == 2)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "mine-shop-db-0"}}
    path = f"/api/v1/namespaces/{namespace}/pods/mine-shop-db-0/eviction"
    refused = cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction), check=False)
    assert "would violate the pod's disruption budget" in refused.stderr

    kubectl("delete", "pod", "mine-shop-db-0")
    kubectl("rollout", "status", "statefulset/mine-shop-db", "--timeout=120s")
    log = "mine-shop-db-0 secret\n" * 2
    show = ("exec", "mine-shop-db-0", "--", "cat", "/data/log")
    eventually("its volume came with it", lambda: cluster.kubectl(*show, check=False).stdout == log)
    assert " created" not in kubectl("apply", "-f", "-", stdin=CHART), "an upgrade without changes"

    kubectl("delete", "-f", "-", "--timeout=120s", stdin=CHART)
    eventually("claims of the StatefulSet go with it", lambda: cluster.get("pvc")["items"] == [])
