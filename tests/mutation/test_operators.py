import ast

import pytest

from mutation.operators import mutants, mutated


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("x = a < b", ["a < b -> a <= b"]),
        ("x = a == b", ["a == b -> a != b"]),
        ("x = a in b", ["a in b -> a not in b"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = a + b", ["a + b -> a - b"]),
        ("x = 'a' + b", []),
        ("LIMIT = 10", ["10 -> 11"]),
        ("x = True", ["True -> False"]),
        ("if a: b()", ["if a -> if not a"]),
        ("x: Literal[1] = a", []),
        ("x = f'{a + 1}'", []),
        ("zip(a, b, strict=True)", []),
        ("@lru_cache(maxsize=8)\ndef f(): return a", []),
    ],
)
def test_a_module_is_changed_where_it_decides_something(source: str, changes: list[str]) -> None:
    assert [str(mutant) for mutant in mutants(source)] == [
        f"<module>: {change}" for change in changes
    ]


def test_each_change_is_made_alone() -> None:
    source = "def f(a):\n    return a > 1 and a < 9\n"

    sources = [ast.unparse(mutated(source, mutant.index)) for mutant in mutants(source)]

    assert len(set(sources)) == 5
    assert "    return a >= 1 and a < 9" in sources[1]


def test_listing_the_changes_makes_none_of_them() -> None:
    listed = mutants("x = a < b < c and d")

    assert [mutant.before for mutant in listed[1:]] == ["a < b < c", "a < b < c"]


def test_a_change_names_the_function_and_the_line() -> None:
    (mutant,) = mutants("class A:\n    def f(self, a):\n        return a is None\n")

    assert (mutant.function, mutant.line) == ("A.f", 3)


def test_a_change_names_the_lines_of_its_statement_without_those_of_the_body() -> None:
    source = "def f(a):\n    if (\n        a > 1\n        and a < 9\n    ):\n        return 2\n"

    lines = {str(mutant): list(mutant.lines) for mutant in mutants(source)}

    assert lines["f: a > 1 -> a >= 1"] == lines["f: a < 9 -> a <= 9"] == [2, 3, 4, 5]
    assert lines["f: 2 -> 3"] == [6]
