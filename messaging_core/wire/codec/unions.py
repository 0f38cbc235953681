"""Read objects that say in `type` which of several classes they are."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from messaging_core.wire.codec.readers import link
from messaging_core.wire.codec.scalars import Reader
from messaging_core.wire.codec.schema import Tag, tag_of
from messaging_core.wire.parsing.faults import ViolationCollector

_TYPE_AND_CONTENT: Final = 2


def tagged_reader(classes: Sequence[type], fields_of: Callable[[type], Reader]) -> Reader:
    """Read one of several tagged classes.

    Args:
        classes: All nested (`{"type": "text", "text": {…}}`) or all flat (`{"type": …, "key": …}`).
        fields_of: Gives the reader of a class's fields; called when the class first comes up.
    """
    tags = {tag.value: tag for cls in classes if (tag := tag_of(cls))}
    readers: dict[str, Any] = {}
    for cls, name in zip(classes, tags, strict=True):
        link(readers, name, partial(fields_of, cls))
    nested = all(tag.key for tag in tags.values())
    return _nested_reader(tags, readers) if nested else _flat_reader(tags, readers)


def _flat_reader(tags: dict[str, Tag], readers: dict[str, Reader]) -> Reader:
    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) is not dict:
            faults.mismatch(path, "an object", value)
            return None
        name = value.get("type")
        if type(name) is str and name in readers:
            return readers[name](value, path, faults)
        _check_type(value, tags, path, faults)
        return None

    return read


def _nested_reader(tags: dict[str, Tag], readers: dict[str, Reader]) -> Reader:
    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) is not dict:
            faults.mismatch(path, "an object", value)
            return None
        name = value.get("type")
        if type(name) is str and name in tags and len(value) == _TYPE_AND_CONTENT:
            key = tags[name].key
            content = value.get(key)
            if content is not None:
                return readers[name](content, f"{path}/{key}", faults)
        return read_odd(value, path, faults)

    def read_odd(value: dict[str, Any], path: str, faults: ViolationCollector) -> Any:
        """Read an object that lacks something or has too much, looking at all of it."""
        tag = _check_type(value, tags, path, faults)
        expected = [tag] if tag else [other for other in tags.values() if other.key in value]
        _check_keys(value, tags, tag, path, faults)
        contents = [read_content(other, value, path, faults) for other in expected]
        return contents[0] if contents else None

    def read_content(tag: Tag, value: dict[str, Any], path: str, faults: ViolationCollector) -> Any:
        content = value.get(tag.key)
        if content is None and tag.bare:
            content = {}
        elif tag.key not in value:
            faults.missing(path, tag.key)
            return None
        return readers[tag.value](content, f"{path}/{tag.key}", faults)

    return read


def _check_keys(
    value: dict[str, Any],
    tags: dict[str, Tag],
    tag: Tag | None,
    path: str,
    faults: ViolationCollector,
) -> None:
    """Report the objects of other types, and keys of none."""
    keys = {other.key for other in tags.values()}
    declared = {"type", tag.key} if tag else {"type", *keys}
    for key in value:
        if key in keys - declared:
            faults.add(f"{path}/{key}", "wire.unknown_key", "this object belongs to another type")
        else:
            faults.unknown(path, (key,), declared)


def _check_type(
    value: dict[str, Any], tags: dict[str, Tag], path: str, faults: ViolationCollector
) -> Tag | None:
    """Return the tag that an object names, or report why it names none."""
    if "type" not in value:
        faults.missing(path, "type")
        return None
    name = value["type"]
    if type(name) is not str:
        faults.mismatch(f"{path}/type", "a string", name)
    elif name not in tags:
        faults.add(f"{path}/type", "wire.enum", f"expected one of: {', '.join(tags)}")
    return tags.get(name) if type(name) is str else None
