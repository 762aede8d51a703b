"""What a controller is given: its client, the shared informers, time, randomness, configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import InformerFactory
from pybernetes.controllers.config import ControllerManagerConfig
from pybernetes.host.clock import Clock
from pybernetes.host.random import Random


@dataclass(slots=True)
class ControllerContext:
    client: Client
    """With the controller's own identity."""
    informers: InformerFactory
    clock: Clock
    random: Random
    config: ControllerManagerConfig

    def recorder(self, component: str) -> EventRecorder:
        """Events in the name of the component, e.g. deployment-controller."""
        return EventRecorder(self.client, component, "", self.clock)
