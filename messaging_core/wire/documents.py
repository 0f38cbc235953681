"""Read and write requests, messages, pages, interactions and contacts as JSON."""

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from messaging_core.errors import (
    InvalidDocumentError,
    InvalidMessageError,
    InvalidRequestError,
)
from messaging_core.models.common.page import Page
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import Contact
from messaging_core.wire.codec.registry import registry, storage_registry
from messaging_core.wire.parsing import json_text, json_values
from messaging_core.wire.parsing.faults import StopReading, ViolationCollector, check_depth
from messaging_core.wire.parsing.limits import DOCUMENT_LIMITS, REQUEST_LIMITS, WireLimits

T = TypeVar("T")

Json = bytes | str | Mapping[str, Any]
"""A document: UTF-8, text, or the values that its JSON represents."""


def parse_send_message(data: Json, *, limits: WireLimits = REQUEST_LIMITS) -> SendMessage:
    """Read a request, and learn everything that is wrong with its form at once.

    Raises:
        InvalidMessageError: With every violation, each with a JSON pointer into the request.
    """
    request: SendMessage = _read(SendMessage, data, limits, InvalidMessageError)
    return request


def dump_send_message(request: SendMessage) -> dict[str, Any]:
    """Write a request as JSON values.

    A request built in code may hold values of wrong types; they are passed on as they are, so that
    `parse_send_message` of the result reports them.

    Raises:
        InvalidMessageError: The request contains itself.
    """
    try:
        return _dump_object(request)
    except RecursionError:
        violation = Violation("", "wire.depth", "the request contains itself")
        raise InvalidMessageError((violation,)) from None


def canonical_bytes(request: SendMessage) -> bytes:
    """Write a request so that equal requests give equal bytes, for hashing.

    Keys are sorted, and a whole number is written without fraction, whichever way it came.
    """
    return orjson.dumps(canonical_values(request))


def canonical_values(request: SendMessage) -> dict[str, Any]:
    """Write a request as JSON values that are the same for equal requests, also in their order."""
    written: dict[str, Any] = _canonical(dump_send_message(request))
    return written


def load_message(data: Json, *, limits: WireLimits = DOCUMENT_LIMITS) -> Message:
    """Read a message.

    Raises:
        InvalidDocumentError: With every violation.
    """
    return _load_foreign(Message, data, limits)


def dump_message(message: Message) -> dict[str, Any]:
    """Write a message as JSON values."""
    return _dump_object(message)


def load_page(data: Json, *, limits: WireLimits = DOCUMENT_LIMITS) -> Page[Message]:
    """Read a page of messages.

    Raises:
        InvalidDocumentError: With every violation.
    """
    return _load_foreign(Page[Message], data, limits)


def dump_page(page: Page[Any]) -> dict[str, Any]:
    """Write a page of anything as JSON values."""
    return _dump_object(page)


def load_interaction(data: Json, *, limits: WireLimits = DOCUMENT_LIMITS) -> Interaction:
    """Read an interaction.

    Raises:
        InvalidDocumentError: With every violation.
    """
    return _load_foreign(Interaction, data, limits)


def dump_interaction(interaction: Interaction) -> dict[str, Any]:
    """Write an interaction as JSON values."""
    return _dump_object(interaction)


def load_contact(data: Json, *, limits: WireLimits = DOCUMENT_LIMITS) -> Contact:
    """Read a contact.

    Raises:
        InvalidDocumentError: With every violation.
    """
    return _load_foreign(Contact, data, limits)


def dump_contact(contact: Contact) -> dict[str, Any]:
    """Write a contact as JSON values."""
    return _dump_object(contact)


def load(cls: type[T], data: Json, *, limits: WireLimits = DOCUMENT_LIMITS) -> T:
    """Read an instance of any attrs class, a host's own included.

    Raises:
        InvalidDocumentError: With every violation.
    """
    value: T = _read(cls, data, limits, InvalidDocumentError)
    return value


def dump(value: Any) -> Any:
    """Write an instance of any attrs class as JSON values; fields equal to their default are not.

    Other values come back as they are.
    """
    return registry().write(value)


def encode(value: Any) -> bytes:
    """Write an instance of any attrs class as JSON, keys in the order of the fields."""
    return compact(dump(value))


def compact(values: Any) -> bytes:
    """Write JSON values that are kept in memory for a while.

    What orjson 3.13 returns holds a page of memory, however short it is, and making that page
    takes longer than writing the document.
    """
    return bytes(memoryview(orjson.dumps(values)))


def encode_stored(value: Any) -> bytes:
    """Write an instance as `encode` does, with what a storage keeps and the wire does not show."""
    return bytes(memoryview(orjson.dumps(value, default=storage_registry().write)))


def dump_stored(value: Any) -> Any:
    """Write an instance as `dump` does, with what a storage keeps and the wire does not show."""
    return orjson.loads(encode_stored(value))


def _load_foreign(cls: type[T], data: Json, limits: WireLimits) -> T:
    """Read a document that another system may have written, without the numbers that are zero."""
    value: T = _read(cls, data, limits, InvalidDocumentError, is_lenient=True)
    return value


def _read(
    kind: Any,
    data: Any,
    limits: WireLimits,
    error: type[InvalidRequestError],
    *,
    is_lenient: bool = False,
) -> Any:
    faults = ViolationCollector(limits, is_lenient=is_lenient)
    try:
        value = _read_document(kind, data, limits, faults)
    except StopReading:
        value = None
    if faults:
        raise error(tuple(faults))
    return value


def _read_document(kind: Any, data: Any, limits: WireLimits, faults: ViolationCollector) -> Any:
    if isinstance(data, (bytes, str, bytearray, memoryview)):
        return _read_tree(kind, json_text.parse(data, limits, faults), faults)
    if type(data) is dict and (tree := json_values.parse(data, limits)) is not None:
        return _read_tree(kind, tree, faults)
    if isinstance(data, Mapping):
        return _read_mapping(kind, data, limits, faults)
    faults.mismatch("", "JSON text or an object", data)
    return None


def _read_mapping(
    kind: Any, data: Mapping[Any, Any], limits: WireLimits, faults: ViolationCollector
) -> Any:
    """Read values that may have no JSON, reporting those that have none."""
    not_json = ViolationCollector(limits)
    try:
        tree = json_values.copy(data, limits, not_json)
    except StopReading:
        faults.extend(not_json)
        raise
    value = _read_tree(kind, tree, faults)
    # A violation that the reader reported at the same place says what belongs there.
    reported = {violation.path for violation in faults}
    for violation in not_json:
        if violation.path not in reported:
            faults.add(violation.path, violation.code, violation.message)
    return value


def _read_tree(kind: Any, tree: Any, faults: ViolationCollector) -> Any:
    value = registry().reader(kind)(tree, "", faults)
    if faults:  # a reader does not look into what it refuses
        check_depth(tree, "", faults)
    return value


def _dump_object(value: Any) -> dict[str, Any]:
    written: dict[str, Any] = registry().write(value)
    return written


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    whole = (
        isinstance(value, float)
        and json_values.SMALLEST <= value <= json_values.LARGEST
        and value.is_integer()
    )
    return int(value) if whole else value
