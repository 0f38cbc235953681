"""Draw charts: numbers become the text of SVG paths, a sentence and a table.

All sizes are attributes of SVG, so that pages need no styles of their own. A chart is 480 wide and
100 high, whatever it shows, and the page stretches it.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

WIDTH: Final = 480
HEIGHT: Final = 100

_STEPS: Final = (4, 8, 12, 20, 40)  # each divides into four whole numbers
_GRID: Final = 4
_GAP: Final = 0.2  # of the width of a bar
_FEWEST_TICKS: Final = 2


@frozen(kw_only=True)
class Layer:
    """One kind of what is counted, in all bars.

    Attributes:
        word: What it is.
        tone: Its fill, as the style sheet names it: `good`, `move`, `wait`, `doubt` or `bad`.
        numbers: One for each bar.
    """

    word: str
    tone: str
    numbers: tuple[int, ...]


@frozen(kw_only=True)
class Fill:
    """The bars of one layer.

    Attributes:
        path: The text of an SVG path; empty if there is nothing.
        is_hatched: Whether hatching is drawn over it.
    """

    word: str
    tone: str
    path: str
    is_hatched: bool


@frozen(kw_only=True)
class Table:
    """The numbers of a chart."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen(kw_only=True)
class BarChart:
    """Stacked bars.

    Attributes:
        sentence: What it shows, for those who do not see it.
        ticks: Of the upright axis, from the top.
        times: Below the bars.
    """

    sentence: str
    fills: tuple[Fill, ...]
    ticks: tuple[str, ...]
    times: tuple[str, ...]
    grid: str
    table: Table


@frozen(kw_only=True)
class LineChart:
    """A line over time, with the limit that it should stay below.

    Attributes:
        sentence: What it shows, for those who do not see it.
        latest: The last value, in words.
        is_bad: Whether that is above the limit.
        line: The text of an SVG path.
        area: The same, down to the axis.
        limit: The text of a path, or nothing.
    """

    title: str
    sentence: str
    latest: str
    is_bad: bool
    line: str
    area: str
    limit: str | None
    ticks: tuple[str, ...]
    grid: str


def stacked_bars(
    layers: Sequence[Layer], labels: Sequence[str], *, sentence: str, first_column: str
) -> BarChart:
    """Draw layers upon one another, the first at the bottom.

    Args:
        layers: Each has a number for each bar.
        labels: When each bar is, in the table.
        sentence: See `BarChart`.
        first_column: What the labels are.
    """
    totals = [sum(numbers) for numbers in zip(*(own.numbers for own in layers), strict=True)]
    top = ceiling(max(totals, default=0))
    below = [0] * len(labels)
    fills = []
    for layer in layers:
        fills.append(
            Fill(
                word=layer.word,
                tone=layer.tone,
                path=_bars(layer.numbers, below, top),
                is_hatched=layer.tone == "doubt",
            )
        )
        below = [base + number for base, number in zip(below, layer.numbers, strict=True)]
    return BarChart(
        sentence=sentence,
        fills=tuple(fills),
        ticks=tuple(f"{top * part // _GRID:,}" for part in range(_GRID, -1, -1)),
        times=spread(labels),
        grid=_grid(_GRID),
        table=_table(layers, labels, first_column),
    )


def line_chart(
    values: Sequence[float], *, title: str, sentence: str, limit: float | None = None
) -> LineChart:
    """Draw seconds over time.

    Args:
        values: In the order of time; none is below zero.
        title: Above the chart.
        sentence: See `LineChart`.
        limit: What the values should stay below.
    """
    top = float(ceiling(math.ceil(max([*values, limit or 0.0, 1.0]))))
    points = _points(values, top)
    latest = values[-1] if values else 0.0
    return LineChart(
        title=title,
        sentence=sentence,
        latest=seconds(latest),
        is_bad=limit is not None and latest > limit,
        line=_line(points),
        area=f"{_line(points)}L{WIDTH} {HEIGHT}L0 {HEIGHT}z" if points else "",
        limit=None if limit is None else f"M0 {_text(_height(limit, top))}H{WIDTH}",
        ticks=(f"{top:,.0f}", "0"),
        grid=_grid(1),
    )


def spark(values: Sequence[float], *, width: int = 230, height: int = 20) -> str:
    """Return the path of a small line without axes."""
    top = max(values, default=0.0) or 1.0
    room = height - 2  # a line at the edge would be cut in half
    points = [
        (place, 1 + room - value / top * room)
        for place, value in zip(_places(len(values), width), values, strict=True)
    ]
    return _line(points)


def ceiling(number: int) -> int:
    """Return the next round number that divides into four."""
    scale = 1
    while True:
        for step in _STEPS:
            if number <= step * scale:
                return step * scale
        scale *= 10


def seconds(value: float) -> str:
    """Return a number of seconds as charts say it."""
    return f"{value:.1f} s".replace(".0 s", " s") if value < 10 else f"{value:,.0f} s"  # noqa: PLR2004


def spread(labels: Sequence[str], most: int = 5) -> tuple[str, ...]:
    """Return some labels that lie evenly between the first and the last."""
    number = min(most, len(labels))
    if number < _FEWEST_TICKS:
        return tuple(labels)
    last = len(labels) - 1
    return tuple(labels[round(last * part / (number - 1))] for part in range(number))


def _bars(numbers: Sequence[int], below: Sequence[int], top: int) -> str:
    pitch = WIDTH / max(len(numbers), 1)
    width = pitch * (1 - _GAP)
    return "".join(
        _bar(index * pitch + pitch * _GAP / 2, width, (base / top, number / top))
        for index, (number, base) in enumerate(zip(numbers, below, strict=True))
        if number
    )


def _bar(left: float, width: float, parts: tuple[float, float]) -> str:
    base, part = parts
    high, upper = part * HEIGHT, HEIGHT - (base + part) * HEIGHT
    return f"M{_text(left)} {_text(upper)}h{_text(width)}v{_text(high)}h-{_text(width)}z"


def _table(layers: Sequence[Layer], labels: Sequence[str], first_column: str) -> Table:
    numbers = zip(*(layer.numbers for layer in layers), strict=True)
    rows = zip(labels, numbers, strict=True)
    return Table(
        columns=(first_column, *(layer.word.capitalize() for layer in layers)),
        rows=tuple((label, *(f"{number:,}" for number in row)) for label, row in rows),
    )


def _grid(parts: int) -> str:
    return "".join(f"M0 {_text(HEIGHT * part / parts)}H{WIDTH}" for part in range(parts + 1))


def _points(values: Sequence[float], top: float) -> list[tuple[float, float]]:
    heights = (_height(value, top) for value in values)
    return list(zip(_places(len(values), WIDTH), heights, strict=True))


def _places(number: int, width: int) -> list[float]:
    return [width * place / max(number - 1, 1) for place in range(number)]


def _height(value: float, top: float) -> float:
    return HEIGHT - min(value / top, 1.0) * HEIGHT


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "".join(
        f"{'L' if index else 'M'}{_text(left)} {_text(upper)}"
        for index, (left, upper) in enumerate(points)
    )


def _text(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
