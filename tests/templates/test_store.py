"""Stored templates: edited, shown, sent, and never changed under an accepted message."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.templates.liquid import LiquidEngine
from messaging_core import InvalidMessageError, Message, MessageQuery, Messenger, Verdict, Worker
from messaging_core.errors import (
    InvalidQueryError,
    InvalidTemplateError,
    StateError,
    UnknownTemplateError,
)
from messaging_core.models.content.body import Attachment, TextBody
from messaging_core.models.content.template import (
    NumberParameter,
    StringParameter,
    TemplateReference,
    TemplateShortLinks,
)
from messaging_core.models.content.template_project import (
    Missing,
    PlatformContent,
    TemplateContent,
    TemplateProject,
    TemplateStatus,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.envelope import EmailContent, PushContent, SmsContent
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.directory import NewContact
from messaging_core.templates import pinned, render_request
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
)
from messaging_core.wire import dump

FIRST, SECOND = UUID(int=1), UUID(int=2)
SMS = a_channel("orders")
MAIL = a_channel("mail", "email")
APP = a_channel("app", "push", sender="app")
ELSEWHERE = a_channel("elsewhere", workspace=UUID(int=9))
MOVING = "{{ data.secret }}"
SCRIPT = "<script>alert('1')</script>"


def version(version_id: UUID = FIRST, text: str = "Hi {{ name }}", **fields: Any) -> Any:
    usual: dict[str, Any] = {
        "project_id": "parcels",
        "default_locale": "en",
        "generic_content": (
            TemplateContent(locale="en", text=text),
            TemplateContent(locale="nl", text="Hoi {{ name }}"),
        ),
        "platform_content": (
            PlatformContent(
                platform="email",
                locale="en",
                subject="For {{ name }}",
                html="<p>Hi {{ name }}</p>",
                text="Hi {{ name }}",
                attachments=(Attachment(media_url="https://a.example/x.pdf", filename="x.pdf"),),
            ),
            PlatformContent(
                platform="push",
                locale="en",
                subject="For {{ name }}",
                subtitle="from {{ name }}",
                text="Hi {{ name }}",
            ),
        ),
        "variables": (TemplateVariable(key="name"),),
    }
    return TemplateVersion(**{**usual, **fields, "id": version_id})


class Shop:
    """A messenger with its worker, and a template."""

    def __init__(self, *, engine: Any = None) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport()
        self.storage = MemoryStorage()
        self.messenger = Messenger(
            storage=self.storage,
            channels=dict.fromkeys((SMS, MAIL, APP, ELSEWHERE), self.transport),
            clock=self.clock,
            template_engine=engine,
        )
        self.templates = self.messenger.templates

    def publish(self, version: TemplateVersion, **fields: Any) -> TemplateProject:
        self.templates.save(version.project_id, version, **fields)
        return self.templates.activate(version.project_id, version.id)

    def send(self, channel: Any = SMS, **reference: Any) -> Message:
        return self.messenger.send(channel, self.request(channel, **reference))

    def request(self, channel: Any = SMS, **reference: Any) -> SendMessage:
        usual = {"project_id": "parcels", "parameters": (StringParameter(key="name", value="Ada"),)}
        address = {"email": "ada@x.example", "push": "token-1"}.get(
            channel.platform, "+31612345678"
        )
        template = TemplateReference(**{**usual, **reference})
        return SendMessage(receiver=to(address), template=template)

    def delivered(self) -> Any:
        Worker(self.messenger, threads=1).drain()
        return self.transport.sent[-1].content

    def faults(self, channel: Any = SMS, **reference: Any) -> list[tuple[str, str]]:
        with pytest.raises(InvalidMessageError) as caught:
            self.send(channel, **reference)
        return [(violation.path, violation.code) for violation in caught.value.violations]


class WatchedStorage(MemoryStorage):
    """Notes which transactions may write."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        self.begun.append("read" if read_only else "write")
        return super().begin(connection, read_only=read_only)


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.publish(version(), name="The parcels")
    return shop


class TestEditing:
    def test_a_draft_is_saved_replaced_and_activated(self) -> None:
        shop = Shop()

        shop.templates.save("parcels", version(), name="The parcels", description="all")
        shop.templates.save("parcels", version(text="Hello {{ name }}"))
        project = shop.templates.activate("parcels", FIRST)

        assert shop.templates.get("parcels") == project
        assert (project.name, project.description) == ("The parcels", "all")
        assert [version.status for version in project.versions] == [TemplateStatus.ACTIVE]
        assert project.versions[0].generic_content[0].text == "Hello {{ name }}"

    def test_a_draft_may_be_given_as_json(self) -> None:
        shop = Shop()

        project = shop.templates.save("parcels", dump(version()))

        assert project.versions[0].generic_content == version().generic_content

    def test_everything_that_is_wrong_with_a_draft_is_said_at_once(self) -> None:
        shop = Shop()
        broken = version(
            text="Hi {{ name", default_locale="fr", engine="interpolation", platform_content=()
        )

        with pytest.raises(InvalidTemplateError) as caught:
            shop.templates.save("parcels", broken, name="a\nb")

        assert [(violation.path, violation.code) for violation in caught.value.violations] == [
            ("/name", "text.control_character"),
            ("/defaultLocale", "template.no_default_content"),
            ("/genericContent/0/text", "template.syntax"),
        ]
        with pytest.raises(UnknownTemplateError):
            shop.templates.get("parcels")

    def test_a_draft_that_is_no_version_is_refused(self) -> None:
        with pytest.raises(InvalidTemplateError) as caught:
            Shop().templates.save("parcels", {"id": "x", "nonsense": 1})

        paths = {violation.path for violation in caught.value.violations}
        assert {"/id", "/nonsense", "/projectId", "/defaultLocale"} <= paths

    def test_an_active_version_never_changes(self, shop: Shop) -> None:
        with pytest.raises(InvalidTemplateError) as caught:
            shop.templates.save("parcels", version(text="other"))

        assert [violation.code for violation in caught.value.violations] == ["template.immutable"]

    def test_a_project_has_one_draft_at_a_time_and_it_can_be_discarded(self, shop: Shop) -> None:
        shop.templates.save("parcels", version(SECOND))
        with pytest.raises(InvalidTemplateError, match=r"template\.second_draft"):
            shop.templates.save("parcels", version(UUID(int=3)))

        project = shop.templates.discard("parcels")

        assert [version.id for version in project.versions] == [FIRST]
        assert shop.templates.save("parcels", version(UUID(int=3)))

    def test_a_name_belongs_to_one_project(self, shop: Shop) -> None:
        other = version(project_id="other")

        with pytest.raises(InvalidTemplateError, match=r"template\.name_taken"):
            shop.templates.save("other", other, name="The parcels")

        shop.templates.save("parcels", version(SECOND), name="renamed")
        assert shop.templates.save("other", other, name="The parcels").name == "The parcels"

    def test_a_save_does_not_overwrite_a_later_version(self, shop: Shop) -> None:
        seen = shop.templates.get("parcels").updated_at
        shop.templates.save("parcels", version(SECOND), unless_changed_since=seen)

        with pytest.raises(StateError, match="changed meanwhile"):
            shop.templates.save("parcels", version(SECOND, "x"), unless_changed_since=seen)

        saved = shop.templates.get("parcels").versions[-1]
        assert saved.generic_content == version().generic_content

    def test_a_version_whose_engine_is_gone_cannot_be_activated(self) -> None:
        liquid = Shop(engine=LiquidEngine())
        liquid.templates.save("parcels", version(engine="liquid"))
        plain = Messenger(storage=liquid.storage, channels={SMS: RecordingTransport()})

        with pytest.raises(InvalidTemplateError, match=r"template\.unknown_engine"):
            plain.templates.activate("parcels", FIRST)
        with pytest.raises(InvalidTemplateError, match=r"template\.unknown_engine"):
            plain.render("parcels", None, {"name": "Ada"}, channel=SMS)

    def test_a_draft_cannot_be_deactivated(self, shop: Shop) -> None:
        shop.templates.save("parcels", version(SECOND))

        with pytest.raises(StateError, match="draft"):
            shop.templates.deactivate("parcels", SECOND)

    def test_what_is_not_there_is_an_error(self, shop: Shop) -> None:
        for call in (
            lambda: shop.templates.activate("other", FIRST),
            lambda: shop.templates.activate("parcels", SECOND),
            lambda: shop.templates.deactivate("parcels", SECOND),
            lambda: shop.templates.discard("other"),
            lambda: shop.templates.inspect("other"),
            lambda: shop.templates.inspect("parcels", SECOND),
            lambda: shop.messenger.render("other", channel=SMS),
            lambda: shop.messenger.render("parcels", channel=ELSEWHERE),
            lambda: shop.messenger.render("parcels", channel=SMS, version_id=SECOND),
        ):
            with pytest.raises(UnknownTemplateError):
                call()

    def test_projects_are_listed_page_by_page(self) -> None:
        shop = Shop()
        names = ["a", "b", "c", "é", "😀"]
        for name in names:
            shop.templates.save(name, version(project_id=name))
        listed, token = [], None

        while True:
            page = shop.templates.find(limit=2, page_token=token)
            listed += [project.id for project in page.results]
            if (token := page.next_page_token) is None:
                break

        assert listed == names
        assert [project.id for project in shop.templates.find(name="b").results] == ["b"]
        assert shop.templates.find(name="x").results == []

    @pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"page_token": "é"}], ids=str)
    def test_a_listing_that_cannot_be_is_refused(self, asked: dict[str, Any]) -> None:
        with pytest.raises(InvalidQueryError):
            Shop().templates.find(**asked)

    @pytest.mark.parametrize(("limit", "sizes"), [(2, [2, 1]), (3, [3]), (4, [3])])
    def test_a_last_page_names_no_next_one(self, limit: int, sizes: list[int]) -> None:
        shop = Shop()
        for name in "abc":
            shop.templates.save(name, version(project_id=name))

        pages = [shop.templates.find(limit=limit)]
        while token := pages[-1].next_page_token:
            pages.append(shop.templates.find(limit=limit, page_token=token))

        assert [len(page.results) for page in pages] == sizes

    def test_each_change_has_a_time_of_its_own_in_whole_milliseconds(self) -> None:
        shop = Shop()
        shop.clock.advance(timedelta(microseconds=999_999))
        start = shop.clock.now().replace(microsecond=999_000)

        times = [shop.templates.save("parcels", version()).updated_at for _ in range(3)]
        shop.clock.advance(timedelta(seconds=1))
        times.append(shop.templates.discard("parcels").updated_at)

        assert times == [
            start,
            start + timedelta(milliseconds=1),
            start + timedelta(milliseconds=2),
            start + timedelta(seconds=1),
        ]

    def test_reading_takes_no_turn_in_writing(self, shop: Shop) -> None:
        watched = WatchedStorage()
        messenger = Messenger(storage=watched, channels={SMS: RecordingTransport()})
        messenger.templates.save("parcels", version())
        messenger.templates.activate("parcels", FIRST)
        watched.begun.clear()

        messenger.templates.get("parcels")
        messenger.templates.find()
        messenger.templates.inspect("parcels")
        messenger.render("parcels", None, {"name": "Ada"}, channel=SMS)
        messenger.plan(SMS, shop.request())

        assert set(watched.begun) == {"read"}

    def test_a_host_edits_inside_a_transaction_of_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "shop.db"
        with SqliteStorage(path) as storage, closing(sqlite3.connect(path)) as connection:
            messenger = Messenger(storage=storage, channels={SMS: RecordingTransport()})
            for end in (connection.commit, connection.rollback):
                connection.execute("BEGIN IMMEDIATE")
                messenger.templates.save(
                    "parcels", version(text=end.__name__), connection=connection
                )
                end()

            (saved,) = messenger.templates.get("parcels").versions

        assert saved.generic_content[0].text == "commit"

    def test_inspecting_shows_the_draft_else_the_latest(self, shop: Shop) -> None:
        shop.templates.save(
            "parcels",
            version(
                SECOND, "{{ name }} {{ day }}", variables=tuple(map(_variable, ["name", "day"]))
            ),
        )

        draft = shop.templates.inspect("parcels")
        active = shop.templates.inspect("parcels", FIRST)
        shop.templates.discard("parcels")

        assert draft[0].placeholders == ("name", "day")
        assert active[0].placeholders == ("name",)
        assert shop.templates.inspect("parcels") == active


def _variable(key: str) -> TemplateVariable:
    return TemplateVariable(key=key)


class TestShowing:
    def test_a_template_is_shown_by_id_or_name_without_being_sent(self, shop: Shop) -> None:
        by_id = shop.messenger.render("parcels", "nl-BE", {"name": "Ada"}, channel="orders")
        by_name = shop.messenger.render("The parcels", "nl-BE", {"name": "Ada"}, channel=SMS)

        assert by_id == by_name
        assert by_id.body == TextBody(text="Hoi Ada")
        assert shop.messenger.find().results == ()

    def test_a_draft_is_shown_where_it_is_asked_for_or_nothing_is_active(self, shop: Shop) -> None:
        shop.templates.save("parcels", version(SECOND, "New {{ name }}"))
        shop.templates.save("other", version(SECOND, "Other {{ name }}", project_id="other"))
        data = {"name": "Ada"}

        shown = [
            shop.messenger.render("parcels", None, data, channel=SMS),
            shop.messenger.render("parcels", None, data, channel=SMS, version_id=SECOND),
            shop.messenger.render("other", None, data, channel=SMS),
        ]

        assert [message.body.text for message in shown] == ["Hi Ada", "New Ada", "Other Ada"]

    def test_everything_wrong_with_the_values_is_told(self, shop: Shop) -> None:
        with pytest.raises(InvalidTemplateError) as caught:
            shop.messenger.render("parcels", "en", {"name": 12}, channel=SMS)

        (violation,) = caught.value.violations
        assert (violation.path, violation.code) == ("/data/name", "template.wrong_type")

    def test_what_the_channel_does_not_carry_is_told(self, shop: Shop) -> None:
        with pytest.raises(InvalidTemplateError) as caught:
            shop.messenger.render("parcels", "en", {"name": "x" * 100_000}, channel=SMS)

        assert [violation.code for violation in caught.value.violations] == ["text.too_many_parts"]

    def test_a_value_of_ten_megabytes_is_refused(self, shop: Shop) -> None:
        with pytest.raises(InvalidTemplateError) as caught:
            shop.messenger.render("parcels", "en", {"name": "x" * 10_000_000}, channel=MAIL)

        assert {violation.code for violation in caught.value.violations} == {"template.too_large"}


class TestSending:
    def test_a_message_names_what_it_was_rendered_from_and_holds_what_it_became(
        self, shop: Shop
    ) -> None:
        message = shop.messenger.get(shop.send(locale="nl-BE", version="latest").id)

        assert message.body == TextBody(text="Hoi Ada")
        assert message.template == TemplateReference(
            project_id="parcels",
            version=str(FIRST),
            locale="nl",
            parameters=(StringParameter(key="name", value="Ada"),),
        )
        assert shop.delivered().text == "Hoi Ada"

    def test_what_is_returned_is_what_is_stored(self, shop: Shop) -> None:
        for channel in (SMS, MAIL, APP):
            sent = shop.send(channel)
            assert shop.messenger.get(sent.id) == sent

    @pytest.mark.parametrize(
        "reference",
        [
            {},
            {"version": "latest"},
            {"version": str(FIRST)},
            {"version": str(FIRST).upper()},
            {"project_id": None, "name": "The parcels"},
            {"name": "no other name counts beside an id"},
            {"parameters": (), "variables": {"name": "Ada"}},
            {"parameters": (), "variables": {"default": "Ada"}},
        ],
        ids=str,
    )
    def test_a_template_is_named_in_many_ways(self, shop: Shop, reference: dict[str, Any]) -> None:
        message = shop.send(**reference)

        assert message.body == TextBody(text="Hi Ada")
        assert message.template is not None
        assert (message.template.project_id, message.template.version) == ("parcels", str(FIRST))

    def test_a_template_speaks_the_language_of_its_receiver(self, shop: Shop) -> None:
        shop.messenger.contacts.create(
            NewContact(
                locale="nl-BE",
                identifiers=(ContactIdentifier(key="phonenumber", value="+31612345678"),),
            )
        )

        assert shop.send().body == TextBody(text="Hoi Ada")
        assert shop.send(locale="en").body == TextBody(text="Hi Ada")
        assert shop.messenger.plan(SMS, shop.request()).sms.text == "Hoi Ada"

    @pytest.mark.parametrize(("other", "subject"), [("nl", "Voor Ada"), ("de", "For Ada")])
    def test_one_mail_to_several_is_in_a_language_that_all_of_them_share(
        self, other: str, subject: str
    ) -> None:
        shop = Shop()
        contents = (
            PlatformContent(platform="email", locale="en", subject="For Ada", text="Hi"),
            PlatformContent(platform="email", locale="nl", subject="Voor Ada", text="Hoi"),
        )
        shop.publish(version(platform_content=contents))
        for address, locale in (("ada@x.example", "nl"), ("bob@x.example", other)):
            identifier = ContactIdentifier(key="emailaddress", value=address)
            shop.messenger.contacts.create(NewContact(locale=locale, identifiers=(identifier,)))
        template = TemplateReference(
            project_id="parcels", parameters=(StringParameter(key="name", value="Ada"),)
        )

        message = shop.messenger.send(
            MAIL, SendMessage(receiver=to("ada@x.example", "bob@x.example"), template=template)
        )

        assert message.body is not None
        assert message.body.metadata.subject == subject

    def test_a_mail_has_the_subject_html_text_and_attachments_of_its_template(
        self, shop: Shop
    ) -> None:
        more = Attachment(media_url="https://a.example/y.pdf", filename="y.pdf")
        message = shop.send(MAIL, attachments=(more,))

        messages = shop.messenger.find(MessageQuery(email_subject="for ada")).results
        content = shop.delivered()

        assert isinstance(content, EmailContent)
        assert (content.subject, content.html, content.text) == (
            "For Ada",
            "<p>Hi Ada</p>",
            "Hi Ada",
        )
        assert [attachment.filename for attachment in content.attachments] == ["x.pdf", "y.pdf"]
        assert [result.id for result in messages] == [message.id]

    def test_a_push_message_has_title_subtitle_and_text(self, shop: Shop) -> None:
        shop.send(APP)

        content = shop.delivered()

        assert isinstance(content, PushContent)
        assert (content.title, content.subtitle, content.text, content.data) == (
            "For Ada",
            "from Ada",
            "Hi Ada",
            None,
        )

    def test_a_push_message_may_be_data(self, shop: Shop) -> None:
        data = PlatformContent(
            platform="push", locale="en", data='{"android": {"notification": {"body": {{ name }}}}}'
        )
        shop.publish(version(SECOND, platform_content=(data,)))
        shop.send(APP)

        content = shop.delivered()

        assert content.data == {"android": {"notification": {"body": "Ada"}}}
        assert content.text == "Ada"

    def test_a_batch_renders_each_request(self, shop: Shop) -> None:
        batch = shop.messenger.send_batch(
            SMS, [shop.request(), shop.request(version=str(SECOND)), a_request("plain")]
        )

        good, bad, plain = batch.messages
        assert good.body == TextBody(text="Hi Ada")
        assert (bad.body, bad.details) == (None, "template.unknown_version")
        assert bad.template is not None
        assert plain.body == TextBody(text="plain")

    def test_the_plan_shows_the_rendered_envelope(self, shop: Shop) -> None:
        plan = shop.messenger.plan(SMS, shop.request())
        broken = shop.messenger.plan(SMS, shop.request(parameters=()))

        assert plan.verdict is Verdict.ACCEPTED
        assert plan.envelope is not None
        assert isinstance(plan.envelope.content, SmsContent)
        assert plan.envelope.content.text == "Hi Ada"
        assert broken.verdict is Verdict.INVALID

    def test_a_replay_sends_the_same_content(self, shop: Shop) -> None:
        sent = shop.send(APP)
        shop.clock.advance(timedelta(days=3))
        Worker(shop.messenger, threads=1).drain()

        again = shop.messenger.replay(sent.id)
        content = shop.delivered()

        assert (again.body, again.template, again.meta) == (sent.body, sent.template, sent.meta)
        assert (content.text, content.subtitle) == ("Hi Ada", "from Ada")

    def test_the_same_key_gives_the_first_message_whatever_became_of_the_template(
        self, shop: Shop
    ) -> None:
        first = shop.messenger.send(SMS, shop.request(), idempotency_key="k")
        shop.publish(version(SECOND, "New {{ name }}"))

        again = shop.messenger.send(SMS, shop.request(), idempotency_key="k")

        assert again == first

    def test_liquid_renders_what_names_it(self) -> None:
        shop = Shop(engine=LiquidEngine())
        shop.publish(
            version(
                text="{% if total > 9 %}{{ total | number }}{% endif %}",
                engine="liquid",
                platform_content=(),
                variables=(TemplateVariable(key="total", type=VariableType.NUMBER),),
                generic_content=(
                    TemplateContent(locale="en", text="{% if total > 9 %}{{ total }}{% endif %}"),
                ),
            )
        )

        message = shop.send(parameters=(NumberParameter(key="total", value=10),))

        assert message.body == TextBody(text="10")

    def test_a_version_whose_engine_is_gone_is_not_sent(self) -> None:
        liquid = Shop(engine=LiquidEngine())
        liquid.publish(version(engine="liquid"))
        plain = Messenger(storage=liquid.storage, channels={SMS: RecordingTransport()})

        with pytest.raises(InvalidMessageError, match=r"template\.unknown_engine"):
            plain.send(SMS, liquid.request())


class TestWhatStaysAsItIs:
    def test_a_changed_template_changes_no_accepted_message(self, shop: Shop) -> None:
        sent = shop.send()
        shop.publish(version(SECOND, "New {{ name }}"))

        assert shop.delivered().text == "Hi Ada"
        assert shop.messenger.get(sent.id).template == sent.template
        assert shop.send().body == TextBody(text="New Ada")

    def test_an_inactive_template_changes_no_accepted_message(self, shop: Shop) -> None:
        shop.send()
        shop.templates.deactivate("parcels", FIRST)

        assert shop.delivered().text == "Hi Ada"
        assert shop.faults() == [("/template/version", "template.not_active")]

    def test_a_deleted_template_changes_no_accepted_message(self, shop: Shop) -> None:
        sent = shop.send()

        assert shop.templates.delete("parcels")
        assert not shop.templates.delete("parcels")

        assert shop.delivered().text == "Hi Ada"
        assert shop.messenger.get(sent.id).template == sent.template
        assert shop.faults() == [("/template/projectId", "template.unknown")]

    def test_a_project_that_was_made_again_is_another_one_at_once(self, shop: Shop) -> None:
        shop.send()
        shop.templates.delete("parcels")
        shop.publish(version(text="Again {{ name }}"))

        assert shop.send().body == TextBody(text="Again Ada")

    @given(name=st.text(), locale=st.sampled_from([None, "en", "nl", "nl-BE", "fr"]))
    def test_rendering_again_gives_the_same_bytes(self, name: str, locale: str | None) -> None:
        reference = TemplateReference(
            project_id="parcels",
            locale=locale,
            parameters=(StringParameter(key="name", value=name),),
        )
        for platform in ("sms", "email", "push"):
            made = render_request(version(), platform, reference)
            assert not isinstance(made, tuple)
            assert render_request(version(), platform, pinned(reference, made)) == made


class TestRules:
    @pytest.mark.parametrize(
        ("reference", "faults"),
        [
            ({"project_id": "x"}, [("/template/projectId", "template.unknown")]),
            (
                {"project_id": None, "name": "x"},
                [("/template/name", "template.unknown")],
            ),
            ({"version": str(SECOND)}, [("/template/version", "template.unknown_version")]),
            ({"version": "newest"}, [("/template/version", "template.bad_version")]),
            ({"locale": "e"}, [("/template/locale", "template.bad_locale")]),
            ({"parameters": ()}, [("/template/parameters", "template.missing_variable")]),
            (
                {"parameters": (NumberParameter(key="name", value=1),)},
                [("/template/parameters/0", "template.wrong_type")],
            ),
            (
                {"variables": {"nmae": "x"}},
                [("/template/variables/nmae", "template.unknown_variable")],
            ),
            (
                {"parameters": (StringParameter(key="name", value="x" * 50_000),)},
                [("/template", "text.too_many_parts")],
            ),
        ],
        ids=lambda value: str(value)[:60],
    )
    def test_what_is_wrong_has_its_place_in_the_request(
        self, shop: Shop, reference: dict[str, Any], faults: list[tuple[str, str]]
    ) -> None:
        assert shop.faults(**reference) == faults

    def test_rules_run_on_what_was_rendered(self, shop: Shop) -> None:
        wide = "x" * 1000
        faults = shop.faults(MAIL, parameters=(StringParameter(key="name", value=wide),))
        pushed = shop.faults(APP, parameters=(StringParameter(key="name", value=wide),))

        assert faults == [("/template", "text.too_long")]
        assert set(pushed) == {("/template", "text.too_long")}

    def test_what_is_wrong_elsewhere_is_told_with_it(self, shop: Shop) -> None:
        request = evolve(shop.request(parameters=()), tags=("!",), receiver=to("0612"))

        with pytest.raises(InvalidMessageError) as caught:
            shop.messenger.send(SMS, request)

        paths = [violation.path for violation in caught.value.violations]
        assert {"/tags/0", "/template/parameters"} <= set(paths)
        assert any(path.startswith("/receiver") for path in paths)

    def test_a_body_beside_a_template_is_refused(self, shop: Shop) -> None:
        request = evolve(shop.request(), body=TextBody(text="hi"))

        with pytest.raises(InvalidMessageError, match=r"message\.two_contents"):
            shop.messenger.send(SMS, request)

    def test_a_workspace_sends_only_its_own_templates(self, shop: Shop) -> None:
        assert shop.faults(ELSEWHERE) == [("/template/projectId", "template.unknown")]

    def test_short_links_of_a_template_are_those_of_the_message(self, shop: Shop) -> None:
        short = TemplateShortLinks(enabled=True, domain="go.example")
        shop.publish(version(SECOND, short_links=short))

        message = shop.send()

        assert message.template is not None
        assert message.template.short_links == short


class TestHostileValues:
    @pytest.mark.parametrize("value", [MOVING, "{% if 1 %}x{% endif %}", SCRIPT, "\\{{ name }}"])
    @pytest.mark.parametrize("engine", ["interpolation", "liquid"])
    def test_a_value_that_looks_like_a_template_or_a_script_stays_inert(
        self, value: str, engine: str
    ) -> None:
        shop = Shop(engine=LiquidEngine())
        shop.publish(
            version(
                engine=engine,
                missing=Missing.BLANK,
                variables=(
                    TemplateVariable(key="name"),
                    TemplateVariable(
                        key="data", type=VariableType.OBJECT, default={"secret": "s3"}
                    ),
                ),
            )
        )
        given = (StringParameter(key="name", value=value),)
        escaped = value.replace("<", "&lt;").replace(">", "&gt;")

        shop.send(parameters=given)
        text = shop.delivered().text
        shop.send(MAIL, parameters=given)
        html = shop.delivered().html

        assert text == f"Hi {value}"
        assert "s3" not in html
        assert "<script" not in html
        assert html.replace("&#x27;", "'").replace("&#39;", "'") == f"<p>Hi {escaped}</p>"

    def test_a_body_that_looks_like_a_template_is_sent_as_it_is(self, shop: Shop) -> None:
        shop.messenger.send(SMS, a_request(f"{MOVING} {SCRIPT}"))

        assert shop.delivered().text == f"{MOVING} {SCRIPT}"

    @pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\0"], ids=ascii)
    def test_a_line_break_in_a_value_leaves_a_subject_one_line(
        self, shop: Shop, break_: str
    ) -> None:
        evil = f"Ada{break_}Bcc: eve@evil.example"
        given = (StringParameter(key="name", value=evil),)
        if break_ == "\0":
            assert {code for _, code in shop.faults(MAIL, parameters=given)} == {
                "text.bad_character"
            }
            return

        shop.send(MAIL, parameters=given)
        mail = shop.delivered()
        shop.send(APP, parameters=given)
        push = shop.delivered()

        assert mail.subject == push.title == "For Ada Bcc: eve@evil.example"
        assert push.subtitle == "from Ada Bcc: eve@evil.example"

    def test_a_request_of_ten_megabytes_is_refused_by_its_size(self, shop: Shop) -> None:
        huge = (StringParameter(key="name", value="x" * 10_000_000),)

        assert shop.faults(parameters=huge) == [("", "wire.size")]

    def test_values_that_would_make_a_huge_text_are_refused(self, shop: Shop) -> None:
        shop.publish(version(SECOND, "{{ name }}" * 100))
        large = (StringParameter(key="name", value="x" * 100_000),)

        assert shop.faults(parameters=large) == [("/template", "template.too_large")]


def test_a_subtitle_and_data_may_be_given_without_a_template(shop: Shop) -> None:
    shop.messenger.send(
        APP,
        {
            "receiver": {"contacts": [{"identifierValue": "token-1"}]},
            "body": {"type": "text", "text": {"text": "hi"}},
            "meta": {"pushNotifications": {"subtitle": "s", "data": {"android": {"x": [1]}}}},
        },
    )

    content = shop.delivered()

    assert (content.subtitle, content.data) == ("s", {"android": {"x": [1]}})


def test_a_subtitle_of_two_lines_is_refused(shop: Shop) -> None:
    request = {
        "receiver": {"contacts": [{"identifierValue": "token-1"}]},
        "body": {"type": "text", "text": {"text": "hi"}},
        "meta": {"pushNotifications": {"subtitle": "a\nb"}},
    }

    with pytest.raises(InvalidMessageError) as caught:
        shop.messenger.send(APP, request)

    assert [violation.path for violation in caught.value.violations] == [
        "/meta/pushNotifications/subtitle"
    ]


def test_a_listing_shows_rendered_messages_as_they_are_stored(shop: Shop) -> None:
    message = shop.send(parameters=(StringParameter(key="name", value=str(uuid4())),))

    assert shop.messenger.find().results == [message]
