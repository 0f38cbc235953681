"""Opens and clicks of emails, counted by the engine where no provider does it."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import InvalidMessageError, Messenger, Worker
from messaging_core.errors import StorageError, UnknownShortLinkError
from messaging_core.models import Capabilities, EmailContent, HtmlMetadata
from messaging_core.models.content.body import HtmlBody
from messaging_core.models.content.short_link import LinkKind, ShortLink
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import TemplateContent, TemplateVersion
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.outcome import Deferred, Rejected
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.policy.send_rules import SendRules
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_failure
from tests.receipts.test_clicks import NumberedCodes, WithoutWriting

MAIL = a_channel("mail", "email")
NEWS = a_channel(
    "news",
    "email",
    message_type="promotional",
    unsubscribe_url="https://shop.example/stop",
)
TRACKS_NOTHING = Capabilities(
    lacks=frozenset({"click_tracking", "open_tracking", "initial_open_tracking"})
)
SHOP = "https://shop.example/sale?a=1&b=2"
HTML = '<body><a href="https://shop.example/sale?a=1&amp;b=2">Sale</a></body>'
EVERYTHING = HtmlMetadata(
    subject="Sale", open_tracking=True, initial_open_tracking=True, click_tracking=True
)
OPENS = HtmlMetadata(subject="Sale", open_tracking=True)


class Shop:
    """A messenger with its worker, whose codes are counted."""

    def __init__(self, capabilities: Capabilities = TRACKS_NOTHING, **options: Any) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport(options.pop("answers", ()), capabilities=capabilities)
        self.storage = options.pop("storage", None) or MemoryStorage()
        usual = {"codes": NumberedCodes(), "short_link_domain": "go.example"}
        self.messenger = Messenger(
            storage=self.storage,
            channels=dict.fromkeys((MAIL, NEWS), self.transport),
            clock=self.clock,
            **usual | options,
        )

    def send(self, html: str | None = HTML, metadata: Any = EVERYTHING, **fields: Any) -> Any:
        return self.messenger.send(fields.pop("channel", MAIL), request(html, metadata, **fields))

    def deliver(self) -> EmailContent:
        Worker(self.messenger, threads=1).drain()
        content = self.transport.attempts[-1].content
        assert isinstance(content, EmailContent)
        return content

    def links(self, message: Any) -> list[ShortLink]:
        with self.storage.begin(read_only=True) as tx:
            return tx.short_links.of_message(MAIL.workspace, message.id)


def request(html: str | None = HTML, metadata: Any = EVERYTHING, **fields: Any) -> SendMessage:
    receiver = fields.pop("receiver", None) or to("ada@x.example")
    body = HtmlBody(html=html, text=SHOP, metadata=metadata)
    return SendMessage(receiver=receiver, **{"body": body, **fields})


def switches(content: EmailContent) -> list[bool]:
    return [content.open_tracking, content.initial_open_tracking, content.click_tracking]


def hrefs(content: EmailContent) -> list[str]:
    return re.findall(r'href="([^"]*)"', content.html or "")


class TestSending:
    def test_a_mail_has_pixels_and_short_links_and_the_stored_message_has_none(self) -> None:
        shop = Shop()

        message = shop.send()

        first, last, link = "0" * 11, "0" * 10 + "1", "0" * 10 + "2"
        style = 'width="1" height="1" alt="" style="border:0;height:1px;width:1px">'
        assert shop.deliver().html == (
            f'<body><img src="https://go.example/o/{first}" {style}'
            f'<a href="https://go.example/{link}">Sale</a>'
            f'<img src="https://go.example/o/{last}" {style}</body>'
        )
        assert shop.transport.attempts[-1].content.text == SHOP
        assert shop.messenger.get(message.id).body == message.body
        assert message.body.html == HTML
        assert [(stored.kind, stored.url) for stored in shop.links(message)] == [
            (LinkKind.CLICK, SHOP),
            (LinkKind.INITIAL_OPEN, ""),
            (LinkKind.OPEN, ""),
        ]

    def test_every_attempt_sends_the_same(self) -> None:
        shop = Shop(answers=[Deferred(failure=a_failure()), Deferred(failure=a_failure())])
        shop.send()

        sent = []
        for _ in range(3):
            sent.append(shop.deliver())
            shop.clock.advance(timedelta(hours=1))

        assert len(shop.transport.attempts) == 3
        assert sent[0] == sent[1] == sent[2]

    def test_the_transport_is_asked_for_nothing_that_the_engine_does(self) -> None:
        shop = Shop(Capabilities(lacks=frozenset({"initial_open_tracking"})))

        shop.send()

        content = shop.deliver()
        assert switches(content) == [True, False, True]
        assert (content.html or "").count("<img") == 1
        assert hrefs(content) == ["https://shop.example/sale?a=1&amp;b=2"]

    def test_a_provider_that_tracks_gets_the_html_as_it_is(self) -> None:
        shop = Shop(Capabilities())

        message = shop.send()

        content = shop.deliver()
        assert (content.html, switches(content)) == (HTML, [True, True, True])
        assert shop.links(message) == []

    def test_a_plan_shows_what_will_be_sent_and_stores_nothing(self) -> None:
        shop = Shop()

        plan = shop.messenger.plan(MAIL, request())

        assert plan.envelope is not None
        assert isinstance(plan.envelope.content, EmailContent)
        assert (plan.envelope.content.html or "").count("https://go.example/o/") == 2
        shop.messenger.record_open("0" * 11)

    @pytest.mark.parametrize(
        "href",
        [
            "mailto:ada@x.example",
            "tel:+31612345678",
            "cid:logo",
            "#top",
            "/relative",
            "https://go.example/own",
            "https://\u0430pple.com/login",
            "https://user:secret@a.example/",
            "https://shop.example/Unsubscribe?me",
            "https://shop.example/stop/by-header",
            "https://a.example/a b",
            "https://[broken/",
        ],
    )
    def test_links_that_may_not_be_replaced_stay(self, href: str) -> None:
        shop = Shop()
        headers = {"List-Unsubscribe": "<https://shop.example/stop/by-header>"}
        metadata = HtmlMetadata(click_tracking=True, headers=headers)

        message = shop.send(f'<a href="{href}">x</a>', metadata)

        assert hrefs(shop.deliver()) == [href]
        assert shop.links(message) == []

    def test_a_link_may_be_left_out(self) -> None:
        shop = Shop()

        shop.send(f'<a data-no-track href="{SHOP}">x</a>', EVERYTHING)

        assert hrefs(shop.deliver()) == [SHOP]

    def test_a_link_to_the_unsubscribe_address_of_the_channel_stays(self) -> None:
        shop = Shop()

        shop.send('<a href="https://shop.example/stop">x</a>', channel=NEWS)

        assert hrefs(shop.deliver()) == ["https://shop.example/stop"]

    def test_link_tracking_adds_parameters_and_counts_clicks_unless_the_body_says_no(self) -> None:
        shop = Shop()
        silent, refusing = HtmlMetadata(subject="x"), HtmlMetadata(click_tracking=False)
        utm = f"{SHOP}&utm_source=mail&utm_medium=email"

        message = shop.send(metadata=silent, enable_link_tracking=True)
        counted = shop.deliver()
        shop.send(metadata=refusing, enable_link_tracking=True)
        not_counted = shop.deliver()

        assert [link.url for link in shop.links(message)] == [utm]
        assert hrefs(counted) == ["https://go.example/00000000000"]
        assert hrefs(not_counted) == [utm.replace("&", "&amp;")]
        assert (counted.text, not_counted.text) == (utm, utm)

    def test_without_a_domain_link_tracking_adds_parameters_only(self) -> None:
        shop = Shop(short_link_domain=None)

        shop.send(metadata=HtmlMetadata(subject="x"), enable_link_tracking=True)

        assert "utm_source=mail" in hrefs(shop.deliver())[0]

    def test_without_a_domain_tracking_is_refused_with_the_remedy(self) -> None:
        shop = Shop(short_link_domain=None)

        with pytest.raises(InvalidMessageError) as caught:
            shop.send()

        assert [(fault.path, fault.code) for fault in caught.value.violations] == [
            ("/body/html/metadata/clickTracking", "tracking.no_domain"),
            ("/body/html/metadata/initialOpenTracking", "tracking.no_domain"),
            ("/body/html/metadata/openTracking", "tracking.no_domain"),
        ]
        assert "short_link_domain" in str(caught.value)

    def test_a_mail_without_html_has_no_pixel(self) -> None:
        shop = Shop(short_link_domain=None)

        message = shop.send(html=None)

        assert shop.deliver().html is None
        assert shop.links(message) == []

    def test_a_replayed_mail_has_codes_of_its_own(self) -> None:
        shop = Shop(answers=[Rejected(failure=a_failure())])
        message = shop.send()
        first = shop.deliver()

        again = shop.messenger.replay(message.id)

        codes = [{link.code for link in shop.links(sent)} for sent in (message, again)]
        assert [len(own) for own in codes] == [3, 3]
        assert not codes[0] & codes[1]
        assert shop.deliver().html != first.html


class TestRefusing:
    @pytest.mark.parametrize("capabilities", [TRACKS_NOTHING, Capabilities()])
    def test_a_send_rule_wins_over_every_request(self, capabilities: Capabilities) -> None:
        shop = Shop(capabilities, send_rules={MAIL.id: SendRules(mail_tracking=False)})

        message = shop.send()

        content = shop.deliver()
        assert (content.html, switches(content)) == (HTML, [False, False, False])
        assert shop.links(message) == []
        (reason,) = shop.messenger.timeline(message.id)[0].reasons
        assert reason.code == "tracking.refused"
        assert shop.messenger.plan(MAIL, request()).reasons == (reason,)

    def test_a_channel_cannot_allow_what_its_workspace_forbids(self) -> None:
        rules = {MAIL.workspace: SendRules(mail_tracking=False), MAIL.id: SendRules()}
        shop = Shop(send_rules=rules)

        shop.send()

        assert shop.deliver().html == HTML

    def test_a_rule_that_forbids_tracking_needs_no_domain(self) -> None:
        shop = Shop(short_link_domain=None, send_rules=SendRules(mail_tracking=False))

        shop.send()

        assert shop.deliver().html == HTML

    def test_parameters_are_no_counting(self) -> None:
        shop = Shop(send_rules=SendRules(mail_tracking=False))

        shop.send(enable_link_tracking=True)

        assert "utm_source=mail" in hrefs(shop.deliver())[0]


class TestRecording:
    def test_opens_and_clicks_are_interactions_and_no_status(self) -> None:
        shop = Shop()
        message = shop.send()
        shop.deliver()
        before = shop.messenger.get(message.id)

        shop.messenger.record_open("00000000001", prefetched=True)
        shop.messenger.record_open("00000000001", proxy="google")
        shop.messenger.record_open("00000000000")
        assert shop.messenger.resolve_short_link("00000000002") == SHOP

        acts = shop.messenger.interactions(message.id)
        assert [(act.type.value, act.details) for act in acts] == [
            ("opened", "open"),
            ("opened", "open"),
            ("opened", "initial_open"),
            ("clicked", "click"),
        ]
        firsts = [
            (act.is_first_interaction, act.is_first_interaction_including_bots) for act in acts
        ]
        assert firsts == [(False, True), (True, False), (False, False), (True, True)]
        assert acts[0].is_by_machine
        assert acts[1].metadata is not None
        assert acts[1].metadata.extra == {"proxy": "google"}
        assert shop.messenger.get(message.id).status is before.status
        kinds = [(event.kind, event.outcome) for event in shop.messenger.timeline(message.id)]
        assert kinds[-4:] == [(EventKind.INTERACTED, act.type) for act in acts]

    @pytest.mark.parametrize(
        "code", ["00000000002", "ZZZZZZZZZZZ", "", "../admin", "\ud800", "0" * 9_000]
    )
    def test_what_is_no_pixel_changes_nothing(self, code: str) -> None:
        shop = Shop()
        message = shop.send()

        shop.messenger.record_open(code)

        assert shop.messenger.interactions(message.id) == []

    def test_a_pixel_leads_nowhere(self) -> None:
        shop = Shop()
        message = shop.send()

        for code in ("00000000000", "00000000001"):
            with pytest.raises(UnknownShortLinkError):
                shop.messenger.resolve_short_link(code)
        assert shop.messenger.interactions(message.id) == []

    def test_an_open_that_cannot_be_kept_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        storage = WithoutWriting(MemoryStorage())
        shop = Shop(storage=storage)
        message = shop.send()
        storage.is_busy = True

        shop.messenger.record_open("00000000001")

        storage.is_busy = False
        assert "could not be kept" in caplog.text
        assert shop.messenger.interactions(message.id) == []

    def test_a_storage_that_cannot_be_read_is_no_error_of_the_picture(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        storage = MemoryStorage()
        shop = Shop(storage=storage)
        shop.send()

        def begin(*_: Any, **__: Any) -> Any:
            raise StorageError("gone")

        storage.begin = begin  # type: ignore[method-assign]
        shop.messenger.record_open("00000000001")

        assert "could not be looked up" in caplog.text


def test_a_template_is_tracked_as_its_request_says() -> None:
    shop = Shop()
    content = TemplateContent(locale="en", subject="Sale", html=HTML, text=SHOP)
    version = TemplateVersion(
        id=UUID(int=1), project_id="sale", default_locale="en", generic_content=(content,)
    )
    shop.messenger.templates.save("sale", version)
    shop.messenger.templates.activate("sale", version.id)

    template = TemplateReference(project_id="sale")
    shop.messenger.send(
        MAIL,
        SendMessage(receiver=to("ada@x.example"), template=template, enable_link_tracking=True),
    )

    assert hrefs(shop.deliver()) == ["https://go.example/00000000000"]
