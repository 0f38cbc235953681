"""Messages that could not be sent, by reason, and whether sending them once more can help."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.operations_figures import Figures
from messaging_core.models.common.failure import FailureCode

_WORDS: Final = {
    FailureCode.INVALID_CHANNEL_CONFIGURATION: "The channel is set up wrongly",
    FailureCode.INVALID_INPUT: "The provider found the message invalid",
    FailureCode.INVALID_RECEIVER: "The address cannot be used",
    FailureCode.INVALID_CONTENT: "The content cannot be sent",
    FailureCode.INVALID_SENDER: "The sender is not allowed",
    FailureCode.DEPENDENCY_ERROR: "Something that is needed for it failed",
    FailureCode.UNSUPPORTED_TYPE: "The channel does not take this kind of message",
    FailureCode.UNSUPPORTED_DESTINATION: "The provider does not serve this country",
    FailureCode.EXPIRED: "Validity ended before it was sent",
    FailureCode.IN_DOUBT: "In doubt, and given up as the channel says",
    FailureCode.POISONED: "Workers died over it",
    FailureCode.NOT_CONFIGURED: "Something is not set up",
    FailureCode.SUPPRESSED: "The address is suppressed",
    FailureCode.FREQUENCY_CAPPED: "The person has had enough messages",
    FailureCode.TRANSIENT: "The provider failed for too long",
    FailureCode.REFUSED: "The provider refused it",
    FailureCode.THROTTLED: "The provider had no room for too long",
    FailureCode.UNREACHABLE: "The device or mailbox was not reached",
    FailureCode.UNKNOWN_RECEIVER: "The device or mailbox is gone",
}
_WOULD_FAIL: Final = "would fail again"
_TOO_LATE: Final = "too late"
_NOT_AT_ONCE: Final = "may have arrived: one by one"
_NO_HELP: Final = {
    FailureCode.INVALID_INPUT: _WOULD_FAIL,
    FailureCode.INVALID_RECEIVER: _WOULD_FAIL,
    FailureCode.INVALID_CONTENT: _WOULD_FAIL,
    FailureCode.UNSUPPORTED_TYPE: _WOULD_FAIL,
    FailureCode.UNSUPPORTED_DESTINATION: _WOULD_FAIL,
    FailureCode.EXPIRED: _TOO_LATE,
    FailureCode.IN_DOUBT: _NOT_AT_ONCE,
    FailureCode.SUPPRESSED: _WOULD_FAIL,
    FailureCode.FREQUENCY_CAPPED: _WOULD_FAIL,
    FailureCode.UNKNOWN_RECEIVER: _WOULD_FAIL,
}


@frozen(kw_only=True)
class Reason:
    """Why messages failed.

    Attributes:
        channels: The names of their channels.
        number: How many they are.
        url: Of the list of them.
        advice: Why replaying them does not help; nothing if it may.
        replay_url: Where they can be replayed, if this visitor may.
    """

    code: str
    words: str
    channels: str
    number: int
    url: str
    advice: str | None
    replay_url: str | None


def reasons_of(
    request: PageRequest, figures: Figures, since: str, *, may_replay: bool
) -> tuple[Reason, ...]:
    """Return why messages could not be sent, the most frequent reason first."""
    numbers: dict[str, dict[UUID, int]] = defaultdict(dict)
    for (code, channel_id), number in figures.failures.items():
        numbers[code][channel_id] = number
    ordered = sorted(numbers.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return tuple(
        _reason(request, code, channels, since, may_replay=may_replay) for code, channels in ordered
    )


def words_of(code: str) -> str:
    """Return a failure code in words."""
    known = _code(code)
    return _WORDS[known] if known else "A failure of the host's own"


def advice_of(code: str) -> str | None:
    """Return why replaying does not help after a failure, or nothing if it may."""
    known = _code(code)
    return _NO_HELP.get(known) if known else None


def _reason(
    request: PageRequest, code: str, channels: Mapping[UUID, int], since: str, *, may_replay: bool
) -> Reason:
    query = [("status", "sending_failed"), ("failureCode", code), ("since", since)]
    advice = advice_of(code)
    can_replay = may_replay and advice is None
    replay = [("failureCode", code), ("since", since)]
    return Reason(
        code=text.line(code, 20) or "none",
        words=words_of(code),
        channels=", ".join(sorted(_names(request, channels))),
        number=sum(channels.values()),
        url=request.urls.to("messages", query=query),
        advice=advice,
        replay_url=request.urls.to("operations", "replay", query=replay) if can_replay else None,
    )


def _names(request: PageRequest, channels: Mapping[UUID, int]) -> list[str]:
    known = (request.channels.get(channel_id) for channel_id in channels)
    return [text.line(channel.name, 60) if channel else "a former channel" for channel in known]


def _code(code: str) -> FailureCode | None:
    try:
        return FailureCode(int(code))
    except ValueError:
        return None
