"""One spelling for the ids of a message centre, which writes them in two ways.

The answer to a message and its receipt should name one id alike. Many centres write one of them in
hexadecimal and the other in decimal digits, or differ in letter case and leading zeros.
"""

import re
import threading
from enum import StrEnum
from typing import Final

from messaging_core.fork import ForkAware, watch_forks

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


class IdNotation(ForkAware):
    """Tell which id of an answer a receipt means; safe to use from many threads.

    Args:
        notation: What is known about the centre.
    """

    def __init__(self, notation: MessageIds) -> None:
        self._is_fixed = notation is not MessageIds.AUTO
        self._notation = notation if self._is_fixed else MessageIds.SAME
        self._lock = threading.Lock()
        # Ids of answers and ids of receipts that matched none, each with the number they are for.
        self._answered: dict[str, str] = {}
        self._early: dict[str, str] = {}
        self._adopted: dict[str, str] = {}  # ids of receipts that became references
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def note(self, message_id: str, address: str) -> str:
        """Remember the id in an answer, and return the reference to keep.

        Args:
            message_id: As the centre wrote it.
            address: Whom the message went to.
        """
        reference = canonical(message_id)
        if self._is_fixed:
            return reference
        end = _end_of(address)
        with self._lock:
            for notation in _OTHERS:
                spelled = _as_receipt(reference, notation)
                if spelled != reference and self._early.get(spelled) == end:
                    # Its receipt waits already, under the id that it names.
                    _remember(self._adopted, spelled, end)
                    self._notation = notation
                    return spelled
            _remember(self._answered, reference, end)
        return reference

    def reference(self, message_id: str, address: str) -> str:
        """Return the reference that a receipt means.

        Args:
            message_id: As the receipt writes it.
            address: Whom the message went to.
        """
        bare = canonical(message_id)
        if self._is_fixed:
            return converted(bare, self._notation)
        end = _end_of(address)
        with self._lock:
            if self._adopted.get(bare) == end:
                return bare
            for notation in (MessageIds.SAME, *_OTHERS):
                spelled = converted(bare, notation)
                # The number tells it from the id of another message that happens to look so.
                if self._answered.get(spelled) == end:
                    self._notation = notation if _is_telling(bare) else self._notation
                    return spelled
            supposed = converted(bare, self._notation)
            if supposed == bare:
                _remember(self._early, bare, end)
        return supposed


_OTHERS: Final = (MessageIds.HEX_THEN_DECIMAL, MessageIds.DECIMAL_THEN_HEX)


def _as_receipt(reference: str, notation: MessageIds) -> str:
    """Return the id of an answer as a receipt would write it."""
    opposite = _OTHERS[1 - _OTHERS.index(notation)]
    return converted(reference, opposite)


def _is_telling(bare: str) -> bool:
    """Say whether an id looks different in the other notation, as single digits do not."""
    return any(converted(bare, notation) != bare for notation in _OTHERS)


def _remember(ids: dict[str, str], message_id: str, end: str) -> None:
    ids[message_id] = end
    while len(ids) > _REMEMBERED:
        del ids[next(iter(ids))]


def _end_of(address: str) -> str:
    return re.sub(r"\D", "", address)[-_SIGNIFICANT:]
