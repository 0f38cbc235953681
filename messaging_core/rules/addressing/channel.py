"""Whether the host has described a channel that can work."""

from datetime import timedelta
from typing import Final, get_args

from messaging_core.lazy import pattern
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Body
from messaging_core.rules.addressing.addresses import check_email_address
from messaging_core.rules.addressing.sender import check_display_name, check_sender_value
from messaging_core.rules.addressing.sender_pool import check_sender_pool
from messaging_core.rules.addressing.unsubscribe import (
    check_unsubscribe_mailto,
    check_unsubscribe_url,
)
from messaging_core.rules.formats.sms import MAX_SMS_PARTS
from messaging_core.rules.formats.text import check_line

MAX_NAME_LENGTH: Final = 255
MAX_KEY_LENGTH: Final = 64
MOST_CONCURRENT: Final = 1000
LONGEST_ESCALATION: Final = timedelta(days=35)
PLATFORM: Final = pattern(r"[A-Za-z0-9-]{3,60}")
"""The names of platforms (Bird Channels API, listing of messages)."""


def check_channel(channel: Channel) -> list[Violation]:
    """Refuse a channel that could never send, before the first message finds out.

    A platform is 3 to 60 of `A-Za-z0-9-`. `SMS` or `Email` is a slip, not a platform of the
    host's own; so is a name that is similar to one of ours, such as `mail`, without `rules`. A
    sender fits the platform: on email, where there must be one, it is the complete
    address. Elsewhere none is needed, since a provider may know its sender itself.

    Returns:
        Violations with the fields of `Channel` as paths, in camelCase.
    """
    violations = check_line(channel.name, "/name", required=True, longest=MAX_NAME_LENGTH)
    violations += check_platform(channel.platform, "/platform") or _check_slip(channel)
    if channel.sender is not None:
        violations += _check_sender(channel.sender, channel.platform, "/sender")
    elif channel.platform == EMAIL:
        message = "an email channel has the address that its mail comes from"
        violations.append(Violation("/sender", "channel.no_sender", message))
    violations += check_sender_pool(channel)
    for sender in channel.senders.senders if channel.senders else ():
        violations += _check_sender(sender, channel.platform, "/senders")
    if channel.sender_name is not None:
        violations += check_display_name(channel.sender_name, "/senderName")
    if channel.mms and channel.platform != SMS:
        message = f"MMS is for sms channels, not for {channel.platform}"
        violations.append(Violation("/mms", "channel.mms_only_on_sms", message))
    violations += _check_sms_only(channel)
    if channel.in_doubt_timeout < timedelta(0):
        message = "in_doubt_timeout must not be negative: give 0 or more"
        violations.append(
            Violation("/inDoubtTimeout", "channel.negative_in_doubt_timeout", message)
        )
    violations += _check_concurrency(channel.concurrency)
    violations += _check_rules(channel)
    violations += _check_unsubscribe(channel)
    violations += _check_escalation(channel)
    key = channel.identifier_key
    return violations + check_line(key, "/identifierKey", required=True, longest=MAX_KEY_LENGTH)


def _check_slip(channel: Channel) -> list[Violation]:
    """Refuse a platform whose name is nearly one of ours, unless it has rules of its own."""
    ours = (SMS, EMAIL, PUSH)
    if channel.platform in ours or channel.rules is not None:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - a channel of ours does not need it

    close = get_close_matches(channel.platform.lower(), ours, n=1)
    if not close:
        return []
    message = (
        f'"{channel.platform}" is not one of {", ".join(ours)} (did you mean "{close[0]}"?);'
        f" a platform of your own needs rules: PlatformRules, or [platforms.{channel.platform}]"
    )
    return [Violation("/platform", "channel.bad_platform", message)]


def _check_sms_only(channel: Channel) -> list[Violation]:
    violations = []
    most = channel.max_parts
    if most is not None and not 1 <= most <= MAX_SMS_PARTS:
        message = f"a number of parts from 1 to {MAX_SMS_PARTS}, or None for no limit of its own"
        violations.append(Violation("/maxParts", "channel.bad_max_parts", message))
    if channel.platform == SMS:
        return violations
    for is_set, name in ((most is not None, "maxParts"), (channel.smart_encoding, "smartEncoding")):
        if is_set:
            message = f"parts are counted on sms channels, not on {channel.platform}: leave it out"
            violations.append(Violation(f"/{name}", "channel.only_on_sms", message))
    return violations


def check_platform(value: str, path: str) -> list[Violation]:
    """Refuse what is not the name of a platform, or one of ours in the wrong case."""
    if not PLATFORM.fullmatch(value):
        message = "3 to 60 letters, digits and hyphens"
        return [Violation(path, "channel.bad_platform", message)]
    ours = value.lower()
    if ours in {SMS, EMAIL, PUSH} and value != ours:
        return [Violation(path, "channel.bad_platform", f'write "{ours}" in lower case')]
    return []


def _check_sender(value: str, platform: str, path: str) -> list[Violation]:
    if platform != EMAIL:
        return check_sender_value(value, platform, path)
    violation = check_email_address(value, path)
    return [] if violation is None else [Violation(path, "sender.invalid", violation.message)]


def _check_concurrency(value: object) -> list[Violation]:
    if value is None:
        return []
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_CONCURRENT:
        return []
    message = f"a whole number from 1 to {MOST_CONCURRENT}, or None for the worker's `threads`"
    return [Violation("/concurrency", "channel.bad_concurrency", message)]


def _check_escalation(channel: Channel) -> list[Violation]:
    escalation = channel.escalation
    if escalation is None:
        return []
    if escalation.channel == channel.name:
        message = "another channel takes over, not the channel itself"
        return [Violation("/escalation/channel", "channel.bad_escalation", message)]
    if timedelta(seconds=1) <= escalation.after <= LONGEST_ESCALATION:
        return []
    message = f"from 1 second to {LONGEST_ESCALATION.days} days"
    return [Violation("/escalation/after", "channel.bad_escalation", message)]


def _check_rules(channel: Channel) -> list[Violation]:
    rules = channel.rules
    if rules is None:
        return []
    if channel.platform in {SMS, EMAIL, PUSH}:
        message = f"the engine has rules for {channel.platform}: leave them out"
        return [Violation("/rules", "channel.rules_not_its_own", message)]
    violations = []
    known = {kind.type for kind in get_args(Body)}
    if rules.body_types is not None and not known.issuperset(rules.body_types):
        message = f"types of body are {', '.join(sorted(known))}"
        violations.append(Violation("/rules/bodyTypes", "channel.bad_rules", message))
    for name, most in (("maxText", rules.max_text), ("maxMedia", rules.max_media)):
        if most is not None and most < 1:
            message = "a number from 1, or None for no limit"
            violations.append(Violation(f"/rules/{name}", "channel.bad_rules", message))
    return violations


def _check_unsubscribe(channel: Channel) -> list[Violation]:
    url, mailto = channel.unsubscribe_url, channel.unsubscribe_mailto
    violations = [] if url is None else check_unsubscribe_url(url, "/unsubscribeUrl")
    if mailto is not None:
        violations += check_unsubscribe_mailto(mailto, "/unsubscribeMailto")
    if channel.platform != EMAIL and (url is not None or mailto is not None):
        message = f"List-Unsubscribe is for email channels, not for {channel.platform}"
        path = "/unsubscribeMailto" if url is None else "/unsubscribeUrl"
        violations.append(Violation(path, "unsubscribe.only_on_email", message))
    return violations
