"""A message as it goes to those whom a sandbox lets it reach, and a note for whom it was."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from messaging_adapters.transports.composition._allow_list import AllowList
from messaging_adapters.transports.composition._simulated import Simulated, simulated
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import PUSH
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.messages.envelope import (
    Content,
    EmailContent,
    Envelope,
    MmsContent,
    PushContent,
    Recipient,
    SmsContent,
)
from messaging_core.models.people.contact import ReceiverType
from messaging_core.rules.content.capabilities import check_capabilities
from messaging_core.rules.formats.sms import MAX_SMS_PARTS, split_sms

HEADER: Final = "X-Redirected-For"
"""Names the original receivers of a mail."""

_ADDING_RECEIVERS: Final = frozenset({"x-smtpapi", "x-mc-bccaddress", "x-msys-api"})
"""Headers by which SendGrid, Mandrill and SparkPost add receivers to a mail that comes by SMTP."""

_MOST_IN_HEADER: Final = 10
_MOST_IN_TEXT: Final = 3  # subjects have limits, and texts are paid for
_TOKEN_SHOWN: Final = 8


@frozen(kw_only=True)
class Sorted:
    """The receivers of a message by what becomes of them.

    Attributes:
        allowed: They are reached.
        redirected: Another address is reached instead of them.
        recorded: Nothing goes out for them.
        simulated: Nothing goes out for them, and the outcome is chosen.
    """

    allowed: tuple[Recipient, ...]
    redirected: tuple[Recipient, ...]
    recorded: tuple[Recipient, ...]
    simulated: tuple[tuple[Recipient, Simulated], ...]

    @property
    def goes_out(self) -> bool:
        """Return whether anything leaves."""
        return bool(self.allowed or self.redirected)


def sort_receivers(
    receivers: Sequence[Recipient], platform: str, allow: AllowList, redirect_to: str | None
) -> Sorted:
    """Decide what becomes of each receiver; a simulated one is never reached."""
    kinds = [(receiver, simulated(platform, receiver.value)) for receiver in receivers]
    allowed: list[Recipient] = []
    refused: list[Recipient] = []
    for receiver, kind in kinds:
        if kind is None:
            chosen = allowed if allow.allows(platform, receiver.value) else refused
            chosen.append(receiver)
    return Sorted(
        allowed=tuple(allowed),
        redirected=tuple(refused) if redirect_to is not None else (),
        recorded=tuple(refused) if redirect_to is None else (),
        simulated=tuple((receiver, kind) for receiver, kind in kinds if kind is not None),
    )


def onward(
    envelope: Envelope,
    receivers: Sorted,
    allow: AllowList,
    redirect_to: str | None,
    capabilities: Capabilities,
) -> Envelope:
    """Return the message as it goes out; no address that must not be reached is left in it.

    The headers of a mail name its receivers too, and an answer to all goes to everyone there.
    """
    platform = envelope.channel.platform
    copies = sort_receivers(envelope.copies, platform, allow, redirect_to)
    envelope = evolve(envelope, content=_without_receivers(envelope.content))
    content = envelope.content
    if receivers.redirected:
        content = _with_note(envelope, receivers, capabilities)
    return evolve(
        envelope,
        receivers=_reached(receivers, redirect_to),
        copies=_reached(copies, redirect_to),
        content=content,
    )


def _reached(receivers: Sorted, redirect_to: str | None) -> tuple[Recipient, ...]:
    is_there = any(receiver.value == redirect_to for receiver in receivers.allowed)
    if redirect_to is None or is_there or not receivers.redirected:
        return receivers.allowed
    return (*receivers.allowed, Recipient(value=redirect_to))


def _without_receivers(content: Content) -> Content:
    if not isinstance(content, EmailContent):
        return content
    headers = {
        name: value
        for name, value in content.headers.items()
        if name.lower() not in _ADDING_RECEIVERS
    }
    return evolve(content, headers=headers)


def _with_note(envelope: Envelope, receivers: Sorted, capabilities: Capabilities) -> Content:
    """Return the content with the note, unless that makes it more than the provider takes."""
    content, channel = envelope.content, envelope.channel
    shown = _shown(envelope, receivers)
    hidden = len(receivers.redirected) - len(shown)
    noted = _noted(content, shown, hidden, capabilities)
    if check_capabilities(noted, 1, capabilities, ""):
        return content
    most = channel.max_parts or MAX_SMS_PARTS
    is_too_long = isinstance(noted, SmsContent) and noted.sms.count > most
    return content if is_too_long else noted


def _shown(envelope: Envelope, receivers: Sorted) -> list[str]:
    """Return whom to name; hidden receivers only if none of those allowed reads it too."""
    shown = [
        receiver.value
        for receiver in receivers.redirected
        if receiver.type is not ReceiverType.BCC or not receivers.allowed
    ]
    if envelope.channel.platform == PUSH:  # a token is long, and a secret of its device
        return [f"{value[:_TOKEN_SHOWN]}…" for value in shown]
    return shown


def _names(shown: Sequence[str], hidden: int, most: int) -> str:
    rest = hidden + len(shown[most:])
    if not shown:
        return f"{rest} hidden"
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest else "")


def _noted(
    content: Content, shown: Sequence[str], hidden: int, capabilities: Capabilities
) -> Content:
    note = f"(for {_names(shown, hidden, _MOST_IN_TEXT)}) "
    match content:
        case EmailContent():
            headers = dict(content.headers)
            if "headers" not in capabilities.lacks:
                headers[HEADER] = _names(shown, hidden, _MOST_IN_HEADER)
            return evolve(content, subject=note + content.subject, headers=headers)
        case SmsContent():
            return SmsContent(sms=split_sms(note + content.text))
        case MmsContent():
            return evolve(content, text=note + (content.text or ""))
        case PushContent():
            return evolve(content, text=note + content.text)
    return content
