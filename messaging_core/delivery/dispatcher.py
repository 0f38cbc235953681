"""What a worker does with one message: decide, hand over, and say what became of it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.attempt import Attempted, settle
from messaging_core.decisions.delivery.dispatch import NO_RULES, Finish, Send, dispatch, ruling_on
from messaging_core.decisions.delivery.settlement import (
    dead_letter,
    expire,
    may_have_gone,
    postpone,
    release,
)
from messaging_core.delivery.attempt import CallResult, call_transport, fault_outcome
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.handoff import DurableHandoff
from messaging_core.delivery.watchdog import TransportCall, Watchdog
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.host_code import fault_of, may_be_a_signal
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import Claim, Settlement
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.policy.send_rules import Course
from messaging_core.ports.transport import Transport

_log = logging.getLogger(__name__)

_PUT_OFF = timedelta(minutes=1)
_WITHDRAWN_WAIT = timedelta(seconds=1)


@frozen(kw_only=True)
class Dispatcher:
    """Turn claims into settlements.

    Attributes:
        context: The clock, channels, send rules and random source.
        commits: Where everything is written down.
        durable_handoff: Whether the point of no return is made durable.
        watchdog: Told of every call of a transport.
        max_crashes: After how many crashes a message is given up.
    """

    context: EngineContext
    commits: GroupCommit
    durable_handoff: bool
    watchdog: Watchdog
    max_crashes: int

    def dispatch(self, claim: Claim) -> bool:
        """Deliver one message, and record what becomes of it; no failure affects other messages.

        Returns:
            False if the call timed out meanwhile, so that `time_out` recorded the message.
        """
        settlement = self._settlement(claim)
        if settlement is None:
            return False
        self.commits.record(settlement)
        return True

    def _settlement(self, claim: Claim) -> Settlement | None:
        try:
            return self._dispatch(claim)
        except BaseException as error:  # noqa: BLE001 - one bad message must not stop the others
            # Never the text: it may quote what the message says.
            _log.error("message %s could not be delivered: %s", claim.message.id, fault_of(error))
            return self._put_off(claim, type(error).__name__)

    def release(self, claim: Claim, *, is_counted: bool = True) -> None:
        """Put back a claim that no thread has begun.

        Args:
            claim: What was claimed.
            is_counted: Whether the report of the worker counts it as waiting.
        """
        self.commits.record(self._released(claim), is_counted=is_counted)

    def _released(self, claim: Claim) -> Settlement:
        return release(claim, self._now_or(claim.message.updated_at))

    def time_out(self, call: TransportCall) -> None:
        """Record that a call hangs: its message is in doubt if it was handed over."""
        what = "gave no answer in time"
        _log.error("transport %s %s on message %s", call.transport, what, call.claim.message.id)
        answer = CallResult(
            outcome=fault_outcome(call.transport, what, call.handoff), is_fault=True
        )
        self.commits.record(self._settled(call, answer, self._jitter()))

    def record_late_outcome(self, call: TransportCall, answer: CallResult) -> None:
        """Record the outcome of a call that had timed out: it may prove the hand-over."""
        if isinstance(answer.outcome, Accepted):
            _log.warning(
                "message %s was given up, and then accepted by transport %s",
                call.claim.message.id,
                call.transport,
            )
        self.commits.record(self._settled(call, answer, self._jitter()))

    def _now_or(self, earlier: datetime) -> datetime:
        """Return the present, or a time before it where the host's clock fails."""
        try:
            now = self._now()
        except BaseException as error:
            if may_be_a_signal(error):
                raise
            _log.error("the clock failed: %s", fault_of(error))
            return earlier
        is_aware = isinstance(now, datetime) and now.tzinfo is not None
        return now if is_aware else earlier

    def _now(self) -> datetime:
        return self.context.clock.now()

    def _dispatch(self, claim: Claim) -> Settlement | None:
        """Do with one message what is to be done now."""
        now = self._now()
        route = self.context.channels.route(claim.message.channel_id)
        channel, transport = route or (None, None)
        deduplicates = transport is not None and deduplicates_at(transport, claim, now)
        decision = dispatch(
            claim,
            channel,
            now,
            deduplicates=deduplicates,
            max_crashes=self.max_crashes,
            rules=self.context.policies.of(channel) if channel else NO_RULES,
        )
        if isinstance(decision, Finish) or transport is None:
            return decision.settlement if isinstance(decision, Finish) else self._released(claim)
        return self._attempt(claim, decision, transport, now, deduplicates=deduplicates)

    def _attempt(
        self, claim: Claim, send: Send, transport: Transport, now: datetime, *, deduplicates: bool
    ) -> Settlement | None:
        # Whatever foreign code is asked for is asked before: afterwards nothing may fail.
        jitter, envelope = self._jitter(), send.envelope
        addresses = tuple([receiver.value for receiver in envelope.receivers])
        call = TransportCall(
            claim=claim,
            channel=envelope.channel,
            addresses=addresses,
            transport=transport.name,
            at=now,
            handoff=DurableHandoff(
                claim,
                self.context.clock,
                self.commits if self.durable_handoff else None,
                channel=envelope.channel,
                addresses=addresses,
                may_go=self._allowance(claim, envelope.channel),
            ),
            deduplicates=deduplicates,
        )
        self.watchdog.start(call)
        try:
            answer = call_transport(transport, envelope, call.handoff)
        except (Withdrawn, StorageError) as error:
            return self._not_begun(call, error) if self.watchdog.finish(call) else None
        except BaseException:
            if self.watchdog.finish(call):
                raise
            return None
        if self.watchdog.finish(call):
            return self._settled(call, answer, jitter)
        self._record_late(call, answer)
        return None

    def _record_late(self, call: TransportCall, answer: CallResult) -> None:
        """Keep a late answer if possible: the call was counted when it was given up."""
        try:
            self.record_late_outcome(call, answer)
        except BaseException as error:  # noqa: BLE001 - no signal arrives on this thread
            message_id, what = call.claim.message.id, fault_of(error)
            _log.error("the late answer on message %s was lost: %s", message_id, what)

    def _allowance(self, claim: Claim, channel: Channel) -> Callable[[datetime], bool]:
        """Return what tells whether the send rules let a message go at an instant."""
        receivers, rules = claim.receivers, self.context.policies.of(channel)
        if receivers is None:
            return lambda _: True
        known = receivers
        return lambda now: ruling_on(claim, known, channel, rules, now).course is Course.SEND

    def _settled(self, call: TransportCall, answer: CallResult, jitter: float) -> Settlement:
        fails = call.channel.when_in_doubt is WhenInDoubt.FAIL
        return settle(
            Attempted(
                claim=call.claim,
                platform=call.channel.platform,
                addresses=call.addresses,
                outcome=answer.outcome,
                now=self._now_or(call.at),
                jitter=jitter,
                in_doubt_timeout=call.channel.in_doubt_timeout,
                deduplicates=call.deduplicates,
                gives_up_doubt=fails and not call.deduplicates,
                crashed=answer.is_fault,
                handed_over=call.handoff.marked_at is not None,
            )
        )

    def _jitter(self) -> float:
        try:
            return min(max(float(self.context.random()), 0.0), 1.0)
        except BaseException as error:
            if may_be_a_signal(error):
                raise
            _log.warning("the random source of the worker failed; this retry has no jitter")
            return 0.5

    def _not_begun(self, call: TransportCall, error: Withdrawn | StorageError) -> Settlement:
        """Put back what did not reach the point of no return; what has expired ends here."""
        claim, now = call.claim, self._now_or(call.at)
        if isinstance(error, StorageError):
            _log.error(
                "message %s could not be marked; trying again", claim.message.id, exc_info=error
            )
        elif error.reason == "expired":
            return expire(claim, now)
        # Not at once, or a drain would never end.
        return postpone(claim, now, now + _WITHDRAWN_WAIT, claim.message.failure)

    def _put_off(self, claim: Claim, what: str) -> Settlement:
        now = self._now_or(claim.message.updated_at)
        if claim.delivery.crashes >= self.max_crashes and not may_have_gone(claim.message, None):
            return dead_letter(claim, now)
        failure = Failure(
            code=FailureCode.DEPENDENCY_ERROR,
            description=f"the message could not be prepared: {what}",
            source=FailureSource(name="pre-processing", code=what),
            retry=Retry.TRANSIENT,
        )
        until = min(now + _PUT_OFF, claim.delivery.expires_at)
        return postpone(claim, now, until, failure, crashed=True)


def deduplicates_at(transport: Transport, claim: Claim, now: datetime) -> bool:
    """Return True if the provider still recognises the message from its first attempt.

    The window is counted from acceptance, or from the scheduled time: no attempt was earlier.
    """
    window = transport.capabilities.deduplicates_for
    message = claim.message
    first = max(message.created_at, message.scheduled_for or message.created_at)
    return window is not None and now < first + window
