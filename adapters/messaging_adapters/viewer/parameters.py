"""Read the query string of a page strictly: what a page does not know is refused by its name."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from urllib.parse import parse_qsl
from uuid import UUID

from attrs import frozen

WINDOWS: Final = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
"""Spans that end now, as links name them."""

WORKSPACE: Final = "workspace"
_MOST_PAIRS: Final = 200


class FilterError(Exception):
    """A parameter of a page has a value that it cannot have.

    Args:
        name: Of the parameter.
        problem: What is wrong, and what is allowed.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        """Return the name and the problem in one sentence."""
        return f"{self.name}: {self.problem}"


@frozen
class Parameters:
    """The query string of a page, as pairs of names and values in their order."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query_string: bytes) -> Self:
        """Read a query string; what has no value is no filter.

        Raises:
            FilterError: There are too many parameters.
        """
        try:
            text = query_string.decode("ascii", errors="replace")
            pairs = parse_qsl(text, errors="replace", max_num_fields=_MOST_PAIRS)
        except ValueError:
            raise FilterError("query", f"at most {_MOST_PAIRS} parameters") from None
        return cls(tuple(pairs))

    def require_known(self, names: Collection[str]) -> None:
        """Refuse a parameter that the page does not have.

        Raises:
            FilterError: One has another name.
        """
        for name, _ in self.pairs:
            if name not in names and name != WORKSPACE:
                raise FilterError(name, f"this page has {', '.join(names)}")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter."""
        return tuple(value for key, value in self.pairs if key == name)

    def get(self, name: str) -> str | None:
        """Return the last value of a parameter."""
        values = self.all(name)
        return values[-1] if values else None

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """Return a value that is one of a few.

        Raises:
            FilterError: It is none of them.
        """
        value = self.get(name)
        if value is not None and value not in choices:
            raise FilterError(name, f"one of {', '.join(choices)}")
        return value

    def id(self, name: str) -> UUID | None:
        """Return a value that is an id.

        Raises:
            FilterError: It is no UUID.
        """
        value = self.get(name)
        try:
            return UUID(value) if value else None
        except ValueError:
            raise FilterError(name, "an id such as 0193752a-7b1e-7c44-9f0a-2d61c3f0a8e1") from None

    def instant(self, name: str, now: datetime) -> datetime | None:
        """Return a value that is an instant, or a span that ends now, such as `24h`.

        Raises:
            FilterError: It is neither.
        """
        value = self.get(name)
        if value is None or value in WINDOWS:
            return now - WINDOWS[value] if value else None
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            allowed = f"{', '.join(WINDOWS)} or an instant such as 2026-11-28T14:30Z"
            raise FilterError(name, allowed) from None
        return at if at.utcoffset() is not None else at.replace(tzinfo=UTC)

    @property
    def filters(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs without the workspace, which every link names itself."""
        return self.without(WORKSPACE).pairs

    def with_value(self, name: str, value: str) -> "Parameters":
        """Return the parameters with one value for one of them."""
        return Parameters((*self.without(name).pairs, (name, value)))

    def without(self, *names: str) -> "Parameters":
        """Return the parameters without some of them."""
        return Parameters(tuple(pair for pair in self.pairs if pair[0] not in names))
