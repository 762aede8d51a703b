"""Which NUMA nodes suit all that a container asks for: hints of those who hand out resources, merged by a policy. Pure.

A set of NUMA nodes is a number with a bit for each. A hint's `nodes` None is content anywhere; a resource without
hints (None) is, too; one with an empty list of hints can be had nowhere.

Source: pkg/kubelet/cm/topologymanager/policy.go, policy_single_numa_node.go, bitmask/bitmask.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from pybernetes.apimachinery.features import FALSE, TRUE

POLICIES = ("none", "best-effort", "restricted", "single-numa-node")
SCOPES = ("container", "pod")
"""Of what is merged: what each container asks for, or the whole pod."""
_MOST_NODES = 8
"""With more NUMA nodes there are too many combinations to look at, unless somebody says otherwise."""
_CLOSEST, _MOST = "prefer-closest-numa-nodes", "max-allowable-numa-nodes"
_OPTIONS = "topologyManagerPolicyOptions (--topology-manager-policy-options)"


@dataclass(frozen=True, slots=True)
class Options:
    closest: bool = False
    """Whether of as many nodes those are chosen that are nearer to each other."""
    most_nodes: int = _MOST_NODES


def options_of(said: Mapping[str, str]) -> Options:
    """Raises ValueError with one line."""
    for name in said.keys() - {_CLOSEST, _MOST}:
        raise ValueError(f"{_OPTIONS}: {name!r} is none of {_CLOSEST}, {_MOST}")
    if said.get(_CLOSEST, "false") not in TRUE | FALSE:
        raise ValueError(f"{_OPTIONS}: {_CLOSEST} is true or false, not {said[_CLOSEST]!r}")
    most = said.get(_MOST, str(_MOST_NODES))
    if not most.isdecimal() or int(most) < _MOST_NODES:
        raise ValueError(f"{_OPTIONS}: {_MOST} is a number of {_MOST_NODES} or more, not {most!r}")
    return Options(said.get(_CLOSEST) in TRUE, int(most))


@dataclass(frozen=True, slots=True)
class Hint:
    nodes: int | None = None
    preferred: bool = True

    def allows(self, node: int) -> bool:
        return self.nodes is None or bool(self.nodes >> node & 1)


ANYWHERE = Hint()
Hints = Mapping[str, Sequence[Hint] | None]
"""By resource."""


def mask_of(nodes: Iterable[int]) -> int:
    return sum(1 << node for node in nodes)


def nodes_of(mask: int) -> list[int]:
    return [node for node in range(mask.bit_length()) if mask >> node & 1]


def sets_of(nodes: Sequence[int]) -> Iterator[int]:
    """All sets of some of the nodes, small ones first."""
    for size in range(1, len(nodes) + 1):
        yield from map(mask_of, combinations(sorted(nodes), size))


def hints_for(
    nodes: Sequence[int],
    machine_has: Callable[[int], bool],
    now_has: Callable[[int], bool],
    also_preferred: Callable[[int, int], bool] = lambda mask, least: False,
) -> list[Hint]:
    """A hint for every set of nodes that has enough now; preferred are those as small as an idle machine needs.

    Both say of a set whether it has enough: on the idle machine, and now. `also_preferred(mask, least)` of one that is
    larger than that.
    """
    least = len(nodes)
    found = []
    for mask in sets_of(nodes):
        if machine_has(mask):
            least = min(least, mask.bit_count())
        if now_has(mask):
            found.append(mask)
    return [Hint(mask, mask.bit_count() == least or also_preferred(mask, least)) for mask in found]


Rank = Callable[[int], tuple[float, ...]]
"""Of a set of nodes: the lowest is the best."""


def narrowest(mask: int) -> tuple[float, ...]:
    return mask.bit_count(), mask


def closest(distances: Mapping[int, Sequence[int]]) -> Rank:
    """Of as many nodes those that are nearer to each other, themselves included; by node how far each is."""

    def rank(mask: int) -> tuple[float, ...]:
        nodes = nodes_of(mask)
        total = sum(distances[one][other] for one in nodes for other in nodes)
        return len(nodes), total / len(nodes) ** 2, mask

    return rank


def merge(policy: str, nodes: Sequence[int], provided: Iterable[Hints], rank: Rank = narrowest) -> tuple[Hint, bool]:
    """The best of what suits all, and whether the policy takes it."""
    if policy == "none":
        return Hint(None, False), True
    lists = _lists(provided)
    everywhere = mask_of(nodes)
    if policy == "single-numa-node":
        lists = [[h for h in hints if h.preferred and (h.nodes is None or h.nodes.bit_count() == 1)] for hints in lists]
        best = _best(lists, everywhere, narrowest)
        if best.nodes == everywhere:
            best = Hint(None, best.preferred)
        return best, best.preferred
    best = _best(lists, everywhere, rank)
    return best, best.preferred or policy == "best-effort"


def _lists(provided: Iterable[Hints]) -> list[list[Hint]]:
    found = []
    for hints in provided:
        if not hints:
            found.append([ANYWHERE])
        for each in hints.values():
            found.append([ANYWHERE] if each is None else list(each) or [Hint(None, False)])
    return found


def _best(lists: list[list[Hint]], everywhere: int, rank: Rank) -> Hint:
    smallest = [min((h.nodes.bit_count() for h in hints if h.nodes is not None), default=0) for hints in lists]
    wanted = max(smallest, default=0)
    best: Hint | None = None
    for together in product(*lists):
        merged = _together(together, everywhere)
        if merged.nodes and (best is None or _better(merged, best, wanted, rank)):
            best = merged
    return best if best is not None else Hint(everywhere, False)


def _together(hints: tuple[Hint, ...], everywhere: int) -> Hint:
    named = [hint.nodes for hint in hints if hint.nodes is not None]
    nodes = everywhere
    for each in named:
        nodes &= each
    return Hint(nodes, all(hint.preferred for hint in hints) and len(set(named)) <= 1)


def _better(one: Hint, other: Hint, wanted: int, rank: Rank) -> bool:
    """Preferred hints first, then the better by rank; among those that nobody prefers, the size nearest to `wanted`."""
    assert one.nodes is not None and other.nodes is not None
    if one.preferred != other.preferred:
        return one.preferred
    fitter = rank(one.nodes) < rank(other.nodes)
    size, before = one.nodes.bit_count(), other.nodes.bit_count()
    if one.preferred or before > wanted:
        return fitter
    if before == wanted:
        return size == wanted and fitter
    if size > wanted:
        return False
    return fitter if size == before else size > before
