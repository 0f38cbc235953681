"""What is allowed: pure functions from values to violations.

Every rule that a host checks by itself is here, by topic; a module is imported when one of its
names is first asked for.
"""

from typing import TYPE_CHECKING

from messaging_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from messaging_core.rules.addressing.addresses import (
        address_key,
        check_email_address,
        check_phone_number,
        check_push_token,
        country_of,
        normalize_email,
    )
    from messaging_core.rules.addressing.channel import check_channel
    from messaging_core.rules.addressing.phone_number import normalize_phone_number
    from messaging_core.rules.addressing.receiver import address_of, check_receiver
    from messaging_core.rules.addressing.sender import check_sender
    from messaging_core.rules.addressing.sender_pool import choose_sender
    from messaging_core.rules.content.attachments import check_attachments
    from messaging_core.rules.content.body import check_body
    from messaging_core.rules.content.headers import check_headers, check_subject
    from messaging_core.rules.content.tags import check_tags, normalize_tags
    from messaging_core.rules.formats.sms import encode_smartly, is_gsm, split_sms, to_gsm
    from messaging_core.rules.formats.uris import check_callback_url, check_web_url
    from messaging_core.rules.formats.url_finder import find_urls
    from messaging_core.rules.formats.zones import zones_of_receiver
    from messaging_core.rules.links.html_links import track_html
    from messaging_core.rules.links.links import check_link_tracking, check_short_links
    from messaging_core.rules.links.tracking import track_text, utm_parameters, with_utm
    from messaging_core.rules.policy.frequency import next_free
    from messaging_core.rules.policy.lifecycle import Cause, is_final, may_move
    from messaging_core.rules.policy.quiet_hours import allowed_from, is_quiet
    from messaging_core.rules.policy.schedule import (
        check_schedule,
        due_time,
        is_later,
        parse_rfc3339,
    )
    from messaging_core.rules.policy.send_rules import check_send_rules
    from messaging_core.rules.policy.stop_words import (
        Keyword,
        KeywordKind,
        confirmation_of,
        keyword_of,
    )
    from messaging_core.rules.policy.validity import check_validity, expires_at, validity_of
    from messaging_core.rules.requests.message import check_batch, check_message

__all__ = [
    "Cause",
    "Keyword",
    "KeywordKind",
    "address_key",
    "address_of",
    "allowed_from",
    "check_attachments",
    "check_batch",
    "check_body",
    "check_callback_url",
    "check_channel",
    "check_email_address",
    "check_headers",
    "check_link_tracking",
    "check_message",
    "check_phone_number",
    "check_push_token",
    "check_receiver",
    "check_schedule",
    "check_send_rules",
    "check_sender",
    "check_short_links",
    "check_subject",
    "check_tags",
    "check_validity",
    "check_web_url",
    "choose_sender",
    "confirmation_of",
    "country_of",
    "due_time",
    "encode_smartly",
    "expires_at",
    "find_urls",
    "is_final",
    "is_gsm",
    "is_later",
    "is_quiet",
    "keyword_of",
    "may_move",
    "next_free",
    "normalize_email",
    "normalize_phone_number",
    "normalize_tags",
    "parse_rfc3339",
    "split_sms",
    "to_gsm",
    "track_html",
    "track_text",
    "utm_parameters",
    "validity_of",
    "with_utm",
    "zones_of_receiver",
]

_NAMES = {
    "addressing.addresses": (
        "address_key check_email_address check_phone_number check_push_token country_of "
        "normalize_email"
    ),
    "addressing.channel": "check_channel",
    "addressing.phone_number": "normalize_phone_number",
    "addressing.receiver": "address_of check_receiver",
    "addressing.sender": "check_sender",
    "addressing.sender_pool": "choose_sender",
    "content.attachments": "check_attachments",
    "content.body": "check_body",
    "content.headers": "check_headers check_subject",
    "content.tags": "check_tags normalize_tags",
    "formats.sms": "encode_smartly is_gsm split_sms to_gsm",
    "formats.uris": "check_callback_url check_web_url",
    "formats.url_finder": "find_urls",
    "formats.zones": "zones_of_receiver",
    "links.html_links": "track_html",
    "links.links": "check_link_tracking check_short_links",
    "links.tracking": "track_text utm_parameters with_utm",
    "policy.frequency": "next_free",
    "policy.lifecycle": "Cause is_final may_move",
    "policy.quiet_hours": "allowed_from is_quiet",
    "policy.schedule": "check_schedule due_time is_later parse_rfc3339",
    "policy.send_rules": "check_send_rules",
    "policy.stop_words": "Keyword KeywordKind confirmation_of keyword_of",
    "policy.validity": "check_validity expires_at validity_of",
    "requests.message": "check_batch check_message",
}

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
