"""Which object to look at when a Pod changes: its controller, or all that would adopt it.

The Pod handlers of every controller whose objects own Pods by a selector.
Source: the addPod, updatePod and deletePod of pkg/controller/{replicaset,daemon,statefulset}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pybernetes.api.core.v1 import Pod
from pybernetes.api.meta.v1 import OwnerReference
from pybernetes.apimachinery.pods import is_ready
from pybernetes.apimachinery.selectors import LabelSelector, SelectorError
from pybernetes.client.informer import Informer
from pybernetes.client.lister import Lister
from pybernetes.client.objects import KubernetesObject, key_of
from pybernetes.client.workqueue import RateLimitedQueue
from pybernetes.controllers.runtime.expectations import Expectations
from pybernetes.controllers.runtime.owners import controller_of

S = TypeVar("S", bound=KubernetesObject)


def identity(pod: Pod) -> str:
    """The name under which deletions of Pods are expected."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


class OwnedPods(Generic[S]):
    def __init__(
        self,
        kind: str,
        owners: Lister[S],
        queue: RateLimitedQueue[str],
        expectations: Expectations | None = None,
        selector_of: Callable[[S], LabelSelector] | None = None,
    ) -> None:
        """`selector_of` may raise SelectorError; by default the selector of the spec."""
        self._kind = kind
        self._owners = owners
        self._queue = queue
        self._expectations = expectations
        self._selector_of = selector_of or _selector_of_spec

    def follow(self, pods: Informer[Pod]) -> None:
        pods.add_handler(on_add=self._added, on_update=self._updated, on_delete=self._deleted)

    def owner_of(self, namespace: str, ref: OwnerReference | None) -> S | None:
        """The object a controller reference means, if it is of our kind and still the same."""
        if ref is None or ref.kind != self._kind:
            return None
        found = self._owners.get(namespace, ref.name)
        return found if found is not None and found.metadata.uid == ref.uid else None

    def _added(self, pod: Pod) -> None:
        if pod.metadata.deletionTimestamp:
            self._deleted(pod)
            return
        ref = controller_of(pod)
        if ref is None:
            self._enqueue_adopters(pod)
        elif (owner := self.owner_of(pod.metadata.namespace or "", ref)) is not None:
            key = key_of(owner)
            if self._expectations is not None:
                self._expectations.creation_observed(key)
            self._queue.add(key)

    def _updated(self, old: Pod, new: Pod) -> None:
        relabelled = old.metadata.labels != new.metadata.labels
        if new.metadata.deletionTimestamp:
            self._deleted(new)
            if relabelled:
                self._deleted(old)
            return
        namespace = new.metadata.namespace or ""
        old_ref, ref = controller_of(old), controller_of(new)
        if old_ref != ref and (owner := self.owner_of(namespace, old_ref)) is not None:
            self._queue.add(key_of(owner))
        if ref is not None:
            if (owner := self.owner_of(namespace, ref)) is not None:
                self._queue.add(key_of(owner))
                least_s = _min_ready_s(owner)
                if least_s and not is_ready(old) and is_ready(new):
                    self._queue.add_after(key_of(owner), least_s)
        elif relabelled or old_ref != ref:
            self._enqueue_adopters(new)

    def _deleted(self, pod: Pod) -> None:
        owner = self.owner_of(pod.metadata.namespace or "", controller_of(pod))
        if owner is not None:
            if self._expectations is not None:
                self._expectations.deletion_observed(key_of(owner), identity(pod))
            self._queue.add(key_of(owner))

    def _enqueue_adopters(self, pod: Pod) -> None:
        if not pod.metadata.labels:
            return
        for owner in self._owners.list(pod.metadata.namespace or ""):
            try:
                selector = self._selector_of(owner)
            except SelectorError:
                continue
            if not selector.empty and selector.matches(pod.metadata.labels):
                self._queue.add(key_of(owner))


def _selector_of_spec(owner: Any) -> LabelSelector:
    return LabelSelector.of(owner.spec.selector)


def _min_ready_s(owner: Any) -> int:
    return owner.spec.minReadySeconds or 0
