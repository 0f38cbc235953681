"""Say in one sentence why a message has its status, for lists."""

from datetime import timedelta
from typing import Final

from messaging_adapters.viewer.times import Times, relative, span
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import Failure
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status

_NO_ANSWER: Final = "The provider did not answer after it was given the message."
_OUTCOMES: Final = {
    WhenInDoubt.RESEND: "A receipt ends the doubt; without one it is sent again after {}.",
    WhenInDoubt.FAIL: "A receipt ends the doubt; without one it fails after {}.",
    WhenInDoubt.PARK: "It waits for a receipt, or for a person to decide.",
}


def is_in_doubt(message: Message) -> bool:
    """Return whether it is unknown if a provider has a message that is still processed."""
    return message.status is Status.PROCESSING and message.details == IN_DOUBT


def reason_of(message: Message, channel: Channel | None, times: Times) -> str | None:
    """Return why a message has its status, or nothing where the status says it all."""
    if is_in_doubt(message):
        return doubt_of(channel)
    if message.status is Status.SCHEDULED and message.scheduled_for:
        return _waiting(message, times)
    if message.failure and (message.status is not Status.REJECTED):
        return failure_of(message.failure)
    if message.reason:
        return sentence(message.reason.partition("\n")[0])
    return "Withdrawn before it was sent." if message.status is Status.DELETED else None


def doubt_of(channel: Channel | None) -> str:
    """Return what a doubt is, and how the channel ends it."""
    if channel is None:
        return _NO_ANSWER
    wait = span(channel.in_doubt_timeout)
    return f"{_NO_ANSWER} {_OUTCOMES[channel.when_in_doubt].format(wait)}"


def failure_of(failure: Failure) -> str:
    """Return a failure in words, with its code and the provider's own."""
    word = failure.source.code if failure.source else ""
    codes = f"{failure.code}, provider: {word}" if word else str(failure.code)
    return f"{sentence(failure.description or 'Failed')} ({codes})"


def sentence(words: str) -> str:
    """Return words that begin as sentences do: engines and providers write them in the middle."""
    return f"{words[:1].upper()}{words[1:]}"


def _waiting(message: Message, times: Times) -> str:
    at = message.scheduled_for
    assert at is not None  # noqa: S101 - for mypy
    due = "due now" if at <= times.now + timedelta(seconds=1) else relative(at, times.now)
    going = f"{times.written(at)} ({due})"
    if not message.reason:
        return f"Goes {going}"
    return f"{sentence(message.reason.splitlines()[0])}; goes {going}"
