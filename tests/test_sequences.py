"""Constructors take any sequence and keep a tuple; `make types` asks type checkers too."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from messaging_core.models import Receiver, ReceiverContact, TextBody

VALUES = runpy.run_path(str(Path(__file__).parent / "typing" / "sequences.py"))["VALUES"]


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a value, and of the values inside it."""
    for field in attrs.fields(type(value)):
        content = getattr(value, field.name)
        yield field.name, content
        for part in content if isinstance(content, tuple | list) else (content,):
            if attrs.has(type(part)):
                yield from fields_of(part)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_list_is_kept_as_a_tuple(value: Any) -> None:
    fields = list(fields_of(value))

    assert any(isinstance(content, tuple) and content for _, content in fields)
    assert [name for name, content in fields if isinstance(content, list)] == []


def test_a_text_is_not_taken_apart() -> None:
    assert Receiver(contacts="ada").contacts == "ada"  # type: ignore[arg-type]


def test_a_list_and_a_tuple_make_equal_values() -> None:
    contacts = [ReceiverContact(identifier_value="+31612345678")]

    assert Receiver(contacts=contacts) == Receiver(contacts=tuple(contacts))
    assert TextBody(text="hi", attachments=[]) == TextBody(text="hi")
