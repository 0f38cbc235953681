"""Whether a notification may begin: everything that is checked before anything is written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from messaging_core.models.common.channel import EMAIL, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.notification import Notification
from messaging_core.rules.addressing.addresses import address_key, check_email_address
from messaging_core.rules.addressing.receiver import MAX_PER_LINE
from messaging_core.rules.addressing.sender import check_user_name, mail_domain, mail_domains
from messaging_core.rules.addressing.sender_pool import channel_senders
from messaging_core.rules.content.files import check_file_name
from messaging_core.rules.content.headers import check_subject
from messaging_core.rules.formats.text import check_line, check_text

MAX_ATTACHED: Final = 15_000_000
"""Most bytes of all files of one message together (Mia: 15 MB; that it is the total is ours)."""

MAX_FILES: Final = 100
MAX_ID_LENGTH: Final = 500
_KEY: Final = "emailaddress"


def check_notification(
    notification: Notification, channels: Mapping[str, Channel], *, has_files: bool
) -> list[Violation]:
    """Hold a notification to the rules of the Mia-Platform Messaging Service for `POST /send`.

    What has no meaning for the channels asked for is passed over: title and content beside a
    template, and everything about email where no email is to be sent.

    Args:
        notification: What is asked for; its types were checked when it was read.
        channels: The channel of each platform that the workspace has.
        has_files: Whether there is a place that files come from.
    """
    violations = _check_channels(notification.channels, channels)
    violations += _check_people(notification)
    violations += _check_content(notification)
    if EMAIL in notification.channels:
        violations += _check_attachments(notification.email_attachments, has_files=has_files)
        violations += _check_copies(notification)
    return violations


def valid_addresses(addresses: Iterable[str]) -> list[str]:
    """Return the addresses of copies that are any, each once, in order."""
    by_key: dict[str, str] = {}
    for address in addresses:
        if check_email_address(address, "") is None:
            by_key.setdefault(address_key(_KEY, address), address)
    return list(by_key.values())


def sender_channel(address: str, channels: Collection[Channel]) -> tuple[Channel, str | None]:
    """Return the channel that sends from an address, and the user name that replaces its own.

    A channel with a pool of senders would choose one by the receiver, so the address replaces it.

    Raises:
        LookupError: No email channel has the address or its domain, so sending from it would be a
            forgery.
    """
    key = address_key(_KEY, address)
    for channel in channels:
        if key in {address_key(_KEY, sender) for sender in channel_senders(channel)}:
            return channel, address if channel.senders else None
    user, _, domain = address.rpartition("@")
    for channel in channels:
        is_own = mail_domain(address) in mail_domains([channel])
        if is_own and not check_user_name(user, ""):
            return channel, address if channel.senders else user
    raise LookupError(domain)


def _check_channels(platforms: Sequence[str], channels: Mapping[str, Channel]) -> list[Violation]:
    if not platforms:
        message = f"name at least one of {', '.join(sorted(channels))}"
        return [Violation("/channels", "notification.no_channels", message)]
    violations = []
    for index, platform in enumerate(platforms):
        channel = channels.get(platform)
        if channel is None:
            message = f"one of {', '.join(sorted(channels))}"
            violations.append(
                Violation(f"/channels/{index}", "notification.unknown_channel", message)
            )
        elif not channel.active:
            message = f"the channel {channel.name} is not active"
            violations.append(Violation(f"/channels/{index}", "channel.inactive", message))
    return violations


def _check_people(notification: Notification) -> list[Violation]:
    violations = []
    if not notification.recipients and not notification.clusters:
        message = "name recipients or clusters"
        violations.append(Violation("", "notification.no_recipients", message))
    for name in ("recipients", "clusters"):
        for index, item in enumerate(getattr(notification, name)):
            here = f"/{name}/{index}"
            violations += check_line(item, here, required=True, longest=MAX_ID_LENGTH)
    return violations


def _check_content(notification: Notification) -> list[Violation]:
    if notification.template_id is not None:
        return check_line(
            notification.template_id, "/templateId", required=True, longest=MAX_ID_LENGTH
        )
    title, content = notification.message_title, notification.message_content
    if not title or not content:
        message = "give a templateId, or both messageTitle and messageContent"
        return [Violation("", "notification.no_content", message)]
    return [*check_subject(title, "/messageTitle"), *check_text(content, "/messageContent")]


def _check_attachments(names: Sequence[str], *, has_files: bool) -> list[Violation]:
    if names and not has_files:
        message = "the messenger was given no files to attach any from"
        return [Violation("/emailAttachments", "notification.no_files", message)]
    if len(names) > MAX_FILES:
        message = f"at most {MAX_FILES} files, not {len(names)}"
        return [Violation("/emailAttachments", "notification.too_many_files", message)]
    return [
        violation
        for index, name in enumerate(names)
        for violation in check_file_name(name, f"/emailAttachments/{index}")
    ]


def _check_copies(notification: Notification) -> list[Violation]:
    violations = []
    for name, addresses in (
        ("emailCarbonCopies", notification.email_carbon_copies),
        ("emailBlindCarbonCopies", notification.email_blind_carbon_copies),
    ):
        number = len(valid_addresses(addresses))
        if number > MAX_PER_LINE:
            message = f"at most {MAX_PER_LINE} addresses, not {number}"
            violations.append(Violation(f"/{name}", "receiver.too_many_on_line", message))
    return violations
