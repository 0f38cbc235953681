"""Make the point of no return durable."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import PendingHandoff
from messaging_core.errors import Withdrawn
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Claim
from messaging_core.ports.clock import Clock
from messaging_core.ports.transport import Handoff
from messaging_core.rules.formats.references import bare_reference


class DurableHandoff(Handoff):
    """The moment in one attempt after which it is not known whether a failure was a success.

    Args:
        claim: The message.
        clock: Gives the time of the hand-off.
        commits: Makes the mark durable; without it the mark is lost in a crash.
        channel: The channel of the message.
        addresses: The receivers of this attempt. The mark is refused if one of them was
            suppressed, unsubscribed or held out since the claim.
        may_go: Whether the send rules allow it at an instant; quiet hours may have begun.

    Attributes:
        marked_at: When the message was handed over, if it was.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the third
        self,
        claim: Claim,
        clock: Clock,
        commits: GroupCommit | None = None,
        *,
        channel: Channel | None = None,
        addresses: tuple[str, ...] = (),
        may_go: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        self._claim = claim
        self._channel = channel
        self._addresses = addresses
        self._clock = clock
        self._commits = commits
        self._may_go = may_go
        self.marked_at: datetime | None = None
        self._is_revoked = False
        self._lock = threading.Lock()

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Let the message go, unless its time or its lease has run out.

        Args:
            references: As for `Handoff`.

        Raises:
            Withdrawn: The message must not be sent any more.
            StorageError: The mark could not be written; the message was not sent.
        """
        now = self._clock.now()
        if now >= self._claim.delivery.expires_at:
            raise Withdrawn("expired")
        if now >= self._claim.lease.until or self._is_revoked:
            raise Withdrawn("superseded")
        if self.marked_at is None and not self._may_go(now):
            raise Withdrawn("held")
        if self.marked_at is None and self._commits is not None:
            self._commits.mark(self._pending(_texts(references)))
        with self._lock:
            if self._is_revoked:
                raise Withdrawn("superseded")
            self.marked_at = self.marked_at or now

    def _pending(self, references: tuple[str, ...]) -> PendingHandoff:
        return PendingHandoff(
            lease=self._claim.lease,
            message=self._claim.message,
            channel=self._channel,
            addresses=self._addresses,
            references=references,
            delivery=self._claim.delivery,
        )

    def revoke(self) -> None:
        """Refuse the hand-off from now on; afterwards `marked_at` does not change any more."""
        with self._lock:
            self._is_revoked = True


def _texts(references: object) -> tuple[str, ...]:
    if isinstance(references, str) or not isinstance(references, Iterable):
        references = () if references is None else (references,)
    return tuple([bare_reference(_text(reference)) for reference in references])


def _text(value: object) -> str:
    """Return text that can be kept: what a provider wrote in no known encoding cannot."""
    return str(value).encode("utf-8", "replace").decode()
