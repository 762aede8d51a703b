"""Runs the chosen controllers over shared informers; one that fails to start or dies never stops another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from pybernetes.apimachinery import errors
from pybernetes.apimachinery.features import FeatureGates
from pybernetes.client.client import Client
from pybernetes.client.discovery import resource_in
from pybernetes.client.informer import InformerFactory
from pybernetes.client.leader_election import LeaderElector
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.controllers.descriptors import Descriptor, chosen
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random

log = logging.getLogger(__name__)

_RESTART_S = 1.0
_GRACE_S = 3.0


class ControllerManager:
    def __init__(
        self,
        client_for: Callable[[str], Client],
        config: ControllerManagerConfig,
        clock: Clock,
        random: Random,
    ) -> None:
        """`client_for(NAME)` gives the client of the ServiceAccount kube-system/NAME, of the manager itself for ""."""
        self._client_for = client_for
        self._config = config
        self._clock = clock
        self._random = random
        self._descriptors = chosen(config.controllers, FeatureGates(config.feature_gates))
        self.controllers: dict[str, Controller] = {}
        """Those that run, by name."""
        self._problems: dict[str, str] = {}
        self._elector: LeaderElector | None = None
        self.started = asyncio.Event()
        """Every informer has synced and every controller's workers are about to run."""

    @property
    def idle(self) -> bool:
        """No controller has a key queued or in work."""
        return self.started.is_set() and all(c.idle for c in self.controllers.values())

    def health(self) -> dict[str, str]:
        """What is wrong with each chosen controller; "" when nothing is."""
        waiting = "" if self.started.is_set() else "not started yet"
        return {d.name: self._problems.get(d.name, waiting) for d in self._descriptors}

    def checks(self) -> dict[str, Callable[[], str]]:
        """For /healthz: the lease, and each chosen controller, which is well while it waits to start.

        Source: cmd/kube-controller-manager/app/controllermanager.go (leaderElection), controller-manager/pkg/healthz.
        """

        def of(name: str) -> Callable[[], str]:
            return lambda: self._problems.get(name, "")

        found = {descriptor.name: of(descriptor.name) for descriptor in self._descriptors}
        if self._config.leader_elect:
            found = {"leaderElection": lambda: self._elector.problem() if self._elector else "", **found}
        return found

    def metrics(self) -> Iterator[str]:
        """The text form, line by line."""
        from pybernetes.controllers import metrics

        return metrics.lines(self.controllers, self.health(), asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Until cancelled, at once; with leader election, until the lease is lost."""
        if not self._config.leader_elect:
            await self._lead()
            return
        config = self._config
        self._elector = LeaderElector(
            self._client_for(""),
            "kube-controller-manager",
            config.identity,
            self._clock,
            self._random,
            lease_duration_s=config.lease_duration_s,
            renew_deadline_s=config.renew_deadline_s,
            retry_period_s=config.retry_period_s,
        )
        await self._elector.run(self._lead)

    async def run_in_order(self) -> None:
        """`run`; when cancelled, what is being reconciled is finished first, and the lease given up."""
        running = asyncio.ensure_future(self.run())
        try:
            await asyncio.shield(running)
        finally:
            if self.started.is_set() and not running.done():
                self._stop()
                await asyncio.wait((running,), timeout=_GRACE_S)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _stop(self) -> None:
        for controller in self.controllers.values():
            controller.stop()

    async def _lead(self) -> None:
        # An informer of what is not served would never be complete.
        self._descriptors = [descriptor for descriptor in self._descriptors if await self._is_served(descriptor)]
        informers = InformerFactory(self._client_for(""), self._clock, self._random)
        async with asyncio.TaskGroup() as group:
            for descriptor in self._descriptors:
                self._make(descriptor, informers)
            await informers.start(group)
            supervised = [
                group.create_task(self._supervise(descriptor, informers), name=descriptor.name)
                for descriptor in self._descriptors
                if descriptor.name in self.controllers
            ]
            await informers.wait_synced()
            self.started.set()
            await asyncio.gather(*supervised)
            informers.stop()

    async def _is_served(self, descriptor: Descriptor) -> bool:
        """Whether there is what a controller is for; asks until the API server answers."""
        while descriptor.needs is not None:
            try:
                found = await resource_in(self._client_for(""), *descriptor.needs)
            except (errors.StatusError, OSError) as error:
                log.info("the %s waits: %s", descriptor.name, error)
                await asyncio.sleep(_RESTART_S)
                continue
            if found is None:
                log.info("the %s has nothing to do: %s/%s %s is not served", descriptor.name, *descriptor.needs)
            return found is not None
        return True

    def _make(self, descriptor: Descriptor, informers: InformerFactory) -> bool:
        context = ControllerContext(
            self._client_for(descriptor.service_account), informers, self._clock, self._random, self._config
        )
        try:
            self.controllers[descriptor.name] = descriptor.load()(context)
        except Exception as error:
            log.exception("cannot start the %s", descriptor.name)
            self._problems[descriptor.name] = f"cannot start: {error}"
            return False
        self._problems.pop(descriptor.name, None)
        return True

    async def _supervise(self, descriptor: Descriptor, informers: InformerFactory) -> None:
        """Runs one controller; one that dies is made anew after a second."""
        while True:
            try:
                await self.controllers[descriptor.name].run()
                return
            except Exception as error:
                log.exception("the %s died and is started again", descriptor.name)
                self._problems[descriptor.name] = f"died: {error}"
            await asyncio.sleep(_RESTART_S)
            self._make(descriptor, informers)
