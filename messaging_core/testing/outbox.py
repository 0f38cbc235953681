"""What code under test sent, and assertions whose failures show what was sent instead."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from messaging_core.delivery.report import DeliveryReport
from messaging_core.lazy import define
from messaging_core.messenger import Messenger
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status
from messaging_core.testing.recording import RecordingTransport
from messaging_core.worker import Worker

Expected = str | re.Pattern[str]
"""A text that must be equal, or a pattern that must occur."""

_SHOWN: Final = 10
_WAITING: Final = (Status.ACCEPTED, Status.PROCESSING)


@define(eq=False)
class MessageOutbox:
    """The messages of a messenger under test; nothing leaves the process.

    ```python
    outbox.drain()
    outbox.assert_sent(to="+31612345678", text="Your table is ready")
    ```

    Every assertion takes the same filters: `to`, `text`, `subject` and `html` are compared with a
    text, or searched with a compiled pattern; `channel` is a name.

    Attributes:
        messenger: Accepts what the code under test sends.
        transport: Stands in for the providers of all channels; `transport.attempts` has all tries.
        worker: Delivers when `drain` is called.
    """

    messenger: Messenger
    transport: RecordingTransport
    worker: Worker

    def drain(self) -> DeliveryReport:
        """Deliver what is due now; move the clock for what is due later."""
        return self.worker.drain()

    @property
    def messages(self) -> list[Message]:
        """All messages that the code under test made, the oldest first."""
        messages: list[Message] = []
        token: str | None = None
        while True:
            page = self.messenger.find(MessageQuery(limit=MAX_LIMIT, page_token=token))
            messages += page.results
            token = page.next_page_token
            if token is None:
                return messages[::-1]

    @property
    def sent(self) -> list[Envelope]:
        """What was handed to providers, in order."""
        return self.transport.sent

    def assert_sent(self, *, count: int = 1, **filters: Expected) -> list[Envelope]:
        """Check that so many matching messages were handed to a provider, and return them.

        Args:
            count: How many.
            filters: See the class.

        Raises:
            AssertionError: There are more or fewer; the text shows what was sent, and what waits.
        """
        sent = list(self.sent)
        matching = [envelope for envelope in sent if _matches(_of_envelope(envelope), filters)]
        if len(matching) != count:
            raise AssertionError(
                _lines(
                    f"expected {_number(count, filters)} to be sent, but {len(matching)} matched",
                    _listed("sent", map(_of_envelope, sent)) or "nothing was sent",
                    self._waiting(),
                )
            )
        return matching

    def assert_nothing_sent(self) -> None:
        """Check that no message was handed to a provider, and that none waits for it.

        Raises:
            AssertionError: Something was sent, or waits; the text shows it.
        """
        waiting = self._waiting()
        sent = _listed("sent", map(_of_envelope, self.sent))
        if sent or waiting:
            raise AssertionError(_lines("expected nothing to be sent", sent, waiting))

    def assert_scheduled(
        self, *, at: datetime | None = None, count: int = 1, **filters: Expected
    ) -> list[Message]:
        """Check that so many matching messages wait for a later time, and return them.

        Args:
            at: The time, an aware instant; by default any.
            count: How many.
            filters: See the class.

        Raises:
            AssertionError: There are more or fewer; the text shows what is scheduled, and when.
        """
        messages = self.messages
        scheduled = [message for message in messages if message.status == Status.SCHEDULED]
        matching = [
            message
            for message in scheduled
            if _matches(self._of_message(message), filters) and at in (None, message.scheduled_for)
        ]
        if len(matching) != count:
            when = "" if at is None else f" at {at.isoformat()}"
            others = [message for message in messages if message.status != Status.SCHEDULED]
            raise AssertionError(
                _lines(
                    f"expected {_number(count, filters)} to be scheduled{when},"
                    f" but {len(matching)} matched",
                    _listed("scheduled", map(self._of_message, scheduled)) or "none is scheduled",
                    _listed("not scheduled", map(self._of_message, others)),
                )
            )
        return matching

    def _waiting(self) -> str:
        waiting = [message for message in self.messages if message.status in _WAITING]
        if not waiting:
            return ""
        lines = _listed("accepted, but not delivered", map(self._of_message, waiting))
        return f"{lines}\nwas outbox.drain() forgotten?"

    def _of_message(self, message: Message) -> dict[str, Any]:
        route = self.messenger.route(message.channel_id)
        return {
            "channel": route[0].name if route else str(message.channel_id),
            "status": message.status.value,
            "at": message.scheduled_for.isoformat() if message.scheduled_for else None,
            "to": list(message.addresses),
            "subject": message.subject,
            "text": message.text,
            "html": getattr(message.body, "html", None),
        }


def _of_envelope(envelope: Envelope) -> dict[str, Any]:
    content = envelope.content
    return {
        "channel": envelope.channel.name,
        "to": [receiver.value for receiver in envelope.receivers],
        "subject": getattr(content, "subject", getattr(content, "title", None)),
        "text": getattr(content, "text", getattr(getattr(content, "body", None), "text", None)),
        "html": getattr(content, "html", None),
    }


def _matches(shown: dict[str, Any], filters: dict[str, Expected]) -> bool:
    unknown = filters.keys() - {"channel", "to", "subject", "text", "html"}
    if unknown:
        raise TypeError(f"no such filter: {', '.join(sorted(unknown))}")
    return all(_fits(shown[name], expected) for name, expected in filters.items())


def _fits(value: Any, expected: Expected) -> bool:
    values = value if isinstance(value, list) else [value]
    fits: Callable[[str], object] = (
        expected.search if isinstance(expected, re.Pattern) else expected.__eq__
    )
    return any(text is not None and fits(text) for text in values)


def _number(count: int, filters: dict[str, Expected]) -> str:
    what = f"{count} message{'' if count == 1 else 's'}"
    if not filters:
        return what
    return f"{what} with {', '.join(f'{name}={_shown(text)}' for name, text in filters.items())}"


def _shown(expected: Expected) -> str:
    return f"/{expected.pattern}/" if isinstance(expected, re.Pattern) else repr(expected)


def _listed(title: str, entries: Iterable[dict[str, Any]]) -> str:
    lines = [_line(entry) for entry in entries]
    if not lines:
        return ""
    more = [f"  … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([f"{title}:", *lines[:_SHOWN], *more])


def _line(entry: dict[str, Any]) -> str:
    values = {**entry, "to": ", ".join(entry["to"])}
    return "  " + " ".join(f"{name}={value!r}" for name, value in values.items() if value)


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
