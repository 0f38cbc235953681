"""The verdict on a message: did the person get it, and by what proof; never more than is known."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import addresses_of, without
from messaging_adapters.viewer.pages.message_rows import person_of
from messaging_adapters.viewer.reasons import failure_of, is_in_doubt
from messaging_adapters.viewer.statuses import DOUBT
from messaging_adapters.viewer.times import Times, relative, span
from messaging_core.decisions.delivery.settlement import PARTLY_REFUSED
from messaging_core.messages.inspection import Inspection
from messaging_core.models.common.channel import EMAIL, WhenInDoubt
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.messages.status import Status

_GOOD, _BAD, _NEUTRAL, _WAIT, _STOP = "good", "bad", "", "wait", "stop"
_MOST_WORDS: Final = 600


@frozen(kw_only=True)
class Verdict:
    """One sentence for the person who asks, and the proof for it.

    Attributes:
        tone: `good`, `bad`, `doubt`, `wait`, `stop`, or nothing.
        shape: Of the mark beside it.
        title: The sentence.
        proof: How that is known, and what happens next.
    """

    tone: str
    shape: str
    title: str
    proof: str


def verdict_of(inspection: Inspection, times: Times) -> Verdict:
    """Return the verdict on a message."""
    message = inspection.message
    if message.direction is Direction.INCOMING:
        return _came_in(message, times)
    if is_in_doubt(message):
        return _doubt(inspection, times)
    if _ended_in_doubt(message):
        return _verdict(
            "doubt",
            DOUBT,
            "Not known. It may have been sent.",
            f"{_why(message)}. It was given up {_when(message, times)}; no receipt came.",
            message,
        )
    return _BY_STATUS[message.status](inspection, times)


def _delivered(inspection: Inspection, times: Times) -> Verdict:
    message = inspection.message
    who, number = person_of(message), len(message.receiver.contacts)
    took = span(message.last_status_at - message.created_at)
    proof = f"{_confirmed(message)} {_when(message, times)}, {took} after it was accepted."
    if message.details == PARTLY_REFUSED or (message.failure and number > 1):
        title = f"Delivered to {who or 'one receiver'}; not to all {number} receivers."
        return _verdict(_GOOD, message.status, title, f"{proof} {_why(message)}.", message)
    if inspection.channel and inspection.channel.platform == EMAIL:
        title = f"Yes, it was delivered to {who}." if who else "Yes, it was delivered."
    else:
        title = f"Yes, it reached the phone of {who}." if who else "Yes, it reached the phone."
    return _verdict(_GOOD, message.status, title, proof, message)


def _confirmed(message: Message) -> str:
    """Return what confirmed a delivery; parts are confirmed one by one."""
    number = len(message.parts)
    if number < 2:  # noqa: PLR2004
        return "The provider reported the delivery"
    parts = "both parts" if number == 2 else f"all {number} parts"  # noqa: PLR2004
    return f"The provider reported the delivery of {parts}, the last"


def _sent(inspection: Inspection, times: Times) -> Verdict:
    message = inspection.message
    proof = f"The provider took it {_when(message, times)}. No receipt has come so far."
    if message.details == PARTLY_REFUSED:
        proof = f"{proof} Some of the receivers were refused: {_why(message)}."
    return _verdict(
        _NEUTRAL,
        message.status,
        "The provider has it. Whether it arrived is not known.",
        proof,
        message,
    )


def _doubt(inspection: Inspection, times: Times) -> Verdict:
    channel, delivery = inspection.channel, inspection.delivery
    proof = f"The provider was given it {_when(inspection.message, times)}, and did not answer."
    due = ""
    if delivery:
        is_past = delivery.due_at <= times.now
        due = "now, as its time is over" if is_past else f"at {times.written(delivery.due_at)}"
    if channel and due and channel.when_in_doubt is WhenInDoubt.RESEND:
        proof += f" A receipt ends the doubt; without one it is sent again {due}."
    elif channel and due and channel.when_in_doubt is WhenInDoubt.FAIL:
        proof += f" A receipt ends the doubt; without one it fails {due}."
    else:
        proof += " It waits for a receipt, or for a person to decide."
    return _verdict("doubt", DOUBT, "Not known. It may have been sent.", proof, inspection.message)


def _waits(inspection: Inspection, times: Times) -> Verdict:
    message, delivery = inspection.message, inspection.delivery
    proof = f"It was accepted {_ago(message, times)}."
    if message.failure:
        proof = f"The last try failed. {_why(message)}. Certainly not sent."
    elif message.reason:
        proof = f"{message.reason.splitlines()[0]}."
    if delivery and delivery.due_at > times.now:
        due = f"{times.written(delivery.due_at)} ({relative(delivery.due_at, times.now)})"
        return _verdict(_WAIT, message.status, f"Not yet. It goes {due}.", proof, message)
    is_tried = message.status is Status.PROCESSING
    title = "Not yet. A worker is sending it." if is_tried else "Not yet. It waits for a worker."
    return _verdict(_NEUTRAL, message.status, title, proof, message)


def _not_sent(inspection: Inspection, times: Times) -> Verdict:
    message = inspection.message
    who = person_of(message)
    title = f"No. {who} did not get it." if who else "No. It was not sent."
    proof = f"{_why(message)}. It was given up {_when(message, times)}."
    return _verdict(_BAD, message.status, title, proof, message)


def _not_delivered(inspection: Inspection, times: Times) -> Verdict:
    message = inspection.message
    who = person_of(message)
    title = f"No. It did not reach {who}." if who else "No. It did not arrive."
    proof = f"{_why(message)}. The provider reported that {_when(message, times)}."
    return _verdict(_BAD, message.status, title, proof, message)


def _left_out(inspection: Inspection, times: Times) -> Verdict:
    message = inspection.message
    titles = {
        Status.SKIPPED: "No. It was left out, and not sent.",
        Status.REJECTED: "No. The request was refused.",
        Status.DELETED: "No. It was withdrawn before it was sent.",
    }
    why = f"{_why(message)}. " if message.reason or message.failure else ""
    word = {Status.SKIPPED: "Left out", Status.REJECTED: "Refused", Status.DELETED: "Withdrawn"}
    proof = f"{why}{word[message.status]} {_when(message, times)}."
    return _verdict(_STOP, message.status, titles[message.status], proof, message)


def _came_in(message: Message, times: Times) -> Verdict:
    who = person_of(message) or "A person"
    return _verdict(
        _NEUTRAL, "sms", f"{who} wrote this.", f"It came in {_when(message, times)}.", message
    )


_BY_STATUS: Final = {
    Status.ACCEPTED: _waits,
    Status.SCHEDULED: _waits,
    Status.PROCESSING: _waits,
    Status.SENT: _sent,
    Status.DELIVERED: _delivered,
    Status.SENDING_FAILED: _not_sent,
    Status.DELIVERY_FAILED: _not_delivered,
    Status.SKIPPED: _left_out,
    Status.REJECTED: _left_out,
    Status.DELETED: _left_out,
}


def erased_at(inspection: Inspection, times: Times) -> str | None:
    """Return when content and addresses were removed, if they were."""
    kinds = [event for event in inspection.events if event.kind is EventKind.REDACTED]
    return times.written(kinds[-1].at) if kinds else None


def _ended_in_doubt(message: Message) -> bool:
    failure = message.failure
    is_doubt = failure is not None and failure.code == FailureCode.IN_DOUBT
    return message.status is Status.SENDING_FAILED and is_doubt


def _why(message: Message) -> str:
    """Return the reason of a status, without a full stop at its end."""
    if message.failure and message.status is not Status.REJECTED:
        return failure_of(message.failure).rstrip(".")
    return (message.reason or "No reason was given").splitlines()[0].rstrip(".")


def _when(message: Message, times: Times) -> str:
    at = message.last_status_at
    return f"at {times.written(at)} ({relative(at, times.now)})"


def _ago(message: Message, times: Times) -> str:
    at = message.created_at
    return f"at {times.written(at)} ({relative(at, times.now)})"


def _verdict(tone: str, shape: str, title: str, proof: str, message: Message) -> Verdict:
    known = addresses_of(message)
    return Verdict(
        tone=tone,
        shape=shape,
        title=text.line(without(title, known)),
        proof=text.line(without(proof, known), _MOST_WORDS),
    )
