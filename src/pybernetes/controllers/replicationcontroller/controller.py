"""Keeps as many Pods of a ReplicationController as it wants: the ReplicaSet's loop over the older kind.

Source: pkg/controller/replication/replication_controller.go.
"""

from __future__ import annotations

from pybernetes.api.core.v1 import ReplicationController
from pybernetes.controllers.replicaset.controller import ReplicaSetController


class ReplicationControllerController(ReplicaSetController):
    name = "replicationcontroller-controller"
    queue_name = "replicationmanager"
    kind = ReplicationController
