"""A provider that is given no more messages than it wants."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Literal

from messaging_adapters.transports.composition._shared_bucket import (
    LONGEST_REST,
    SharedBucket,
    Turn,
    rate_bucket,
)
from messaging_adapters.transports.composition.concurrency_limit import ConcurrencyLimit
from messaging_core.arguments import a, a_text, checked, choice, flag, optional, positive, whole
from messaging_core.errors import ConfigurationError
from messaging_core.fork import ForkSafeLock
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_transport, clock_or_function
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff, Transport

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS: Final = 1_000_000


class RateLimit:
    """Say how many messages per second may go through all transports that share it.

    Give one object to the `Throttled` of every channel that uses one account or credential. Its
    transports may be used by any threads of one process and by its event loop.

    With a `key`, all processes that use one storage share the limit: no second has more than
    `rate` messages of all of them, rounded up, from the call of the provider until its answer.
    A process takes its share from the storage for many messages at once, and one that dies gives
    it back within seven seconds. A message that comes too early waits on its thread for up to a
    second before it is deferred. The limit uses the clock of the messenger; the clocks of
    machines must agree.

    Args:
        rate: How many per second.
        burst: How many at once, after a pause; by default 1. A shared limit has none.
        count: What is counted: `messages`, or the `parts` of an SMS. Anything else is one part.
        key: Names a shared limit on the storage, by the credential for instance.
        per_sender: Whether each sender has this limit for itself.
        clock: Tells the time; a function that returns seconds, such as `time.monotonic`, will do.

    Raises:
        ConfigurationError: A rate or burst at which nothing could go, another count, or a burst
            or clock of a shared limit.
    """

    @checked(
        rate=positive,
        burst=optional(whole()),
        count=choice("messages", "parts", case=str.lower),
        key=optional(a_text),
        per_sender=flag,
        clock=optional(clock_or_function),
    )
    def __init__(  # noqa: PLR0913 - one number, the others have defaults
        self,
        rate: float,
        burst: int | None = None,
        *,
        count: Literal["messages", "parts"] = "messages",
        key: str | None = None,
        per_sender: bool = False,
        clock: Clock | Callable[[], float] | None = None,
    ) -> None:
        shown = f"burst={burst or 1}" if key is None else f"key={key!r}"
        self._shown = f"RateLimit({rate:g}, {shown}, count={count!r})"
        if key is not None and (burst is not None or clock is not None):
            raise ConfigurationError(
                "a shared limit has no burst and no clock of its own: leave them out"
            )
        self._new_bucket = _buckets(rate, burst or 1, key, clock or SystemClock())
        self._per_sender = per_sender
        self._counts_parts = count == "parts"
        self._lock = ForkSafeLock()
        self._shared: tuple[Storage, Clock] | None = None
        self._buckets: dict[str | None, _Bucket | SharedBucket] = {}
        if not per_sender:
            self._buckets[None] = self._new_bucket(None)

    def __repr__(self) -> str:
        return self._shown

    def share(self, storage: Storage, clock: Clock) -> None:
        """Count on a storage, if the limit has a key."""
        with self._lock:
            self._shared = (storage, clock)
            for bucket in self._buckets.values():
                bucket.share(storage, clock)

    def take(self, envelope: Envelope) -> timedelta:
        """Count a message and return nothing, or return how long it has to wait for its turn."""
        with self.turn(envelope) as turn:
            return turn.wait

    @contextmanager
    def turn(self, envelope: Envelope) -> Iterator[Turn]:
        """Count a message for as long as a block lasts, in which it is handed over.

        If it has to wait for its turn, it is not counted and must not be handed over.
        """
        bucket, cost = self._bucket_of(envelope), self._cost(envelope)
        turn = bucket.begin(cost)
        try:
            yield turn
        finally:
            if not turn.wait:
                bucket.end(cost)

    def pause(self, span: timedelta) -> None:
        """Let nothing of this process go for a span, at most an hour, and no burst after it."""
        for bucket in list(self._buckets.values()):
            bucket.empty(span)

    def _bucket_of(self, envelope: Envelope) -> "_Bucket | SharedBucket":
        sender = envelope.sender if self._per_sender else None
        name = sender.value if sender is not None else None
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                bucket = self._buckets[name] = self._new_bucket(name)
                if self._shared is not None:
                    bucket.share(*self._shared)
        return bucket

    def _cost(self, envelope: Envelope) -> int:
        content = envelope.content
        if self._counts_parts and isinstance(content, SmsContent):
            return max(content.sms.count, 1)
        return 1


def _buckets(
    rate: float, burst: int, key: str | None, clock: Clock | Callable[[], float]
) -> "Callable[[str | None], _Bucket | SharedBucket]":
    """Return what makes the bucket of a sender, or of all of them."""
    if key is None:
        return lambda _: _Bucket(rate, burst, clock)
    return lambda sender: rate_bucket(rate, f"limit.{key}{f'.{sender}' if sender else ''}")


def _rate(value: Any, name: str) -> Any:
    return value if isinstance(value, RateLimit | ConcurrencyLimit) else positive(value, name)


class Throttled(Transport):
    """Hand over so many messages per second, and defer the others until there is room.

    It never sleeps, unless its limit is shared: a message that comes too early is answered with
    `Deferred` and the time after which there is room for it. In any span of `t` seconds at most
    `rate * t + burst` go. A message of more parts than the burst goes when nothing else has gone
    for long enough, and those after it wait for what it took too much.

    A provider that says itself that it is throttled gets nothing for the time it asks for, up to
    an hour, and after that no burst. A message counts whatever becomes of it.

    One object limits the threads of one process; a `RateLimit` with a `key` limits all processes
    of one storage together.

    Args:
        transport: Who gets the messages.
        rate: How many per second, or the limit that several transports share: a `RateLimit`, or a
            `ConcurrencyLimit`.
        burst: How many at once, after a pause; by default 1.
        count: What is counted: by default `messages`, or the `parts` of an SMS.
        concurrency: How many may be under way at the same time, beside the rate.
        name: As in `Failure.source`; by default the transport's.
        clock: As for `RateLimit`.

    Raises:
        ConfigurationError: A rate or burst at which nothing could go, or another count; or one of
            them beside a limit, which has its own; or two limits of concurrency.
    """

    @checked(
        transport=a_transport,
        rate=_rate,
        burst=optional(whole()),
        concurrency=optional(
            a(ConcurrencyLimit, "a ConcurrencyLimit", 'write ConcurrencyLimit(20, key="account")')
        ),
        name=optional(a_text),
    )
    def __init__(  # noqa: PLR0913 - two are the bucket, the others have defaults
        self,
        transport: Transport,
        rate: float | RateLimit | ConcurrencyLimit,
        burst: int | None = None,
        *,
        count: Literal["messages", "parts"] | None = None,
        concurrency: ConcurrencyLimit | None = None,
        name: str | None = None,
        clock: Clock | Callable[[], float] | None = None,
    ) -> None:
        if concurrency is not None and isinstance(rate, ConcurrencyLimit):
            raise ConfigurationError("rate is a ConcurrencyLimit already: leave concurrency out")
        self._concurrency = concurrency
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        self._limit: RateLimit | ConcurrencyLimit
        if isinstance(rate, RateLimit | ConcurrencyLimit):
            _check_alone(burst, count, clock)
            self._limit = rate
        else:
            self._limit = RateLimit(rate, burst or 1, count=count or "messages", clock=clock)

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transport behind it, whose receipts are its own."""
        return (self._transport,)

    def __repr__(self) -> str:
        return f"Throttled({self._transport!r}, name={self.name!r})"

    def share(self, storage: Storage, clock: Clock) -> None:
        """Count on a storage, if the limits are shared."""
        for limit in self._limits:
            limit.share(storage, clock)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        with ExitStack() as turns:
            for limit in self._limits:
                turn = turns.enter_context(limit.turn(envelope))
                if turn.wait:
                    return self._too_early(turn.wait)
            # The last one is that of the rate, which may want the message to begin later.
            outcome = self._transport.send(envelope, _Timed(handoff, turn))
        if isinstance(outcome, Deferred) and outcome.failure.retry is Retry.THROTTLED:
            for limit in self._limits:
                limit.pause(outcome.retry_after or timedelta(0))
        return outcome

    @property
    def _limits(self) -> "tuple[RateLimit | ConcurrencyLimit, ...]":
        """Return the limits in the order in which a message needs them.

        Concurrency comes first: a message that has to wait for it uses nothing of the rate.
        """
        return (self._limit,) if self._concurrency is None else (self._concurrency, self._limit)

    def _too_early(self, wait: timedelta) -> Deferred:
        failure = Failure(
            code=FailureCode.THROTTLED,
            description="as many messages as may go have gone just now",
            source=FailureSource(name=self.name, code="throttled"),
            retry=Retry.THROTTLED,
        )
        return Deferred(failure=failure, retry_after=wait)


class _Timed(Handoff):
    """The engine's mark, which takes a while to be durable; then the rest until the turn."""

    def __init__(self, handoff: Handoff, turn: Turn) -> None:
        self._handoff = handoff
        self._turn = turn

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        self._handoff(references=references)
        self._turn.await_begin()


def _check_alone(*options: object) -> None:
    if any(option is not None for option in options):
        raise ConfigurationError(
            "a shared limit has its own burst, count and clock: give them to the RateLimit"
        )


class _Bucket:
    """A token bucket, kept as the instant at which it will be full again.

    Time is in whole microseconds and exact, so that a caller that comes back after the returned
    wait does find a token.
    """

    def __init__(self, rate: float, burst: int, clock: Clock | Callable[[], float]) -> None:
        self._per_token = _MICROSECONDS / Fraction(str(rate))
        self._burst = burst
        self._clock = clock
        self._lock = ForkSafeLock()
        self._seen = self._read()
        self._full_at = Fraction(self._seen)

    def share(self, storage: Storage, clock: Clock) -> None:
        """Stay in this process."""

    def end(self, tokens: int) -> None:
        """Leave it at what was taken at the begin."""

    def begin(self, tokens: int) -> Turn:
        """Take tokens, or say how long to wait."""
        return Turn(wait=self.take(tokens))

    def take(self, tokens: int) -> timedelta:
        """Take tokens and return nothing, or take none and return how long to wait for them."""
        with self._lock:
            now = self._now()
            full_at = max(self._full_at, Fraction(now))
            spare = self._burst - min(tokens, self._burst)
            wait = full_at - spare * self._per_token - now
            if wait > 0:
                return math.ceil(wait) * _MICROSECOND
            self._full_at = full_at + tokens * self._per_token
            return timedelta(0)

    def empty(self, rest: timedelta) -> None:
        """Take all tokens; the first comes back after a rest."""
        with self._lock:
            pause = max(self._per_token, Fraction(min(rest, LONGEST_REST) // _MICROSECOND))
            full_at = self._now() + pause + (self._burst - 1) * self._per_token
            self._full_at = max(self._full_at, full_at)

    def _now(self) -> int:
        """Read the clock; where it was set back, so is the bucket, or it would stay empty."""
        now = self._read()
        if now < self._seen:
            self._full_at -= self._seen - now
        self._seen = now
        return now

    def _read(self) -> int:
        if callable(self._clock):
            return round(self._clock() * _MICROSECONDS)
        return (self._clock.now() - _EPOCH) // _MICROSECOND
