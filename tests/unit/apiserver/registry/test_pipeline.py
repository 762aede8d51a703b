"""The generic pipeline: what holds for every resource, shown on a few."""

from __future__ import annotations

import re

import orjson
import pytest

from pybernetes.apimachinery import errors
from pybernetes.apiserver.registry.generic.interface import DeleteOptions

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_create_fills_in_what_the_server_owns(run):
    async def scenario(cluster):
        meta = {
            "name": "a",
            "uid": "mine",
            "creationTimestamp": "2001-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": 5,
        }
        return await cluster.create("configmaps", {"metadata": meta, "data": {"k": "v"}})

    made = run(scenario)
    meta = made["metadata"]
    assert UID.fullmatch(meta["uid"])
    assert meta["creationTimestamp"] == "2027-01-15T08:00:00Z"
    assert meta["namespace"] == "default"
    assert "deletionGracePeriodSeconds" not in meta
    assert meta["managedFields"][0]["manager"] == "kubectl"
    assert list(made)[:3] == ["apiVersion", "kind", "metadata"]


def test_reads_see_writes_and_versions_rise(run):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}})
        read = await cluster.get("configmaps", "a")
        changed = await cluster.patch("configmaps", "a", {"data": {"k": "v"}})
        return made, read, changed, await cluster.get("configmaps", "a")

    made, read, changed, after = run(scenario)
    assert made == read
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert changed == after


def test_creators_own_what_they_sent_each_time(run):
    """A body that came before is not looked through again."""

    async def case(cluster):
        owned = []
        for data in ({"a": "1"}, {"a": "1"}, {"b": "1"}, {"a": "1"}):
            made = await cluster.create("configmaps", {"metadata": {"generateName": "c-"}, "data": data})
            (entry,) = made["metadata"]["managedFields"]
            owned.append(entry["fieldsV1"]["f:data"])
        assert owned == [{".": {}, "f:a": {}}, {".": {}, "f:a": {}}, {".": {}, "f:b": {}}, {".": {}, "f:a": {}}]

    run(case)


def test_creators_own_what_they_sent_by_whatever_name(run):
    """Bodies that differ in the name alone are looked through once, unless the name stands elsewhere before."""
    sent = [("a", {"k": "a"}), ("b", {"k": "b"}), ("c", {"c": "1"}), ("d", {"c": "1"}), ("k", {"k": ""})]

    async def case(cluster):
        owned = []
        for name, data in sent:
            made = await cluster.create("configmaps", {"data": data, "metadata": {"name": name}})
            (entry,) = made["metadata"]["managedFields"]
            owned.append(sorted(entry["fieldsV1"]["f:data"]))
        assert owned == [[".", "f:k"], [".", "f:k"], [".", "f:c"], [".", "f:c"], [".", "f:k"]]

    run(case)


def test_pods_get_the_priority_of_the_class_that_is_the_default_now(run):
    async def case(cluster):
        async def priority():
            pod = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
            return (await cluster.create("pods", pod))["spec"]["priority"]

        of_class = "priorityclasses.scheduling.k8s.io"
        assert await priority() == 0
        await cluster.create(of_class, {"metadata": {"name": "low"}, "value": 5, "globalDefault": True}, ns="")
        assert [await priority(), await priority()] == [5, 5]
        await cluster.delete(of_class, "low", ns="")
        assert await priority() == 0
        await cluster.create(of_class, {"metadata": {"name": "high"}, "value": 7, "globalDefault": True}, ns="")
        assert await priority() == 7

    run(case)


def test_a_generated_name_has_five_more_letters(run):
    async def scenario(cluster):
        return await cluster.create("configmaps", {"metadata": {"generateName": "web-"}})

    assert re.fullmatch("web-[bcdfghjklmnpqrstvwxz2456789]{5}", run(scenario)["metadata"]["name"])


@pytest.mark.parametrize(
    ("plural", "tree", "error", "message"),
    [
        ("configmaps", {"metadata": {}}, errors.Invalid, "name or generateName is required"),
        ("configmaps", {"metadata": {"name": "A_b"}}, errors.Invalid, "a lowercase RFC 1123 subdomain must consist of"),
        (
            "configmaps",
            {"metadata": {"name": "a", "namespace": "x"}},
            errors.BadRequest,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ("configmaps", {"metadata": {"name": "a", "labels": {"a b": "c"}}}, errors.Invalid, "metadata.labels"),
        ("configmaps", {"metadata": {"name": "a", "finalizers": ["x y"]}}, errors.Invalid, "metadata.finalizers"),
        (
            "configmaps",
            {"metadata": {"name": "a", "resourceVersion": "5"}},
            errors.BadRequest,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            "configmaps",
            {
                "metadata": {
                    "name": "a",
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}],
                }
            },
            errors.Invalid,
            "metadata.ownerReferences.uid: Invalid value",
        ),
        ("configmaps", {"metadata": {"name": "a"}, "data": {"a/b": "c"}}, errors.Invalid, "data[a/b]"),
        (
            "configmaps",
            {"kind": "Secret", "metadata": {"name": "a"}},
            errors.BadRequest,
            "cannot be handled as a ConfigMap",
        ),
    ],
    ids=["no-name", "name", "namespace", "label", "finalizer", "version", "owner", "key", "kind"],
)
def test_what_a_create_refuses(run, plural, tree, error, message):
    async def scenario(cluster):
        with pytest.raises(error) as caught:
            await cluster.create(plural, tree)
        return caught.value

    assert message in run(scenario).message


def test_unknown_fields_are_warned_of_or_refused(run):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}, "dataa": {}}, field_validation="Warn")
        warnings = cluster.warnings
        with pytest.raises(errors.BadRequest) as caught:
            await cluster.create("configmaps", {"metadata": {"name": "b"}, "dataa": {}}, field_validation="Strict")
        return made, warnings, caught.value.message

    made, warnings, message = run(scenario)
    assert "dataa" not in made
    assert warnings == ['unknown field "dataa"']
    assert 'unknown field "dataa"' in message


def test_a_name_that_is_taken(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a", "finalizers": ["x.io/y"]}})
        with pytest.raises(errors.AlreadyExists) as first:
            await cluster.create("configmaps", {"metadata": {"name": "a"}})
        await cluster.delete("configmaps", "a")
        with pytest.raises(errors.AlreadyExists) as second:
            await cluster.create("configmaps", {"metadata": {"name": "a"}})
        return first.value.message, second.value.message

    assert run(scenario) == (
        'configmaps "a" already exists',
        'object is being deleted: configmaps "a" already exists',
    )


def test_an_update_needs_the_latest_version_or_none(run):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}})
        newer = await cluster.update("configmaps", {**made, "data": {"k": "1"}})
        with pytest.raises(errors.Conflict) as caught:
            await cluster.update("configmaps", {**made, "data": {"k": "2"}})
        del made["metadata"]["resourceVersion"]
        unconditional = await cluster.update("configmaps", {**made, "data": {"k": "3"}})
        assert newer["data"] == {"k": "1"}
        return caught.value.message, unconditional

    message, unconditional = run(scenario)
    assert message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert unconditional["data"] == {"k": "3"}


def test_a_lease_must_name_its_version(run):
    async def scenario(cluster):
        made = await cluster.create("leases.coordination.k8s.io", {"metadata": {"name": "a"}})
        del made["metadata"]["resourceVersion"]
        with pytest.raises(errors.Invalid) as caught:
            await cluster.update("leases.coordination.k8s.io", made)
        return caught.value.message

    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in run(scenario)


@pytest.mark.parametrize("field", ["uid", "name"])
def test_identity_does_not_change(run, field):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}})
        with pytest.raises(errors.Conflict if field == "uid" else errors.BadRequest):
            await cluster.patch("configmaps", "a", {"metadata": {field: "other"}}) if field == "name" else (
                await cluster.update("configmaps", {**made, "metadata": {**made["metadata"], "uid": "other"}})
            )

    run(scenario)


def test_a_write_that_changes_nothing_keeps_the_version(run):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        cluster.clock.time += 100
        same = await cluster.update("configmaps", made)
        patched = await cluster.patch("configmaps", "a", {"data": {"k": "v"}})
        return made, same, patched

    made, same, patched = run(scenario)
    assert made == same == patched


def test_dry_run_writes_nothing(run):
    async def scenario(cluster):
        made = await cluster.create("configmaps", {"metadata": {"name": "a"}}, dry_run=True)
        with pytest.raises(errors.NotFound):
            await cluster.get("configmaps", "a")
        real = await cluster.create("configmaps", {"metadata": {"name": "a"}})
        changed = await cluster.patch("configmaps", "a", {"data": {"k": "v"}}, dry_run=True)
        await cluster.delete("configmaps", "a", dry_run=True)
        return made, real, changed, await cluster.get("configmaps", "a")

    made, real, changed, after = run(scenario)
    assert made["metadata"]["uid"]
    assert changed["data"] == {"k": "v"}
    assert after == real


def test_status_and_spec_are_written_apart(run):
    async def scenario(cluster):
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        made = await cluster.create(
            "replicasets.apps", {"metadata": {"name": "r"}, "spec": spec, "status": {"replicas": 9}}
        )
        status = await cluster.update(
            "replicasets.apps",
            {**made, "spec": {**made["spec"], "replicas": 7}, "status": {"replicas": 1}},
            sub="status",
        )
        main = await cluster.patch("replicasets.apps", "r", {"spec": {"replicas": 3}, "status": {"replicas": 8}})
        return made, status, main

    made, status, main = run(scenario)
    assert made["status"].get("replicas", 0) == 0
    assert (status["spec"]["replicas"], status["status"]["replicas"]) == (1, 1)
    assert (main["spec"]["replicas"], main["status"]["replicas"]) == (3, 1)
    assert [o["metadata"]["generation"] for o in (made, status, main)] == [1, 1, 2]


def test_finalizers_hold_an_object(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a", "finalizers": ["x.io/y"]}})
        going = await cluster.delete("configmaps", "a")
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("configmaps", "a", {"metadata": {"finalizers": ["x.io/y", "x.io/z"]}})
        last = await cluster.patch("configmaps", "a", {"metadata": {"finalizers": None}})
        with pytest.raises(errors.NotFound):
            await cluster.get("configmaps", "a")
        return going, caught.value.message, last

    going, message, last = run(scenario)
    assert going["metadata"]["deletionTimestamp"] == "2027-01-15T08:00:00Z"
    assert "no new finalizers can be added if the object is being deleted" in message
    assert last["metadata"]["name"] == "a"


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Orphan", ["orphan"]), ("Foreground", ["foregroundDeletion"]), ("Background", None), (None, None)],
)
def test_propagation_policy_becomes_a_finalizer(run, policy, finalizers):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        answer = await cluster.delete("configmaps", "a", options=DeleteOptions(propagation_policy=policy))
        return answer, await cluster.names("configmaps")

    answer, left = run(scenario)
    if finalizers:
        assert answer["metadata"]["finalizers"] == finalizers
        assert left == ["a"]
    else:
        assert (answer["kind"], answer["status"], answer["details"]["kind"]) == ("Status", "Success", "configmaps")
        assert left == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (DeleteOptions(uid="other"), errors.Conflict),
        (DeleteOptions(resource_version="1"), errors.Conflict),
        (DeleteOptions(propagation_policy="Sideways"), errors.Invalid),
    ],
)
def test_delete_preconditions(run, options, error):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        with pytest.raises(error):
            await cluster.delete("configmaps", "a", options=options)
        return await cluster.names("configmaps")

    assert run(scenario) == ["a"]


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("json", [{"op": "add", "path": "/data/b", "value": "2"}]),
        ("merge", {"data": {"b": "2"}}),
        ("strategic", {"data": {"b": "2"}}),
    ],
)
def test_patches(run, kind, patch):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}, "data": {"a": "1"}})
        return await cluster.patch("configmaps", "a", patch, kind)

    assert run(scenario)["data"] == {"a": "1", "b": "2"}


def test_a_patch_that_makes_no_sense(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        with pytest.raises(errors.Invalid) as caught:
            await cluster.patch("configmaps", "a", {"data": {"a": 5}})
        with pytest.raises(errors.NotFound):
            await cluster.patch("configmaps", "missing", {"data": {}})
        return caught.value.details.causes[0].field_

    assert run(scenario) == "patch"


def test_server_side_apply_creates_changes_and_conflicts(run):
    async def scenario(cluster):
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
        made = await cluster.patch("configmaps", "a", config, "apply", field_manager="one")
        config["data"] = {"k": "2"}
        with pytest.raises(errors.Conflict) as caught:
            await cluster.patch("configmaps", "a", config, "apply", field_manager="two")
        forced = await cluster.patch("configmaps", "a", config, "apply", field_manager="two", force=True)
        with pytest.raises(errors.Invalid):
            await cluster.patch("configmaps", "a", config, "apply")
        return made, caught.value, forced

    made, conflict, forced = run(scenario)
    assert made["metadata"]["managedFields"][0]["operation"] == "Apply"
    assert conflict.details.causes[0].field_ == ".data.k"
    assert forced["data"] == {"k": "2"}


def test_the_journal_knows_who_wrote_and_why(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}}, traceparent="00-aa-bb-01", cause_revision=4)
        await cluster.create("configmaps", {"metadata": {"name": "b"}})
        return await cluster.store.journal()

    entries = run(scenario)
    first, second = entries[-2:]
    assert (first.verb, first.user, first.key) == ("create", "admin", "/registry/configmaps/default/a")
    assert (first.traceparent, first.cause_revision) == ("00-aa-bb-01", 4)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", second.traceparent)


def test_lists_page_and_select(run):
    async def scenario(cluster):
        for i in range(5):
            await cluster.create("configmaps", {"metadata": {"name": f"c{i}", "labels": {"odd": str(i % 2)}}})
        first = await cluster.list("configmaps", limit=2)
        await cluster.create("configmaps", {"metadata": {"name": "c9"}})
        second = await cluster.list("configmaps", limit=2, continue_=first.continue_)
        third = await cluster.list("configmaps", limit=2, continue_=second.continue_)
        odd = await cluster.names("configmaps", label_selector="odd=1")
        one = await cluster.names("configmaps", field_selector="metadata.name=c3")
        not_one = await cluster.names("configmaps", field_selector="metadata.name!=c3")
        with pytest.raises(errors.BadRequest) as field:
            await cluster.list("configmaps", field_selector="data.k=v")
        with pytest.raises(errors.BadRequest):
            await cluster.list("configmaps", continue_="nonsense")
        return first, second, third, odd, one, not_one, field.value.message

    first, second, third, odd, one, not_one, message = run(scenario)
    names = [[orjson.loads(v)["metadata"]["name"] for v in page.items] for page in (first, second, third)]
    assert names == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert (first.remaining, second.remaining, third.continue_) == (3, 1, "")
    assert first.revision == second.revision == third.revision
    assert (odd, one) == (["c1", "c3"], ["c3"])
    assert "c3" not in not_one
    assert message == '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"'


def test_an_old_continue_token_comes_back_with_another(run):
    async def scenario(cluster):
        for name in "abcde":
            await cluster.create("configmaps", {"metadata": {"name": name}})
        first = await cluster.list("configmaps", limit=2)
        cluster.clock.time += 200
        await cluster.create("configmaps", {"metadata": {"name": "ba"}})
        second = await cluster.list("configmaps", limit=2, continue_=first.continue_)
        cluster.clock.time += 400
        with pytest.raises(errors.Expired, match="too old to display a consistent list") as caught:
            await cluster.list("configmaps", limit=2, continue_=first.continue_)
        token = caught.value.status.metadata.continue_
        rest = await cluster.list("configmaps", continue_=token)
        return [orjson.loads(v)["metadata"]["name"] for v in second.items], [
            orjson.loads(v)["metadata"]["name"] for v in rest.items
        ]

    assert run(scenario) == (["c", "d"], ["ba", "c", "d", "e"])


def test_a_watch_goes_on_from_a_list(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        listed = await cluster.list("configmaps")
        watch = await cluster.watch("configmaps", resource_version=str(listed.revision), label_selector="on=yes")
        await cluster.create("configmaps", {"metadata": {"name": "b"}})
        await cluster.patch("configmaps", "b", {"metadata": {"labels": {"on": "yes"}}})
        await cluster.patch("configmaps", "b", {"data": {"k": "v"}})
        await cluster.patch("configmaps", "b", {"metadata": {"labels": {"on": "no"}}})
        frames = []
        while len(frames) < 3:
            frames += await anext(watch)
        await watch.aclose()
        return [(f.type, orjson.loads(f.line)["object"]["metadata"]["name"]) for f in frames]

    assert run(scenario) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


def test_a_streaming_list_ends_with_a_bookmark(run):
    async def scenario(cluster):
        await cluster.create("configmaps", {"metadata": {"name": "a"}})
        watch = await cluster.watch(
            "configmaps", send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True
        )
        frames = []
        while len(frames) < 2:
            frames += await anext(watch)
        await watch.aclose()
        return [(f.type, orjson.loads(f.value)) for f in frames]

    (added, _), (bookmark, value) = run(scenario)
    assert (added, bookmark) == ("ADDED", "BOOKMARK")
    assert value["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert value["kind"] == "ConfigMap"


def test_delete_collection_takes_what_is_selected(run):
    async def scenario(cluster):
        for name in ("a", "b", "c"):
            await cluster.create("configmaps", {"metadata": {"name": name, "labels": {"l": name}}})
        ctx = cluster.context("configmaps", "deletecollection", "default", "")
        from pybernetes.apiserver.registry.generic.interface import ListOptions

        gone = await cluster.storage(ctx).delete_collection(
            ctx, ListOptions(label_selector="l in (a,b)"), DeleteOptions()
        )
        return len(gone.items), await cluster.names("configmaps")

    assert run(scenario) == (2, ["c"])


def test_delete_collection_tells_what_kept_it_when_it_has_tried_many(run):
    async def scenario(cluster):
        for number in range(40):
            await cluster.create("configmaps", {"metadata": {"name": f"c{number}"}})
        ctx = cluster.context("configmaps", "deletecollection", "default", "")
        from pybernetes.apiserver.registry.generic.interface import ListOptions

        storage = cluster.storage(ctx)
        with pytest.raises(errors.Conflict):
            await storage.delete_collection(ctx, ListOptions(), DeleteOptions(uid="of another"))
        assert len(await cluster.names("configmaps")) == 40
        await storage.delete_collection(ctx, ListOptions(), DeleteOptions())
        assert await cluster.names("configmaps") == []

    run(scenario)


def test_a_watch_of_one_name_in_all_namespaces(run):
    async def scenario(cluster):
        watch = await cluster.watch("configmaps", ns="", field_selector="metadata.name=a")
        for name in ("b", "a"):
            await cluster.create("configmaps", {"metadata": {"name": name}, "data": {"name": "a"}})
        await cluster.delete("configmaps", "a")
        frames = []
        while len(frames) < 2:
            frames += await anext(watch)
        await watch.aclose()
        return [(frame.type, frame.key.rpartition("/")[2]) for frame in frames]

    assert run(scenario) == [("ADDED", "a"), ("DELETED", "a")]


def test_events_are_served_in_two_shapes(run):
    async def scenario(cluster):
        await cluster.create(
            "events.events.k8s.io",
            {
                "metadata": {"name": "e"},
                "eventTime": "2027-01-15T08:00:00.000000Z",
                "note": "hello",
                "action": "Do",
                "reason": "Because",
                "type": "Normal",
                "reportingController": "me.io/x",
                "reportingInstance": "me-1",
                "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
            },
        )
        core = await cluster.get("events", "e")
        events = await cluster.get("events.events.k8s.io", "e")
        named = await cluster.names("events", field_selector="involvedObject.name=p")
        return core, events, named

    core, events, named = run(scenario)
    assert (core["apiVersion"], core["message"], core["involvedObject"]["name"]) == ("v1", "hello", "p")
    assert (events["apiVersion"], events["note"], events["regarding"]["name"]) == ("events.k8s.io/v1", "hello", "p")
    assert named == ["e"]


@pytest.mark.parametrize(
    ("plural", "key"),
    [
        ("services", "/registry/services/specs/default/x"),
        ("endpoints", "/registry/services/endpoints/default/x"),
        ("nodes", "/registry/minions/x"),
        ("leases.coordination.k8s.io", "/registry/leases/default/x"),
        ("deployments.apps", "/registry/deployments/default/x"),
        ("clusterroles.rbac.authorization.k8s.io", "/registry/clusterroles/x"),
        ("resourceclaims.resource.k8s.io/v1beta1", "/registry/resourceclaims/default/x"),
        ("ingresses.networking.k8s.io", "/registry/ingress/default/x"),
    ],
)
def test_objects_lie_where_upstream_puts_them(run, plural, key):
    async def scenario(cluster):
        ctx = cluster.context(plural, "get", "default", "x")
        return cluster.storage(ctx).key(ctx, "x")

    assert run(scenario) == key
