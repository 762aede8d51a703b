"""The array plugins beside the plain ones of `reference`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pybernetes.api.core.v1 import Pod
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from tests.unit.scheduler import builders, reference


def profile_for(cluster: reference.Cluster) -> Profile:
    """A profile that knows the cluster's namespaces."""
    return builders.profile(
        namespace_labels=lambda name: cluster.namespaces.get(name, {}),
        namespaces=lambda selector: [name for name, labels in cluster.namespaces.items() if selector.matches(labels)],
    )


def filtered(profile: Profile, pod: Pod, snapshot: Snapshot) -> tuple[set[str], Any, np.ndarray, CycleState]:
    state = CycleState()
    rows, diagnosis, _ = profile.find_feasible(state, PodInfo(pod), snapshot)
    return {diagnosis.names[row] for row in rows}, diagnosis, rows, state


def check(cluster: reference.Cluster, pod: Pod, snapshot: Snapshot) -> None:
    profile = profile_for(cluster)
    names, diagnosis, rows, state = filtered(profile, pod, snapshot)
    expected, counts = reference.feasible(pod, cluster)
    assert names == expected
    if not diagnosis.pre_filter_message and diagnosis.absent is None:
        assert diagnosis.counts() == counts
    if not names:
        return
    having = [n for n in cluster.nodes if n.metadata.name in names]
    _, parts, status = profile.score(state, PodInfo(pod), snapshot, rows)
    assert status.success
    for name, (weight, score) in reference.SCORES.items():
        plain = {n: s * weight for n, s in score(pod, having, cluster).items()}
        found = {diagnosis.names[row]: int(s) for row, s in zip(rows, parts.get(name, []), strict=False)}
        if name not in parts:
            assert len(set(plain.values())) <= 1, name
        else:
            assert found == plain, name
