"""Since when the use of token Secrets is noted, and the noting.

Source: pkg/controlplane/controller/legacytokentracking, pkg/serviceaccount/legacy.go (patchSecretWithLastUsedDate).
"""

from __future__ import annotations

import logging
from datetime import date

import orjson

from pybernetes.api.core.v1 import ConfigMap, Secret
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apimachinery.scheme import resource_of
from pybernetes.apimachinery.token_secrets import LAST_USED, SINCE, TRACKING, day
from pybernetes.apiserver.bootstrap.writing import context, ensure
from pybernetes.apiserver.registry.generic.interface import Registry
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)


async def track(registry: Registry, clock: Clock) -> None:
    """The ConfigMap that says so, with today's date unless it has one."""
    wanted = ConfigMap(metadata=ObjectMeta(name=TRACKING, namespace="kube-system"), data={SINCE: day(clock.now())})
    await ensure(registry, wanted, _dated)


def _dated(existing: ConfigMap, wanted: ConfigMap) -> bool:
    try:
        date.fromisoformat(existing.data.get(SINCE, ""))
    except ValueError:
        existing.data = {**existing.data, **wanted.data}
        return True
    return False


async def mark_used(registry: Registry, secret: Secret, last_used: str) -> None:
    """Labels this very Secret; one that is gone stays so."""
    meta = secret.metadata
    resource = resource_of(Secret)
    ctx = context(resource, "patch", meta.namespace or "", meta.name or "")
    patch = orjson.dumps({"metadata": {"uid": meta.uid, "labels": {LAST_USED: last_used}}})
    try:
        await registry.storage_for(resource).patch(ctx, "merge", patch)
    except StatusError as error:
        log.warning("noting the use of a token Secret: %s", error)
