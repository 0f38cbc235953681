"""Who a message may say it is from."""

from collections.abc import Collection, Iterable
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.channel import EMAIL, SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import EmailFrom
from messaging_core.models.people.contact import Sender
from messaging_core.rules.addressing.addresses import (
    check_email_address,
    check_sms_sender,
    normalize_email,
)
from messaging_core.rules.addressing.sender_pool import channel_senders
from messaging_core.rules.formats.text import check_line

MAX_USER_NAME_LENGTH: Final = 64  # of a local part: RFC 5321 §4.5.3.1.1
MAX_NAME_LENGTH: Final = 255
MAX_SENDER_LENGTH: Final = 500

_USER_NAME: Final = pattern(r"[A-Za-z0-9_/+-]+(?:\.[A-Za-z0-9_/+-]+)*")


def check_sender(
    sender: Sender, channel: Channel, path: str, domains: Collection[str] = ()
) -> list[Violation]:
    """Hold a sender to the Bird Channels API, rule 29, and to what the platform can show.

    On SMS it is a number, a short code or an alphanumeric sender. On email it replaces the user
    part of the channel's address, so it is a user name without a domain; that is how we read
    "replaces the channel's default sender user name". A complete address is accepted where its
    domain is the channel's, or another one of the workspace: any other would be a forgery.
    Elsewhere it is one line.

    Args:
        sender: As requested.
        channel: That the message goes out on.
        path: Where the sender is in the request.
        domains: Of the other email channels of the workspace, as `mail_domains` returns them.
    """
    connector = sender.connector
    here = f"{path}/connector/identifierValue"
    violations = check_sender_value(connector.identifier_value, channel.platform, here)
    if "@" in connector.identifier_value and channel.platform == EMAIL and not violations:
        violations = check_sender_domain(connector.identifier_value, channel, here, domains)
    if connector.annotations is not None and connector.annotations.name is not None:
        name = connector.annotations.name
        violations += check_display_name(name, f"{path}/connector/annotations/name")
    return violations


def check_sender_value(value: str, platform: str, path: str) -> list[Violation]:
    """Refuse what a message on this platform cannot name as its sender."""
    if platform == EMAIL:
        return check_mail_sender(value, path)
    if platform == SMS:
        violation = check_sms_sender(value, path)
        return [] if violation is None else [violation]
    return check_line(value, path, required=True, longest=MAX_SENDER_LENGTH)


def check_mail_sender(value: str, path: str) -> list[Violation]:
    """Refuse what is neither a user name nor a complete address; `check_sender_domain` goes on."""
    if "@" not in value:
        return check_user_name(value, path)
    if check_email_address(value, path) is None:
        return []
    message = "a user name, or a complete address such as billing@example.com"
    return [Violation(path, "sender.bad_user_name", message)]


def check_sender_domain(
    value: str, channel: Channel, path: str, domains: Collection[str] = ()
) -> list[Violation]:
    """Refuse a complete address whose domain is none of the workspace's."""
    if "@" not in value or mail_domain(value) in {*mail_domains([channel]), *domains}:
        return []
    message = (
        "the domain is that of no email channel of this workspace: give the user name alone, or "
        "describe a channel with that domain"
    )
    return [Violation(path, "sender.bad_user_name", message)]


def mail_domains(channels: Iterable[Channel]) -> frozenset[str]:
    """Return the domains that email channels send from."""
    senders = [
        sender
        for channel in channels
        if channel.platform == EMAIL
        for sender in channel_senders(channel)
    ]
    return frozenset(map(mail_domain, senders))


def mail_domain(address: str) -> str:
    """Return the domain of an address in the one spelling in which domains are compared."""
    return normalize_email(address).rpartition("@")[2]


def check_user_name(value: str, path: str) -> list[Violation]:
    r"""Refuse what cannot stand before the "@" of the channel's own address.

    The Bird Channels API publishes the unanchored pattern `[\w\d.-/+]+`, whose `.-/` is an
    accidental range (rule 30). We anchor it, take the hyphen literally and `\w` as ASCII, and
    ask for a dot-atom (RFC 5322 §3.2.3) of at most 64 characters, or no server would take it.
    """
    if len(value) <= MAX_USER_NAME_LENGTH and _USER_NAME.fullmatch(value):
        return []
    message = (
        f"a user name without a domain: 1 to {MAX_USER_NAME_LENGTH} of a-z, digits and _-/+, "
        "and dots between them"
    )
    return [Violation(path, "sender.bad_user_name", message)]


def check_display_name(value: str, path: str) -> list[Violation]:
    """Refuse a display name that is not one line of at most 255 characters (our limit)."""
    return check_line(value, path, longest=MAX_NAME_LENGTH)


def check_email_from(sender: EmailFrom, path: str) -> list[Violation]:
    """Hold `emailFrom` of a body and `from` of `meta.email` to the Bird Channels API, rule 30.

    A complete address is accepted as for `check_sender`; `check_sender_domain` looks at its domain.
    """
    violations: list[Violation] = []
    if sender.username is not None:
        violations += check_mail_sender(sender.username, f"{path}/username")
    if sender.display_name is not None:
        violations += check_display_name(sender.display_name, f"{path}/displayName")
    return violations
