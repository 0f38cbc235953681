"""A provider that is given no more messages than it wants."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Literal

from messaging_core.arguments import a_text, checked, choice, optional, positive, whole
from messaging_core.errors import ConfigurationError
from messaging_core.fork import ForkSafeLock
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_transport, clock_or_function
from messaging_core.ports.transport import Handoff, Transport

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS: Final = 1_000_000
_LONGEST_REST: Final = timedelta(hours=1)


class RateLimit:
    """Say how many messages per second may go through all transports that share it.

    Give one object to the `Throttled` of every channel that uses one account or credential. Its
    transports may be used by any threads of one process and by its event loop.

    Args:
        rate: How many per second.
        burst: How many at once, after a pause.
        count: What is counted: `messages`, or the `parts` of an SMS. Anything else is one part.
        clock: Tells the time; a function that returns seconds, such as `time.monotonic`, will do.

    Raises:
        ConfigurationError: A rate or burst at which nothing could go, or another count.
    """

    @checked(
        rate=positive,
        burst=whole(),
        count=choice("messages", "parts", case=str.lower),
        clock=optional(clock_or_function),
    )
    def __init__(
        self,
        rate: float,
        burst: int = 1,
        *,
        count: Literal["messages", "parts"] = "messages",
        clock: Clock | Callable[[], float] | None = None,
    ) -> None:
        self._shown = f"RateLimit({rate:g}, burst={burst}, count={count!r})"
        self._bucket = _Bucket(rate, burst, clock or SystemClock())
        self._counts_parts = count == "parts"

    def __repr__(self) -> str:
        return self._shown

    def take(self, envelope: Envelope) -> timedelta:
        """Count a message and return nothing, or return how long it has to wait for its turn."""
        return self._bucket.take(self._cost(envelope))

    def pause(self, span: timedelta) -> None:
        """Let nothing go for a span, at most an hour, and no burst after it."""
        self._bucket.empty(span)

    def _cost(self, envelope: Envelope) -> int:
        content = envelope.content
        if self._counts_parts and isinstance(content, SmsContent):
            return max(content.sms.count, 1)
        return 1


def _rate(value: Any, name: str) -> Any:
    return value if isinstance(value, RateLimit) else positive(value, name)


class Throttled(Transport):
    """Hand over so many messages per second, and defer the others until there is room.

    It never sleeps: a message that comes too early is answered with `Deferred` and the time after
    which there is room for it. In any span of `t` seconds at most `rate * t + burst` go. A
    message of more parts than the burst goes when nothing else has gone for long enough, and
    those after it wait for what it took too much.

    A provider that says itself that it is throttled gets nothing for the time it asks for, up to
    an hour, and after that no burst. A message counts whatever becomes of it.

    One object limits the threads of one process; several workers share a limit by dividing it.

    Args:
        transport: Who gets the messages.
        rate: How many per second, or the limit that several transports share.
        burst: How many at once, after a pause; by default 1.
        count: What is counted: by default `messages`, or the `parts` of an SMS.
        name: As in `Failure.source`; by default the transport's.
        clock: As for `RateLimit`.

    Raises:
        ConfigurationError: A rate or burst at which nothing could go, or another count; or one of
            them beside a limit, which has its own.
    """

    @checked(
        transport=a_transport,
        rate=_rate,
        burst=optional(whole()),
        name=optional(a_text),
    )
    def __init__(  # noqa: PLR0913 - two are the bucket, the others have defaults
        self,
        transport: Transport,
        rate: float | RateLimit,
        burst: int | None = None,
        *,
        count: Literal["messages", "parts"] | None = None,
        name: str | None = None,
        clock: Clock | Callable[[], float] | None = None,
    ) -> None:
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        if isinstance(rate, RateLimit):
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

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        wait = self._limit.take(envelope)
        if wait:
            return self._too_early(wait)
        outcome = self._transport.send(envelope, handoff)
        if isinstance(outcome, Deferred) and outcome.failure.retry is Retry.THROTTLED:
            self._limit.pause(outcome.retry_after or timedelta(0))
        return outcome

    def _too_early(self, wait: timedelta) -> Deferred:
        failure = Failure(
            code=FailureCode.THROTTLED,
            description="as many messages as may go have gone just now",
            source=FailureSource(name=self.name, code="throttled"),
            retry=Retry.THROTTLED,
        )
        return Deferred(failure=failure, retry_after=wait)


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
            pause = max(self._per_token, Fraction(min(rest, _LONGEST_REST) // _MICROSECOND))
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
