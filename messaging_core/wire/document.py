"""Turn bytes and text into plain JSON values, and refuse what is no sound JSON document."""

import json
from typing import Any, Final

import orjson

from messaging_core.wire.faults import Faults, pointer
from messaging_core.wire.limits import WireLimits

_BOM: Final = b"\xef\xbb\xbf"
_ESCAPED_QUOTE: Final = b"\\u0022"


def parse(data: str | bytes | bytearray | memoryview, limits: WireLimits, faults: Faults) -> Any:
    """Read a JSON document (RFC 8259), of which duplicate keys are reported, the last one kept.

    Raises:
        Stop: Nothing is left to look at: too large, not UTF-8, not JSON, or too deep.
    """
    raw = _encode(data, faults) if isinstance(data, str) else bytes(data)
    if limits.max_bytes is not None and len(raw) > limits.max_bytes:
        refuse_size(limits.max_bytes, faults)
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _refuse(raw, error, limits, faults)
    _check_depth_and_keys(raw, tree, limits, faults)
    return tree


def refuse_size(max_bytes: int, faults: Faults) -> None:
    """Report a document that is too large, and stop."""
    faults.fail("", "wire.size", f"the document is larger than {max_bytes} bytes")


def refuse_depth(path: str, max_depth: int, faults: Faults) -> None:
    """Report a value that is nested too deep, and stop."""
    faults.fail(path, "wire.depth", f"nested deeper than {max_depth} levels")


def _encode(text: str, faults: Faults) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        faults.fail("", "wire.encoding", f"lone surrogate at character {error.start}")
        raise


def _refuse(raw: bytes, error: orjson.JSONDecodeError, limits: WireLimits, faults: Faults) -> None:
    where = f"line {error.lineno}, column {error.colno}"
    if raw.startswith(_BOM):
        faults.fail("", "wire.encoding", "the document begins with a byte order mark")
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        faults.fail("", "wire.encoding", f"not UTF-8 at byte {undecodable.start}")
    if "surrogate" in error.msg:
        faults.fail("", "wire.encoding", f"lone surrogate in a string at {where}")
    if "depth" in error.msg:
        refuse_depth("", limits.max_depth, faults)
    faults.fail("", "wire.json", f"{error.msg} at {where}")


def _check_depth_and_keys(raw: bytes, tree: Any, limits: WireLimits, faults: Faults) -> None:
    r"""Look for too deep values and duplicate keys, at the price of writing the document once.

    Written again with indentation, a document is too deep only if a line is indented that far (a
    string holds no raw line break), and it lost a duplicate key exactly if it lost quotes: inside
    strings both forms write `\"` for a quote, unless one was written `\u0022`.
    """
    try:
        again = orjson.dumps(tree, option=orjson.OPT_INDENT_2)
    except TypeError:  # deeper than orjson writes
        again = None
    if again is None or b"\n" + b"  " * limits.max_depth in again:
        _check_depth(tree, limits.max_depth, faults)
    if (
        (b"\\" in raw and _ESCAPED_QUOTE in raw)
        or again is None
        or raw.count(b'"') != again.count(b'"')
    ):
        _report_duplicates(_Pairs.parse(raw), "", faults)


def _check_depth(tree: Any, max_depth: int, faults: Faults) -> None:
    """Walk level by level, so that no depth can exhaust the stack."""
    level = [("", tree)] if isinstance(tree, dict | list) else []
    for _ in range(max_depth):
        level = [
            (pointer(path, str(key)), item)
            for path, value in level
            for key, item in (value.items() if isinstance(value, dict) else enumerate(value))
            if isinstance(item, dict | list)
        ]
    if level:
        refuse_depth(level[0][0], max_depth, faults)


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as they stood in the text, also those that stood there twice."""

    @classmethod
    def parse(cls, raw: bytes) -> Any:
        # Numbers stay text: the standard library would refuse some that orjson has accepted.
        return json.loads(raw, object_pairs_hook=cls, parse_int=str, parse_float=str)


def _report_duplicates(value: Any, path: str, faults: Faults) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        twice: set[str] = set()
        for key, item in value:
            place = pointer(path, key)
            if key in seen and key not in twice:
                faults.add(place, "wire.duplicate_key", "the key stands here more than once")
                twice.add(key)
            seen.add(key)
            _report_duplicates(item, place, faults)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _report_duplicates(item, f"{path}/{index}", faults)
