"""A transport for staging: only an allow-list is really reached."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from time import sleep
from typing import Any, Final

from attrs import evolve

from messaging_adapters.transports.composition._allow_list import allow_list
from messaging_adapters.transports.composition._redirection import (
    Sorted,
    onward,
    sort_receivers,
)
from messaging_adapters.transports.composition._simulated import Simulated, bounce, outcome_of
from messaging_core.arguments import a_text, checked, function, optional, refuse, several, span
from messaging_core.delivery.attempt import ask_transport
from messaging_core.errors import ArgumentError
from messaging_core.models.common.channel import EMAIL, PUSH, SMS
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
)
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock, a_transport
from messaging_core.ports.transport import Handoff, Transport, close_transports
from messaging_core.rules.addressing.addresses import check_email_address, check_phone_number
from messaging_core.rules.formats.text import is_line

_log = logging.getLogger(__name__)

_REPORTED: Final = {
    Simulated.DELIVERED: ReceiptStatus.DELIVERED,
    Simulated.BOUNCED: ReceiptStatus.FAILED,
}
_BY_PLATFORM: Final = 'write redirect_to={"email": "qa@shop.example", "sms": …}'
_DEFAULT: Final = ""
"""The platform of an address that was given for all of them."""


def _redirect(value: Any, name: str) -> Any:
    """Allow an address, or addresses by platform; return them by platform."""
    addresses = {_DEFAULT: value} if isinstance(value, str) else value
    if not isinstance(addresses, Mapping):
        raise refuse(name, "an address, or a dict of addresses by platform", value, _BY_PLATFORM)
    for platform, address in addresses.items():
        if not (isinstance(platform, str) and isinstance(address, str)):
            raise refuse(name, "text by platform", address, _BY_PLATFORM)
        if platform == _DEFAULT and not (_fits(EMAIL, address) or _fits(SMS, address)):
            allowed = "an email address or a number with its country code"
            raise refuse(name, allowed, address, f"{_BY_PLATFORM} for other platforms")
        if not _fits(platform, address):
            remedy = "write an address that a message on that platform can be sent to"
            raise refuse(name, f"an address of its platform ({platform})", address, remedy)
    return addresses


def _check_platforms(addresses: Mapping[str, str], own: Collection[str]) -> None:
    """Refuse an address for a platform that no channel can have."""
    known = (EMAIL, SMS, PUSH, *own)
    for platform in addresses.keys() - {_DEFAULT, *known}:
        close = get_close_matches(platform.lower(), known, n=1)
        hint = f' (did you mean "{close[0]}"?)' if close else ""
        raise ArgumentError(
            "redirect_to",
            f"addresses for the platforms {', '.join(known)}",
            f'one for "{platform}"{hint}',
            "correct it; name a platform of your own in platforms=[…], or in a channel of the file",
        )


class Sandbox(Transport):
    """Reach only an allow-list: for staging systems that may hold real addresses.

    Every other receiver is replaced by `redirect_to`, with a note in the message that says for
    whom it was. Without `redirect_to` the message is recorded: it is accepted with a reference
    that begins with `sandbox-recorded-`, and nothing goes out. Each receiver of a message is
    judged alone, those in Cc and Bcc too, and no header names one that must not be reached.
    Addresses are compared after normalisation.

    Well-known addresses give a chosen outcome and never reach the provider; see the how-to page.

    Args:
        transport: Who gets what may go out.
        allow: Email addresses, numbers in E.164 and other addresses as they are; `@shop.example`
            for the addresses of one domain, without those of its subdomains; `+31612*` for the
            numbers that begin so.
        redirect_to: An email address or a number, of the channel's platform, or addresses by
            platform.
        platforms: The names of the host's own platforms, if the transport carries any.
        slow_for: How long the simulated slow receiver takes.
        name: As in `Failure.source`; by default the transport's.
        clock: Tells when a simulated receipt happened.

    Raises:
        ArgumentError: An entry of the allow-list could never match or allows everyone, or
            `redirect_to` is no address, or for an unknown platform.
    """

    @checked(
        transport=a_transport,
        allow=several("addresses, domains and number prefixes", alone=str),
        redirect_to=optional(_redirect),
        platforms=several("names of platforms", alone=str),
        slow_for=span(timedelta(0)),
        name=optional(a_text),
        clock=optional(a_clock),
    )
    def __init__(  # noqa: PLR0913 - one transport, the others have defaults
        self,
        transport: Transport,
        *,
        allow: Collection[str] = (),
        redirect_to: str | Mapping[str, str] | None = None,
        platforms: Collection[str] = (),
        slow_for: timedelta = timedelta(seconds=5),
        name: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        own = [platform for platform in platforms if platform not in {EMAIL, SMS, PUSH}]
        self._allow = allow_list(allow, "allow", any_form=bool(own))
        self._redirect: Mapping[str, str] = dict(redirect_to or {})  # type: ignore[arg-type] # `_redirect` made it a mapping
        _check_platforms(self._redirect, own)
        self._slow_for = slow_for
        self._clock = clock or SystemClock()
        self._receive: Callable[..., object] | None = None

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transport behind it, whose receipts are its own."""
        return (self._transport,)

    def __repr__(self) -> str:
        return f"Sandbox({self._transport!r}, name={self.name!r})"

    def report_to(self, receive: Callable[..., object]) -> None:
        """Report on messages to simulated receivers, as a provider would.

        Args:
            receive: `messenger.receive`. It is called on the thread of the worker, before `send`
                returns.
        """
        self._receive = function(receive, "receive")

    def close(self) -> None:
        """Close the transport behind it, if it can be closed."""
        close_transports([self._transport])

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        redirect_to = self._redirect_of(envelope.channel.platform)
        if redirect_to is not None and not _fits(envelope.channel.platform, redirect_to):
            return self._misconfigured()
        receivers = self._sorted(envelope, redirect_to)
        mark = _Mark(handoff)
        outcomes: dict[str, SingleOutcome] = {}
        if receivers.goes_out:
            outcome = self._transport.send(self._onward(envelope, receivers, redirect_to), mark)
            if not (receivers.recorded or receivers.simulated) and not receivers.redirected:
                return outcome
            outcomes = _by_receiver(outcome, receivers, redirect_to)
        outcomes |= self._recorded(envelope, receivers, mark)
        for receiver, kind in receivers.simulated:
            outcomes[receiver.value] = self._simulate(envelope, receiver.value, kind, mark)
        return _joined(outcomes)

    def look_up(self, envelope: Envelope) -> Outcome | None:
        """Ask about the message as it went out."""
        redirect_to = self._redirect_of(envelope.channel.platform)
        receivers = self._sorted(envelope, redirect_to)
        if receivers.simulated:
            return None
        if not receivers.goes_out:
            return Accepted(references=(_reference("recorded", envelope),))
        told = ask_transport(self._transport, self._onward(envelope, receivers, redirect_to))
        if isinstance(told, PerRecipient) or not receivers.redirected:
            return told
        return _elsewhere(told)

    def _redirect_of(self, platform: str) -> str | None:
        return self._redirect.get(platform, self._redirect.get(_DEFAULT))

    def _sorted(self, envelope: Envelope, redirect_to: str | None) -> Sorted:
        platform = envelope.channel.platform
        return sort_receivers(envelope.receivers, platform, self._allow, redirect_to)

    def _onward(self, envelope: Envelope, receivers: Sorted, redirect_to: str | None) -> Envelope:
        return onward(envelope, receivers, self._allow, redirect_to, self.capabilities)

    def _recorded(
        self, envelope: Envelope, receivers: Sorted, mark: "_Mark"
    ) -> dict[str, SingleOutcome]:
        if not receivers.recorded:
            return {}
        reference = _reference("recorded", envelope)
        mark.ensure(reference)
        _log.info("the sandbox recorded message %s: nothing was sent", envelope.message_id)
        outcome = Accepted(references=(reference,), raw="recorded by the sandbox; nothing was sent")
        return {receiver.value: outcome for receiver in receivers.recorded}

    def _simulate(
        self, envelope: Envelope, address: str, kind: Simulated, mark: "_Mark"
    ) -> SingleOutcome:
        reference = _reference(kind, envelope)
        outcome = outcome_of(kind, envelope.attempt, self.name, reference)
        if isinstance(outcome, Deferred) or kind is Simulated.REJECTED:
            return outcome
        mark.ensure(reference)
        if kind is Simulated.SLOW:
            sleep(self._slow_for.total_seconds())
        self._report(envelope, address, kind, reference)
        return outcome

    def _report(self, envelope: Envelope, address: str, kind: Simulated, reference: str) -> None:
        status = _REPORTED.get(kind)
        if status is None or self._receive is None:
            return
        receipt = StatusReceipt(
            source=self.name,
            at=self._clock.now(),
            status=status,
            provider_status=f"simulated {kind}",
            reference=reference,
            message_id=envelope.message_id,
            channel_id=envelope.channel.id,
            recipient=address if len(envelope.copies) > 1 else None,
            failure=bounce(self.name) if status is ReceiptStatus.FAILED else None,
            key=f"{reference}-{envelope.attempt}-{kind}",
        )
        try:
            self._receive([receipt], workspace=envelope.workspace)
        except Exception as error:  # noqa: BLE001 - a report that is lost must not fail the message
            what = type(error).__name__
            _log.warning("the report on message %s was lost: %s", envelope.message_id, what)

    def _misconfigured(self) -> Deferred:
        failure = Failure(
            code=FailureCode.INVALID_CHANNEL_CONFIGURATION,
            description="redirect_to of the sandbox is no address of the channel's platform",
            source=FailureSource(name=self.name, code="sandbox"),
            retry=Retry.CONFIGURATION,
        )
        return Deferred(failure=failure)


class _Mark(Handoff):
    """The engine's mark, made once: by the transport, or for what no transport sends."""

    def __init__(self, handoff: Handoff) -> None:
        self._handoff = handoff
        self._is_made = False

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        self._handoff(references=references)
        self._is_made = True

    def ensure(self, reference: str) -> None:
        """Make the mark if it was not made yet."""
        if not self._is_made:
            self(references=(reference,))


def _fits(platform: str, address: str) -> bool:
    if platform == EMAIL:
        return check_email_address(address, "") is None
    if platform == SMS:
        return check_phone_number(address, "", allow_unassigned=True) is None
    return bool(address.strip()) and is_line(address)


def _reference(kind: str, envelope: Envelope) -> str:
    return f"sandbox-{kind}-{envelope.message_id}"


def _by_receiver(
    outcome: Outcome, receivers: Sorted, redirect_to: str | None
) -> dict[str, SingleOutcome]:
    """Return the outcome of each receiver, redirected ones with that of the other address."""

    def at(address: str) -> SingleOutcome | None:
        return outcome.outcomes.get(address) if isinstance(outcome, PerRecipient) else outcome

    answers = {receiver.value: at(receiver.value) for receiver in receivers.allowed}
    elsewhere = _elsewhere(at(redirect_to or ""))
    answers |= dict.fromkeys((receiver.value for receiver in receivers.redirected), elsewhere)
    return {address: answer for address, answer in answers.items() if answer is not None}


def _elsewhere(answer: SingleOutcome | None) -> SingleOutcome | None:
    """Return what the receivers get to hear of another address: not that they are gone."""
    if not isinstance(answer, Rejected) or answer.failure.code != FailureCode.UNKNOWN_RECEIVER:
        return answer
    failure = evolve(
        answer.failure,
        code=FailureCode.REFUSED,
        description="the address of redirect_to does not exist",
        retry=Retry.PERMANENT,
    )
    return evolve(answer, failure=failure)


def _joined(outcomes: Mapping[str, SingleOutcome]) -> Outcome:
    """Return one outcome where all receivers share it, else one for each."""
    first = next(iter(outcomes.values()), None)
    if first is not None and all(outcome is first for outcome in outcomes.values()):
        return first
    return PerRecipient(outcomes=outcomes)
