"""Random histories of every store against a model of a few lines: reads, past reads, watches, journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pybernetes.storage.store import Cause, Change, Compacted, KeyExists, RevisionMismatch, Stored

KEYS = st.sampled_from([f"/registry/{kind}/{name}" for kind in ("a", "b") for name in ("1", "2", "21")])
PREFIXES = ["/registry/", "/registry/a/", "/registry/b/", "/registry/b/2"]
A2 = "/registry/a/2"
VALUES = st.binary(max_size=4)


class Model:
    def __init__(self, revision: int) -> None:
        self.first = revision
        self.changes: list[Change] = []
        self.compacted = 0

    @property
    def revision(self) -> int:
        return self.changes[-1].revision if self.changes else self.first

    def at(self, revision: int) -> dict[str, Stored]:
        state: dict[str, Stored] = {}
        for change in self.changes:
            if change.revision <= revision:
                state.pop(change.key, None)
                if change.kind == "put":
                    state[change.key] = Stored(change.key, change.value, change.revision, change.create_revision)
        return dict(sorted(state.items()))

    def now(self) -> dict[str, Stored]:
        return self.at(self.revision)


def test_random_histories(open_store: Callable[..., Any]) -> None:
    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.context = open_store()
            self.store = self.runner.run(self.context.__aenter__())
            self.model = Model(self.store.current_revision())
            self.delivered: list[Change] = []
            self.store.subscribe("/registry/a/", self.delivered.extend, lambda: None)

        def teardown(self) -> None:
            self.runner.run(self.context.__aexit__(None, None, None))
            self.runner.close()

        @initialize()
        def nothing_there(self) -> None:
            assert self.runner.run(self.store.range("/registry/")).items == []

        @rule(key=KEYS, value=VALUES)
        def create(self, key: str, value: bytes) -> None:
            there = self.model.now().get(key)
            try:
                revision = self.runner.run(self.store.create(key, value, Cause(verb="create")))
            except KeyExists:
                assert there is not None
                return
            assert there is None and revision > self.model.revision
            self.model.changes.append(Change("put", key, value, None, revision, revision))

        @rule(key=KEYS, value=VALUES, stale=st.integers(0, 2))
        def update(self, key: str, value: bytes, stale: int) -> None:
            there = self.model.now().get(key)
            expected = max((there.revision if there else self.model.revision) - stale, 1)
            try:
                revision = self.runner.run(self.store.update(key, value, expected, Cause(verb="update")))
            except RevisionMismatch as refused:
                assert refused.current == there and (there is None or stale)
                return
            assert there is not None and there.revision == expected and revision > self.model.revision
            self.model.changes.append(Change("put", key, value, there.value, revision, there.create_revision))

        @rule(key=KEYS, stale=st.integers(0, 2), any_revision=st.booleans())
        def delete(self, key: str, stale: int, any_revision: bool) -> None:
            there = self.model.now().get(key)
            expected = 0 if any_revision else max((there.revision if there else self.model.revision) - stale, 1)
            try:
                revision = self.runner.run(self.store.delete(key, expected, Cause(verb="delete")))
            except RevisionMismatch as refused:
                assert refused.current == there and (there is None or stale)
                return
            assert there is not None
            change = Change("delete", key, there.value, there.value, revision, there.create_revision)
            self.model.changes.append(change)

        @rule(back=st.integers(0, 8))
        def compact(self, back: int) -> None:
            revision = max(self.model.revision - back, self.model.first)
            self.runner.run(self.store.compact(revision))
            self.model.compacted = max(self.model.compacted, revision)

        @rule(
            back=st.integers(0, 12),
            limit=st.integers(0, 3),
            prefix=st.sampled_from(PREFIXES),
        )
        def read_the_past(self, back: int, limit: int, prefix: str) -> None:
            revision = max(self.model.revision - back, self.model.first)
            expected = [stored for key, stored in self.model.at(revision).items() if key.startswith(prefix)]
            try:
                page = self.runner.run(self.store.range(prefix, limit=limit, revision=revision))
            except Compacted:
                assert revision < self.model.compacted
                return
            assert revision >= self.model.compacted
            shown = expected[:limit] if limit else expected
            assert page.items == shown
            assert (page.more, page.remaining) == (len(shown) < len(expected), len(expected) - len(shown))

        @rule(back=st.integers(0, 12), prefix=st.sampled_from(PREFIXES))
        def read_history(self, back: int, prefix: str) -> None:
            after = max(self.model.revision - back, self.model.first)
            try:
                changes = self.runner.run(self.store.changes(prefix, after))
            except Compacted:
                assert after < self.model.compacted
                return
            assert after >= self.model.compacted
            assert changes == [c for c in self.model.changes if c.revision > after and c.key.startswith(prefix)]

        @rule(back=st.integers(0, 12), prefix=st.sampled_from(PREFIXES))
        def watch_from_the_past(self, back: int, prefix: str) -> None:
            after = max(self.model.revision - back, self.model.first)
            expected = [c for c in self.model.changes if c.revision > after and c.key.startswith(prefix)]

            async def watched() -> list[Change]:
                found: list[Change] = []
                async with asyncio.timeout(60), aclosing(self.store.watch(prefix, after)) as watch:
                    async for batch in watch:
                        found += batch
                        if len(found) >= len(expected):
                            break
                return found

            if expected:
                try:
                    assert self.runner.run(watched()) == expected
                except Compacted:
                    assert after < self.model.compacted
                else:
                    assert after >= self.model.compacted

        @invariant()
        def reads_agree(self) -> None:
            page = self.runner.run(self.store.range("/registry/"))
            assert page.items == list(self.model.now().values())
            assert page.revision == self.store.current_revision() == self.model.revision
            assert self.runner.run(self.store.count(A2)) == sum(k.startswith(A2) for k in self.model.now())

        @invariant()
        def subscribers_agree(self) -> None:
            assert self.delivered == [c for c in self.model.changes if c.key.startswith("/registry/a/")]

        @invariant()
        def the_journal_is_whole(self) -> None:
            entries = self.runner.run(self.store.journal())
            assert [(e.revision, e.key) for e in entries] == [(c.revision, c.key) for c in self.model.changes]

    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
