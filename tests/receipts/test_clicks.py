"""Links of messages: shortened and tracked alike in plan and every attempt, and followed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import InvalidMessageError, Messenger, Worker
from messaging_core.errors import ConfigurationError, StorageBusyError, UnknownShortLinkError
from messaging_core.models.content.action import LinkAction
from messaging_core.models.content.body import HtmlBody, TextBody
from messaging_core.models.content.short_link import LinkSettings, ShortLink
from messaging_core.models.content.template import (
    StringParameter,
    TemplateReference,
    TemplateShortLinks,
)
from messaging_core.models.content.template_project import (
    TemplateContent,
    TemplateVariable,
    TemplateVersion,
)
from messaging_core.models.delivery.delivery import Controls
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.outcome import Deferred
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.request import SendMessage, ShortLinks
from messaging_core.ports.codes import Codes
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.formats.iris import uri_of
from messaging_core.rules.formats.url_finder import find_urls
from messaging_core.rules.links.short_links import code_of
from messaging_core.testing import (
    MONDAY_MORNING,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)
from messaging_core.wire import dump, load

SMS = a_channel("orders")
MMS = a_channel("mms", mms=True)
MAIL = a_channel("mail", "email")
APP = a_channel("app", "push", sender="app")
LONG = "https://shop.example/orders/2026/4711/parcels/1?lang=en"
SHORT = ShortLinks(domain="go.example")


class NumberedCodes(Codes):
    def __init__(self) -> None:
        self._numbers = count()

    def new(self) -> str:
        return code_of(next(self._numbers).to_bytes(8))


class Shop:
    """A messenger with its worker, whose codes are counted."""

    def __init__(
        self, storage: Storage | None = None, *, answers: Any = (), **options: Any
    ) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport(answers)
        self.storage = storage or MemoryStorage()
        self.messenger = Messenger(
            storage=self.storage,
            channels=dict.fromkeys((SMS, MMS, MAIL, APP), self.transport),
            clock=self.clock,
            **{"codes": NumberedCodes(), **options},
        )

    def send(self, body: Any, channel: Any = SMS, **fields: Any) -> Any:
        return self.messenger.send(channel, _request(body, channel, **fields))

    def deliver(self) -> Any:
        Worker(self.messenger, threads=1).drain()
        return self.transport.attempts[-1].content

    def links(self, message: Any) -> list[ShortLink]:
        with self.storage.begin(read_only=True) as tx:
            return tx.short_links.of_message(SMS.workspace, message.id)


def _request(body: Any, channel: Any = SMS, **fields: Any) -> SendMessage:
    address = {"email": "ada@x.example", "push": "token-1"}.get(channel.platform, "+31612345678")
    usual = {"short_links": SHORT} if channel.platform == "sms" else {}
    return a_request(body, to=address, **{**usual, **fields})


@pytest.fixture(params=["memory", "sqlite"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "memory":
        yield Shop()
    else:
        with SqliteStorage(tmp_path / "shop.db") as storage:
            yield Shop(storage)


class TestSending:
    def test_links_are_shortened_when_they_are_sent_and_stored_with_the_message(
        self, shop: Shop
    ) -> None:
        message = shop.send(f"Here: {LONG}, and again {LONG}.")

        content = shop.deliver()

        assert content.text == (
            "Here: https://go.example/00000000000, and again https://go.example/00000000000."
        )
        assert shop.messenger.get(message.id).body == TextBody(
            text=f"Here: {LONG}, and again {LONG}."
        )
        assert [(link.code, link.url, link.message_id) for link in shop.links(message)] == [
            ("00000000000", LONG, message.id)
        ]

    def test_every_attempt_sends_the_same_links(self) -> None:
        shop = Shop(answers=[Deferred(failure=a_failure())] * 2)
        shop.send(LONG)

        for _ in range(3):
            shop.deliver()
            shop.clock.advance(timedelta(hours=4))

        assert [envelope.content.text for envelope in shop.transport.attempts] == [
            "https://go.example/00000000000"
        ] * 3

    def test_a_message_without_short_links_stays_as_it_is(self, shop: Shop) -> None:
        message = shop.send(LONG, short_links=None)

        assert shop.deliver().text == LONG
        assert shop.links(message) == []

    def test_the_default_domain_is_the_hosts(self) -> None:
        shop = Shop(short_link_domain="s.example")
        message = shop.send(LONG, short_links=ShortLinks(domain="default"))
        moved = Messenger(
            storage=shop.storage,
            channels={SMS: shop.transport},
            clock=shop.clock,
            short_link_domain="other.example",
        )

        Worker(moved, threads=1).drain()

        assert shop.transport.sent[0].content.text == "https://s.example/00000000000"
        assert shop.links(message)[0].domain == "s.example"

    def test_the_default_domain_without_one_is_refused(self) -> None:
        with pytest.raises(InvalidMessageError) as caught:
            Shop().send(LONG, short_links=ShortLinks(domain="default"))

        assert [(violation.path, violation.code) for violation in caught.value.violations] == [
            ("/shortLinks/domain", "links.no_default_domain")
        ]

    @pytest.mark.parametrize("domain", ["", "no domain", "a/b", "x." * 200])
    def test_a_domain_that_is_no_host_name_is_a_fault_of_the_host(self, domain: str) -> None:
        with pytest.raises(ConfigurationError):
            Shop(short_link_domain=domain)

    def test_codes_that_could_not_be_followed_are_a_fault_of_the_host(self) -> None:
        class Words(Codes):
            def new(self) -> str:
                return "summer"

        shop = Shop(codes=Words())

        with pytest.raises(ConfigurationError, match="summer"):
            shop.send(LONG)
        assert shop.messenger.find().results == ()

    def test_links_that_make_a_text_too_long_are_refused(self) -> None:
        text = "https://a.b/c " * 2700
        wide = ShortLinks(domain="a-rather-long-domain.for-short-links.example")

        with pytest.raises(InvalidMessageError) as caught:
            Shop().send(text, short_links=wide)

        assert [(violation.path, violation.code) for violation in caught.value.violations] == [
            ("/shortLinks", "text.too_many_parts")
        ]

    def test_many_messages_and_batches_have_links_of_their_own(self, shop: Shop) -> None:
        requests = [_request(f"{LONG}&n={number}") for number in range(3)]
        bad = _request(LONG, tags=("!",))

        many = shop.messenger.send_many(SMS, requests)
        batch = shop.messenger.send_batch(SMS, [*requests, bad])

        messages = [*many, *batch.messages]
        urls = [[link.url for link in shop.links(message)] for message in messages]
        assert urls == [[f"{LONG}&n={number}"] for number in range(3)] * 2 + [[]]

    def test_the_text_of_a_picture_message_is_shortened(self, shop: Shop) -> None:
        request = {
            "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
            "shortLinks": {"domain": "go.example"},
            "body": {
                "type": "image",
                "image": {"images": [{"mediaUrl": "https://a.example/x.png"}], "text": LONG},
            },
        }
        shop.messenger.send(MMS, request)

        assert shop.deliver().text == "https://go.example/00000000000"

    def test_a_replay_has_links_of_its_own(self, shop: Shop) -> None:
        old = shop.send(LONG)
        shop.clock.advance(timedelta(days=3))
        Worker(shop.messenger, threads=1).drain()

        new = shop.messenger.replay(old.id)

        assert shop.deliver().text == "https://go.example/00000000001"
        assert [link.url for link in shop.links(new)] == [LONG]

    def test_a_template_brings_its_own_short_links(self) -> None:
        shop = Shop(short_link_domain="s.example")
        version = TemplateVersion(
            id=UUID(int=1),
            project_id="parcels",
            default_locale="en",
            generic_content=(TemplateContent(locale="en", text="See {{ url }}"),),
            variables=(TemplateVariable(key="url"),),
            short_links=TemplateShortLinks(enabled=True),
        )
        shop.messenger.templates.save("parcels", version)
        shop.messenger.templates.activate("parcels", version.id)
        template = TemplateReference(
            project_id="parcels", parameters=(StringParameter(key="url", value=LONG),)
        )

        shop.messenger.send(
            SMS,
            SendMessage(receiver=to("+31612345678"), template=template, enable_link_tracking=True),
        )

        assert shop.deliver().text == "See https://s.example/00000000000"
        with pytest.raises(InvalidMessageError, match=r"links\.no_default_domain"):
            Messenger(storage=shop.storage, channels={SMS: shop.transport}).send(
                SMS, SendMessage(receiver=to("+31612345678"), template=template)
            )


class TestTracking:
    def test_links_lead_where_utm_parameters_tell_of_the_message(self, shop: Shop) -> None:
        message = shop.send(LONG, enable_link_tracking=True)

        (link,) = shop.links(message)

        assert shop.deliver().text == f"https://go.example/{link.code}"
        assert link.url == f"{LONG}&utm_source=orders&utm_medium=sms"

    def test_mails_and_push_messages_are_tracked_without_being_shortened(self, shop: Shop) -> None:
        tracked = {"enable_link_tracking": True}
        shop.send(HtmlBody(html=f'<a href="{LONG}">x</a>', text=LONG), MAIL, **tracked)
        mail = shop.deliver()
        shop.send(TextBody(text="x", actions=(LinkAction(text="x", url=LONG),)), APP, **tracked)
        push = shop.deliver()

        assert "utm_source=mail&amp;utm_medium=email" in mail.html
        assert mail.text == f"{LONG}&utm_source=mail&utm_medium=email"
        assert push.link == f"{LONG}&utm_source=app&utm_medium=push"

    def test_nothing_is_added_without_a_request(self, shop: Shop) -> None:
        shop.send(LONG, MAIL)

        assert shop.deliver().text == LONG


class TestFollowing:
    def test_a_code_leads_to_its_address_and_the_click_is_kept(self, shop: Shop) -> None:
        message = shop.send(LONG, reference="order-1", tags=("vip",))
        shop.clock.advance(timedelta(days=400))

        where = shop.messenger.resolve_short_link("00000000000")

        (click,) = shop.messenger.interactions(message.id)
        event = shop.messenger.timeline(message.id)[-1]
        assert where == LONG
        assert click.type is InteractionType.CLICKED
        assert click.metadata is not None
        assert click.metadata.link is not None
        assert (click.metadata.link.url, click.metadata.prefetched) == (LONG, None)
        assert (click.message_reference, click.message_tags) == ("order-1", ("vip",))
        assert click.created_at == MONDAY_MORNING + timedelta(days=400)
        assert (event.kind, event.outcome) == (EventKind.INTERACTED, "clicked")

    def test_a_machine_that_looks_ahead_is_told_apart(self, shop: Shop) -> None:
        message = shop.send(LONG)

        shop.messenger.resolve_short_link("00000000000", prefetched=True)

        (click,) = shop.messenger.interactions(message.id)
        assert click.metadata is not None
        assert click.metadata.prefetched is True

    @pytest.mark.parametrize(
        "code", ["00000000001", "0000000000", "", "../admin", "\ud800", "https://evil.example"]
    )
    def test_an_unknown_code_is_an_error(self, shop: Shop, code: str) -> None:
        shop.send(LONG)

        with pytest.raises(UnknownShortLinkError) as caught:
            shop.messenger.resolve_short_link(code)

        assert caught.value.code == code

    @pytest.mark.parametrize(
        "changes",
        [{"expires_at": MONDAY_MORNING}, {"url": "javascript:alert(1)"}, {"url": "//evil.example"}],
        ids=str,
    )
    def test_a_stored_link_without_a_location_is_unknown_too(
        self, shop: Shop, changes: dict[str, Any]
    ) -> None:
        message = shop.send(LONG)
        (link,) = shop.links(message)
        with shop.storage.begin() as tx:
            tx.short_links.add([evolve(link, code="A" * 11, **changes)])

        with pytest.raises(UnknownShortLinkError):
            shop.messenger.resolve_short_link("A" * 11)
        assert shop.messenger.interactions(message.id) == []

    def test_a_link_whose_message_is_gone_still_leads_somewhere(self, shop: Shop) -> None:
        (link,) = shop.links(shop.send(LONG))
        with shop.storage.begin() as tx:
            tx.short_links.add([evolve(link, code="B" * 11, message_id=UUID(int=5))])

        assert shop.messenger.resolve_short_link("B" * 11) == LONG

    def test_a_reader_is_led_on_when_the_click_cannot_be_kept(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        shop = Shop(WithoutWriting(MemoryStorage()))
        shop.send(LONG)
        shop.storage.is_busy = True  # type: ignore[attr-defined]

        with caplog.at_level(logging.ERROR):
            where = shop.messenger.resolve_short_link("00000000000")

        assert where == LONG
        assert "could not be kept" in caplog.text
        assert LONG not in caplog.text


class WithoutWriting(Storage):
    """A storage that can refuse all writers."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.is_busy = False

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        if self.is_busy and not read_only:
            raise StorageBusyError("another connection writes")
        with self._storage.begin(connection, read_only=read_only) as tx:
            yield tx


urls = st.sampled_from(
    [
        LONG,
        "https://a.b/c",
        "http://例え.テスト/path",
        "https://café.example/menü?x=1#y",
        "https://a.example/wiki/A_(b)",
        "https://\u0430pple.com/login",
        "https://user:secret@a.example/",
    ]
)
texts = st.lists(urls | st.text(max_size=80), min_size=1, max_size=6).map(" ".join)


@given(text=texts, is_tracked=st.booleans(), domain=st.sampled_from(["go.example", "s.io"]))
def test_what_is_sent_is_what_was_planned_and_every_link_leads_where_it_stood(
    text: str,
    is_tracked: bool,  # noqa: FBT001 - Hypothesis gives it
    domain: str,
) -> None:
    shop = Shop()
    request = _request(text, short_links=ShortLinks(domain=domain), enable_link_tracking=is_tracked)
    plan = shop.messenger.plan(SMS, request)
    if plan.violations:
        with pytest.raises(InvalidMessageError):
            shop.messenger.send(SMS, request)
        return

    message = shop.messenger.send(SMS, request)
    content = shop.deliver()

    planned = plan.envelope.content if plan.envelope else None
    assert isinstance(planned, SmsContent)
    assert len(planned.text) == len(content.text)
    assert (planned.sms.count, planned.sms.encoding) == (content.sms.count, content.sms.encoding)
    assert plan.sms == planned.sms
    restored = content.text
    for link in shop.links(message):
        assert shop.messenger.resolve_short_link(link.code) == uri_of(link.url)
        restored = restored.replace(f"https://{domain}/{link.code}", link.url)
    if not is_tracked:
        assert restored == text
    assert [url.url.partition("?")[0] for url in find_urls(restored)] == [
        url.url.partition("?")[0] for url in find_urls(text)
    ]


@given(
    links=st.builds(
        LinkSettings,
        domain=st.none() | st.just("go.example"),
        parameters=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
        codes=st.dictionaries(urls, st.text(max_size=11)),
    )
)
def test_what_a_delivery_knows_of_links_survives_being_stored(links: LinkSettings) -> None:
    controls = Controls(links=links)

    assert load(Controls, dump(controls)) == controls
