"""One spelling for the ids of a message centre, which writes them in two ways.

The answer to a message and its receipt should name one id alike. Many centres write one of them in
hexadecimal and the other in decimal digits, or differ in letter case and leading zeros.
"""

import re
import threading
from enum import StrEnum
from typing import Final

_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_HEX_GROUPS: Final = re.compile(r"[0-9A-Fa-f-]+")
_DECIMAL: Final = re.compile(r"[0-9]+")
_REMEMBERED: Final = 50_000
_LONGEST: Final = 64  # digits; a longer text is no number
_SIGNIFICANT: Final = 7  # last digits of an address that are compared: prefixes are written freely


class MessageIds(StrEnum):
    """Say how a centre writes its ids.

    Attributes:
        AUTO: As in the answer, unless a receipt for the same number shows that its ids are in the
            other notation; that is learned from answers that this process saw.
        SAME: Alike in both places, except for case and leading zeros.
        HEX_THEN_DECIMAL: Hexadecimal in answers, decimal in receipts.
        DECIMAL_THEN_HEX: Decimal in answers, hexadecimal in receipts.
    """

    AUTO = "auto"
    SAME = "same"
    HEX_THEN_DECIMAL = "hex-then-decimal"
    DECIMAL_THEN_HEX = "decimal-then-hex"


def canonical(message_id: str) -> str:
    """Return an id without what centres change: the case of hexadecimal digits, leading zeros."""
    bare = message_id.strip()
    if _HEX.fullmatch(bare):
        return bare.lower().lstrip("0") or "0"
    return bare.lower() if _HEX_GROUPS.fullmatch(bare) else bare


def converted(message_id: str, notation: MessageIds) -> str:
    """Return the id of a receipt as the answer wrote it; one that is no number stays as it is."""
    if len(message_id) > _LONGEST:
        return message_id
    if notation is MessageIds.HEX_THEN_DECIMAL and _DECIMAL.fullmatch(message_id):
        return format(int(message_id), "x")
    if notation is MessageIds.DECIMAL_THEN_HEX and _HEX.fullmatch(message_id):
        return str(int(message_id, 16))
    return message_id


class IdNotation:
    """Tell which id of an answer a receipt means; safe to use from many threads."""

    def __init__(self, notation: MessageIds) -> None:
        self._notation = notation
        self._learned: MessageIds = MessageIds.SAME if notation is MessageIds.AUTO else notation
        self._lock = threading.Lock()
        self._answered: dict[str, str] = {}

    def note(self, message_id: str, address: str) -> str:
        """Remember the id in an answer, and return the reference to keep.

        Args:
            message_id: As the centre wrote it.
            address: Whom the message went to.
        """
        reference = canonical(message_id)
        if self._notation is MessageIds.AUTO:
            with self._lock:
                self._answered[reference] = _end_of(address)
                while len(self._answered) > _REMEMBERED:
                    del self._answered[next(iter(self._answered))]
        return reference

    def reference(self, message_id: str, address: str) -> str:
        """Return the reference that a receipt means.

        Args:
            message_id: As the receipt writes it.
            address: Whom the message went to.
        """
        bare = canonical(message_id)
        if self._notation is not MessageIds.AUTO:
            return converted(bare, self._notation)
        for notation in (MessageIds.SAME, MessageIds.HEX_THEN_DECIMAL, MessageIds.DECIMAL_THEN_HEX):
            spelled = converted(bare, notation)
            # The number tells it from the id of another message that happens to look so.
            if self._answered.get(spelled) == _end_of(address):
                if notation is MessageIds.SAME or spelled != bare:
                    self._learn(bare, spelled, notation)
                return spelled
        return converted(bare, self._learned)

    def _learn(self, bare: str, spelled: str, notation: MessageIds) -> None:
        if spelled != bare:
            self._learned = notation
        elif len(bare) > 1:  # single digits look alike in both notations
            self._learned = MessageIds.SAME


def _end_of(address: str) -> str:
    return re.sub(r"\D", "", address)[-_SIGNIFICANT:]
