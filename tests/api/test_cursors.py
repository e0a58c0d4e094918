from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cursors import cut, question, read_cursor, write_cursor
from api.problems import Problem


@settings(deadline=None)
@given(st.tuples(st.integers(-(2**52), 2**53), st.integers(1, 2**31 - 1)))
def test_round_trip(place: tuple[int, int]) -> None:
    asked = question("readings", [1], "asc")
    assert read_cursor(write_cursor(asked, place), asked, tuple[int, int]) == place


@settings(deadline=None)
@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="cursor"):
        read_cursor(text, question("x"), int)


def test_a_cursor_of_another_question_is_refused() -> None:
    cursor = write_cursor(question("devices", "shihoro"), "a-1")
    with pytest.raises(Problem):
        read_cursor(cursor, question("devices", "sendai"), str)


@pytest.mark.parametrize(("count", "more"), [(0, False), (2, False), (3, False), (4, True)])
def test_cut(count: int, more: bool) -> None:
    asked = question("x")
    shown, next_ = cut(list(range(count)), 3, asked, lambda row: row)
    assert shown == list(range(count))[:3]
    assert (next_ is not None) is more
    if next_ is not None:
        assert read_cursor(next_, asked, int) == 2
