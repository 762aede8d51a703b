"""What annotations say of a simulated container."""

from __future__ import annotations

import pytest

from pybernetes.api.core.v1 import Container, Pod
from pybernetes.sim.script import PREFIX, ScriptError, script_of


def pod(policy: str = "Always", **says: str) -> Pod:
    made = Pod()
    made.spec.restartPolicy = policy
    made.spec.containers = [Container(name="app"), Container(name="other")]
    made.spec.initContainers = [Container(name="init"), Container(name="sidecar", restartPolicy="Always")]
    made.metadata.annotations = {PREFIX + name.replace("_", "-"): text for name, text in says.items()}
    return made


@pytest.mark.parametrize(
    ("policy", "index", "says", "run_for_s"),
    [
        pytest.param("Always", 0, {}, None, id="runs on"),
        pytest.param("Never", 0, {}, 1.0, id="is to end"),
        pytest.param("OnFailure", 0, {}, 1.0, id="is to end when well"),
        pytest.param("Always", 0, {"exit_code": "1"}, 1.0, id="crashes"),
        pytest.param("Never", 0, {"run_for": "ever"}, None, id="never ends"),
        pytest.param("Always", 0, {"run_for": "1m30s"}, 90.0, id="ends after a time"),
        pytest.param("Always", 0, {"run_for": "5s", "run-for.app": "7s"}, 7.0, id="of one container"),
        pytest.param("Always", 0, {"run-for.other": "7s"}, None, id="of another container"),
        pytest.param("Never", 2, {}, 0.0, id="init container"),
        pytest.param("Never", 3, {}, None, id="sidecar"),
    ],
)
def test_how_long_it_runs(policy: str, index: int, says: dict[str, str], run_for_s: float | None) -> None:
    made = pod(policy, **says)
    container = [*made.spec.containers, *made.spec.initContainers][index]
    assert script_of(made, container).run_for_s == run_for_s


@pytest.mark.parametrize(
    "says",
    [
        pytest.param({"run_for": "soon"}, id="no duration"),
        pytest.param({"run_for": "-1s"}, id="negative"),
        pytest.param({"exit_code": "256"}, id="no exit code"),
        pytest.param({"exit_code": "one"}, id="no number"),
        pytest.param({"log_every": ""}, id="empty"),
    ],
)
def test_what_cannot_be_understood_is_named(says: dict[str, str]) -> None:
    made = pod(**says)
    with pytest.raises(ScriptError, match=PREFIX + next(iter(says)).replace("_", "-")):
        script_of(made, made.spec.containers[0])


def test_readiness_flaps_after_its_delay() -> None:
    made = pod(ready_after="10s", ready_flaps="5s", live_for="1m")
    script = script_of(made, made.spec.containers[0])
    assert [script.ready(age) for age in (0, 9, 10, 14, 15, 19, 20)] == [False, False, True, True, False, False, True]
    assert (script.live(59), script.live(60)) == (True, False)
