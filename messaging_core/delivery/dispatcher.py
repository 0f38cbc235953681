"""Deliver one message: decide, hand it over, and record the result."""

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import evolve

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.attempt import Attempted, settle
from messaging_core.decisions.delivery.dispatch import (
    NO_RULES,
    Finish,
    LookUp,
    dispatch,
    ruling_on,
)
from messaging_core.decisions.delivery.settlement import (
    IN_DOUBT,
    dead_letter,
    expire,
    may_have_gone,
    postpone,
    release,
)
from messaging_core.delivery.attempt import (
    CallResult,
    ask_transport,
    call_transport,
    can_look_up,
    fault_outcome,
)
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.handoff import DurableHandoff
from messaging_core.delivery.telemetry import count_of, deliver_operation, result_of
from messaging_core.delivery.watchdog import TransportCall, Watchdog
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.host_code import fault_of, may_be_a_signal
from messaging_core.lazy import frozen, logger
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import Claim, Resolution, Settlement
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Rejected
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.policy.send_rules import Course
from messaging_core.ports.transport import Transport

_log = logger(__name__)

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
        """Deliver one message and record the result; no failure affects other messages.

        Returns:
            False if the call timed out meanwhile, so that `time_out` recorded the message.
        """
        settlement = self._settlement(claim)
        if settlement is None:
            return False
        self.commits.record(settlement, told=count_of(self.context, claim, settlement))
        return True

    def _settlement(self, claim: Claim) -> Settlement | None:
        if claim.unjudged:
            return self._put_off(claim, "unreadable")
        try:
            return self._dispatch(claim)
        except BaseException as error:  # noqa: BLE001 - one bad message must not stop the others
            # Never the text: it may quote what the message says.
            _log.error("message %s could not be delivered: %s", claim.message.id, fault_of(error))
            return self._put_off(claim, type(error).__name__)

    def release(self, claim: Claim, *, is_counted: bool = True) -> None:
        """Release a claim that no thread has begun.

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
        settlement = self._settled(call, answer, self._jitter())
        self.commits.record(settlement, told=count_of(self.context, call.claim, settlement))

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
        """Return the current time, or an earlier time if the host's clock fails."""
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
        """Decide what to do with a message now, and do it."""
        now = self._now()
        route = self.context.channels.route(claim.message.channel_id)
        channel, transport = route or (None, None)
        deduplicates = transport is not None and deduplicates_at(transport, claim, now)
        is_in_doubt = claim.message.details == IN_DOUBT
        decision = dispatch(
            claim,
            channel,
            now,
            deduplicates=deduplicates,
            looks_up=is_in_doubt and transport is not None and can_look_up(transport),
            max_crashes=self.max_crashes,
            rules=self.context.policies.of(channel) if channel else NO_RULES,
        )
        if isinstance(decision, Finish) or transport is None:
            return decision.settlement if isinstance(decision, Finish) else self._released(claim)
        # All foreign code runs before the hand-off: nothing may fail after it.
        jitter = self._jitter()
        call = self._call(claim, decision.envelope, transport, now, deduplicates=deduplicates)
        self.watchdog.start(call)
        if isinstance(decision, LookUp):
            return self._look_up(call, decision, transport, jitter)
        return self._attempt(call, decision.envelope, transport, jitter)

    def _call(
        self,
        claim: Claim,
        envelope: Envelope,
        transport: Transport,
        now: datetime,
        *,
        deduplicates: bool,
    ) -> TransportCall:
        addresses = tuple([receiver.value for receiver in envelope.receivers])
        return TransportCall(
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

    def _look_up(
        self, call: TransportCall, decision: LookUp, transport: Transport, jitter: float
    ) -> Settlement | None:
        """Ask the provider about a message in doubt, and do what follows from its answer."""
        try:
            told = self._told(call.claim, decision.envelope, transport)
        except BaseException:
            if self.watchdog.finish(call):
                raise
            return None
        if told is not None and not isinstance(told, Deferred):
            _end_doubt(call)
            return self._answered(call, CallResult(outcome=told), jitter)
        following = decision.otherwise if told is None else decision.if_missing
        if isinstance(following, Finish):
            return following.settlement if self.watchdog.finish(call) else None
        if told is not None:
            _end_doubt(call)
        return self._attempt(call, following.envelope, transport, jitter)

    def _told(self, claim: Claim, envelope: Envelope, transport: Transport) -> Outcome | None:
        """Return what the provider is certain of.

        It may have found another message, with the same text and receiver.
        """
        told = ask_transport(transport, envelope)
        if not isinstance(told, Accepted | Rejected):
            return told
        with self.context.storage.begin(read_only=True) as tx:
            ids = tx.messages.by_references(claim.workspace, told.references)
        owners = {message_id for several in ids.values() for message_id, _ in several}
        return None if owners - {claim.message.id} else told

    def _attempt(
        self, call: TransportCall, envelope: Envelope, transport: Transport, jitter: float
    ) -> Settlement | None:
        with deliver_operation(self.context, call) as done:
            settlement = self._sent(call, envelope, transport, jitter)
            done(result_of(settlement))
        return settlement

    def _sent(
        self, call: TransportCall, envelope: Envelope, transport: Transport, jitter: float
    ) -> Settlement | None:
        try:
            answer = call_transport(transport, envelope, call.handoff)
        except (Withdrawn, StorageError) as error:
            return self._not_begun(call, error) if self.watchdog.finish(call) else None
        except BaseException:
            if self.watchdog.finish(call):
                raise
            return None
        return self._answered(call, answer, jitter)

    def _answered(
        self, call: TransportCall, answer: CallResult, jitter: float
    ) -> Settlement | None:
        if self.watchdog.finish(call):
            return self._settled(call, answer, jitter)
        self._record_late(call, answer)
        return None

    def _record_late(self, call: TransportCall, answer: CallResult) -> None:
        """Record a late answer if possible: the call was counted when it timed out."""
        try:
            self.record_late_outcome(call, answer)
        except BaseException as error:  # noqa: BLE001 - no signal arrives on this thread
            message_id, what = call.claim.message.id, fault_of(error)
            _log.error("the late answer on message %s was lost: %s", message_id, what)

    def _allowance(self, claim: Claim, channel: Channel) -> Callable[[datetime], bool]:
        """Return a function that says whether the send rules allow a message at an instant."""
        receivers, rules = claim.receivers, self.context.policies.of(channel)
        if receivers is None:
            return lambda _: True
        facts = receivers  # not None, in the function too
        return lambda now: ruling_on(claim, facts, channel, rules, now).course is Course.SEND

    def _settled(self, call: TransportCall, answer: CallResult, jitter: float) -> Settlement:
        fails = call.channel.when_in_doubt is WhenInDoubt.FAIL
        settlement = settle(
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
        return _with_doubt_ended(call, settlement)

    def _jitter(self) -> float:
        try:
            return min(max(float(self.context.random()), 0.0), 1.0)
        except BaseException as error:
            if may_be_a_signal(error):
                raise
            _log.warning("the random source of the worker failed; this retry has no jitter")
            return 0.5

    def _not_begun(self, call: TransportCall, error: Withdrawn | StorageError) -> Settlement:
        """Release a message that did not reach the point of no return, or end one that expired."""
        claim, now = call.claim, self._now_or(call.at)
        if isinstance(error, StorageError):
            _log.error(
                "message %s could not be marked; trying again", claim.message.id, exc_info=error
            )
        elif error.reason == "expired":
            return _with_doubt_ended(call, expire(claim, now))
        # Not at once, or a drain would never end.
        waiting = postpone(claim, now, now + _WITHDRAWN_WAIT, claim.message.failure)
        return _with_doubt_ended(call, waiting)

    def _put_off(self, claim: Claim, what: str) -> Settlement:
        now = self._now_or(claim.message.updated_at)
        if claim.unjudged and now >= claim.delivery.expires_at:
            return expire(claim, now)
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


def _end_doubt(call: TransportCall) -> None:
    """Let a call be settled as that of a message about which there is no doubt any more."""
    call.claim = evolve(call.claim, message=evolve(call.claim.message, details=None))
    call.ends_doubt = True


def _with_doubt_ended(call: TransportCall, settlement: Settlement) -> Settlement:
    return evolve(settlement, resolved=Resolution.REPORTED) if call.ends_doubt else settlement


def deduplicates_at(transport: Transport, claim: Claim, now: datetime) -> bool:
    """Return True if the provider still recognises the message from its first attempt.

    The window is counted from acceptance, or from the scheduled time: no attempt was earlier.
    """
    window = transport.capabilities.deduplicates_for
    message = claim.message
    first = max(message.created_at, message.scheduled_for or message.created_at)
    return window is not None and now < first + window
