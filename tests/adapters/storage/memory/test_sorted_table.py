"""The table of the memory storage that is walked in the order of its keys."""

from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory.sorted_table import SortedTable

KEYS = st.integers(0, 20)
CHANGES = st.lists(st.tuples(st.sampled_from(["set", "delete", "pop"]), KEYS))


@given(changes=CHANGES, beyond=KEYS, below=KEYS, limit=st.integers(0, 5))
def test_it_is_walked_as_if_it_was_sorted_each_time(
    changes: list[tuple[str, int]], beyond: int, below: int, limit: int
) -> None:
    table: SortedTable[int, int] = SortedTable()
    for change, key in changes:
        if change == "set":
            table[key] = key
        elif change == "pop":
            table.pop(key, None)
        elif key in table:
            del table[key]

    keys = sorted(table)
    assert table.after(beyond) == [key for key in keys if key > beyond]
    assert table.before(beyond, limit) == [key for key in keys[::-1] if key < beyond][:limit]
    assert table.between(beyond, below, limit) == [k for k in keys if beyond < k < below][:limit]
    assert table.between(beyond, None, limit) == table.after(beyond)[:limit]
    assert table.last() == (keys[-1] if keys else None)


def test_a_change_that_was_interrupted_leaves_no_key() -> None:
    table: SortedTable[str, int] = SortedTable()
    table["a"] = 1
    dict.__delitem__(table, "a")  # a signal came before the second half of a deletion

    assert (table.after(""), table.last()) == ([], None)
    table["a"] = 2
    assert table.after("") == ["a"]
