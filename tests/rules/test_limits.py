"""Every limit of the rules holds at its value, and not one beyond.

Each number is written here once more: a limit that moves by one is noticed.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from messaging_core.acceptance.idempotency import check_key, check_window
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    AuthenticationBody,
    Card,
    CarouselBody,
    Channel,
    ContactChanges,
    ContactIdentifier,
    EmailFrom,
    FrequencyCap,
    Identifier,
    MessageQuery,
    NewContact,
    Otp,
    Receiver,
    ReceiverContact,
    ReplyAction,
    ReplyTo,
    SendRules,
    TextBody,
    Violation,
)
from messaging_core.rules.addressing.addresses import check_push_token
from messaging_core.rules.addressing.channel import check_channel
from messaging_core.rules.addressing.receiver import check_receiver
from messaging_core.rules.addressing.sender import (
    check_display_name,
    check_email_from,
    check_sender_value,
)
from messaging_core.rules.addressing.unsubscribe import check_unsubscribe_url
from messaging_core.rules.content.attachments import check_content
from messaging_core.rules.content.body import check_body
from messaging_core.rules.content.files import check_file_name
from messaging_core.rules.content.headers import check_headers, check_subject
from messaging_core.rules.content.media import check_filename, check_media_type
from messaging_core.rules.content.tags import check_tags
from messaging_core.rules.content.template import check_locale
from messaging_core.rules.formats.hosts import ascii_host
from messaging_core.rules.formats.uris import check_callback_url, check_link, check_web_url
from messaging_core.rules.links.links import check_domain
from messaging_core.rules.policy.schedule import check_schedule
from messaging_core.rules.policy.send_rules import check_send_rules
from messaging_core.rules.policy.validity import check_validity
from messaging_core.rules.requests.contact import check_contact_changes, check_new_contact
from messaging_core.rules.requests.message import check_batch
from messaging_core.rules.requests.query import check_query
from messaging_core.rules.requests.reply_to import check_reply_to

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SMS = Channel(name="sms", platform="sms", sender="Shop")
EMAIL = Channel(name="mail", platform="email", sender="a@shop.example")
FAX = Channel(name="fax", platform="fax")


def to_one(channel: Channel, **fields: Any) -> Sequence[Violation]:
    contact = ReceiverContact(**{"identifier_value": "x", **fields})
    return check_receiver(Receiver(contacts=(contact,)), channel, "")


def to_many(number: int) -> Sequence[Violation]:
    contacts = tuple(
        ReceiverContact(identifier_value=f"a{place}@b.example") for place in range(number)
    )
    return check_receiver(Receiver(contacts=contacts), EMAIL, "")


def identified(number: int) -> tuple[ContactIdentifier, ...]:
    return tuple(ContactIdentifier(key="customer", value=str(place)) for place in range(number))


def one(violation: Violation | None) -> Sequence[Violation]:
    return [] if violation is None else [violation]


def window_of_keys(microseconds: int) -> Sequence[object]:
    try:
        check_window(timedelta(microseconds=microseconds))
    except ConfigurationError as error:
        return [error]
    return []


DAY_IN_MICROSECONDS = 86_400 * 10**6

# The name on the page of limits, its value, and what refuses more.
LIMITS: list[tuple[str, int, Callable[[int], Sequence[object]]]] = [
    ("idempotency.MAX_KEY_LENGTH", 255, lambda n: check_key("k" * n)),
    ("rules.requests.message.MAX_BATCH", 100, lambda n: check_batch([None] * n, "")),
    ("rules.requests.reply_to.MAX_ID_LENGTH", 500, lambda n: check_reply_to(_reply("x" * n), "")),
    ("rules.content.tags.TAG_LIMIT", 10, lambda n: check_tags([f"t{place}" for place in range(n)])),
    ("rules.content.tags.TAG_LENGTH", 50, lambda n: check_tags(["t" * n])),
    ("rules.content.files.MAX_NAME_LENGTH", 255, lambda n: check_file_name("f" * n, "")),
    (
        "rules.policy.schedule.SCHEDULE_LIMIT",
        35 * DAY_IN_MICROSECONDS,
        lambda n: check_schedule(NOW + timedelta(microseconds=n), NOW, ""),
    ),
    ("rules.policy.validity.VALIDITY_LIMIT", 63 * 7 * 86_400, check_validity),
    (
        "rules.policy.send_rules.MAX_CAP_WINDOW",
        366 * DAY_IN_MICROSECONDS,
        lambda n: check_send_rules(
            SendRules(frequency_caps=(FrequencyCap(window=timedelta(microseconds=n)),))
        ),
    ),
    ("rules.addressing.receiver.MAX_PER_LINE", 50, to_many),
    ("rules.addressing.receiver.MAX_ID_LENGTH", 500, lambda n: to_one(FAX, id="i" * n)),
    (
        "rules.addressing.receiver.MAX_KEY_LENGTH",
        250,
        lambda n: to_one(FAX, identifier_key="k" * n, platform_address="x"),
    ),
    (
        "rules.addressing.receiver.MAX_KEY_LENGTH of one of several identifiers",
        250,
        lambda n: to_one(
            FAX, identifiers=(Identifier(identifier_key="k" * n, identifier_value="v"),)
        ),
    ),
    (
        "rules.addressing.receiver.MAX_ADDRESS_LENGTH",
        500,
        lambda n: to_one(FAX, identifier_value="x" * n),
    ),
    (
        "rules.addressing.sender.MAX_SENDER_LENGTH",
        500,
        lambda n: check_sender_value("s" * n, "fax", ""),
    ),
    (
        "rules.addressing.sender.MAX_USER_NAME_LENGTH",
        64,
        lambda n: check_email_from(EmailFrom(username="u" * n), ""),
    ),
    ("rules.addressing.sender.MAX_NAME_LENGTH", 255, lambda n: check_display_name("n" * n, "")),
    (
        "rules.requests.contact.MAX_DISPLAY_NAME_LENGTH",
        150,
        lambda n: check_new_contact(NewContact(display_name="n" * n)),
    ),
    (
        "rules.requests.contact.MAX_KEY_LENGTH",
        64,
        lambda n: check_new_contact(
            NewContact(identifiers=(ContactIdentifier(key="k" * n, value="v"),))
        ),
    ),
    (
        "rules.requests.contact.MAX_LISTS",
        10,
        lambda n: check_new_contact(
            NewContact(list_ids=tuple(UUID(int=place) for place in range(n)))
        ),
    ),
    (
        "rules.requests.contact.MAX_LISTS of changes",
        10,
        lambda n: check_contact_changes(
            ContactChanges(add_to_lists=tuple(UUID(int=place) for place in range(n)))
        ),
    ),
    (
        "rules.requests.contact.MAX_IDENTIFIERS that are removed",
        100,
        lambda n: check_contact_changes(ContactChanges(remove_identifiers=identified(n))),
    ),
    (
        "rules.requests.contact.MAX_LISTS that are left",
        10,
        lambda n: check_contact_changes(
            ContactChanges(remove_from_lists=tuple(UUID(int=place) for place in range(n)))
        ),
    ),
    (
        "rules.requests.contact.MAX_IDENTIFIERS",
        100,
        lambda n: check_new_contact(NewContact(identifiers=identified(n))),
    ),
    (
        "rules.requests.contact.MAX_ATTRIBUTES",
        250,
        lambda n: check_new_contact(
            NewContact(attributes={f"a{place}": place for place in range(n)})
        ),
    ),
    (
        "rules.requests.contact.MAX_ATTRIBUTE_NAME_LENGTH",
        250,
        lambda n: check_new_contact(NewContact(attributes={"a" * n: 1})),
    ),
    (
        "rules.requests.contact.MAX_ATTRIBUTE_LENGTH",
        10_000,
        lambda n: check_new_contact(NewContact(attributes={"a": "x" * n})),
    ),
    (
        "rules.requests.contact.MAX_ATTRIBUTE_VALUES",
        1000,
        lambda n: check_new_contact(NewContact(attributes={"a": ["x"] * n})),
    ),
    (
        "rules.addressing.channel.MAX_NAME_LENGTH",
        255,
        lambda n: check_channel(Channel(name="n" * n, platform="fax")),
    ),
    (
        "rules.addressing.channel.MAX_KEY_LENGTH",
        64,
        lambda n: check_channel(Channel(name="n", platform="fax", identifier_key="k" * n)),
    ),
    (
        "rules.addressing.unsubscribe.MAX_UNSUBSCRIBE_URL",
        500,
        lambda n: check_unsubscribe_url(f"https://a.example/{'x' * (n - 18)}", ""),
    ),
    (
        "rules.formats.sms.MAX_SMS_PARTS",
        255 * 153,
        lambda n: check_body(TextBody(text="x" * n), SMS, ""),
    ),
    (
        "rules.content.headers.MAX_LINE_LENGTH of a subject",
        998,
        lambda n: check_subject("s" * n, ""),
    ),
    (
        "rules.content.headers.MAX_LINE_LENGTH",
        998,
        lambda n: check_headers({"X-Shop": "v" * (n - len("X-Shop: "))}, ""),
    ),
    (
        "rules.content.headers.MAX_LINE_LENGTH beside a malformed one",
        998,
        lambda n: [
            violation
            for violation in check_headers(
                {"X-Shop": "v" * (n - len("X-Shop: ")), "X-Bad": "\n"}, ""
            )
            if violation.code == "header.too_long"
        ],
    ),
    ("rules.content.headers.MAX_NAME_LENGTH", 76, lambda n: check_headers({"X" * n: "v"}, "")),
    (
        "rules.content.headers.MAX_NAME_LENGTH among many",
        76,
        lambda n: check_headers({"X" * n: "v", **{f"X-{place}": "v" for place in range(20)}}, ""),
    ),
    (
        "rules.content.attachments.MAX_INLINE_SIZE",
        102_400,
        lambda n: check_content(b64encode(b"x" * n).decode(), ""),
    ),
    ("rules.content.media.MAX_FILENAME_LENGTH", 255, lambda n: check_filename("f" * n, "")),
    (
        "rules.formats.uris.MAX_URI_LENGTH",
        8192,
        lambda n: check_web_url(f"https://a.example/{'x' * (n - 18)}", ""),
    ),
    (
        "rules.formats.uris.MAX_URI_LENGTH of a link",
        8192,
        lambda n: check_link(f"https://a.example/{'x' * (n - 18)}", ""),
    ),
    (
        "rules.formats.uris.MAX_URI_LENGTH of a webhook",
        8192,
        lambda n: check_callback_url(f"https://a.example/{'x' * (n - 18)}", ""),
    ),
    ("characters of a host", 253, lambda n: [] if ascii_host(_host(n)) else ["refused"]),
    ("characters of a media type", 255, lambda n: check_media_type(_media_type(n), "")),
    ("characters of a locale", 100, lambda n: check_locale(_locale(n), "")),
    ("rules.links.links.MAX_DOMAIN_LENGTH", 128, lambda n: check_domain(_domain(n), "")),
    ("rules.content.cards.MAX_CARDS", 10, lambda n: check_body(_carousel(n), FAX, "")),
    (
        "rules.content.cards.MAX_CAROUSEL_TEXT",
        1024,
        lambda n: check_body(_carousel(2, text="x" * n), FAX, ""),
    ),
    (
        "rules.content.body.MAX_EXPIRATION_TIME",
        90,
        lambda n: check_body(
            AuthenticationBody(otp=Otp(disclaimer=True, expiration_time=n)), FAX, ""
        ),
    ),
    ("models.common.page.MAX_LIMIT", 1000, lambda n: check_query(MessageQuery(limit=n))),
    (
        "rules.requests.query.MAX_PAGE_TOKEN_LENGTH",
        8000,
        lambda n: check_query(MessageQuery(page_token="t" * n)),
    ),
    ("rules.requests.query.MAX_VALUES", 1000, lambda n: check_query(MessageQuery(tag=["t"] * n))),
    (
        "the longest time for which an idempotency key stands",
        3650 * DAY_IN_MICROSECONDS,
        window_of_keys,
    ),
    ("rules.content.cards.MAX_CARD_ACTIONS", 3, lambda n: check_body(_card_with(n), FAX, "")),
    ("characters of a push token", 4096, lambda n: one(check_push_token("t" * n, ""))),
]

# What is refused below a number, and allowed at it.
LEAST: list[tuple[str, int, Callable[[int], Sequence[object]]]] = [
    ("requests of a batch", 1, lambda n: check_batch([None] * n, "")),
    ("characters of a key", 1, lambda n: check_key("k" * n)),
    ("results of a page", 1, lambda n: check_query(MessageQuery(limit=n))),
    ("messages of a cap", 1, lambda n: check_send_rules(_capped(limit=n))),
    ("microseconds of a cap", 1, lambda n: check_send_rules(_capped(window=timedelta(0, 0, n)))),
    ("microseconds for which a key stands", 1, window_of_keys),
    ("characters of a header's name", 1, lambda n: check_headers({"X" * n: "v"}, "")),
    ("characters of a tag", 1, lambda n: check_tags(["t" * n])),
    ("characters of a file name", 1, lambda n: check_filename("f" * n, "")),
    ("characters of a channel's name", 1, lambda n: check_channel(_fax("n" * n))),
    ("minutes of a one-time password", 1, lambda n: check_body(_otp(n), FAX, "")),
]


def _reply(text: str) -> ReplyTo:
    return ReplyTo(id=text, type="message")


def _capped(**fields: Any) -> SendRules:
    return SendRules(frequency_caps=(FrequencyCap(**fields),))


def _fax(name: str) -> Channel:
    return Channel(name=name, platform="fax")


def _otp(minutes: int) -> AuthenticationBody:
    return AuthenticationBody(otp=Otp(disclaimer=True, expiration_time=minutes))


def _domain(length: int) -> str:
    return f"{'a' * 60}.{'b' * (length - 69)}.example"


def _host(length: int) -> str:
    labels = ".".join(["a" * 63] * 3)
    return f"{labels}.{'b' * (length - len(labels) - 1)}"


def _media_type(length: int) -> str:
    return f"a/b; c={'d' * (length - 7)}"


def _locale(length: int) -> str:
    return "x" + "-1" * ((length - 1) // 2) + "2" * ((length - 1) % 2)


def _card_with(actions: int) -> CarouselBody:
    buttons = tuple(ReplyAction(text=f"b{place}") for place in range(actions))
    return CarouselBody(items=(Card(title="x", actions=buttons),))


def _carousel(cards: int, **fields: Any) -> CarouselBody:
    return CarouselBody(
        items=tuple(Card(title="x", description="d") for _ in range(cards)), **fields
    )


@pytest.mark.parametrize(
    ("limit", "refused"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS]
)
def test_a_limit_holds_at_its_value_and_not_one_beyond(
    limit: int, refused: Callable[[int], Sequence[object]]
) -> None:
    assert not list(refused(limit))
    assert list(refused(limit + 1))


@pytest.mark.parametrize(
    ("least", "refused"), [row[1:] for row in LEAST], ids=[row[0] for row in LEAST]
)
def test_what_is_least_is_allowed_and_one_less_is_not(
    least: int, refused: Callable[[int], Sequence[object]]
) -> None:
    assert not list(refused(least))
    assert list(refused(least - 1))
