"""Deployments, ReplicaSets, Jobs, and the other kinds with a Pod template."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.features import FeatureGates

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
SELECTOR = {"matchLabels": {"a": "b"}}
JOB = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}


def workload(name: str = "web", **spec):
    return {"metadata": {"name": name}, "spec": {"selector": SELECTOR, "template": TEMPLATE, **spec}}


def job(name: str = "job", **spec):
    return {"metadata": {"name": name}, "spec": {"template": JOB, **spec}}


def test_defaults_of_a_deployment(run):
    async def scenario(cluster):
        return await cluster.create("deployments.apps", workload())

    made = run(scenario)
    spec = made["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert spec["template"]["spec"]["restartPolicy"] == "Always"
    assert "enableServiceLinks" not in spec["template"]["spec"]
    assert made["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("plural", "spec", "message"),
    [
        ("deployments.apps", {"selector": None}, "spec.selector: Required value"),
        (
            "deployments.apps",
            {"selector": {}},
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
        ("deployments.apps", {"selector": {"matchLabels": {"x": "y"}}}, "`selector` does not match template `labels`"),
        ("deployments.apps", {"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            "deployments.apps",
            {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
            "may not be specified when strategy",
        ),
        (
            "deployments.apps",
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            "deployments.apps",
            {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
            "must be greater than minReadySeconds",
        ),
        (
            "deployments.apps",
            {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ),
        (
            "replicasets.apps",
            {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}},
            "spec.template.spec.containers: Required value",
        ),
        ("statefulsets.apps", {"updateStrategy": {"type": "Sideways"}}, "must be 'RollingUpdate' or 'OnDelete'"),
        (
            "daemonsets.apps",
            {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}},
            "may not be set when maxUnavailable is non-zero",
        ),
    ],
)
def test_what_is_refused(run, plural, spec, message):
    async def scenario(cluster):
        tree = workload(**spec)
        tree["spec"] = {name: value for name, value in tree["spec"].items() if value is not None}
        return await cluster.refused(plural, tree)

    assert message in run(scenario)


def test_a_selector_never_changes(run):
    async def scenario(cluster):
        await cluster.create("deployments.apps", workload())
        both = {"selector": {"matchLabels": {"a": "c"}}, "template": {"metadata": {"labels": {"a": "c"}}}}
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("deployments.apps", "web", {"spec": both})
        return caught.value.message

    assert "spec.selector: Invalid value" in run(scenario)


@pytest.mark.parametrize("plural", ["deployments.apps", "replicasets.apps", "statefulsets.apps"])
def test_scale(run, plural):
    async def scenario(cluster):
        await cluster.create(plural, workload())
        before = await cluster.get(plural, "web", sub="scale")
        patched = await cluster.patch(plural, "web", {"spec": {"replicas": 3}}, sub="scale")
        before["spec"]["replicas"] = 9
        with pytest.raises(errors.Conflict):
            await cluster.update(plural, before, sub="scale")
        with pytest.raises(errors.Invalid):
            await cluster.patch(plural, "web", {"spec": {"replicas": -1}}, sub="scale")
        patched["spec"]["replicas"] = 0
        return before, await cluster.update(plural, patched, sub="scale"), await cluster.get(plural, "web")

    before, after, whole = run(scenario)
    assert (before["kind"], before["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert before["status"] == {"replicas": 0, "selector": "a=b"}
    assert after["spec"].get("replicas", 0) == 0
    assert (whole["spec"]["replicas"], whole["metadata"]["generation"]) == (0, 3)


def test_rows(run):
    async def scenario(cluster):
        await cluster.create("deployments.apps", workload(replicas=3))
        status = {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1, "updatedReplicas": 3}
        await cluster.patch("deployments.apps", "web", {"status": status}, sub="status")
        await cluster.create("replicasets.apps", workload())
        await cluster.create("jobs.batch", job())
        cluster.clock.time += 200
        return [
            await cluster.row(plural, name)
            for plural, name in (("deployments.apps", "web"), ("replicasets.apps", "web"), ("jobs.batch", "job"))
        ]

    deployment, replica_set, made = run(scenario)
    assert deployment == ["web", "2/3", 3, 1, "3m20s", "c", "nginx:1", "a=b"]
    assert replica_set == ["web", 1, 0, 0, "3m20s", "c", "nginx:1", "a=b"]
    assert made[:5] == ["job", "Running", "0/1", "", "3m20s"]


def test_a_job_labels_its_pods_with_its_uid(run):
    async def scenario(cluster):
        return await cluster.create("jobs.batch", {"metadata": {"generateName": "j-"}, "spec": {"template": JOB}})

    made = run(scenario)
    meta, spec = made["metadata"], made["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == meta["name"]
    assert labels["controller-uid"] == meta["uid"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)
    assert (spec["completionMode"], spec["suspend"], spec["podReplacementPolicy"]) == (
        "NonIndexed",
        False,
        "TerminatingOrFailed",
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"template": TEMPLATE},
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (
            {"completionMode": "Indexed", "parallelism": 1},
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        ({"backoffLimitPerIndex": 1}, "requires indexed completion mode"),
        ({"selector": {"matchLabels": {"mine": "x"}}}, "`selector` does not match template `labels`"),
        ({"parallelism": -1}, "spec.parallelism: Invalid value: -1"),
    ],
)
def test_what_a_job_refuses(run, spec, message):
    async def scenario(cluster):
        with pytest.raises(errors.Invalid) as caught:
            await cluster.create("jobs.batch", job(**spec))
        return caught.value.message

    assert message in run(scenario)


def test_what_of_a_job_changes(run):
    async def scenario(cluster):
        await cluster.create("jobs.batch", job(suspend=True))
        place = {"spec": {"template": {"spec": {"nodeSelector": {"x": "y"}}}}}
        await cluster.patch("jobs.batch", "job", place)
        await cluster.patch("jobs.batch", "job", {"spec": {"suspend": False, "parallelism": 2}})
        found = []
        for patch in (
            place | {"spec": {"template": {"spec": {"nodeSelector": {"x": "z"}}}}},
            {"spec": {"completions": 5}},
        ):
            with pytest.raises(errors.Invalid) as caught:
                await cluster.patch("jobs.batch", "job", patch)
            found.append(caught.value.message)
        return found

    template, completions = run(scenario)
    assert "spec.template: Invalid value" in template and "field is immutable" in template
    assert "spec.completions: Invalid value: 5: field is immutable" in completions


def test_deleting_a_job_orphans_its_pods_unless_told(run):
    async def scenario(cluster):
        await cluster.create("jobs.batch", job())
        return await cluster.delete("jobs.batch", "job")

    assert run(scenario)["metadata"]["finalizers"] == ["orphan"]


def test_cron_jobs(run):
    async def scenario(cluster):
        tree = {
            "metadata": {"name": "c"},
            "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": JOB}}},
        }
        await cluster.create("cronjobs.batch", tree)
        tree["spec"]["schedule"] = "soon"
        tree["metadata"]["name"] = "d"
        with pytest.raises(errors.Invalid):
            await cluster.create("cronjobs.batch", tree)
        return await cluster.row("cronjobs.batch", "c")

    assert run(scenario)[:7] == ["c", "*/5 * * * *", "<none>", "False", 0, "<none>", "0s"]


def test_how_many_pods_of_a_stateful_set_an_update_may_take_is_behind_its_gate(run):
    rolling = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}

    async def scenario(cluster):
        given = await cluster.create("statefulsets.apps", workload("given", serviceName="", **rolling))
        left = await cluster.create("statefulsets.apps", workload("left", serviceName=""))
        cluster.registry.config = replace(cluster.registry.config, features=FeatureGates())
        kept = await cluster.update("statefulsets.apps", given)
        new = await cluster.create("statefulsets.apps", workload("new", serviceName="", **rolling))
        return [
            made["spec"]["updateStrategy"]["rollingUpdate"].get("maxUnavailable") for made in (given, left, kept, new)
        ]

    on = FeatureGates({"MaxUnavailableStatefulSet": True})
    assert run(scenario, features=on) == [2, 1, 2, None], "given, defaulted, in use, dropped"
