"""Collect what is wrong with a document, each fault with its place."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from messaging_core.models.common.violation import Violation
from messaging_core.wire.parsing.limits import WireLimits

_JSON_NAMES: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_CONTAINERS: Final = (dict, list)
# Beyond this a key is cut in a path: else one long key above thousands of values is copied for
# each of them, and each violation repeats it.
_LONGEST_IN_PATH: Final = 100
# Beyond this a key is no slip of the pen, and comparing it would take long.
_LONGEST_SLIP: Final = 64


class StopReading(Exception):  # noqa: N818 - ends a pass, reports nothing
    """End the pass over a document: no more can be said about it, or enough was said."""


class ViolationCollector(list[Violation]):
    """Gather violations up to a limit; empty while all is well.

    Values never enter a message: they may be addresses or content.
    """

    __slots__ = ("is_lenient", "limits", "short")

    def __init__(self, limits: WireLimits, *, is_lenient: bool = False) -> None:
        self.limits = limits
        self.is_lenient = is_lenient
        # What stands at a path as short as this is not too deep: a level takes a character or more.
        self.short = limits.max_depth - 1

    def add(self, path: str, code: str, message: str) -> None:
        """Report one fault; past the limit say that there are more, and stop."""
        if len(self) >= self.limits.max_violations:
            self[-1] = Violation("", "wire.too_many", "there are more violations than these")
            raise StopReading
        self.append(Violation(path, code, message))

    def fail(self, path: str, code: str, message: str) -> None:
        """Report a fault after which nothing else can be said."""
        self.add(path, code, message)
        raise StopReading

    def mismatch(self, path: str, expected: str, value: Any) -> None:
        """Report a value of the wrong type."""
        code = "wire.null" if value is None else "wire.type"
        self.add(path, code, f"expected {expected}, found {type_name(value)}")

    def missing(self, path: str, key: str) -> None:
        """Report a required key that is not there."""
        self.add(pointer(path, key), "wire.missing", f"{key!r} is required")

    def absent_number(self, path: str, key: str) -> int:
        """Return zero for a number that is not there, or report it.

        Other systems leave out what is zero when they write a document (`omitempty` of Go).
        """
        if not self.is_lenient:
            self.missing(path, key)
        return 0

    def unknown(self, path: str, keys: Iterable[str], declared: Collection[str]) -> None:
        """Report each undeclared key, with the declared key that was probably meant."""
        for key in keys:
            if key not in declared:
                self.add(
                    pointer(path, key), "wire.unknown_key", f"unknown key{_hint(key, declared)}"
                )

    def enter(self, path: str) -> None:
        """Stop at an object or array that is nested too deep."""
        if path.count("/") >= self.limits.max_depth:
            self.fail(path, "wire.depth", f"nested deeper than {self.limits.max_depth} levels")


def check_depth(value: Any, path: str, faults: ViolationCollector) -> None:
    """Stop where something below a value is nested too deep; ask for places only then."""
    if isinstance(value, _CONTAINERS):
        levels = faults.limits.max_depth - path.count("/")
        if _is_deeper(value, levels):
            _report_depth(value, path, faults)


def _is_deeper(value: Any, levels: int) -> bool:
    """Tell whether an object or array has more levels; looks no deeper, to spare the stack."""
    if levels <= 0:
        return True
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, _CONTAINERS) and _is_deeper(item, levels - 1):
            return True
    return False


def _report_depth(value: Any, path: str, faults: ViolationCollector) -> None:
    level = [(path, value)]
    while level:
        faults.enter(level[0][0])
        level = [
            (pointer(place, str(key)), item)
            for place, container in level
            for key, item in (
                container.items() if isinstance(container, dict) else enumerate(container)
            )
            if isinstance(item, _CONTAINERS)
        ]


def pointer(path: str, key: str) -> str:
    """Append a key to a JSON pointer (RFC 6901 §3); a very long one is cut, with an ellipsis."""
    if len(key) > _LONGEST_IN_PATH:
        key = f"{key[:_LONGEST_IN_PATH]}…"
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


def type_name(value: Any) -> str:
    """Name the type of a value as JSON does, or as Python does where JSON has no such type."""
    kind = type(value)
    return _JSON_NAMES.get(kind, kind.__name__)


def _hint(key: str, declared: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - few requests have unknown keys

    close = get_close_matches(key, declared, n=1) if len(key) <= _LONGEST_SLIP else []
    return f", did you mean {close[0]!r}?" if close else ""
