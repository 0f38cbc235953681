"""Check reports that a host's code built: what is plain is converted, everything else refused."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from attrs import evolve, fields

from messaging_core.arguments import refuse
from messaging_core.errors import InvalidRequestError
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    Receipt,
    StatusReceipt,
)
from messaging_core.rules.formats.references import bare_reference
from messaging_core.wire.documents import dump, load

T = TypeVar("T")

_KINDS: Final = (StatusReceipt, InteractionReceipt, IncomingMessage)
_EXPECTED: Final = "a StatusReceipt, an InteractionReceipt or an IncomingMessage, or a list of them"
_REMEDY: Final = "pass what a parser returns"


def as_receipts(receipts: Iterable[Receipt] | Receipt) -> Sequence[Receipt]:
    """Return receipts as a list, each as it can be kept; one alone is taken for a list of one.

    A status or type may be given as its text, an instant as RFC 3339 with an offset, an id as the
    text of a UUID, and a `raw` as bytes.

    Raises:
        ArgumentError: Something among them is no receipt.
        InvalidRequestError: Values of some of them are of no use: with every violation, each with
            its place.
    """
    if isinstance(receipts, _KINDS):
        return [_checked(receipts, "")]
    if isinstance(receipts, (str, bytes)) or not isinstance(receipts, Iterable):
        raise refuse("receipts", _EXPECTED, receipts, _REMEDY)
    several = list(receipts)
    for receipt in several:
        if not isinstance(receipt, _KINDS):
            raise refuse("receipts", _EXPECTED, receipt, _REMEDY)
    return _all_checked(several)


def _all_checked(receipts: Iterable[Receipt]) -> list[Receipt]:
    checked: list[Receipt] = []
    violations: list[Violation] = []
    for index, receipt in enumerate(receipts):
        try:
            checked.append(_checked(receipt, f"/{index}"))
        except InvalidRequestError as error:
            violations += error.violations
    if violations:
        raise InvalidRequestError(violations)
    return checked


def _checked(receipt: Receipt, path: str) -> Receipt:
    kind: type[Receipt] = next(kind for kind in _KINDS if isinstance(receipt, kind))
    if type(receipt) is not kind:  # a class of the host's: it is kept as what it is a kind of
        receipt = kind(**{field.name: getattr(receipt, field.name) for field in fields(kind)})
    if isinstance(receipt.raw, bytes):
        receipt = evolve(receipt, raw=receipt.raw.decode("utf-8", "replace"))
    sound = well_formed(receipt, path=path)
    if sound.reference is None or isinstance(sound, IncomingMessage):
        return sound
    return evolve(sound, reference=bare_reference(sound.reference) or None)


def well_formed(value: T, *, path: str = "") -> T:
    """Return an instance of one of our classes with values of the right types.

    Args:
        value: As the host's code built it: nothing in it can be relied on.
        path: Where it stands, for violations.

    Raises:
        InvalidRequestError: A value has the wrong type, or an instant has no offset.
    """
    try:
        return load(type(value), _encodable(dump(value)))
    except RecursionError:
        violations = [Violation(path, "wire.depth", "it contains itself")]
    except InvalidRequestError as error:
        violations = [evolve(fault, path=path + fault.path) for fault in error.violations]
    raise InvalidRequestError(violations)


def _encodable(value: Any) -> Any:
    """Return values whose texts can be kept: what came in no known encoding cannot."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
