"""Draws trees that nobody would write, with the words of objects in them, and JSON patches."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        "", "a", "b", "one", "x/y", "-", "0", "-1", "1Gi", "1e400", "100m", "null", "true", "2020-01-01T00:00:00Z",
        "a.b/c", "é", "\u0000", "\ud7ff", "🙂", "A" * 300, "..", "*", "Always", "Retain", "None", "10.0.0.1", "::1",
        "$patch", "delete", "~1", "$setElementOrder/containers", "$retainKeys",
    ]
)  # fmt: skip
TEXT = WORDS | st.text(max_size=20)
NUMBERS = st.sampled_from([0, 1, -1, 80, 65536, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 0.5, 1e300])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
NAMES = st.sampled_from(
    [
        "metadata", "spec", "status", "name", "namespace", "labels", "annotations", "ownerReferences", "finalizers",
        "managedFields", "containers", "image", "ports", "containerPort", "port", "targetPort", "resources", "limits",
        "requests", "cpu", "memory", "env", "value", "valueFrom", "volumes", "template", "selector", "matchLabels",
        "matchExpressions", "replicas", "strategy", "data", "binaryData", "rules", "verbs", "type", "uid",
        "resourceVersion", "generation", "deletionTimestamp", "creationTimestamp", "kind", "apiVersion", "fieldsV1",
        "$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "affinity",
        "tolerations", "securityContext", "clusterIP", "clusterIPs", "immutable", "a", "c",
    ]
) | st.text(max_size=6)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
POINTERS = st.lists(NAMES | st.sampled_from(["0", "1", "-", "-1", "01", "99999999999"]), max_size=5).map(
    lambda parts: "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS | TEXT},
    optional={"from": POINTERS, "value": TREES},
)
