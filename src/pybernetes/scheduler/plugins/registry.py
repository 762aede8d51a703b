"""The plugins there are, their default order and their weights."""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.scheduler.framework import Plugin, PluginArguments
from pybernetes.scheduler.handle import Handle
from pybernetes.scheduler.plugins.default_binder import DefaultBinder
from pybernetes.scheduler.plugins.default_preemption import DefaultPreemption
from pybernetes.scheduler.plugins.dynamic_resources import DynamicResources
from pybernetes.scheduler.plugins.gang_scheduling import GangScheduling
from pybernetes.scheduler.plugins.image_locality import ImageLocality
from pybernetes.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pybernetes.scheduler.plugins.node_affinity import NodeAffinity
from pybernetes.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from pybernetes.scheduler.plugins.node_name import NodeName
from pybernetes.scheduler.plugins.node_ports import NodePorts
from pybernetes.scheduler.plugins.node_resources import BalancedAllocation, Fit
from pybernetes.scheduler.plugins.node_unschedulable import NodeUnschedulable
from pybernetes.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from pybernetes.scheduler.plugins.pod_topology_spread import PodTopologySpread
from pybernetes.scheduler.plugins.priority_sort import PrioritySort
from pybernetes.scheduler.plugins.scheduling_gates import SchedulingGates
from pybernetes.scheduler.plugins.taint_toleration import TaintToleration
from pybernetes.scheduler.plugins.volume_binding import VolumeBinding
from pybernetes.scheduler.plugins.volume_restrictions import VolumeRestrictions
from pybernetes.scheduler.plugins.volume_zone import VolumeZone

Factory = Callable[[PluginArguments, Handle], Plugin]

FACTORIES: dict[str, tuple[int, Factory]] = {
    "SchedulingGates": (0, lambda arguments, handle: SchedulingGates()),
    "PrioritySort": (0, lambda arguments, handle: PrioritySort()),
    "NodeUnschedulable": (0, lambda arguments, handle: NodeUnschedulable()),
    "NodeName": (0, lambda arguments, handle: NodeName()),
    "TaintToleration": (3, lambda arguments, handle: TaintToleration()),
    "NodeAffinity": (2, lambda arguments, handle: NodeAffinity(arguments)),
    "NodePorts": (0, lambda arguments, handle: NodePorts()),
    "NodeResourcesFit": (1, Fit),
    "VolumeRestrictions": (0, lambda arguments, handle: VolumeRestrictions(handle)),
    "NodeVolumeLimits": (0, lambda arguments, handle: NodeVolumeLimits(handle)),
    "VolumeBinding": (0, VolumeBinding),
    "VolumeZone": (0, lambda arguments, handle: VolumeZone(handle)),
    "PodTopologySpread": (2, lambda arguments, handle: PodTopologySpread(arguments, handle.default_selector)),
    "InterPodAffinity": (2, InterPodAffinity),
    "DynamicResources": (2, DynamicResources),
    "DefaultPreemption": (0, DefaultPreemption),
    "NodeResourcesBalancedAllocation": (1, BalancedAllocation),
    "ImageLocality": (1, lambda arguments, handle: ImageLocality()),
    "DefaultBinder": (0, lambda arguments, handle: DefaultBinder(handle.client)),
    "NodeDeclaredFeatures": (0, lambda arguments, handle: NodeDeclaredFeatures()),
    "GangScheduling": (0, lambda arguments, handle: GangScheduling(handle)),
}
"""Name -> (weight, factory), in the order in which plugins are asked. Source: apis/config/v1/default_plugins.go."""

ENTRY_POINTS = "pybernetes.scheduler_plugins"
"""Installed packages add plugins under this group; docs/scheduler-plugins.md shows one."""


def factory(name: str) -> tuple[int, Factory] | None:
    """(weight, factory) of a plugin: one of ours, or one that an installed package offers; None: there is none."""
    own = FACTORIES.get(name)
    if own is not None:
        return own
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS, name=name):
        made: Factory = entry.load()
        return 0, made
    return None
