"""What an update of kinds beside the workloads is refused for: field, reason and message, every cause, in order.

The expectations were read off an upstream v1.36 kube-apiserver that was asked the same.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pybernetes.apimachinery import errors
from pybernetes.apiserver.registry.generic.interface import DeleteOptions
from tests.unit.apiserver.registry.conftest import Cluster

INVALID, REQUIRED, FORBIDDEN = "FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"
DUPLICATE, UNSUPPORTED = "FieldValueDuplicate", "FieldValueNotSupported"
IMMUTABLE = "field is immutable"
CLASSES, NODES = "storageclasses.storage.k8s.io", "csinodes.storage.k8s.io"
ATTRIBUTES, RUNTIMES = "volumeattributesclasses.storage.k8s.io", "runtimeclasses.node.k8s.io"
PRIORITIES, REVISIONS = "priorityclasses.scheduling.k8s.io", "controllerrevisions.apps"
SLICES, TEMPLATES = "resourceslices.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"
ADDRESSES = "ipaddresses.networking.k8s.io"


def named(name: str = "x", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **fields}


def drivers(**fields: Any) -> dict[str, Any]:
    return {"drivers": [{"name": "x.io", "nodeID": "n", **fields}]}


SLICE = {"driver": "d.io", "nodeName": "n", "pool": {"name": "p", "resourceSliceCount": 1, "generation": 1}}
CASES = [
    pytest.param(
        CLASSES, named(provisioner="a.io/b", parameters={"a": "b"}), {"parameters": {}},
        [("parameters", INVALID, f"Invalid value: {{}}: {IMMUTABLE}")],
        id="an empty map is shown as one",
    ),
    pytest.param(
        CLASSES, named(provisioner="a.io/b", parameters={"a": "b"}), {"parameters": None},
        [("parameters", INVALID, f"Invalid value: null: {IMMUTABLE}")],
        id="a map that was left out is null",
    ),
    pytest.param(
        CLASSES, named(provisioner="a.io/b"), {"provisioner": "c.io", "parameters": {"a": "b"}},
        [
            ("parameters", INVALID, f'Invalid value: {{"a":"b"}}: {IMMUTABLE}'),
            ("provisioner", INVALID, f'Invalid value: "c.io": {IMMUTABLE}'),
        ],
        id="a-class-of-volumes",
    ),
    pytest.param(
        NODES, named(spec=drivers(allocatable={"count": 3})), {"spec": drivers(allocatable={"count": 4})}, [],
        id="the-room-of-a-driver-changes",
    ),
    pytest.param(
        NODES, named(spec=drivers()), {"spec": drivers(nodeID="m")},
        [("spec.drivers", INVALID,
          'Invalid value: {"Allocatable":null,"Name":"x.io","NodeID":"m","TopologyKeys":null}: ' + IMMUTABLE)],
        id="a-driver-stays-who-it-is",
    ),
    pytest.param(
        ATTRIBUTES, named(driverName="a.io", parameters={"a": "b"}), {"driverName": "b.io", "parameters": None},
        [
            ("driverName", FORBIDDEN, "Forbidden: updates to driverName are forbidden."),
            ("parameters", FORBIDDEN, "Forbidden: updates to parameters are forbidden."),
            ("parameters", REQUIRED, "Required value: must contain at least one key/value pair"),
        ],
        id="attributes-of-volumes",
    ),
    pytest.param(
        RUNTIMES, named(handler="runc"), {"handler": "", "overhead": {"podFixed": {"cpu": "-1"}}},
        [
            ("handler", REQUIRED, "Required value"),
            ("overhead.limits[cpu]", INVALID, 'Invalid value: "-1": must be greater than or equal to 0'),
            ("handler", INVALID, f'Invalid value: "": {IMMUTABLE}'),
        ],
        id="a-runtime",
    ),
    pytest.param(
        PRIORITIES, named(value=5), {"value": 6}, [("value", FORBIDDEN, "Forbidden: may not be changed in an update.")],
        id="a-priority",
    ),
    pytest.param(
        REVISIONS, named(data={"a": 1}, revision=1), {"data": None},
        [("data", INVALID, f"Invalid value: null: {IMMUTABLE}")],
        id="the-data-of-a-revision",
    ),
    pytest.param(
        SLICES, named(spec=SLICE), {"spec": {**SLICE, "nodeName": ""}},
        [
            ("spec.nodeName", INVALID, f'Invalid value: "": {IMMUTABLE}'),
            ("spec.nodeName", INVALID, 'Invalid value: "": must be either unset or set to a non-empty string'),
            ("spec", REQUIRED, "Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
             "`perDeviceNodeSelection` is required"),
        ],
        id="a-slice-of-devices",
    ),
    pytest.param(
        ADDRESSES,
        named("10.99.1.1", spec={"parentRef": {"resource": "services", "name": "a"}}),
        {"spec": {"parentRef": {"resource": "services"}}},
        [
            ("spec.parentRef.name", REQUIRED, "Required value"),
            ("spec.parentRef", INVALID, f'Invalid value: {{"resource":"services"}}: {IMMUTABLE}'),
        ],
        id="an-address",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "made", "change", "told"), CASES)
def test_updates_are_refused_in_upstreams_words(run, plural, made, change, told):
    async def scenario(cluster: Cluster) -> None:
        stored = await cluster.create(plural, made)
        try:
            await cluster.update(plural, {**stored, **change})
        except errors.Invalid as error:
            assert [(c.field_, c.reason, c.message) for c in error.details.causes] == told
        else:
            assert told == []

    run(scenario)


def test_a_class_of_volumes_is_left_as_it_is(run):
    async def scenario(cluster: Cluster) -> Any:
        stored = await cluster.create(CLASSES, named(provisioner="a.io/b", parameters={"a": "b"}))
        return await cluster.update(CLASSES, {**stored, "allowVolumeExpansion": True})

    assert run(scenario)["allowVolumeExpansion"] is True


def test_the_generation_of_a_driver_begins_with_its_first_change(run):
    async def scenario(cluster: Cluster) -> Any:
        drivers = "csidrivers.storage.k8s.io"
        made = await cluster.create(drivers, named("d.io", spec={}))
        changed = await cluster.update(drivers, {**made, "spec": {**made["spec"], "requiresRepublish": True}})
        return made, changed

    made, changed = run(scenario)
    assert ("generation" in made["metadata"], changed["metadata"]["generation"]) == (False, 1)


def test_a_limit_range_without_a_name_gets_one(run):
    async def scenario(cluster: Cluster) -> Any:
        return await cluster.create("limitranges", {"spec": {"limits": []}})

    assert len(run(scenario)["metadata"]["name"]) == 36


@pytest.mark.parametrize(
    ("plural", "tree"), [("limitranges", {"spec": {"limits": []}}), (RUNTIMES, {"handler": "runc"})]
)
def test_a_put_makes_what_is_not_there(run, plural, tree):
    async def scenario(cluster: Cluster) -> Any:
        ctx = cluster.context(plural, "update", "default", "x")
        return await cluster.storage(ctx).update(ctx, cluster.body(ctx, named(**tree)))

    assert run(scenario).created


@pytest.mark.parametrize(("field", "made"), [("resourceVersion", True), ("uid", False)])
def test_what_a_put_says_of_an_object_that_is_not_there(run, field, made):
    async def scenario(cluster: Cluster) -> Any:
        ctx = cluster.context("limitranges", "update", "default", "x")
        body = cluster.body(ctx, {"metadata": {"name": "x", field: "1"}, "spec": {"limits": []}})
        try:
            return (await cluster.storage(ctx).update(ctx, body)).created
        except errors.Conflict as error:
            assert error.message.endswith("Precondition failed: UID in precondition: 1, UID in object meta: ")
            return False

    assert run(scenario) is made


@pytest.mark.parametrize(
    ("policy", "warned"), [(None, True), ("Background", False), ("Orphan", False), ("Foreground", False)]
)
def test_who_deletes_a_job_without_a_word_of_its_pods_is_warned(run, policy, warned):
    async def scenario(cluster: Cluster) -> list[str]:
        ctx = cluster.context("jobs.batch", "delete", "default", "none")
        with pytest.raises(errors.NotFound):
            await cluster.storage(ctx).delete(ctx, DeleteOptions(propagation_policy=policy))
        return ctx.warnings

    assert [text.startswith("child pods are preserved by default") for text in run(scenario)] == [True] * warned


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"podIPs": [{"ip": "10.0.0.1"}]}, ("10.0.0.1", ["10.0.0.1"])),
        ({"podIP": "10.0.0.1"}, ("10.0.0.1", ["10.0.0.1"])),
        ({"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.1"}]}, ("10.0.0.2", ["10.0.0.2"])),
    ],
)
def test_the_address_of_a_pod_is_the_first_of_its_addresses(run, given, shown):
    async def scenario(cluster: Cluster) -> Any:
        await cluster.create("pods", cluster.pod("p"))
        return (await cluster.patch("pods", "p", {"status": given}, sub="status"))["status"]

    status = run(scenario)
    assert (status["podIP"], [each["ip"] for each in status["podIPs"]]) == shown


def test_the_template_generation_of_a_daemon_set_is_a_number(run):
    async def scenario(cluster: Cluster) -> str:
        labels = {"a": "b"}
        template = {"metadata": {"labels": labels}, "spec": cluster.pod()["spec"]}
        made = await cluster.create(
            "daemonsets.apps", named(spec={"selector": {"matchLabels": labels}, "template": template})
        )
        made["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = "x"
        with pytest.raises(errors.BadRequest) as caught:
            await cluster.update("daemonsets.apps", made)
        return caught.value.message

    assert run(scenario).endswith('strconv.ParseInt: parsing "x": invalid syntax')


def test_the_fields_of_coordinated_elections_go(run):
    async def scenario(cluster: Cluster) -> Any:
        spec = {"holderIdentity": "a", "strategy": "OldestEmulationVersion", "preferredHolder": "b"}
        return await cluster.create("leases.coordination.k8s.io", named(spec=spec))

    assert run(scenario)["spec"] == {"holderIdentity": "a"}


@pytest.mark.parametrize(
    ("port", "told"),
    [
        (-1, "Invalid value: -1: must be between 1 and 65535, inclusive"),
        (80, "Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"),
    ],
)
def test_a_health_port_that_cannot_be_had_is_the_services_mistake(run, port, told):
    async def scenario(cluster: Cluster) -> Any:
        spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create("services", named(spec={**spec, "healthCheckNodePort": port}))
        return caught.value

    error = run(scenario)
    assert [(c.field_, c.message) for c in error.details.causes] == [("spec.healthCheckNodePort", told)]


# -- requests for certificates --------------------------------------------------------------------

REQUESTS = "certificatesigningrequests.certificates.k8s.io"
NO_REMOVAL = 'Forbidden: updates may not remove a condition of type "Approved"'


def condition(kind: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, **more}


@pytest.mark.parametrize(
    ("sub", "status", "told"),
    [
        ("status", {"conditions": [condition("Approved")], "certificate": "eA=="},
         [("status.certificate", INVALID,
           'Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block')]),
        ("status", {"conditions": []}, [("status.conditions", FORBIDDEN, NO_REMOVAL)]),
        ("status", {"conditions": [condition("Approved"), condition("Denied")]},
         [("status.conditions", INVALID,
           'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'),
          ("status.conditions", FORBIDDEN, 'Forbidden: updates may not add a condition of type "Denied"')]),
        ("status", {"conditions": [condition("Approved"), condition("Failed", "False"), condition("", "")]},
         [("status.conditions[1].status", UNSUPPORTED, 'Unsupported value: "False": supported values: "True"'),
          ("status.conditions[2].type", REQUIRED, "Required value"),
          ("status.conditions[2].status", REQUIRED, "Required value")]),
        ("status", {"conditions": [condition("Approved"), condition("Failed"), condition("Failed")]},
         [("status.conditions[2].type", DUPLICATE, 'Duplicate value: "Failed"')]),
        ("approval", {"conditions": []}, [("status.conditions", FORBIDDEN, NO_REMOVAL)]),
        ("approval", {"conditions": [condition("Approved"), condition("Other", "Unknown")]}, []),
    ],
)  # fmt: skip
def test_the_status_of_a_certificate_request(run, signing_request, sub, status, told):
    async def scenario(cluster: Cluster) -> None:
        spec = {"request": signing_request, "signerName": "example.com/x", "usages": ["client auth"]}
        made = await cluster.create(REQUESTS, named(spec=spec))
        made["status"] = {"conditions": [condition("Approved")]}
        approved = await cluster.update(REQUESTS, made, sub="approval")
        assert approved["status"]["conditions"][0]["lastUpdateTime"]
        try:
            await cluster.update(REQUESTS, {**approved, "status": status}, sub=sub)
        except errors.Invalid as error:
            assert [(c.field_, c.reason, c.message) for c in error.details.causes] == told
        else:
            assert told == []

    run(scenario)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"signerName": "kubernetes.io/legacy-unknown"}, "the legacy signerName is not allowed via this API version"),
        ({"signerName": "a/b/c"}, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        ({"signerName": "example/x"}, "should be a domain with at least two segments separated by dots"),
        ({"request": base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----")
          .decode()}, "asn1: structure error: malformed certificate request"),
    ],
)  # fmt: skip
def test_certificate_requests_that_cannot_be_signed(run, signing_request, change, told):
    async def scenario(cluster: Cluster) -> str:
        spec = {"request": signing_request, "signerName": "example.com/x", "usages": ["client auth"], **change}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create(REQUESTS, named(spec=spec))
        return str(caught.value.message)

    assert run(scenario).endswith(told)


# -- claims for devices ---------------------------------------------------------------------------

CLAIMS = "resourceclaims.resource.k8s.io"
ALLOCATED = {"request": "r", "driver": "d.io", "pool": "p", "device": "v"}
DEVICE = {"driver": "d.io", "pool": "p", "device": "v"}
READY = {"type": "Ready", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}


@pytest.fixture
def claim(run):
    """Writes the status of an allocated claim; the causes of a refusal, or the devices it then has."""

    def write(**status: Any) -> Any:
        async def scenario(cluster: Cluster) -> Any:
            spec = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}
            made = await cluster.create(CLAIMS, named(spec=spec))
            made["status"] = {"allocation": {"devices": {"results": [ALLOCATED]}}, "devices": [DEVICE]}
            made = await cluster.update(CLAIMS, made, sub="status")
            made["status"] = {**made["status"], **status}
            try:
                return (await cluster.update(CLAIMS, made, sub="status"))["status"].get("devices")
            except errors.Invalid as error:
                return [(c.field_.removeprefix("status.devices"), c.message) for c in error.details.causes]

        return run(scenario)

    return write


@pytest.mark.parametrize(
    ("devices", "told"),
    [
        ([{**DEVICE, "driver": ""}],
         [("[0].driver", "Required value"),
          ("[0]", 'Invalid value: {"Device":"v","Driver":"","Pool":"p","ShareID":""}: '
           "must be an allocated device in the claim")]),
        ([DEVICE, DEVICE], [("[1]", 'Duplicate value: {"Device":"v","Driver":"d.io","Pool":"p","ShareID":""}')]),
        ([{**DEVICE, "conditions": [{**READY, "observedGeneration": -1}]}],
         [("[0].conditions[0].observedGeneration", "Invalid value: -1: must be greater than or equal to zero")]),
        ([{**DEVICE, "networkData": {"ips": ["1.2.3.4", "1.2.3.04/24", "1.2.3.4/24", "1.2.3.4/24"]}}],
         [("[0].networkData.ips[0]", 'Invalid value: "1.2.3.4": must be a valid address in CIDR form, '
           "(e.g. 10.9.8.7/24 or 2001:db8::1/64)"),
          ("[0].networkData.ips[1]", 'Invalid value: "1.2.3.04/24": must be a valid address in CIDR form, '
           "(e.g. 10.9.8.7/24 or 2001:db8::1/64)"),
          ("[0].networkData.ips[3]", 'Duplicate value: "1.2.3.4/24"')]),
        ([{**DEVICE, "data": [1]}], [("[0].data", 'Invalid value: "<value omitted>": must be a valid JSON object')]),
        ([{**DEVICE, "data": {"a": 1}, "conditions": [READY]}],
         [{**DEVICE, "data": {"a": 1}, "conditions": [READY]}]),
    ],
)  # fmt: skip
def test_what_a_driver_says_of_a_device(claim, devices, told):
    assert claim(devices=devices) == told


def test_what_was_said_of_a_device_goes_with_its_allocation(claim):
    assert claim(allocation=None) is None


def test_the_status_of_a_policy(run):
    policies = "validatingadmissionpolicies.admissionregistration.k8s.io"

    async def scenario(cluster: Cluster) -> Any:
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "true"}]}
        made = await cluster.create(policies, named(spec=spec))
        made["status"] = {"typeChecking": {"expressionWarnings": [{}]}, "conditions": [{**READY, "reason": ""}]}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.update(policies, made, sub="status")
        return [(c.field_, c.reason) for c in caught.value.details.causes]

    where = "status.typeChecking.expressionWarnings[0]"
    assert run(scenario) == [
        (f"{where}.warning", REQUIRED), (f"{where}.fieldRef", REQUIRED), ("status.conditions[0].reason", REQUIRED)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("plural", "tree", "told"),
    [
        (
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            {"spec": {
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]},
                "matchConditions": [{"name": "m", "expression": "1"}],
                "variables": [{"name": "v", "expression": "Bad!"}],
                "validations": [{"expression": "params.x == variables.v", "messageExpression": "1"}],
                "auditAnnotations": [{"key": "k", "valueExpression": "true"}],
            }},
            [
                ("spec.matchConditions[0].expression", "must evaluate to bool but got int"),
                ("spec.variables[0].expression", "compilation failed: ERROR: <input>:1:4: Syntax error"),
                ("spec.validations[0].expression", "compilation failed: ERROR"),
                ("spec.validations[0].messageExpression", "must evaluate to string but got int"),
                ("spec.auditAnnotations[0].valueExpression", "must evaluate to one of [string null_type] but got bool"),
            ],
        ),
        (
            "deviceclasses.resource.k8s.io",
            {"spec": {"selectors": [{"cel": {"expression": "device.driver == 'a'"}}, {"cel": {"expression": "x"}}]}},
            [("spec.selectors[1].cel.expression", "compilation failed: ERROR: <input>:1:1: undeclared reference")],
        ),
    ],
    ids=["a-policy", "a-class-of-devices"],
)  # fmt: skip
def test_expressions_that_do_not_compile(run, plural, tree, told):
    async def scenario(cluster: Cluster) -> Any:
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create(plural, named(**tree))
        return [(c.field_, c.message) for c in caught.value.details.causes]

    found = run(scenario)
    assert [field for field, _ in found] == [field for field, _ in told]
    assert all(why in message for (_, message), (_, why) in zip(found, told, strict=True))
