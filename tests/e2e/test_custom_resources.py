"""A custom resource as its users meet it: kubectl from the definition to its end, the controllers of the cluster."""

from __future__ import annotations

import json

import pytest

from .conftest import Cluster, eventually

pytestmark = pytest.mark.e2e

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A CronTab runs something from time to time.
        properties:
          spec:
            type: object
            x-kubernetes-validations:
            - {rule: self.replicas <= 5, message: too many replicas}
            properties:
              cronSpec: {type: string, pattern: '^\\S+( \\S+){4}$', description: When it runs.}
              replicas: {type: integer, minimum: 1, default: 1}
          status:
            type: object
            properties: {replicas: {type: integer}}
"""
OBJECT = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: nightly}
spec: {cronSpec: '0 3 * * *'}
"""


def test_from_the_definition_to_its_end(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "-f", "-", stdin=DEFINITION)
    try:
        cluster.kubectl("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=120s")
        explained = cluster.kubectl("explain", "crontab.spec").stdout
        assert "cronSpec" in explained and "When it runs." in explained
        cluster.kubectl("apply", "-f", "-", stdin=OBJECT)
        shown = cluster.kubectl("get", "ct").stdout.splitlines()
        assert shown[0].split() == ["NAME", "SPEC", "REPLICAS", "AGE"]
        assert shown[1].split()[:7] == ["nightly", "0", "3", "*", "*", "*", "1"]
        assert "crontab.stable.example.com/nightly" in cluster.kubectl("get", "all").stdout
        cluster.kubectl("scale", "ct/nightly", "--replicas=3")
        refused = cluster.kubectl("scale", "ct/nightly", "--replicas=7", check=False)
        assert "too many replicas" in refused.stderr
        patch = json.dumps({"spec": {"cronSpec": "never"}})
        refused = cluster.kubectl("patch", "ct", "nightly", "--type=merge", "-p", patch, check=False)
        assert "spec.cronSpec in body should match" in refused.stderr
        owner = cluster.get("ct", "nightly")["metadata"]
        owned = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "owned",
                "ownerReferences": [
                    {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "name": "nightly", "uid": owner["uid"]}
                ],
            },
        }
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(owned))
        cluster.kubectl("delete", "ct", "nightly")
        eventually("collection", lambda: cluster.kubectl("get", "cm", "owned", check=False).returncode != 0)
        cluster.kubectl("create", "namespace", "crontabs")
        cluster.kubectl("apply", "-n", "crontabs", "-f", "-", stdin=OBJECT)
        cluster.kubectl("delete", "namespace", "crontabs", "--timeout=120s")
        cluster.kubectl("apply", "-f", "-", stdin=OBJECT)
    finally:
        cluster.kubectl("delete", "crd", "crontabs.stable.example.com", "--timeout=120s")
    assert cluster.kubectl("get", "crontabs.stable.example.com", check=False).returncode != 0
