"""Turn bytes and text into plain JSON values, and refuse what is no sound JSON document."""

import json
from typing import Any, Final

import orjson

from messaging_core.wire.parsing.faults import ViolationCollector, check_depth, pointer
from messaging_core.wire.parsing.limits import WireLimits

_BOM: Final = b"\xef\xbb\xbf"
_ESCAPED_QUOTE: Final = b"\\u0022"


def parse(
    data: str | bytes | bytearray | memoryview, limits: WireLimits, faults: ViolationCollector
) -> Any:
    """Read a JSON document (RFC 8259), of which duplicate keys are reported, the last one kept.

    Raises:
        Stop: Nothing is left to look at: too large, not UTF-8, or not JSON.
    """
    raw = _encode(data, faults) if isinstance(data, str) else bytes(data)
    if limits.max_bytes is not None and len(raw) > limits.max_bytes:
        refuse_size(limits.max_bytes, faults)
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _refuse(raw, error, faults)
    _check_keys(raw, tree, faults)
    return tree


def refuse_size(max_bytes: int, faults: ViolationCollector) -> None:
    """Report a document that is too large, and stop."""
    faults.fail("", "wire.size", f"the document is larger than {max_bytes} bytes")


def _refuse_depth(faults: ViolationCollector) -> None:
    """Report a document that is nested deeper than its parser goes, and stop."""
    faults.fail("", "wire.depth", f"nested deeper than {faults.limits.max_depth} levels")


def _encode(text: str, faults: ViolationCollector) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        faults.fail("", "wire.encoding", f"lone surrogate at character {error.start}")
        raise


def _refuse(raw: bytes, error: orjson.JSONDecodeError, faults: ViolationCollector) -> None:
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
        _refuse_depth(faults)
    faults.fail("", "wire.json", f"{error.msg} at {where}")


def _check_keys(raw: bytes, tree: Any, faults: ViolationCollector) -> None:
    r"""Report duplicate keys, of which the parser keeps the last and says nothing.

    Written again, a document that had some is shorter by their quotes: inside strings both forms
    write `\"` for a quote, unless the first one wrote `\u0022`. Only then it is worth the time to
    read the document once more.
    """
    try:
        again = orjson.dumps(tree)
    except TypeError:  # deeper than orjson writes, so deeper than any limit
        check_depth(tree, "", faults)
        raise
    if again != raw and (
        raw.count(b'"') != again.count(b'"') or (b"\\" in raw and _ESCAPED_QUOTE in raw)
    ):
        _report_duplicates(_parse_pairs(raw, faults), "", faults)


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as they stood in the text, also those that stood there twice."""


def _parse_pairs(raw: bytes, faults: ViolationCollector) -> Any:
    try:
        # Numbers stay text: the standard library would refuse some that orjson has accepted.
        return json.loads(raw, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except RecursionError:  # deep in a value that a later key replaced
        _refuse_depth(faults)
        raise


def _report_duplicates(value: Any, path: str, faults: ViolationCollector) -> None:
    if isinstance(value, list):
        faults.enter(path)
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
