"""What a request of a batch becomes that breaks rules."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from messaging_core.models.common.failure import Failure, FailureCode, FailureSource
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import ReceiverType
from messaging_core.rules.addressing.receiver import MAX_PER_LINE
from messaging_core.rules.content.tags import TAG_LIMIT
from messaging_core.rules.policy.lifecycle import begun

MAX_CONTACTS: Final = MAX_PER_LINE * len(ReceiverType)
"""How many contacts are kept: as many as an email may have at most."""

MAX_PATH: Final = 500
"""How much of a path is kept: it may hold keys of the request, of any length and number."""

_CHANNEL_FAULTS: Final = frozenset(
    {
        "action.unsupported_on_platform",
        "attachment.unsupported_on_platform",
        "body.mms_not_supported",
        "body.unsupported_on_platform",
        "channel.inactive",
        "links.only_on_sms",
        "receiver.copy_not_supported",
        "receiver.too_many",
    }
)
_BY_FAMILY: Final = {
    "receiver": FailureCode.INVALID_RECEIVER,
    "sender": FailureCode.INVALID_SENDER,
    "wire": FailureCode.INVALID_INPUT,
}
_BY_FIELD: Final = {
    "receiver": FailureCode.INVALID_RECEIVER,
    "sender": FailureCode.INVALID_SENDER,
    "body": FailureCode.INVALID_CONTENT,
    "template": FailureCode.INVALID_CONTENT,
}


def failure_code(violation: Violation) -> FailureCode:
    """Class a violation by the published ranges (Bird Channels API, failure codes).

    What this channel cannot do is 11001; what is wrong with receiver, content or sender is 11003,
    11004 or 11005, by the family of the rule or else by the field; everything else, the form of
    the document included, is 11002.
    """
    if violation.code in _CHANNEL_FAULTS:
        return FailureCode.INVALID_CHANNEL_CONFIGURATION
    family = violation.code.partition(".")[0]
    field = violation.path.split("/")[1] if "/" in violation.path else ""
    return _BY_FAMILY.get(family) or _BY_FIELD.get(field, FailureCode.INVALID_INPUT)


def curtailed(request: SendMessage) -> SendMessage:
    """Leave out contacts and tags beyond what a message may have.

    A message is found by each of them, so that a request of 200 KB would otherwise become
    thousands of rows in a database.
    """
    contacts = request.receiver.contacts[:MAX_CONTACTS]
    receiver = evolve(request.receiver, contacts=contacts)
    return evolve(request, receiver=receiver, tags=request.tags[:TAG_LIMIT])


def rejected(message: Message, violations: Sequence[Violation]) -> Message:
    """Return a message as it is kept when its request breaks rules.

    The first violation decides on `failure` and `details`; `reason` holds all of them, a line
    `path: message [code]` each.

    Args:
        message: What the request would have become.
        violations: Why it did not; at least one.
    """
    first = violations[0]
    return begun(
        message,
        Status.REJECTED,
        reason="\n".join(_line(violation) for violation in violations),
        details=first.code,
        failure=Failure(
            code=failure_code(first),
            description=_printable(first.message),
            source=FailureSource(code=first.code, name="pre-processing"),
        ),
    )


def _line(violation: Violation) -> str:
    """Write a violation on one line, whatever the keys of the request are."""
    path = violation.path
    shown = path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}…"
    return _printable(str(evolve(violation, path=shown)))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
