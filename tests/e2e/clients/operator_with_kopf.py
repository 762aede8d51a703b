"""An operator for Gadgets, as a user of the framework `kopf` writes one; run by `test_kopf` with `kopf run`."""

from __future__ import annotations

from typing import Any

import kopf

GROUP = "clients.example.com"


@kopf.on.startup()
def settle(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.peering.name = "gadgets"
    settings.peering.mandatory = True
    settings.posting.level = 20


@kopf.on.create(GROUP, "v1", "gadgets")
def created(spec: kopf.Spec, patch: kopf.Patch, body: kopf.Body, **_: Any) -> str:
    patch.status["phase"] = f"made {spec['color']}"
    kopf.info(body, reason="Made", message="a gadget is there")
    return "done"


@kopf.on.field(GROUP, "v1", "gadgets", field="spec.color")
def painted(old: str | None, new: str | None, patch: kopf.Patch, **_: Any) -> None:
    if old is not None:
        patch.status["phase"] = f"{old} became {new}"


@kopf.on.create(GROUP, "v1", "gadgets", labels={"fails": "once"})
def failing(retry: int, patch: kopf.Patch, **_: Any) -> None:
    if retry == 0:
        raise kopf.TemporaryError("again", delay=0.1)
    patch.status["tries"] = retry + 1


@kopf.daemon(GROUP, "v1", "gadgets", cancellation_timeout=1.0)
async def watching(stopped: kopf.DaemonStopped, name: str, logger: kopf.Logger, **_: Any) -> None:
    logger.info(f"daemon of {name} runs")
    await stopped.wait()
    logger.info(f"daemon of {name} ended")


@kopf.timer(GROUP, "v1", "gadgets", interval=0.3)
def ticking(patch: kopf.Patch, status: kopf.Status, **_: Any) -> None:
    if status.get("ticks", 0) < 2:
        patch.status["ticks"] = status.get("ticks", 0) + 1


@kopf.on.delete(GROUP, "v1", "gadgets")
def deleted(**_: Any) -> None:
    """Its being there makes kopf hold objects with a finalizer."""
