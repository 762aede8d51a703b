from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.storage.newest import NewestValues


def test_a_value_is_there_until_it_is_written_over() -> None:
    newest = NewestValues(100)
    newest.put(1, b"one")
    assert newest.take(2) is None
    assert [newest.take(1), newest.take(1)] == [b"one", None]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=60))
def test_the_oldest_are_dropped_where_the_limit_is_passed(writes: list[tuple[int, int]]) -> None:
    newest, model, limit = NewestValues(100), dict[int, bytes](), 100
    for revision, (size, over) in enumerate(writes, 1):
        newest.put(revision, bytes(size))
        model[revision] = bytes(size)
        while sum(map(len, model.values())) > limit:
            del model[min(model)]
        assert newest.take(over) == model.pop(over, None)
    assert [newest.take(revision) for revision in range(61)] == [model.get(revision) for revision in range(61)]
