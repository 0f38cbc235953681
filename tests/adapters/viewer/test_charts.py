"""Numbers as the text of SVG paths."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.viewer.charts import (
    HEIGHT,
    WIDTH,
    Layer,
    ceiling,
    line_chart,
    seconds,
    spark,
    spread,
    stacked_bars,
)

NUMBER = r"-?\d+(?:\.\d+)?"
BAR = re.compile(rf"M({NUMBER}) ({NUMBER})h({NUMBER})v({NUMBER})h-{NUMBER}z")
POINT = re.compile(rf"[ML]({NUMBER}) ({NUMBER})")
ROUNDING = 0.05
counts = st.integers(0, 10**9)


@st.composite
def layers(draw: st.DrawFn) -> list[Layer]:
    bars = draw(st.integers(1, 60))
    tones = draw(st.lists(st.sampled_from(["good", "doubt", "bad"]), min_size=1, max_size=5))
    numbers = st.lists(counts, min_size=bars, max_size=bars).map(tuple)
    return [Layer(word=tone, tone=tone, numbers=draw(numbers)) for tone in tones]


def bars_of(path: str) -> list[tuple[float, ...]]:
    assert BAR.sub("", path) == ""
    return [tuple(map(float, match.groups())) for match in BAR.finditer(path)]


@given(layers())
def test_bars_stand_upon_one_another_inside_the_chart(stack: list[Layer]) -> None:
    labels = [str(index) for index in range(len(stack[0].numbers))]

    chart = stacked_bars(stack, labels, sentence="x", first_column="Hour")

    top = float(chart.ticks[0].replace(",", ""))
    foot = [float(HEIGHT)] * len(labels)
    for layer, fill in zip(stack, chart.fills, strict=True):
        drawn = bars_of(fill.path)
        shown = [index for index, number in enumerate(layer.numbers) if number]
        assert len(drawn) == len(shown)
        for index, (left, upper, width, high) in zip(shown, drawn, strict=True):
            assert left >= 0
            assert left + width <= WIDTH + ROUNDING
            assert upper + high == pytest.approx(foot[index], abs=ROUNDING)
            assert high == pytest.approx(layer.numbers[index] / top * HEIGHT, abs=ROUNDING)
            foot[index] = upper
        assert fill.is_hatched == (layer.tone == "doubt")
    assert min(foot) >= -ROUNDING


@given(layers())
def test_a_table_has_the_numbers_of_the_chart(stack: list[Layer]) -> None:
    labels = [f"label {index}" for index in range(len(stack[0].numbers))]

    table = stacked_bars(stack, labels, sentence="x", first_column="Hour").table

    assert [row[0] for row in table.rows] == labels
    for index, layer in enumerate(stack, 1):
        column = tuple(int(row[index].replace(",", "")) for row in table.rows)
        assert column == layer.numbers


@given(counts)
def test_an_axis_ends_at_a_round_number_that_divides_into_four(number: int) -> None:
    top = ceiling(number)

    assert top >= number
    assert top % 4 == 0
    assert number < 4 or top <= 2.5 * number


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=400), st.none() | st.floats(0.1, 1e4))
def test_a_line_stays_inside_the_chart(values: list[float], limit: float | None) -> None:
    chart = line_chart(values, title="Late", sentence="x", limit=limit)

    points = [tuple(map(float, match.groups())) for match in POINT.finditer(chart.line)]
    assert len(points) == len(values)
    assert [left for left, _ in points] == sorted(left for left, _ in points)
    assert all(0 <= left <= WIDTH and 0 <= upper <= HEIGHT for left, upper in points)
    assert chart.is_bad == (limit is not None and values[-1] > limit)
    assert (chart.limit is None) == (limit is None)
    highest = max(range(len(values)), key=values.__getitem__)
    assert points[highest][1] == min(upper for _, upper in points)


@given(st.lists(st.floats(0, 1e9), max_size=60))
def test_a_spark_stays_inside_its_box(values: list[float]) -> None:
    points = [tuple(map(float, match.groups())) for match in POINT.finditer(spark(values))]

    assert len(points) == len(values)
    assert all(0 <= left <= 230 and 0 <= upper <= 20 for left, upper in points)


def test_no_bars_and_no_values_are_an_empty_chart() -> None:
    chart = stacked_bars(
        [Layer(word="sent", tone="move", numbers=())], [], sentence="x", first_column="Hour"
    )

    assert chart.fills[0].path == ""
    assert line_chart([], title="x", sentence="x").area == ""


def test_labels_are_spread_from_the_first_to_the_last() -> None:
    labels = [str(index) for index in range(48)]

    assert spread(labels) == ("0", "12", "24", "35", "47")
    assert spread(labels[:1]) == ("0",)
    assert spread([]) == ()


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 s"), (1.94, "1.9 s"), (14, "14 s"), (1288.4, "1,288 s")]
)
def test_seconds_are_written_short(value: float, text: str) -> None:
    assert seconds(value) == text
