"""One of several instances acts at a time, by a Lease. Source: client-go/tools/leaderelection.

Expiry is judged by how long *we* have seen the record unchanged, never by comparing clocks of machines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pybernetes.api.coordination.v1 import Lease, LeaseSpec
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_micro_time
from pybernetes.client.client import Client
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random

log = logging.getLogger(__name__)

_JITTER = 1.2
_TOLERATED_S = 20.0
"""Beyond the lease's duration, before health says so. Source: leaderelection/healthzadaptor.go."""


class LeaderElector:
    def __init__(
        self,
        client: Client,
        name: str,
        identity: str,
        clock: Clock,
        random: Random,
        *,
        namespace: str = "kube-system",
        lease_duration_s: float = 15.0,
        renew_deadline_s: float = 10.0,
        retry_period_s: float = 2.0,
    ) -> None:
        self._client = client
        self._name = name
        self._namespace = namespace
        self.identity = identity
        self._clock = clock
        self._random = random
        self._lease_duration_s = lease_duration_s
        self._renew_deadline_s = renew_deadline_s
        self._retry_period_s = retry_period_s
        self._observed: Lease | None = None
        self._observed_at = 0.0

    @property
    def leader(self) -> str:
        """Who was last seen holding the lease; "" when nobody was."""
        return (self._observed.spec.holderIdentity or "") if self._observed else ""

    def problem(self) -> str:
        """What is wrong: the lease is ours and has long not been renewed. "" when nothing is."""
        if self._observed is None or self.leader != self.identity:
            return ""
        late_s = asyncio.get_running_loop().time() - self._observed_at - self._lease_duration_s
        return f"failed election to renew leadership on lease {self._name}" if late_s > _TOLERATED_S else ""

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Waits for the lease, runs `lead` while it is held, and returns when it is lost or `lead` ends.

        `lead` is cancelled when the lease cannot be renewed in time. The lease is given up on the way out.
        """
        while not await self._try():  # noqa: ASYNC110 - a lease of another process can only be looked at again
            await asyncio.sleep(self._retry_period_s * self._random.uniform(1.0, _JITTER))
        log.info("%s: became leader as %s", self._name, self.identity)
        work = asyncio.ensure_future(lead())
        renewal = asyncio.create_task(self._renew(), name=f"lease {self._name}")
        try:
            await asyncio.wait((work, renewal), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, renewal):
                task.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)
            await self._release()

    async def _renew(self) -> None:
        """Returns when the lease could not be renewed within the deadline."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(self._retry_period_s)
            try:
                async with asyncio.timeout_at(last + self._renew_deadline_s):
                    renewed = await self._try()
            except TimeoutError:
                renewed = False
            if renewed:
                last = loop.time()
            elif loop.time() - last >= self._renew_deadline_s:
                log.warning("%s: lost the lease", self._name)
                return

    async def _try(self) -> bool:
        """Acquires or renews once; False when another holds it or the apiserver did not answer."""
        try:
            return await self._acquire_or_renew()
        except (errors.StatusError, OSError) as error:
            log.info("%s: cannot acquire or renew the lease: %s", self._name, error)
            return False

    async def _acquire_or_renew(self) -> bool:
        now = asyncio.get_running_loop().time()
        time = format_micro_time(self._clock.now())
        try:
            found = await self._client.get(Lease, self._name, self._namespace)
        except errors.NotFound:
            lease = Lease(
                metadata=ObjectMeta(name=self._name, namespace=self._namespace),
                spec=LeaseSpec(
                    holderIdentity=self.identity,
                    leaseDurationSeconds=int(self._lease_duration_s),
                    acquireTime=time,
                    renewTime=time,
                    leaseTransitions=0,
                ),
            )
            self._observe(await self._client.create(lease), now)
            return True
        if self._observed is None or found.spec != self._observed.spec:
            self._observe(found, now)
        holder = found.spec.holderIdentity or ""
        duration_s = found.spec.leaseDurationSeconds or self._lease_duration_s
        if holder and holder != self.identity and now < self._observed_at + duration_s:
            return False
        lease = fresh(found)
        if holder != self.identity:
            lease.spec.acquireTime = time
            lease.spec.leaseTransitions = (found.spec.leaseTransitions or 0) + 1
        lease.spec.holderIdentity = self.identity
        lease.spec.leaseDurationSeconds = int(self._lease_duration_s)
        lease.spec.renewTime = time
        self._observe(await self._client.update(lease), now)
        return True

    async def _release(self) -> None:
        """Lets others take over at once."""
        if self._observed is None or self.leader != self.identity:
            return
        lease = fresh(self._observed)
        time = format_micro_time(self._clock.now())
        lease.spec.holderIdentity = ""
        lease.spec.leaseDurationSeconds = 1
        lease.spec.renewTime = lease.spec.acquireTime = time
        try:
            async with asyncio.timeout(self._renew_deadline_s):
                await self._client.update(lease)
        except (errors.StatusError, OSError) as error:
            log.info("%s: cannot give up the lease: %s", self._name, error)

    def _observe(self, lease: Lease, now: float) -> None:
        self._observed = lease
        self._observed_at = now
