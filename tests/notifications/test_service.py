"""Notifications, by the rules of the Mia-Platform Messaging Service.

docs/reference/notifications.md names the test of each rule.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.mail.compose import compose
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Messenger, Worker
from messaging_core.errors import (
    ConfigurationError,
    InvalidRequestError,
    MediaError,
    StorageError,
)
from messaging_core.models import (
    Attachment,
    ContactIdentifier,
    Deferred,
    EmailContent,
    Envelope,
    Failure,
    FrequencyCap,
    Identifier,
    MessageIds,
    MessageQuery,
    MessageType,
    NewContact,
    Notification,
    NotificationReport,
    QuietHours,
    QuietWindow,
    Rejected,
    Retry,
    SendRules,
    Status,
    SuppressionCause,
    SuppressionScope,
    TemplateProject,
    UserFields,
)
from messaging_core.notifications.audience import MappedAudience
from messaging_core.ports.files import Files, StoredMedia
from messaging_core.templates import from_mia
from messaging_core.testing.clock import ManualClock
from messaging_core.testing.files import MemoryFiles
from messaging_core.testing.recording import RecordingTransport
from messaging_core.wire import dump, load

MAIL = Channel(name="mail", platform="email", sender="shop@sender.example")
SMS = Channel(name="sms", platform="sms", sender="Shop")
PUSH = Channel(name="app", platform="push", sender="app")
VOICE = Channel(name="calls", platform="voice", sender="+31600000001", identifier_key="phonenumber")
TEMPLATE_ID = "5e8b1e2f1c9d440000a1b2c3"

ADA = {
    "_id": "ada",
    "emailAddress": "ada@receiver.example",
    "phoneNumber": "+31612345678",
    "deviceToken": "token-of-ada",
    "clusters": ["vips", "staff"],
    "name": "Ada",
    "shoe": {"size": 37},
}
GRACE = {"_id": "grace", "phoneNumber": "+31612345679", "clusters": ["vips"], "name": "Grace"}
JOAN = {"_id": "joan", "emailAddress": "joan@receiver.example", "clusters": [], "name": "Joan"}
Record = Mapping[str, Any]


def finder(records: Sequence[Record]) -> Callable[[str, Sequence[str]], Iterator[Record]]:
    def find(field: str, values: Sequence[str]) -> Iterator[Record]:
        for record in records:
            held = record.get(field)
            several = held if isinstance(held, list) else [held]
            if any(value in values for value in several):
                yield record

    return find


class Engine:
    """A messenger whose users are records, and a worker that delivers for it."""

    def __init__(
        self,
        *records: Record,
        channels: Sequence[Channel] = (MAIL, SMS, PUSH, VOICE),
        answer: Callable[[Envelope], Any] = lambda _: None,
        fields: UserFields | None = None,
        **settings: Any,
    ) -> None:
        self.transport = RecordingTransport(answer)
        self.clock = ManualClock()
        settings.setdefault("audience", MappedAudience(finder(records), fields))
        self.messenger = Messenger(
            storage=MemoryStorage(),
            channels=dict.fromkeys(channels, self.transport),
            clock=self.clock,
            **settings,
        )
        self.worker = Worker(self.messenger, threads=1)

    def notify(self, *channels: str, key: str | None = None, **fields: Any) -> NotificationReport:
        return self.worker.notify(a_notification(*channels, **fields), idempotency_key=key)

    def refused(self, *channels: str, **fields: Any) -> list[str]:
        """Return code and place of each violation, having seen that nothing was written."""
        with pytest.raises(InvalidRequestError) as caught:
            self.messenger.notify(a_notification(*channels, **fields))
        assert self.messenger.find().results == ()
        return [f"{violation.path} {violation.code}" for violation in caught.value.violations]

    def store(self, **document: Any) -> None:
        """Keep a template of the service, and let it be sent."""
        project = from_mia({"_id": TEMPLATE_ID, "name": "parcel", **document}, uuid4())
        self.keep(project)

    def keep(self, project: TemplateProject) -> None:
        (version,) = project.versions
        self.messenger.templates.save(project.id, version, name=project.name)
        self.messenger.templates.activate(project.id, version.id)

    def sent(self) -> list[tuple[str, str]]:
        return [(envelope.channel.platform, envelope.to) for envelope in self.transport.sent]

    def contents(self) -> list[Any]:
        return [envelope.content for envelope in self.transport.sent]


def a_notification(*channels: str, **fields: Any) -> Notification:
    usual: dict[str, Any] = {"channels": channels, "message_title": "Hi", "message_content": "Ho"}
    if "template_id" in fields:
        usual = {"channels": channels}
    if not {"recipients", "clusters"} & set(fields):
        usual["recipients"] = ("ada",)
    return Notification(**usual | fields)


def failed(report: NotificationReport) -> list[tuple[str, str, str]]:
    return [
        (failure.user_id, failure.channel, failure.error.partition(":")[0])
        for failure in report.failures
    ]


def skipped(report: NotificationReport) -> list[tuple[str, str, str]]:
    return [(skip.user_id, skip.channel, skip.reason) for skip in report.skipped]


# Validation


def test_rule_7_channels_are_needed_and_duplicates_collapse() -> None:
    engine = Engine(ADA)

    assert engine.refused() == ["/channels notification.no_channels"]
    assert len(engine.notify("sms", "sms").messages) == 1


def test_rule_8_a_channel_that_is_not_active_refuses_everything() -> None:
    engine = Engine(ADA, channels=[SMS, evolve(MAIL, active=False)])

    assert engine.refused("sms", "fax", "email") == [
        "/channels/1 notification.unknown_channel",
        "/channels/2 channel.inactive",
    ]


@pytest.mark.parametrize("fields", [{"recipients": ()}, {"recipients": (), "clusters": ()}])
def test_rule_9_empty_recipients_and_clusters_count_as_none(fields: dict[str, Any]) -> None:
    assert Engine(ADA).refused("sms", **fields) == [" notification.no_recipients"]


def test_rule_9_either_of_recipients_and_clusters_may_be_empty() -> None:
    engine = Engine(ADA, GRACE)

    assert len(engine.notify("sms", recipients=(), clusters=("vips",)).messages) == 2
    assert len(engine.notify("sms", recipients=("ada",), clusters=()).messages) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"message_title": None},
        {"message_content": None},
        {"message_title": ""},
        {"message_title": None, "message_content": None},
    ],
)
def test_rule_10_without_template_title_and_content_are_needed(fields: dict[str, Any]) -> None:
    assert Engine(ADA).refused("sms", **fields) == [" notification.no_content"]


def test_rule_11_a_template_makes_title_and_content_ignored() -> None:
    engine = Engine(ADA)
    engine.store(smsMessage="From the template")

    report = engine.notify(
        "sms", "email", template_id=TEMPLATE_ID, message_title="{{", message_content="Not this"
    )

    assert [content.text for content in engine.contents()] == ["From the template"]
    assert failed(report) == [("ada", "email", "template.no_content")]


@pytest.mark.parametrize("template_id", ["parcel", "nothing", ""])
def test_rule_12_and_17_what_is_no_id_of_a_template_refuses_everything(template_id: str) -> None:
    engine = Engine(ADA)
    engine.store(smsMessage="hi")

    refused = engine.refused("sms", template_id=template_id)

    assert "/templateId template.unknown" in refused


def test_rule_17_a_template_that_is_only_a_draft_refuses_everything() -> None:
    engine = Engine(ADA)
    project = from_mia({"_id": TEMPLATE_ID, "smsMessage": "hi"}, uuid4())
    engine.messenger.templates.save(project.id, project.versions[0])

    assert engine.refused("sms", template_id=TEMPLATE_ID) == ["/templateId template.not_active"]


def test_rule_13_data_is_an_object_and_may_be_missing() -> None:
    engine = Engine(ADA)
    document = dump(a_notification("sms", message_content="[{{data.x}}]"))

    engine.worker.notify(document)

    assert engine.contents()[0].text == "[]"
    with pytest.raises(InvalidRequestError, match="/data"):
        engine.messenger.notify({**document, "data": ["x"]})


def test_rule_14_wrong_types_and_unknown_fields_are_all_reported() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Engine().messenger.notify({"channels": "sms", "recipients": [1], "titel": "x"})

    places = {violation.path for violation in caught.value.violations}
    assert places == {"/channels", "/recipients/0", "/titel"}


def test_rule_14_what_is_built_in_code_is_held_to_the_same_types() -> None:
    wrong: Any = {"recipients": ["ada", 5], "data": "x"}
    with pytest.raises(InvalidRequestError) as caught:
        Engine().messenger.notify(a_notification("sms", **wrong))

    assert {violation.path for violation in caught.value.violations} >= {"/data"}


def test_rule_15_everything_is_checked_before_the_first_message_is_written() -> None:
    engine = Engine(ADA, files=MemoryFiles({"big": b"x" * 15_000_001}))

    refused = engine.refused(
        "sms", "email", message_title="{{user.name", email_sender="boss@bank.example"
    )

    assert refused == [
        "/emailSender notification.unknown_sender",
        "/messageTitle template.syntax",
    ]
    assert engine.refused("sms", "email", email_attachments=("big",)) == [
        "/emailAttachments notification.files_too_large"
    ]


def test_rule_18_attachments_without_files_refuse_everything() -> None:
    assert Engine(ADA).refused("email", "sms", email_attachments=("a.txt",)) == [
        "/emailAttachments notification.no_files"
    ]


# Recipients


def test_rule_19_and_56_recipients_are_compared_with_the_configured_id() -> None:
    engine = Engine({"no": "7", "tel": "nonsense"}, fields=UserFields(id="no", phone_number="tel"))

    report = engine.notify("sms", recipients=("7",))

    assert failed(report) == [("7", "sms", "receiver.not_e164")]


@given(
    people=st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from(["x", "y", "z"]))),
    recipients=st.lists(st.sampled_from("abcdef"), max_size=4),
    clusters=st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=4),
    ours=st.booleans(),
)
def test_rules_20_to_22_each_user_gets_it_once_for_each_channel(
    people: dict[str, set[str]], recipients: list[str], clusters: list[str], *, ours: bool
) -> None:
    numbers = {name: f"+3161234567{place}" for place, name in enumerate("abcdef")}
    records = [
        {"_id": name, "phoneNumber": numbers[name], "clusters": sorted(own)}
        for name, own in people.items()
    ]
    engine = Engine(*records, **({"audience": None} if ours else {}))
    lists = {name: engine.messenger.contacts.create_list(f"{name}{name}").id for name in "xyz"}
    for name, own in people.items() if ours else ():
        identifier = ContactIdentifier(key="phonenumber", value=numbers[name])
        engine.messenger.contacts.create(
            NewContact(
                id=name,
                identifiers=(identifier,),
                list_ids=tuple(lists[cluster] for cluster in own),
            )
        )
    named = tuple(f"{cluster}{cluster}" for cluster in clusters) if ours else tuple(clusters)

    report = engine.notify("sms", "voice", recipients=tuple(recipients), clusters=named)

    meant = {name for name, own in people.items() if name in recipients or own & set(clusters)}
    assert sorted(engine.sent()) == sorted(
        (platform, numbers[name]) for name in meant for platform in ("sms", "voice")
    )
    assert {entry.recipient for entry in report.unresolved} == set(recipients) - set(people)


def test_rule_23_a_cluster_of_any_size_is_served() -> None:
    people = [
        {"_id": str(number), "phoneNumber": f"+316{10_000_000 + number}", "clusters": ["all"]}
        for number in range(1_201)
    ]

    report = Engine(*people).messenger.notify(
        a_notification("sms", recipients=(), clusters=("all",))
    )

    assert len(set(report.messages)) == 1_201


def test_rule_25_unknown_recipients_are_reported_and_stop_no_other() -> None:
    engine = Engine(ADA, audience=None)
    identifier = ContactIdentifier(key="phonenumber", value="+31612345678")
    engine.messenger.contacts.create(NewContact(id="ada", identifiers=(identifier,)))

    report = engine.notify("sms", recipients=("unknown", "ada"), clusters=("none",))

    assert [(entry.recipient, entry.cluster) for entry in report.unresolved] == [
        ("unknown", None),
        (None, "none"),
    ]
    assert report.failures == ()
    assert len(report.messages) == 1


def test_rule_26_an_empty_cluster_is_no_failure() -> None:
    report = Engine().notify("sms", recipients=(), clusters=("empty",))

    assert dump(report) == {"failures": []}


# Channels


def test_rules_27_and_28_a_user_without_an_address_is_skipped_and_gets_the_rest() -> None:
    engine = Engine(ADA, GRACE, JOAN)

    report = engine.notify("email", "sms", recipients=("joan",), clusters=("vips",))

    assert sorted(engine.sent()) == [
        ("email", "ada@receiver.example"),
        ("email", "joan@receiver.example"),
        ("sms", "+31612345678"),
        ("sms", "+31612345679"),
    ]
    assert report.failures == ()
    assert skipped(report) == [
        ("joan", "sms", "receiver.unreachable"),
        ("grace", "email", "receiver.unreachable"),
    ]


def test_rule_29_voice_and_sms_use_the_phone_number() -> None:
    engine = Engine(ADA)

    engine.notify("voice", "sms")

    assert sorted(engine.sent()) == [("sms", "+31612345678"), ("voice", "+31612345678")]


def test_rule_30_email_and_push_have_a_title_and_sms_has_none() -> None:
    engine = Engine(ADA)

    engine.notify("email", "sms", "push", message_title="Title", message_content="Text")

    mail, sms, push = sorted(engine.contents(), key=lambda content: type(content).__name__)
    contents = {type(content).__name__: content for content in (mail, sms, push)}
    assert contents["EmailContent"].subject == "Title"
    assert contents["PushContent"].title == "Title"
    assert [content.text for content in contents.values()] == ["Text"] * 3
    assert "Title" not in repr(contents["SmsContent"].text)


def test_rule_31_html_goes_alone() -> None:
    engine = Engine(ADA)
    engine.store(emailTitle="S", emailMessage="plain", emailHtmlMessage="<p>rich</p>")

    engine.notify("email", template_id=TEMPLATE_ID)

    (mail,) = engine.contents()
    assert (mail.html, mail.text) == ("<p>rich</p>", None)


def test_rule_32_push_data_is_json_after_rendering_and_stands_for_the_rest() -> None:
    engine = Engine(ADA, {**GRACE, "deviceToken": "token-of-grace", "name": '"}'})
    data = '{"android": {"notification": {"body": "Hi {{user.name}}"}}}'
    engine.store(pushTitle="not this", pushData=data)

    report = engine.notify("push", recipients=("ada", "grace"), template_id=TEMPLATE_ID)

    assert [content.data["android"]["notification"]["body"] for content in engine.contents()] == [
        "Hi Ada",
        'Hi "}',
    ]
    assert report.failures == ()


def test_rule_33_a_template_without_a_channel_fails_there_and_only_there() -> None:
    engine = Engine(ADA, GRACE)
    engine.store(emailTitle="S", emailMessage="hi")

    report = engine.notify("sms", "email", recipients=("ada", "grace"), template_id=TEMPLATE_ID)

    assert engine.sent() == [("email", "ada@receiver.example")]
    assert failed(report) == [
        ("ada", "sms", "template.no_content"),
        ("grace", "sms", "template.no_content"),
    ]


def test_rule_34_another_sender_is_one_of_the_workspace() -> None:
    brand = Channel(name="brand", platform="email", sender="Hello@brand.example")
    engine = Engine(ADA, channels=[MAIL, brand], default_channels=[MAIL])

    for sender in ("hello@BRAND.example", "parcels@sender.example", None):
        engine.notify("email", email_sender=sender)

    assert [envelope.sender.value for envelope in engine.transport.sent] == [
        "Hello@brand.example",
        "parcels@sender.example",
        "shop@sender.example",
    ]


@pytest.mark.parametrize(
    "sender", ["boss@bank.example", "no address", "", "a@b@sender.example", "x\r\ny@sender.example"]
)
def test_rule_34_a_forged_sender_refuses_everything(sender: str) -> None:
    assert Engine(ADA).refused("email", email_sender=sender) == [
        "/emailSender notification.unknown_sender"
    ]


def test_rule_35_what_is_no_address_among_copies_is_left_out() -> None:
    engine = Engine(ADA)
    bad = ("no address", "x@y.example\r\nBcc: z@y.example", "")

    report = engine.notify(
        "email",
        email_carbon_copies=(
            *bad,
            "boss@shop.example",
            "BOSS@shop.example",
            "ADA@receiver.example",
        ),
        email_blind_carbon_copies=(*bad, "log@shop.example", "boss@shop.example"),
    )

    (mail,) = engine.transport.sent
    assert {receiver.value: str(receiver.type) for receiver in (*mail.receivers, *mail.copies)} == {
        "ada@receiver.example": "to",
        "boss@shop.example": "cc",
        "log@shop.example": "bcc",
    }
    assert report.failures == ()


def test_rule_36_what_is_for_email_is_passed_over_without_email() -> None:
    engine = Engine(ADA)

    report = engine.notify(
        "sms",
        email_attachments=("../x",),
        email_carbon_copies=("boss@shop.example",),
        email_sender="boss@bank.example",
    )

    assert (report.failures, len(report.messages)) == ((), 1)


# Rendering


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5),
    data=st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_rules_37_and_46_each_user_gets_their_own_values_and_none_is_evaluated(
    names: list[str], data: str
) -> None:
    people = [
        {"_id": str(place), "phoneNumber": f"+3161234567{place}", "name": name}
        for place, name in enumerate(names)
    ]
    engine = Engine(*people)

    report = engine.messenger.notify(
        a_notification(
            "sms",
            recipients=tuple(person["_id"] for person in people),
            message_content="[{{user.name}}|{{data.x}}]",
            data={"x": data},
        )
    )

    refused = {failure.user_id for failure in report.failures}
    for message in map(engine.messenger.get, report.messages):
        assert message.body is not None
        assert message.body.text == f"[{names[int(message.reference or '')]}|{data}]"  # type: ignore[union-attr]
    assert refused == {
        str(place) for place, name in enumerate(names) if "\0" in name or "\0" in data
    }


def test_rules_38_and_39_texts_see_the_whole_record_and_the_data_side_by_side() -> None:
    engine = Engine(ADA)

    engine.notify(
        "sms",
        message_content="{{user.name}} {{user.shoe.size}} {{data.name}}!",
        data={"name": "parcel"},
    )

    assert engine.contents()[0].text == "Ada 37 parcel!"


@pytest.mark.parametrize("name", ["name", "dateNow", "users.name", "User.name", "userdata", "0"])
def test_a_text_that_names_neither_user_nor_data_is_refused(name: str) -> None:
    engine = Engine(ADA)

    assert engine.refused("sms", message_content=f"Hi {{{{{name}}}}}") == [
        "/messageContent template.undeclared_variable"
    ]
    assert engine.refused("push", message_title=f"Hi {{{{{{ {name} }}}}}}") == [
        "/messageTitle template.undeclared_variable"
    ]


def test_a_template_with_helpers_is_rendered_by_the_engine_that_knows_them() -> None:
    engine = Engine(ADA, GRACE, template_engine=HandlebarsEngine())
    text = "{{user.name}}{{#if (eq user.shoe.size 37)}} {{toLocale data.sum locale='it-IT'}}{{/if}}"
    document = {"_id": TEMPLATE_ID, "smsMessage": text}
    engine.keep(from_mia(document, uuid4(), engine="handlebars"))

    report = engine.notify(
        "sms", template_id=TEMPLATE_ID, data={"sum": 12345.5}, clusters=("vips",)
    )

    assert report.failures == ()
    assert {content.text for content in engine.contents()} == {"Ada 12.345,5", "Grace"}


def test_rule_40_names_of_files_and_addresses_are_not_filled_in() -> None:
    engine = Engine(ADA, files=MemoryFiles({"{{data.x}}.txt": b"x"}))

    report = engine.notify(
        "email",
        data={"x": "secret"},
        email_attachments=("{{data.x}}.txt",),
        email_carbon_copies=("{{data.x}}@shop.example",),
    )

    assert report.failures == ()
    (mail,) = engine.contents()
    assert [attachment.filename for attachment in mail.attachments] == ["{{data.x}}.txt"]


def test_rule_41_values_are_escaped_only_in_html() -> None:
    engine = Engine({**ADA, "name": "<script>&"})
    engine.store(
        emailTitle="{{user.name}}",
        emailHtmlMessage="<p>{{user.name}} {{{data.own}}}</p>",
        smsMessage="{{user.name}}",
    )

    engine.notify("email", "sms", template_id=TEMPLATE_ID, data={"own": "<br>"})

    contents = {type(content).__name__: content for content in engine.contents()}
    assert contents["EmailContent"].html == "<p>&lt;script&gt;&amp; <br></p>"
    assert contents["EmailContent"].subject == "<script>&"
    assert contents["SmsContent"].text == "<script>&"


def test_rule_42_a_missing_value_is_nothing() -> None:
    engine = Engine({"_id": "ada", "phoneNumber": "+31612345678"})

    engine.notify("sms", message_content="Dear {{user.name}}{{data.a.b}}.")

    assert engine.contents()[0].text == "Dear ."


def test_rule_44_line_breaks_in_values_become_tags_in_html_alone() -> None:
    engine = Engine({**ADA, "name": "a\r\nb"})
    engine.store(
        emailTitle="{{user.name}}",
        emailHtmlMessage="<p>{{user.name}}</p>",
        smsMessage="{{user.name}}",
    )

    engine.notify("email", "sms", template_id=TEMPLATE_ID)

    contents = {type(content).__name__: content for content in engine.contents()}
    assert contents["EmailContent"].html == "<p>a<br/>b</p>"
    assert contents["EmailContent"].subject == "a b"
    assert contents["SmsContent"].text == "a\r\nb"


def test_rule_45_a_rendering_error_fails_that_user_and_channel_alone() -> None:
    engine = Engine({**ADA, "name": {"first": "Ada"}}, GRACE)

    report = engine.notify("sms", "push", clusters=("vips",), message_content="Hi {{user.name}}")

    assert failed(report) == [
        ("ada", "sms", "template.not_writable"),
        ("ada", "push", "template.not_writable"),
    ]
    assert engine.sent() == [("sms", "+31612345679")]


def test_rule_46_a_value_that_looks_like_a_template_stays_what_it_is() -> None:
    engine = Engine({**ADA, "name": "{{ data.secret }} {{{data.secret}}} {% x %}"})

    engine.notify("sms", message_content="{{user.name}}", data={"secret": "S3CRET"})

    assert engine.contents()[0].text == "{{ data.secret }} {{{data.secret}}} {% x %}"


@pytest.mark.parametrize("evil", ["x\r\nBcc: all@x.example", "x\nSubject: y", "a\x00b", "a\u2028b"])
def test_no_value_breaks_out_of_a_subject(evil: str) -> None:
    engine = Engine({**ADA, "name": evil})

    engine.notify("email", message_title="Hi {{user.name}} {{{user.name}}}")

    (mail,) = engine.contents()
    assert isinstance(mail, EmailContent)
    assert mail.subject is not None
    assert mail.subject.isprintable()


def test_a_title_of_several_lines_refuses_everything() -> None:
    assert Engine(ADA).refused("email", message_title="Hi\r\nBcc: x@y.example") == [
        "/messageTitle text.control_character"
    ]


# Attachments


def test_rules_47_48_and_50_files_of_template_and_request_are_joined_each_once() -> None:
    files = MemoryFiles({"terms.pdf": b"1", "2025/list.csv": b"2"}, "https://files.example/")
    engine = Engine(ADA, files=files)
    document = {
        "_id": TEMPLATE_ID,
        "emailTitle": "S",
        "emailHtmlMessage": "<p>hi</p>",
        "emailAttachments": [{"file": "terms.pdf", "name": "Our terms.pdf"}],
    }
    engine.keep(from_mia(document, uuid4(), files=files.base_url))

    engine.notify(
        "email",
        template_id=TEMPLATE_ID,
        email_attachments=("2025/list.csv", "terms.pdf", "2025/list.csv"),
    )

    (mail,) = engine.contents()
    assert mail.attachments == (
        Attachment(filename="Our terms.pdf", media_url="https://files.example/terms.pdf"),
        Attachment(filename="list.csv", media_url="https://files.example/2025/list.csv"),
    )


@pytest.mark.parametrize(("more", "is_refused"), [(0, False), (1, True)])
def test_rule_49_all_files_together_have_15_mb(more: int, *, is_refused: bool) -> None:
    half = b"x" * 7_500_000
    engine = Engine(ADA, files=MemoryFiles({"a": half, "b": half + b"x" * more}))

    if is_refused:
        assert engine.refused("email", email_attachments=("a", "b")) == [
            "/emailAttachments notification.files_too_large"
        ]
    else:
        assert engine.notify("email", email_attachments=("a", "b", "a")).failures == ()


def test_rule_49_the_files_of_the_template_count() -> None:
    files = MemoryFiles({"a": b"x" * 8_000_000, "b": b"x" * 8_000_000})
    engine = Engine(ADA, files=files)
    document = {"_id": TEMPLATE_ID, "emailMessage": "hi", "emailAttachments": [{"file": "a"}]}
    engine.keep(from_mia(document, uuid4(), files=files.base_url))

    refused = engine.refused("email", template_id=TEMPLATE_ID, email_attachments=("b",))

    assert refused == ["/emailAttachments notification.files_too_large"]


def test_rule_52_a_missing_file_fails_the_email_and_nothing_else() -> None:
    engine = Engine(ADA, files=MemoryFiles())

    report = engine.notify("email", "sms", email_attachments=("gone.txt",))

    assert failed(report) == [("ada", "email", "notification.missing_file")]
    assert engine.sent() == [("sms", "+31612345678")]


def test_files_that_cannot_be_looked_at_now_refuse_everything() -> None:
    class Broken(MemoryFiles):
        def size(self, name: str) -> int | None:  # noqa: ARG002 - the port's
            raise MediaError("the disk is away", permanent=False)

    files: Files = Broken()
    engine = Engine(ADA, files=files)

    with pytest.raises(MediaError):
        engine.notify("email", "sms", email_attachments=("a",))

    assert engine.messenger.find().results == ()


def test_rule_51_the_largest_attachments_fit_into_the_mail_that_a_transport_makes() -> None:
    files = MemoryFiles({"a.bin": b"x" * 15_000_000})
    engine = Engine(ADA, files=files)
    engine.notify("email", email_attachments=("a.bin",))
    (envelope,) = engine.transport.sent
    transport = SmtpTransport("mail.example", media=StoredMedia(files))

    assert isinstance(envelope.content, EmailContent)
    mail = compose(envelope, envelope.content, media=transport.media, limit=transport.max_size)

    assert b"multipart/mixed" in mail.content[:2000]
    assert len(mail.content) > 20_000_000


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "", "C:\\x", "a\r\nb", "a//b"]
)
def test_a_name_that_leads_elsewhere_refuses_everything(name: str) -> None:
    engine = Engine(ADA, files=MemoryFiles())

    assert engine.refused("email", email_attachments=(name,)) == [
        "/emailAttachments/0 notification.bad_file_name"
    ]


# Sending and the report

REFUSED = Rejected(failure=Failure(code=15002, description="refused", retry=Retry.PERMANENT))
BUSY = Deferred(failure=Failure(code=15003, description="busy", retry=Retry.THROTTLED))


def test_rules_53_to_55_failures_are_those_that_surely_did_not_get_it() -> None:
    answers = {"+31612345678": REFUSED, "joan@receiver.example": REFUSED}
    engine = Engine(ADA, GRACE, JOAN, answer=lambda envelope: answers.get(envelope.to))

    report = engine.notify("email", "sms", recipients=("joan",), clusters=("vips",))

    assert sorted(failed(report)) == [("ada", "sms", "15002"), ("joan", "email", "15002")]
    delivered = {
        message.id for message in engine.messenger.find(MessageQuery(status=Status.SENT)).results
    }
    assert delivered.isdisjoint(failure.message_id for failure in report.failures)
    assert delivered | {failure.message_id for failure in report.failures} == set(report.messages)


def test_rule_54_all_may_fail_and_the_report_is_made() -> None:
    report = Engine(ADA, answer=lambda _: REFUSED).notify("email", "sms")

    assert dump(report) == {
        "failures": [
            {"userId": "ada", "channel": "email", "error": "15002: refused"},
            {"userId": "ada", "channel": "sms", "error": "15002: refused"},
        ]
    }
    assert load(NotificationReport, dump(report)).failures == tuple(
        evolve(failure, message_id=None) for failure in report.failures
    )


def test_rule_57_errors_hold_no_addresses_and_no_content() -> None:
    people = [
        {"_id": "1", "emailAddress": "secret name@x.example", "phoneNumber": "+3161234SECRET"},
        {
            "_id": "2",
            "emailAddress": "secret@",
            "phoneNumber": "+31secret",
            "name": {"s": "secret"},
        },
        {"_id": "3", "phoneNumber": "+31612345678", "name": ["secret"]},
    ]

    report = Engine(*people).notify(
        "email", "sms", recipients=("1", "2", "3"), message_content="{{user.name}}"
    )

    assert len(report.failures) == 5
    assert not any("secret" in failure.error.lower() for failure in report.failures)


def test_rule_59_where_users_cannot_be_read_nothing_is_sent() -> None:
    def find(*_: object) -> Iterator[Record]:
        yield ADA
        raise StorageError("the directory is away")

    engine = Engine(audience=MappedAudience(find))

    with pytest.raises(StorageError):
        engine.notify("sms")

    assert engine.messenger.find().results == ()


def test_rule_60_a_long_sms_goes_in_parts() -> None:
    engine = Engine(ADA)

    engine.notify("sms", message_content="x" * 1000)

    assert engine.contents()[0].sms.count == 7


def test_rule_61_what_is_tried_again_is_no_failure_before_it_is_given_up() -> None:
    engine = Engine(ADA, answer=lambda _: BUSY, idempotency_window=timedelta(days=7))

    report = engine.notify("sms", key="k")

    assert (report.failures, len(report.messages)) == ((), 1)
    engine.clock.advance(days=3)
    engine.worker.drain()
    assert failed(engine.notify("sms", key="k")) == [("ada", "sms", "12004")]


def test_without_a_worker_the_report_names_the_messages() -> None:
    engine = Engine(ADA)

    report = engine.messenger.notify(a_notification("email", "sms"))

    assert engine.transport.sent == []
    messages = [engine.messenger.get(message) for message in report.messages]
    assert [(message.reference, message.status) for message in messages] == [
        ("ada", Status.ACCEPTED)
    ] * 2


def test_a_repeated_notification_sends_nothing_a_second_time() -> None:
    engine = Engine(ADA, GRACE, JOAN)

    first = engine.notify("sms", key="k", clusters=("vips",))
    again = engine.notify("sms", "email", key="k", recipients=("joan",), clusters=("vips",))

    assert set(first.messages) < set(again.messages)
    assert sorted(engine.sent()) == [
        ("email", "ada@receiver.example"),
        ("email", "joan@receiver.example"),
        ("sms", "+31612345678"),
        ("sms", "+31612345679"),
    ]


def test_a_repeated_notification_that_reads_otherwise_is_skipped() -> None:
    engine = Engine(ADA)
    (first,) = engine.notify("sms", key="k").messages

    again = engine.notify("sms", key="k", message_content="other")

    assert skipped(again) == [("ada", "sms", "idempotency.conflict")]
    assert again.skipped[0].message_id == first
    assert len(engine.transport.sent) == 1


def test_an_unusable_key_refuses_everything() -> None:
    engine = Engine(ADA)

    with pytest.raises(InvalidRequestError, match=r"idempotency\.invalid_key"):
        engine.notify("sms", key="two\nlines")

    assert engine.messenger.find().results == ()


def test_a_suppressed_address_is_skipped() -> None:
    engine = Engine(ADA)
    engine.messenger.suppressions.suppress(
        Identifier(identifier_key="phonenumber", identifier_value="+31612345678"),
        SuppressionScope.TRANSACTIONAL,
        SuppressionCause.MANUAL,
    )

    report = engine.notify("sms", "email")

    assert skipped(report) == [("ada", "sms", "suppressed.transactional")]
    assert report.skipped[0].message_id is not None
    assert (report.failures, len(report.messages)) == ((), 1)


def test_what_a_cap_stops_is_skipped_and_no_failure() -> None:
    promotions = evolve(SMS, message_type="promotional")
    cap = FrequencyCap(only_if_asked=False)
    engine = Engine(ADA, channels=[promotions], send_rules=SendRules(frequency_caps=(cap,)))

    engine.notify("sms")

    assert skipped(engine.notify("sms")) == [("ada", "sms", "frequency.capped")]


def test_what_waits_for_quiet_hours_to_end_is_among_the_messages() -> None:
    hours = QuietHours(
        windows=(QuietWindow(start=time(0), end=time(23)),),
        message_types=frozenset({MessageType.TRANSACTIONAL}),
    )
    engine = Engine(ADA, send_rules=SendRules(quiet_hours=hours))

    report = engine.notify("sms")

    assert (report.failures, report.skipped, engine.transport.sent) == ((), (), [])
    assert engine.messenger.get(report.messages[0]).status is Status.SCHEDULED


def test_a_workspace_names_its_default_channels() -> None:
    other = Channel(name="other", platform="sms", sender="Other")
    tenant = UUID(int=5)
    own = Channel(name="own", platform="sms", sender="Tenant", workspace=tenant)
    engine = Engine(ADA, channels=[SMS, other, own], default_channels=["other"])

    engine.notify("sms")
    engine.worker.notify(a_notification("sms"), workspace=tenant)

    assert [envelope.sender.value for envelope in engine.transport.sent] == ["Other", "Tenant"]


def test_of_several_channels_without_default_none_is_taken() -> None:
    other = Channel(name="other", platform="sms", sender="Other")

    assert Engine(ADA, channels=[SMS, other]).refused("sms") == [
        "/channels/0 notification.unknown_channel"
    ]
    with pytest.raises(ConfigurationError, match="two default channels"):
        Engine(channels=[SMS, other], default_channels=[SMS, other])


def test_a_template_speaks_the_language_of_each_user() -> None:
    engine = Engine({**ADA, "locale": "nl-NL"}, {**GRACE, "locale": "fr"})
    project = from_mia({"_id": TEMPLATE_ID, "smsMessage": "Hello {{user.name}}"}, uuid4())
    (version,) = project.versions
    dutch = evolve(version.platform_content[0], locale="nl", text="Hallo {{user.name}}")
    version = evolve(version, platform_content=(*version.platform_content, dutch))
    engine.keep(evolve(project, versions=(version,)))

    report = engine.notify("sms", template_id=TEMPLATE_ID, recipients=("ada", "grace"))

    assert [content.text for content in engine.contents()] == ["Hallo Ada", "Hello Grace"]
    meta = engine.messenger.get(report.messages[0]).meta
    assert meta is not None
    assert meta.extra_information == {
        "templateId": TEMPLATE_ID,
        "templateVersion": str(version.id),
        "templateLocale": "nl",
    }


def test_the_time_of_a_worker_s_report_is_bounded() -> None:
    people = [
        {"_id": str(number), "phoneNumber": f"+316{10_000_000 + number}", "clusters": ["all"]}
        for number in range(250)
    ]
    engine = Engine(*people)

    report = engine.worker.notify(
        a_notification("sms", recipients=(), clusters=("all",)), within=timedelta(0)
    )

    assert engine.transport.sent == []
    assert (report.failures, len(report.messages)) == ((), 250)


def test_message_ids_are_a_sequence_of_little_size() -> None:
    ids = [uuid4() for _ in range(3)]
    message_ids = MessageIds(ids)

    assert (list(message_ids), len(message_ids), message_ids[-1], message_ids[1:]) == (
        ids,
        3,
        ids[2],
        ids[1:],
    )
    assert repr(message_ids) == "<3 message ids>"
    with pytest.raises(IndexError):
        message_ids[3]
