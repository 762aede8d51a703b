"""Makes ServiceCIDRs ready, and keeps those that are deleted until nobody has an address of theirs."""

from __future__ import annotations

from pybernetes.api.networking.v1 import IPAddress, ServiceCIDR
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.times import format_time, parse_time
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.servicecidr import plan


class ServiceCidrController(Controller):
    name = "service-cidr-controller"
    queue_name = "ipaddresses"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        cidrs, addresses = self.informer(ServiceCIDR), self.informer(IPAddress)
        self._cidrs, self._addresses = cidrs.lister, addresses.lister
        cidrs.add_handler(
            on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new), on_delete=lambda old: self._recheck()
        )
        addresses.add_handler(on_delete=lambda old: self._recheck())

    async def reconcile(self, key: str) -> None:
        cidr = self._cidrs.by_key(key)
        if cidr is None:
            return
        await self._bring_on(key, cidr)

    async def _bring_on(self, key: str, cidr: ServiceCIDR) -> None:
        held = plan.FINALIZER in cidr.metadata.finalizers
        if cidr.metadata.deletionTimestamp is None:
            if not held:
                changed = fresh(cidr)
                changed.metadata.finalizers = [*cidr.metadata.finalizers, plan.FINALIZER]
                cidr = await self.client.update(changed)
            await self._say(cidr, in_use=False)
            return
        others = [other for other in self._cidrs.list() if other.metadata.name != cidr.metadata.name]
        if not plan.may_go(cidr, others, self._addresses.list()):
            await self._say(cidr, in_use=True)
            return
        left_s = parse_time(cidr.metadata.deletionTimestamp) + plan.GRACE_S - self.clock.now()
        if left_s > 0:
            self.queue.add_after(key, left_s)
        elif held:
            changed = fresh(cidr)
            changed.metadata.finalizers = [name for name in cidr.metadata.finalizers if name != plan.FINALIZER]
            await self.client.update(changed)

    async def _say(self, cidr: ServiceCIDR, *, in_use: bool) -> None:
        wanted = plan.condition(cidr, in_use, format_time(self.clock.now()))
        if wanted is None:
            return
        changed = fresh(cidr)
        changed.status.conditions = [*(c for c in cidr.status.conditions if c.type != "Ready"), wanted]
        await self.client.update_status(changed)

    def _recheck(self) -> None:
        """What is being deleted may go now."""
        for cidr in self._cidrs.list():
            if cidr.metadata.deletionTimestamp is not None:
                self.enqueue(cidr)
