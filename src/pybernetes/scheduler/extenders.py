"""Extenders: servers of other people that filter, score, preempt and bind beside the plugins.

A Pod that an extender wants to see is decided in rounds: filter, ask, filter anew with the answer. Between the rounds
other Pods are scheduled, so an extender that hangs holds up nobody but its own Pods, and those no longer than its
timeout. Answers are believed as far as they can be true: a node that was never offered, a victim that is not there
and a body that is no answer are errors of the extender.
Source: pkg/scheduler/extender.go, kube-scheduler/extender/v1/types.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from pybernetes.api.core.v1 import Node
from pybernetes.http.client import HttpClient, what_failed
from pybernetes.scheduler.config import ConfigError, ExtenderConfig
from pybernetes.scheduler.extender_answers import Answers
from pybernetes.scheduler.framework import MAX_NODE_SCORE, CycleState, Refusal
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Candidate, importance
from pybernetes.scheduler.profile import Profile
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SKIP, SUCCESS, Status, failed

log = logging.getLogger(__name__)

MAX_EXTENDER_SCORE = 10
_LARGEST_SCORE = 10**9
_MAX_ANSWER_BYTES = 256 << 20
"""Nodes that come back whole, 15,000 of them, are 150 MB."""
_DEPTH = 6
"""Of the fields that answers have."""
_HEADERS = {"content-type": "application/json", "accept": "application/json"}

Nodes = Mapping[str, Node]
T = TypeVar("T")


class _Named(Struct):
    name: str


class _Listed(Struct):
    metadata: _Named


class _NodeList(Struct):
    items: list[_Listed] | None = None


class _Filtered(Struct):
    nodes: _NodeList | None = None
    nodenames: list[str] | None = None
    failednodes: dict[str, str] | None = None
    failedandunresolvablenodes: dict[str, str] | None = None
    error: str = ""


class _Score(Struct):
    host: str
    score: Annotated[int, Meta(ge=-_LARGEST_SCORE, le=_LARGEST_SCORE)] = 0


class _MetaPod(Struct):
    uid: str


class _MetaVictims(Struct):
    pods: list[_MetaPod] | None = None
    numpdbviolations: int = 0


class _Preempted(Struct):
    nodenametometavictims: dict[str, _MetaVictims] | None = None


class _Bound(Struct):
    error: str = ""


class ExtenderFailed(Exception):
    """An extender that may not be left out could not be asked, or answered what cannot be."""


class Extender:
    """One server. Its answers are read without regard to the case of their fields, as Go reads them."""

    def __init__(self, config: ExtenderConfig) -> None:
        self.config = config
        try:
            self._http = HttpClient(
                config.url_prefix,
                config.ssl_context(),
                server_hostname=config.server_name,
                max_answer_bytes=_MAX_ANSWER_BYTES,
                repeatable=True,
            )
        except (ValueError, OSError) as error:
            raise ConfigError(f"extender {config.url_prefix!r}: {error}") from error

    def wants(self, info: PodInfo) -> bool:
        """Whether the Pod asks for a resource that the extender manages, or it manages all Pods."""
        managed = self.config.managed_resources
        if not managed:
            return True
        spec = info.pod.spec
        asked = [c.resources for c in (*spec.containers, *spec.initContainers) if c.resources is not None]
        return any(not managed.isdisjoint(part or ()) for each in asked for part in (each.requests, each.limits))

    async def filter(self, info: PodInfo, nodes: Nodes) -> tuple[frozenset[str], dict[str, Refusal]]:
        """(the nodes that pass, why the others do not). Raises ExtenderFailed."""
        answer = await self._ask(self.config.filter_verb, self._about(info, nodes), _Filtered)
        if answer.error:
            raise ExtenderFailed(answer.error)
        if self.config.node_cache_capable and answer.nodenames is not None:
            passed = frozenset(answer.nodenames)
        else:
            listed = answer.nodes.items if answer.nodes is not None else None
            passed = frozenset(item.metadata.name for item in listed or ())
        for name in sorted(passed - nodes.keys()):
            raise ExtenderFailed(
                f"extender {self.config.url_prefix!r} claims a filtered node {name!r} "
                "which is not found in the input node list"
            )
        refused = {name: Refusal((f"node(s) refused by extender {self.config.url_prefix}",)) for name in nodes}
        for reasons, unresolvable in ((answer.failednodes, False), (answer.failedandunresolvablenodes, True)):
            refused |= {name: Refusal((text,), unresolvable) for name, text in (reasons or {}).items() if text}
        return passed, {name: refused[name] for name in nodes if name not in passed}

    async def prioritize(self, info: PodInfo, nodes: Nodes) -> dict[str, int]:
        """Weighted scores, on the scale of the plugins. Raises ExtenderFailed."""
        answer = await self._ask(self.config.prioritize_verb, self._about(info, nodes), list[_Score])
        factor = self.config.weight * (MAX_NODE_SCORE // MAX_EXTENDER_SCORE)
        return {entry.host: entry.score * factor for entry in answer}

    async def preempt(self, info: PodInfo, candidates: Sequence[Candidate], snapshot: Snapshot) -> list[Candidate]:
        """The candidates that are left, with the victims it wants. Raises ExtenderFailed."""
        names_alone = self.config.node_cache_capable
        about = {
            each.node_name: {
                "Pods": [{"UID": victim.uid} if names_alone else victim.pod for victim in each.victims],
                "NumPDBViolations": each.violations,
            }
            for each in candidates
        }
        question = {
            "Pod": info.pod,
            "NodeNameToVictims": None if names_alone else about,
            "NodeNameToMetaVictims": about if names_alone else None,
        }
        answer = await self._ask(self.config.preempt_verb, question, _Preempted)
        wanted = answer.nodenametometavictims or {}
        offered = {each.node_name for each in candidates}
        return [self._candidate(name, victims, snapshot) for name, victims in wanted.items() if name in offered]

    def _candidate(self, node_name: str, answer: _MetaVictims, snapshot: Snapshot) -> Candidate:
        there = {pod.uid: pod for pod in snapshot.pods_on(node_name)}
        for victim in answer.pods or ():
            if victim.uid not in there:
                raise ExtenderFailed(
                    f"extender: {self.config.url_prefix} claims to preempt pod (UID: {victim.uid}) on node: "
                    f"{node_name}, but the pod is not found on that node"
                )
        if not answer.pods and not self.config.ignorable:
            raise ExtenderFailed(f'expected at least one victim pod on node "{node_name}"')
        victims = sorted((there[victim.uid] for victim in answer.pods or ()), key=importance)
        return Candidate(node_name, tuple(victims), answer.numpdbviolations)

    async def bind(self, info: PodInfo, node_name: str) -> None:
        """Raises ExtenderFailed."""
        metadata = info.pod.metadata
        question = {
            "PodName": metadata.name,
            "PodNamespace": metadata.namespace,
            "PodUID": metadata.uid,
            "Node": node_name,
        }
        answer = await self._ask(self.config.bind_verb, question, _Bound)
        if answer.error:
            raise ExtenderFailed(answer.error)

    def _about(self, info: PodInfo, nodes: Nodes) -> dict[str, Any]:
        if self.config.node_cache_capable:
            return {"Pod": info.pod, "Nodes": None, "NodeNames": list(nodes)}
        return {"Pod": info.pod, "Nodes": {"metadata": {}, "items": list(nodes.values())}, "NodeNames": None}

    async def _ask(self, verb: str, question: dict[str, Any], kind: type[T]) -> T:
        url = f"{self.config.url_prefix.rstrip('/')}/{verb}"
        try:
            body = msgspec.json.encode(question)
            answer = await self._http.request("POST", f"/{verb}", _HEADERS, body, self.config.timeout_s)
        except TimeoutError:
            raise ExtenderFailed(f'Post "{url}": context deadline exceeded') from None
        except OSError as error:
            raise ExtenderFailed(f'Post "{url}": {what_failed(error)}') from None
        if answer.status != 200:
            raise ExtenderFailed(f"failed {verb} with extender at URL {url}, code {answer.status}")
        try:
            return msgspec.convert(_lower(msgspec.json.decode(answer.body), _DEPTH), kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ExtenderFailed(f"the answer of extender {url} cannot be understood: {error}") from None

    async def close(self) -> None:
        await self._http.close()


class Extenders:
    """All of them, those that may be left out last. The first of `bind_plugins` of every profile."""

    def __init__(self, configs: Iterable[ExtenderConfig]) -> None:
        """Raises ConfigError."""
        self._all = [Extender(config) for config in sorted(configs, key=lambda config: config.ignorable)]

    def __bool__(self) -> bool:
        return bool(self._all)

    def want(self, info: PodInfo) -> bool:
        """Whether any of them has a say in where the Pod goes."""
        return any(
            e.wants(info) and (e.config.filter_verb or e.config.prioritize_verb or e.config.preempt_verb)
            for e in self._all
        )

    async def filter(self, info: PodInfo, nodes: Nodes) -> Answers:
        """One after the other, each asked of the nodes that the ones before left. Raises ExtenderFailed."""
        answers = Answers(frozenset(nodes), preempts=any(self._that(info, lambda config: config.preempt_verb)))
        for extender in self._that(info, lambda config: config.filter_verb):
            assert answers.feasible is not None
            if not answers.feasible:
                break
            left = {name: nodes[name] for name in nodes if name in answers.feasible}
            try:
                answers.feasible, refused = await extender.filter(info, left)
            except ExtenderFailed as error:
                _skip_or_raise(extender, error)
                continue
            answers.refusals |= refused
        return answers

    async def prioritize(self, info: PodInfo, nodes: Nodes) -> dict[str, int]:
        """The sum of what they give; one that fails gives nothing."""
        total: dict[str, int] = {}

        async def add(extender: Extender) -> None:
            try:
                scores = await extender.prioritize(info, nodes)
            except ExtenderFailed as error:
                log.info("extender %s gives no scores: %s", extender.config.url_prefix, error)
                return
            for name, score in scores.items():
                total[name] = total.get(name, 0) + score

        await asyncio.gather(*(add(each) for each in self._that(info, lambda config: config.prioritize_verb)))
        return total

    async def preempt(self, info: PodInfo, candidates: Sequence[Candidate], snapshot: Snapshot) -> list[Candidate]:
        """What they leave of the candidates. Raises ExtenderFailed."""
        left = list(candidates)
        for extender in self._that(info, lambda config: config.preempt_verb):
            if not left:
                break
            try:
                found = await extender.preempt(info, left, snapshot)
            except ExtenderFailed as error:
                _skip_or_raise(extender, error)
                continue
            left = [candidate for candidate in found if candidate.victims]
        return left

    async def bind(self, state: CycleState, info: PodInfo, node_name: str) -> Status:
        """As a bind plugin: Skip when none of them binds this Pod."""
        for extender in self._that(info, lambda config: config.bind_verb):
            try:
                await extender.bind(info, node_name)
            except ExtenderFailed as error:
                if extender.config.ignorable:
                    continue
                return failed(error)
            return SUCCESS
        return SKIP

    async def close(self) -> None:
        for extender in self._all:
            await extender.close()

    def _that(self, info: PodInfo, verb: Callable[[ExtenderConfig], str]) -> list[Extender]:
        return [each for each in self._all if verb(each.config) and each.wants(info)]


async def ask(extenders: Extenders, profile: Profile, info: PodInfo, snapshot: Snapshot) -> Answers:
    """What they say of the nodes that fit now. Raises ExtenderFailed."""
    rows, diagnosis, _ = profile.find_feasible(CycleState(), info, snapshot)
    found = ((diagnosis.names[row], snapshot.nodes[row]) for row in rows)
    nodes = {name: node for name, node in found if node is not None}
    answers = await extenders.filter(info, nodes)
    if answers.feasible is not None and len(answers.feasible) > 1:
        left = {name: node for name, node in nodes.items() if name in answers.feasible}
        answers.scores = await extenders.prioritize(info, left)
    return answers


def _skip_or_raise(extender: Extender, error: ExtenderFailed) -> None:
    if not extender.config.ignorable:
        raise error
    log.info("extender %s is left out: %s", extender.config.url_prefix, error)


def _lower(tree: Any, depth: int) -> Any:
    """With the keys of the objects down to some depth in lower case."""
    if depth and isinstance(tree, dict):
        return {key.lower(): _lower(value, depth - 1) for key, value in tree.items()}
    if depth and isinstance(tree, list):
        return [_lower(value, depth - 1) for value in tree]
    return tree
