"""Inter-pod affinity terms of a Pod, parsed, and those of the placed Pods counted by topology. Pure.

Source: kube-scheduler/framework/types.go (AffinityTerm), framework/plugins/interpodaffinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from pybernetes.api.core.v1 import Pod, PodAffinityTerm
from pybernetes.apimachinery.selectors import NOTHING, LabelSelector, Requirement
from pybernetes.scheduler.columns import Ints, LabelColumn

NamespaceLabels = Callable[[str], Mapping[str, str]]
"""The labels of a namespace; empty when it is not known."""


class TermKind(Enum):
    REQUIRED_AFFINITY = 0
    REQUIRED_ANTI_AFFINITY = 1
    PREFERRED_AFFINITY = 2
    PREFERRED_ANTI_AFFINITY = 3


@dataclass(slots=True, frozen=True)
class PodTerm:
    """Which Pods are meant, and what "together with them" means."""

    key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    namespace_selector: LabelSelector = NOTHING

    def matches(self, namespace: str, labels: Mapping[str, str], namespace_labels: NamespaceLabels) -> bool:
        if not self.selector.matches(labels):
            return False
        if namespace in self.namespaces:
            return True
        chosen = self.namespace_selector
        return not chosen.nothing and (chosen.empty or chosen.matches(namespace_labels(namespace)))


@dataclass(slots=True, frozen=True)
class PodTerms:
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    preferred: tuple[tuple[int, PodTerm], ...] = ()
    """(weight, term)."""
    preferred_anti: tuple[tuple[int, PodTerm], ...] = ()

    def all(self) -> list[tuple[TermKind, int, PodTerm]]:
        return [
            *((TermKind.REQUIRED_AFFINITY, 0, term) for term in self.affinity),
            *((TermKind.REQUIRED_ANTI_AFFINITY, 0, term) for term in self.anti_affinity),
            *((TermKind.PREFERRED_AFFINITY, weight, term) for weight, term in self.preferred),
            *((TermKind.PREFERRED_ANTI_AFFINITY, weight, term) for weight, term in self.preferred_anti),
        ]


NO_TERMS = PodTerms()


def pod_terms(pod: Pod) -> PodTerms:
    """The terms of a Pod. Raises SelectorError."""
    affinity = pod.spec.affinity
    if affinity is None or (affinity.podAffinity is None and affinity.podAntiAffinity is None):
        return NO_TERMS
    towards, away = affinity.podAffinity, affinity.podAntiAffinity
    return PodTerms(
        tuple(_term(t, pod) for t in towards.requiredDuringSchedulingIgnoredDuringExecution) if towards else (),
        tuple(_term(t, pod) for t in away.requiredDuringSchedulingIgnoredDuringExecution) if away else (),
        tuple(
            (t.weight, _term(t.podAffinityTerm, pod)) for t in towards.preferredDuringSchedulingIgnoredDuringExecution
        )
        if towards
        else (),
        tuple((t.weight, _term(t.podAffinityTerm, pod)) for t in away.preferredDuringSchedulingIgnoredDuringExecution)
        if away
        else (),
    )


def _term(term: PodAffinityTerm, pod: Pod) -> PodTerm:
    """With `matchLabelKeys` and `mismatchLabelKeys` as requirements.

    Upstream's API server writes these into the selector when the Pod is created; adding them once more changes nothing.
    """
    selector = LabelSelector.of(term.labelSelector)
    if not selector.nothing and (term.matchLabelKeys or term.mismatchLabelKeys):
        labels = pod.metadata.labels
        more = [Requirement(key, "in", (labels[key],)) for key in term.matchLabelKeys if key in labels]
        more += [Requirement(key, "notin", (labels[key],)) for key in term.mismatchLabelKeys if key in labels]
        selector = LabelSelector((*selector.requirements, *(r for r in more if r not in selector.requirements)))
    named = frozenset(term.namespaces)
    if not named and term.namespaceSelector is None:
        named = frozenset((pod.metadata.namespace or "",))
    return PodTerm(term.topologyKey, selector, named, LabelSelector.of(term.namespaceSelector))


class TermCounts:
    """How many placed Pods have one term, per node and, kept with every Pod, per topology value."""

    __slots__ = ("_by_code", "_generation", "entries")

    def __init__(self) -> None:
        self.entries: dict[int, int] = {}
        self._by_code: Ints | None = None
        self._generation = -1

    def add(self, row: int, delta: int, column: LabelColumn | None, generation: int) -> None:
        count = self.entries.get(row, 0) + delta
        if count:
            self.entries[row] = count
        else:
            self.entries.pop(row, None)
        if self._by_code is not None:
            code = int(column.codes[row]) if column is not None else 0
            if generation == self._generation and code < len(self._by_code):
                self._by_code[code] += delta
            else:
                self._by_code = None

    def by_code(self, column: LabelColumn, generation: int) -> Ints:
        """Pods by the code of the topology value; code 0 stands for nodes without the label."""
        if self._by_code is None or generation != self._generation:
            counts = np.zeros(len(column.values), np.int64)
            for row, count in self.entries.items():
                counts[column.codes[row]] += count
            self._by_code, self._generation = counts, generation
        return self._by_code


class ExistingTerms:
    """The terms of all placed Pods. Replicas share their terms, so there are few."""

    def __init__(self) -> None:
        self.counts: dict[TermKind, dict[tuple[int, PodTerm], TermCounts]] = {kind: {} for kind in TermKind}

    def count(self, terms: PodTerms, row: int, sign: int, labels: Mapping[str, LabelColumn], generation: int) -> None:
        for kind, weight, term in terms.all():
            of_kind = self.counts[kind]
            counts = of_kind.get((weight, term))
            if counts is None:
                counts = of_kind[weight, term] = TermCounts()
            counts.add(row, sign, labels.get(term.key), generation)
            if not counts.entries:
                del of_kind[weight, term]
