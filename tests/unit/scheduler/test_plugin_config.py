"""Plugins by configuration: arguments, and plugins of installed packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import numpy as np
import pytest

from pybernetes.scheduler.algorithm import Decision, NoFit, schedule
from pybernetes.scheduler.config import ConfigError, ProfileConfig
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from tests.unit.scheduler.builders import node, pod, profile, snapshot_of

NODES = [node("a", labels={"disk": "hdd"}), node("b", labels={"disk": "ssd"}), node("c")]


class Picky:
    """Wants nodes with a label, and says so with a weight."""

    name = "Picky"

    def __init__(self, arguments: Any, handle: Any) -> None:
        self._label = arguments.arguments["label"]

    def score(self, state: Any, info: Any, snapshot: Any, rows: Any) -> Any:
        column = snapshot.label(self._label)
        return 100 * (column.codes[rows] != 0).astype(np.int64)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("Picky", f"{__name__}:Picky", "pybernetes.scheduler_plugins")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **which: EntryPoints([entry]).select(**which))


def chosen(config: ProfileConfig, nodes: Any = NODES, new: Any = None) -> Any:
    made = profile(config)
    return schedule(made, CycleState(), PodInfo(new or pod()), snapshot_of(nodes), lambda count: 0)


def test_a_plugin_of_an_installed_package(installed: None) -> None:
    config = ProfileConfig(enabled={"Picky": 10}, arguments={"Picky": {"label": "quiet"}})
    result = chosen(config, [*NODES, node("d", labels={"quiet": ""})])
    assert isinstance(result, Decision)
    assert (result.node_name, result.scores[0].by_plugin["Picky"]) == ("d", 1000)
    with pytest.raises(ConfigError, match="arguments of plugin Picky"):
        profile(ProfileConfig(enabled={"Picky": 1}))


def test_an_unknown_plugin(installed: None) -> None:
    with pytest.raises(ConfigError, match="unknown plugins: Nobody"):
        profile(ProfileConfig(enabled={"Nobody": 1}))


def added(when: str, terms: Any) -> ProfileConfig:
    return ProfileConfig(arguments={"NodeAffinity": {"addedAffinity": {when: terms}}})


SSD = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def test_added_affinity() -> None:
    required = added(REQUIRED, {"nodeSelectorTerms": [SSD]})
    assert chosen(required).node_name == "b"
    preferred = added("preferredDuringSchedulingIgnoredDuringExecution", [{"weight": 100, "preference": SSD}])
    assert chosen(preferred).node_name == "b"
    result = chosen(required, new=pod(nodeSelector={"disk": "hdd"}))
    assert isinstance(result, NoFit)
    assert result.diagnosis.counts() == {
        "node(s) didn't match scheduler-enforced node affinity": 2,
        "node(s) didn't match Pod's node affinity/selector": 1,
    }


@pytest.mark.parametrize(
    "arguments",
    [{"NodeAffinity": {"addedAffinity": {REQUIRED: 3}}}, {"InterPodAffinity": {"hardPodAffinityWeight": 101}},
     {"DefaultPreemption": {"minCandidateNodesPercentage": 101}}],
)  # fmt: skip
def test_bad_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="arguments of plugin"):
        profile(ProfileConfig(arguments=arguments))
