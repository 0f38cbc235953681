"""Long incoming texts: parts wait in the inbox until all of them are there."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve

from messaging_core.models.content.body import TextBody
from messaging_core.models.content.sms import SmsEncoding
from messaging_core.models.delivery.receipt import IncomingMessage, KeptReceipt, ReceiptState
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.formats.gsm import decode_gsm
from messaging_core.wire.stored.fingerprint import hash_of

_PATIENCE: Final = timedelta(days=1)
"""How far apart two parts of one text may come: phones use a reference again after 256 texts."""


def reassembled(
    tx: Transaction, entry: KeptReceipt, incoming: IncomingMessage
) -> IncomingMessage | None:
    """Return the whole text, or nothing while parts are missing.

    A part waits as an unmatched receipt. Of a part that came twice, the newer one counts.

    Args:
        tx: The transaction in which the message is taken in.
        entry: The receipt that is applied now.
        incoming: What it holds; a message without `part` is whole.
    """
    if incoming.part is None:
        return incoming
    waits_for = _waits_for(incoming)
    workspace = entry.workspace
    # Of two parts that come at once, one waits here, and then sees the other.
    tx.messages.by_keys(workspace, [waits_for], since=entry.received_at)
    tx.receipts.mark(workspace, [entry.position], ReceiptState.UNMATCHED, waits_for=waits_for)
    waiting = [
        piece
        for piece in tx.receipts.unmatched(workspace, [waits_for])
        if abs(entry.received_at - piece.received_at) <= _PATIENCE
    ]
    parts = {
        piece.receipt.part.number: piece.receipt
        for piece in waiting
        if isinstance(piece.receipt, IncomingMessage) and piece.receipt.part is not None
    }
    if any(number not in parts for number in range(1, incoming.part.total + 1)):
        return None
    tx.receipts.mark(workspace, [piece.position for piece in waiting], ReceiptState.APPLIED)
    return _joined([parts[number] for number in sorted(parts)])


def _waits_for(incoming: IncomingMessage) -> str:
    part = incoming.part
    names = [incoming.source, str(incoming.channel_id), incoming.sender]
    names += [part.reference, str(part.total)] if part is not None else []
    return f"parts:{hash_of(chr(0).join(names).encode())}"


def _joined(parts: Sequence[IncomingMessage]) -> IncomingMessage:
    return evolve(
        parts[0],
        at=min(part.at for part in parts),
        body=TextBody(text=_text_of(parts)),
        part=None,
        raw="".join(part.raw for part in parts),
    )


def _text_of(parts: Sequence[IncomingMessage]) -> str:
    """Return the text of all parts: of their octets together where every part has them."""
    places = [message.part for message in parts if message.part is not None]
    encodings = {place.encoding for place in places if place.octets is not None}
    if len(encodings) == 1 and all(place.octets is not None for place in places):
        try:
            octets = bytes.fromhex("".join(place.octets or "" for place in places))
        except ValueError:  # a parser of the host's wrote something else
            return _texts_of(parts)
        if SmsEncoding.UCS_2 in encodings:
            return octets.decode("utf-16-be", "replace")
        if SmsEncoding.GSM_7 in encodings:
            return decode_gsm(octets)
    return _texts_of(parts)


def _texts_of(parts: Sequence[IncomingMessage]) -> str:
    bodies = [message.body for message in parts]
    return "".join(body.text for body in bodies if isinstance(body, TextBody))
