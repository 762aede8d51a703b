"""Labels of nodes that have newer names: texts for Warning headers. Source: pkg/api/node/util.go."""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.api.core import v1 as core
from pybernetes.apimachinery import names
from pybernetes.apimachinery.field_errors import Path

OLD_NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def node_term_warnings(term: core.NodeSelectorTerm, at: Path, *, values: bool = False) -> Iterator[str]:
    """Old labels; with `values`, also values that no label can have.

    Source: pkg/api/node/util.go (GetWarningsForNodeSelectorTerm).
    """
    for index, expression in enumerate(term.matchExpressions):
        where = at.child("matchExpressions").index(index)
        if expression.key in OLD_NODE_LABELS:
            yield f"{where.child('key')}: {expression.key} is {OLD_NODE_LABELS[expression.key]}"
        for number, value in enumerate(expression.values if values else ()):
            for why in names.label_value(value):
                yield f"{where.child('values').index(number)}: {value} is invalid, {why}"
