"""What a simulated container does, as its Pod's annotations tell it. Pure; docs/simulation.md lists them.

An annotation is `simulation.pybernetes.io/NAME` for all containers of the Pod, or the same with `.CONTAINER` behind it
for one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import quantity
from pybernetes.apimachinery.pods import AnyContainer
from pybernetes.apimachinery.times import parse_duration
from pybernetes.kubelet.pod_spec import is_sidecar

PREFIX = "simulation.pybernetes.io/"
_SHORT_S = 1.0
"""How long a container runs that is to end and does not say when."""
_NAMES = (
    *("run-for", "exit-code", "stop-for", "start-for", "start-error", "pull-for", "pull-error"),
    *("ready-after", "ready-flaps", "live-for", "logs", "log-every", "cpu", "memory"),
)


class ScriptError(ValueError):
    """An annotation that cannot be understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Script:
    run_for_s: float | None = None
    """None: until it is stopped."""
    exit_code: int = 0
    stop_for_s: float = 0.0
    """How long it takes to end when it is told to."""
    start_for_s: float = 0.0
    start_error: str = ""
    pull_for_s: float = 0.0
    pull_error: str = ""
    ready_after_s: float = 0.0
    ready_flaps_s: float = 0.0
    """How long it stays ready, then not, and so on; 0.0: it stays ready."""
    live_for_s: float | None = None
    """How long liveness probes succeed."""
    logs: str = ""
    """A line; `{n}` in it is its number."""
    log_every_s: float = 1.0
    cpu_milli: int = 0
    """What it seems to use all the time."""
    memory_bytes: int = 0

    @property
    def pulls(self) -> bool:
        """Whether its image has to be pulled: others are there."""
        return bool(self.pull_error) or self.pull_for_s > 0

    def ready(self, age_s: float) -> bool:
        """What readiness and startup probes hear at that age."""
        after_s = age_s - self.ready_after_s
        return after_s >= 0 and not (self.ready_flaps_s and int(after_s / self.ready_flaps_s) % 2)

    def live(self, age_s: float) -> bool:
        return self.live_for_s is None or age_s < self.live_for_s

    def lines(self, age_s: float) -> int:
        """How many lines were written by that age."""
        return int(age_s / self.log_every_s) + 1 if self.logs and age_s >= 0 else 0


def script_of(pod: Pod, container: AnyContainer) -> Script:
    """Raises ScriptError."""
    told = {}
    for name in _NAMES:
        for key in (f"{PREFIX}{name}.{container.name}", PREFIX + name):
            if (text := pod.metadata.annotations.get(key)) is not None:
                told[name] = (key, text)
                break
    ends = "exit-code" in told or _ends_by_itself(pod, container)
    default_s = 0.0 if _is_init(pod, container) else _SHORT_S
    return Script(
        run_for_s=_seconds(told, "run-for", default_s if ends else None),
        exit_code=_exit_code(told),
        stop_for_s=_seconds(told, "stop-for", 0.0) or 0.0,
        start_for_s=_seconds(told, "start-for", 0.0) or 0.0,
        start_error=told.get("start-error", ("", ""))[1],
        pull_for_s=_seconds(told, "pull-for", 0.0) or 0.0,
        pull_error=told.get("pull-error", ("", ""))[1],
        ready_after_s=_seconds(told, "ready-after", 0.0) or 0.0,
        ready_flaps_s=_seconds(told, "ready-flaps", 0.0) or 0.0,
        live_for_s=_seconds(told, "live-for", None),
        logs=told.get("logs", ("", ""))[1],
        log_every_s=max(_seconds(told, "log-every", 1.0) or 1.0, 0.001),
        cpu_milli=quantity.milli(_amount(told, "cpu", container)),
        memory_bytes=quantity.value(_amount(told, "memory", container)),
    )


def _is_init(pod: Pod, container: AnyContainer) -> bool:
    return any(each.name == container.name and not is_sidecar(each) for each in pod.spec.initContainers)


def _ends_by_itself(pod: Pod, container: AnyContainer) -> bool:
    return _is_init(pod, container) or (
        pod.spec.restartPolicy in ("Never", "OnFailure") and any(c.name == container.name for c in pod.spec.containers)
    )


def _seconds(told: dict[str, tuple[str, str]], name: str, default: float | None) -> float | None:
    if name not in told:
        return default
    key, text = told[name]
    if name == "run-for" and text == "ever":
        return None
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        raise ScriptError(f"annotation {key}: {text!r} is no duration; write one such as 500ms, 5s or 1m30s")
    return seconds


def _amount(told: dict[str, tuple[str, str]], name: str, container: AnyContainer) -> str:
    """Without an annotation it uses what it requests."""
    if name not in told:
        return container.resources.requests.get(name, "0") if container.resources is not None else "0"
    key, text = told[name]
    try:
        good = quantity.nano(text) >= 0
    except quantity.QuantityError:
        good = False
    if not good:
        raise ScriptError(f"annotation {key}: {text!r} is no amount; write one such as 250m or 64Mi")
    return text


def _exit_code(told: dict[str, tuple[str, str]]) -> int:
    key, text = told.get("exit-code", ("", "0"))
    if not text.isdecimal() or int(text) > 255:
        raise ScriptError(f"annotation {key}: {text!r} is no exit code; write one from 0 to 255")
    return int(text)
