"""Since when the use of token Secrets is noted, and the noting.

Source: pkg/controlplane/controller/legacytokentracking.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pybernetes.api.core.v1 import ConfigMap, Secret
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.errors import StatusError
from pybernetes.apiserver.authenticators.legacy_token import LAST_USED
from pybernetes.apiserver.bootstrap.writing import ensure
from pybernetes.apiserver.registry.generic.interface import Registry
from pybernetes.host.clock import Clock

log = logging.getLogger(__name__)
NAME = "kube-apiserver-legacy-service-account-token-tracking"


async def track(registry: Registry, clock: Clock) -> None:
    """The ConfigMap that says so, with today's date unless it has one."""
    today = datetime.fromtimestamp(clock.now(), UTC).date().isoformat()
    wanted = ConfigMap(metadata=ObjectMeta(name=NAME, namespace="kube-system"), data={"since": today})
    await ensure(registry, wanted, _dated)


def _dated(existing: ConfigMap, wanted: ConfigMap) -> bool:
    try:
        datetime.strptime(existing.data.get("since", ""), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        existing.data = {**existing.data, **wanted.data}
        return True
    return False


async def mark_used(registry: Registry, secret: Secret, day: str) -> None:
    def labelled(existing: Secret, _: Secret) -> bool:
        if existing.metadata.uid != secret.metadata.uid:
            return False
        existing.metadata.labels = {**existing.metadata.labels, LAST_USED: day}
        return True

    try:
        await ensure(registry, secret, labelled)
    except StatusError as error:
        log.warning("noting the use of a token Secret: %s", error)
