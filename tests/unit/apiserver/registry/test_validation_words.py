"""Fragments of manifests and what the server says of them: field, reason and message, every cause, in order.

The expectations were read off an upstream v1.36 kube-apiserver that was asked the same.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pybernetes.apimachinery import errors

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "c", "image": "x:1"}]},
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"ports": [{"port": 80}]},
}
VOLUME: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "v"},
    "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
}
INVALID, REQUIRED = "FieldValueInvalid", "FieldValueRequired"
FORBIDDEN, UNSUPPORTED, NOT_FOUND = "FieldValueForbidden", "FieldValueNotSupported", "FieldValueNotFound"


def with_spec(base: dict[str, Any], **spec: Any) -> dict[str, Any]:
    tree = copy.deepcopy(base)
    tree["spec"].update(spec)
    return tree


def container(**fields: Any) -> dict[str, Any]:
    return with_spec(POD, containers=[{"name": "c", "image": "x:1", **fields}])


def volume(**source: Any) -> dict[str, Any]:
    return with_spec(POD, volumes=[{"name": "v", **source}])


PODS = [
    pytest.param(
        volume(iscsi={"targetPortal": "1.1.1.1:1", "iqn": "other", "lun": 256}),
        [
            ("spec.volumes[0].iscsi.iqn", INVALID,
             'Invalid value: "other": must be valid format starting with iqn, eui, or naa'),
            ("spec.volumes[0].iscsi.lun", INVALID, "Invalid value: 256: must be between 0 and 255, inclusive"),
        ],
        id="iscsi",
    ),
    pytest.param(
        volume(gcePersistentDisk={"partition": 300}),
        [
            ("spec.volumes[0].persistentDisk.pdName", REQUIRED, "Required value"),
            ("spec.volumes[0].persistentDisk.partition", INVALID,
             "Invalid value: 300: must be between 1 and 255, inclusive"),
        ],
        id="a-path-that-is-not-the-fields-name",
    ),
    pytest.param(
        volume(ephemeral={"volumeClaimTemplate": {"spec": {}}}),
        [
            ("spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes", REQUIRED,
             "Required value: at least 1 access mode is required"),
            ("spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]", REQUIRED, "Required value"),
        ],
        id="the-claim-of-an-ephemeral-volume",
    ),
    pytest.param(
        container(resizePolicy=[{}]),
        [
            ("spec.containers[0].resizePolicy", REQUIRED, "Required value"),
            ("spec.containers[0].resizePolicy", REQUIRED, "Required value"),
        ],
        id="the-same-cause-twice",
    ),
    pytest.param(
        container(resources={"claims": [{"name": "x"}]}),
        [("spec.containers[0].resources.claims[0]", NOT_FOUND,
          'Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty')],
        id="an-unknown-claim",
    ),
    pytest.param(
        container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
        [("spec.containers[0].lifecycle.preStop.sleep", INVALID,
          "Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)")],
        id="a-sleep-longer-than-the-grace-period",
    ),
    pytest.param(
        container(env=[{"name": "A", "valueFrom": {"fileKeyRef": {"key": "k", "volumeName": "no", "path": "p"}}}]),
        [("spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName", NOT_FOUND, 'Not found: "no"')],
        id="a-file-of-no-volume",
    ),
    pytest.param(
        with_spec(POD, hostIPC=True, securityContext={"sysctls": [{"name": "kernel.shmmax", "value": "1"}]}),
        [("spec.securityContext.sysctls[0].name", INVALID,
          'Invalid value: "kernel.shmmax": may not be specified when \'hostIPC\' is true')],
        id="a-sysctl-of-the-host",
    ),
    pytest.param(
        with_spec(POD, tolerations=[{"key": "k", "operator": "Gt", "value": "1"}]),
        [("spec.tolerations[0].operator", UNSUPPORTED,
          'Unsupported value: "Gt": supported values: "Equal", "Exists", "Lt", "Gt"')],
        id="an-operator-of-a-feature-that-is-off",
    ),
    pytest.param(
        with_spec(
            POD,
            topologySpreadConstraints=[{
                "maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": ["a"],
            }],
        ),
        [("spec.topologySpreadConstraints[0].matchLabelKeys", FORBIDDEN,
          "Forbidden: must not be specified when labelSelector is not set")],
        id="label-keys-without-a-selector",
    ),
    pytest.param(
        with_spec(POD, hostnameOverride="h", hostNetwork=True, setHostnameAsFQDN=True),
        [
            ("spec.hostnameOverride", FORBIDDEN, "Forbidden: may not be specified when setHostnameAsFQDN is true"),
            ("spec.hostnameOverride", FORBIDDEN, "Forbidden: may not be specified when hostNetwork is true"),
        ],
        id="two-reasons-against-a-hostname",
    ),
    pytest.param(
        with_spec(
            POD, os={"name": "windows"}, securityContext={"windowsOptions": {"hostProcess": True, "runAsUserName": ""}}
        ),
        [
            ("spec.securityContext.windowsOptions.runAsUserName", INVALID,
             'Invalid value: "": runAsUserName cannot be an empty string'),
            ("spec.hostNetwork", INVALID,
             "Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"),
        ],
        id="host-processes",
    ),
    pytest.param(
        with_spec(
            POD, resources={"requests": {"cpu": "1"}}, containers=[
                {"name": "c", "image": "x:1", "resources": {"requests": {"cpu": "2"}}}]
        ),
        [("spec.resources.requests[cpu]", INVALID,
          'Invalid value: "1": must be greater than or equal to aggregate container requests of 2')],
        id="containers-that-ask-for-more-than-the-pod",
    ),
]  # fmt: skip


SERVICES = [
    pytest.param(
        with_spec(SERVICE, type="ClusterIP", loadBalancerClass="a/b", allocateLoadBalancerNodePorts=True,
                  loadBalancerSourceRanges=["10.0.0.1/8"]),
        [
            ("spec.LoadBalancerSourceRanges", FORBIDDEN,
             "Forbidden: may only be used when `type` is 'LoadBalancer'"),
            ("spec.LoadBalancerSourceRanges[0]", INVALID,
             'Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length'),
            ("spec.allocateLoadBalancerNodePorts", FORBIDDEN,
             "Forbidden: may only be used when `type` is 'LoadBalancer'"),
            ("spec.loadBalancerClass", FORBIDDEN, "Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ],
        id="fields-of-another-type",
    ),
    pytest.param(
        with_spec(SERVICE, clusterIPs=["None"]),
        [("spec.clusterIPs", INVALID, 'Invalid value: ["None"]: must be empty when `clusterIP` is not specified')],
        id="addresses-without-the-first",
    ),
    pytest.param(
        with_spec(SERVICE, ipFamilies=["IPv4", "IPv4"]),
        [("spec.ipFamilies[1]", "FieldValueDuplicate", 'Duplicate value: "IPv4"')],
        id="a-family-twice",
    ),
    pytest.param(
        with_spec(SERVICE, externalIPs=["010.1.1.1"]),
        [("spec.externalIPs[0]", INVALID, 'Invalid value: "010.1.1.1": must not have leading 0s')],
        id="zeros-before-an-address",
    ),
    pytest.param(
        with_spec(SERVICE, ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]),
        [("spec.ports[1]", "FieldValueDuplicate",
          'Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}')],
        id="a-port-twice",
    ),
]  # fmt: skip


VOLUMES = [
    pytest.param(
        with_spec(VOLUME, azureDisk={"diskName": "a", "diskURI": "x", "kind": "Managed", "cachingMode": "no"}),
        [
            ("spec.azureDisk.cachingMode", UNSUPPORTED,
             'Unsupported value: "no": supported values: "None", "ReadOnly", "ReadWrite"'),
            ("spec.azureDisk.diskURI", UNSUPPORTED,
             'Unsupported value: "x": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}'
             '/providers/microsoft.compute/disks/{disk-id}"'),
        ],
        id="azure-disk",
    ),
    pytest.param(
        with_spec(VOLUME, hostPath={"path": "/a/.."}, persistentVolumeReclaimPolicy="Recycle"),
        [
            ("spec.hostPath.path", INVALID, "Invalid value: \"/a/..\": must not contain '..'"),
            ("spec.persistentVolumeReclaimPolicy", FORBIDDEN,
             "Forbidden: may not be 'recycle' for a hostPath mount of '/'"),
        ],
        id="a-recycled-root",
    ),
    pytest.param(
        with_spec(VOLUME, local={"path": "/x"}),
        [("spec.nodeAffinity", REQUIRED, "Required value: Local volume requires node affinity")],
        id="a-local-volume-of-no-node",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("plural", "tree", "expected"),
    [
        pytest.param(plural, *case.values, id=f"{plural}-{case.id}")
        for plural, cases in (("pods", PODS), ("services", SERVICES), ("persistentvolumes", VOLUMES))
        for case in cases
    ],
)
def test_every_cause_is_told(run, plural, tree, expected):
    async def scenario(cluster):
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create(plural, tree)
        return caught.value.details.causes

    causes = run(scenario)
    assert [(c.field_, c.reason, c.message) for c in causes] == expected


WARNINGS = [
    pytest.param(
        "pods",
        volume(configMap={"name": "m", "items": [{"key": "a", "path": "d"}, {"key": "b", "path": "d/e"}]}),
        ['volume "v" (ConfigMap "m"): overlapping paths: "d/e" with "d"'],
        id="files-in-each-others-way",
    ),
    pytest.param(
        "pods",
        container(ports=[{"containerPort": 80, "hostIP": "1.1.1.1"}]),
        ["spec.containers[0].ports[0]: hostIP set without hostPort: "
         "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.1.1.1}"],
        id="an-address-without-a-port",
    ),
    pytest.param(
        "services",
        with_spec(SERVICE, externalName="x.y"),
        ['spec.externalName is ignored when spec.type is not "ExternalName"'],
        id="a-field-to-no-effect",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "tree", "expected"), WARNINGS)
def test_warnings(run, plural, tree, expected):
    async def scenario(cluster):
        context = cluster.context(plural, "create", "default", "")
        await cluster.storage(context).create(context, cluster.body(context, tree))
        return context.warnings

    assert run(scenario) == expected


def test_fields_of_features_that_are_off_go(run):
    async def scenario(cluster):
        tree = container(lifecycle={"stopSignal": "SIGTERM"})
        tree["spec"]["os"] = {"name": "linux"}
        tree["spec"]["schedulingGroup"] = {"podGroupName": "g"}
        tree["spec"]["volumes"] = [
            {"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"name": "b", "path": "p"}}]}}
        ]
        return await cluster.create("pods", tree)

    spec = run(scenario)["spec"]
    assert "schedulingGroup" not in spec
    assert "lifecycle" not in spec["containers"][0]
    assert spec["volumes"][0]["projected"]["sources"] == [{}]


def test_label_keys_become_part_of_the_selector(run):
    async def scenario(cluster):
        tree = with_spec(POD, topologySpreadConstraints=[{
            "maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": ["a", "none"],
            "labelSelector": {},
        }])  # fmt: skip
        tree["metadata"]["labels"] = {"a": "b"}
        return await cluster.create("pods", tree)

    selector = run(scenario)["spec"]["topologySpreadConstraints"][0]["labelSelector"]
    assert selector == {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}


def test_an_old_apparmor_annotation_becomes_a_field(run):
    async def scenario(cluster):
        tree = copy.deepcopy(POD)
        tree["metadata"]["annotations"] = {"container.apparmor.security.beta.kubernetes.io/c": "runtime/default"}
        return await cluster.create("pods", tree)

    context = run(scenario)["spec"]["containers"][0]["securityContext"]
    assert context["appArmorProfile"] == {"type": "RuntimeDefault"}
