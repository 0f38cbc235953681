"""A sandbox reaches only its allow-list, and says so."""

import time
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_core import Channel, Message, Messenger, Status, WhenInDoubt, Worker
from messaging_core.errors import ArgumentError, Withdrawn
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.messages.envelope import (
    EmailContent,
    Envelope,
    MmsContent,
    NativeContent,
    PushContent,
    Recipient,
    SmsContent,
)
from messaging_core.models.people.contact import ReceiverType
from messaging_core.ports.transport import Transport, check_transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing import ManualClock, a_channel, a_request
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    MARK,
    Leave,
    TransportContract,
    an_envelope,
    check_outcome,
)
from messaging_core.testing.recording import BeforeHandoff, RecordingTransport
from testing.recorded import partly_rejected, sent_by

QA, CUSTOMER, BOSS = "qa@shop.example", "jo@customer.example", "boss@customer.example"
ADDRESSES = {"email": "all@shop.example", "sms": "+31687654321", "push": "device-of-qa"}
LOST = Unknown(failure=Failure(code=12005, description="lost", retry=Retry.AMBIGUOUS))
BUSY = Deferred(failure=Failure(code=15001, description="busy", retry=Retry.TRANSIENT))


class TestSandbox(TransportContract):
    """Everyone on the list, so that it must do what the transport does."""

    def make_transport(self) -> Transport:
        self.inner = RecordingTransport()
        return Sandbox(self.inner, allow=["@receiver.example", "+31*", MARK])

    def received(self) -> list[str]:
        return sent_by(self.inner)


class TestRedirected(TransportContract):
    def make_transport(self) -> Transport:
        self.inner = RecordingTransport()
        return Sandbox(self.inner, redirect_to={**ADDRESSES, "pigeon": "loft"}, platforms="pigeon")

    def received(self) -> list[str]:
        """Return each message with the receiver that its note names."""
        return [
            f"{_note_of(envelope)} {text}"
            for envelope, text in zip(self.inner.sent, sent_by(self.inner), strict=True)
        ]


class TestAroundOthers(TransportContract):
    """Around a provider that is busy, and a slow one that takes every message."""

    threads = 4

    def make_transport(self) -> Transport:
        busy = RecordingTransport(lambda _: BeforeHandoff(BUSY), name="busy")
        self.inner = RecordingTransport(lambda _: time.sleep(0.01), name="slow")
        return Sandbox(Failover(busy, self.inner), allow=["@receiver.example", "+31*", MARK])

    def received(self) -> list[str]:
        return sent_by(self.inner)


def _note_of(envelope: Envelope) -> str:
    content = envelope.content
    return content.headers["X-Redirected-For"] if isinstance(content, EmailContent) else ""


def a_mail(*addresses: str, **types: ReceiverType) -> Envelope:
    """Return a mail to some addresses; those in `types`, by their user name, are not in To."""
    receivers = tuple(
        Recipient(value=address, type=types.get(address.partition("@")[0], ReceiverType.TO))
        for address in addresses
    )
    content = EmailContent(subject="Hello", text="hi")
    return evolve(an_envelope("email", content), receivers=receivers, copies=receivers)


def a_text(address: str, text: str = "hi", **fields: Any) -> Envelope:
    envelope = an_envelope("sms", SmsContent(sms=split_sms(text)))
    return evolve(envelope, receivers=(Recipient(value=address),), **fields)


def sent_through(envelope: Envelope, **options: Any) -> tuple[Outcome, list[Envelope]]:
    inner, leave = RecordingTransport(), Leave()
    outcome = Sandbox(inner, **options).send(envelope, leave)
    check_outcome(outcome, marked=leave.calls == 1, envelope=envelope)
    assert leave.calls <= 1
    return outcome, inner.sent


def reached(envelope: Envelope, **options: Any) -> list[str]:
    """Return whom the provider was given, in any place."""
    _, sent = sent_through(envelope, **options)
    return sorted({own.value for mail in sent for own in (*mail.receivers, *mail.copies)})


# --- the allow-list


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("qa@shop.example", "QA@Shop.Example"),
        ("QA@SHOP.example", "qa@shop.example"),
        ("@shop.example", "else@SHOP.example"),
        ("@bücher.example", "a@xn--bcher-kva.example"),
        ("@shop.example", "jo+label@shop.example"),
        ("Zoe\u0308@shop.example", "zo\u00eb@shop.example"),
    ],
)
def test_email_addresses_are_compared_in_one_spelling(entry: str, address: str) -> None:
    assert reached(a_mail(address), allow=[entry]) == [address]


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("qa@shop.example", "qa+1@shop.example"),
        ("@shop.example", "qa@mail.shop.example"),
        ("@shop.example", "qa@evilshop.example"),
        ("@shop.example", "jo@customer.example,qa@shop.example"),
        ("@shop.example", "<jo@customer.example>qa@shop.example"),
        ("+31612345678", "qa@shop.example"),
        ("strasse@shop.example", "straße@shop.example"),
        ("sales@shop.example", "\u017fales@shop.example"),
        ("file@shop.example", "\ufb01le@shop.example"),
    ],
)
def test_no_other_email_address_is_reached(entry: str, address: str) -> None:
    outcome, sent = sent_through(a_mail(address), allow=[entry])

    assert isinstance(outcome, Accepted)
    assert sent == []


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("+31612345678", "+31612345678"),
        ("+31 6 1234-5678", "+31612345678"),
        ("+31612*", "+31612345678"),
        ("+31 6 12 *", "+31612345678"),
        ("+525512345678", "+5215512345678"),
        ("+5255*", "+5215512345678"),
    ],
)
def test_numbers_are_compared_in_one_spelling(entry: str, address: str) -> None:
    assert reached(a_text(address), allow=[entry]) == [address]


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("+31612345678", "+31612345679"),
        ("+31612*", "+31613345678"),
        ("+31612*", "+31612345678,+447700900123"),
        ("@shop.example", "+31612345678"),
    ],
)
def test_no_other_number_is_reached(entry: str, address: str) -> None:
    assert reached(a_text(address), allow=[entry]) == []


def test_other_platforms_have_exact_addresses() -> None:
    envelope = evolve(an_envelope(*CONTENTS[3]), receivers=(Recipient(value="Token:1"),))

    assert reached(envelope, allow=["Token:1"]) == ["Token:1"]
    assert reached(envelope, allow=["token:1"]) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("*", "not another pattern with \\*.*leave the sandbox out"),
        ("+*", "not another pattern"),
        ("*@shop.example", "not another pattern"),
        ("+0612*", "not another pattern"),
        ("0612*", "not another pattern"),
        ("shop.example", "not a domain without @: write @ before the domain"),
        ("@", "not @ without a domain"),
        ("@shop", "not @ without a domain"),
        ("qa@", "not an email address that is wrong"),
        ("+316", "not a number that cannot exist"),
        ("0612345678", "not a number without its country code: write a number with \\+"),
        ("06-1234 5678", "not a number without its country code"),
        ("31612345678", "not a number without its country code"),
        ("", "not an empty text"),
        (7, "not 7"),
        (" ", "not text"),
    ],
)
def test_an_entry_that_matches_nothing_or_everyone_is_refused(entry: Any, fault: str) -> None:
    with pytest.raises(ArgumentError, match=f"^allow must be an address.*{fault}"):
        Sandbox(RecordingTransport(), allow=[entry])


def test_the_error_says_which_entry_is_wrong_and_does_not_show_it() -> None:
    with pytest.raises(ArgumentError, match=r"^entry 2 of allow must be") as caught:
        Sandbox(RecordingTransport(), allow=["@shop.example", "0612345678", "+31612*"])

    assert "0612345678" not in str(caught.value)


@pytest.mark.parametrize("entry", ["31612345678", "0612345678", "@jo_doe"])
def test_a_platform_of_the_hosts_own_has_addresses_of_any_form(entry: str) -> None:
    envelope = evolve(an_envelope(*CONTENTS[3]), receivers=(Recipient(value=entry),))

    assert reached(envelope, allow=[entry], platforms=["pigeon"]) == [entry]


@pytest.mark.parametrize(
    "address",
    [
        7,
        "",
        "nonsense",
        "0612345678",
        {"email": "+31612345678"},
        {"sms": "qa@shop.example"},
        {"push": "a\nb"},
    ],
)
def test_an_address_that_nothing_can_be_redirected_to_is_refused(address: Any) -> None:
    with pytest.raises(ArgumentError, match="redirect_to"):
        Sandbox(RecordingTransport(), redirect_to=address)


def test_an_unknown_platform_of_redirect_to_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r'not one for "emial" \(did you mean "email"\?\)'):
        Sandbox(RecordingTransport(), redirect_to={"emial": QA})
    with pytest.raises(ArgumentError, match=r"in platforms=.*, or in a channel"):
        Sandbox(RecordingTransport(), redirect_to={"pigeon": "loft"})


def test_an_address_of_another_platform_stops_the_channel_and_sends_nothing() -> None:
    outcome, sent = sent_through(a_text("+31612345678"), redirect_to="qa@shop.example")

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.CONFIGURATION
    assert sent == []


# --- redirected and recorded


def test_what_is_recorded_says_so() -> None:
    envelope = a_mail(CUSTOMER)

    outcome, sent = sent_through(envelope)

    assert sent == []
    assert outcome == Accepted(
        references=(f"sandbox-recorded-{envelope.message_id}",),
        raw="recorded by the sandbox; nothing was sent",
    )


def test_the_stored_message_shows_that_it_was_recorded() -> None:
    message, inner = delivered_to("+31612345678")

    assert message.status is Status.SENT
    assert [part.platform_reference for part in message.parts] == [f"sandbox-recorded-{message.id}"]
    assert inner.attempts == []


def test_a_redirected_mail_says_for_whom_it_was() -> None:
    _, (mail,) = sent_through(a_mail(CUSTOMER, BOSS), redirect_to=QA)

    assert [own.value for own in mail.receivers] == [QA]
    assert [own.value for own in mail.copies] == [QA]
    assert isinstance(mail.content, EmailContent)
    assert mail.content.subject == f"(for {CUSTOMER}, {BOSS}) Hello"
    assert mail.content.headers["X-Redirected-For"] == f"{CUSTOMER}, {BOSS}"
    assert mail.content.text == "hi"


def test_of_three_receivers_the_one_on_the_list_is_reached() -> None:
    envelope = a_mail(QA, CUSTOMER, BOSS, jo=ReceiverType.CC, boss=ReceiverType.BCC)

    assert reached(envelope, allow=[QA]) == [QA]
    assert reached(envelope, allow=[QA], redirect_to="all@shop.example") == [
        "all@shop.example",
        QA,
    ]


def test_a_receiver_on_the_list_does_not_read_who_was_hidden() -> None:
    envelope = a_mail(QA, CUSTOMER, BOSS, boss=ReceiverType.BCC)

    _, (mail,) = sent_through(envelope, allow=[QA], redirect_to="all@shop.example")

    assert isinstance(mail.content, EmailContent)
    assert mail.content.subject == f"(for {CUSTOMER} and 1 more) Hello"
    assert BOSS not in repr(mail.content.headers)


def test_an_address_on_the_list_that_is_redirected_to_gets_one_copy() -> None:
    _, (mail,) = sent_through(a_mail(QA, CUSTOMER), allow=[QA], redirect_to=QA)

    assert [own.value for own in mail.receivers] == [QA]


def test_each_receiver_gets_its_own_outcome() -> None:
    envelope = a_mail(QA, CUSTOMER)
    inner = RecordingTransport([BUSY])

    outcome = Sandbox(inner, allow=[QA]).send(envelope, Leave())

    assert isinstance(outcome, PerRecipient)
    assert outcome.outcomes[QA] == BUSY
    assert isinstance(outcome.outcomes[CUSTOMER], Accepted)


def test_the_outcome_of_the_other_address_is_that_of_whom_it_replaces() -> None:
    envelope = a_mail(QA, CUSTOMER)
    inner = RecordingTransport(partly_rejected("all@shop.example"))

    outcome = Sandbox(inner, allow=[QA], redirect_to="all@shop.example").send(envelope, Leave())

    check_outcome(outcome, marked=True, envelope=envelope)
    assert isinstance(outcome, PerRecipient)
    assert isinstance(outcome.outcomes[QA], Accepted)
    assert isinstance(outcome.outcomes[CUSTOMER], Rejected)


def test_a_receiver_whose_mail_went_elsewhere_is_not_gone() -> None:
    gone = Rejected(
        failure=Failure(
            code=FailureCode.UNKNOWN_RECEIVER, description="no mailbox", retry=Retry.RECIPIENT_GONE
        )
    )

    def refuse(envelope: Envelope) -> Outcome:
        return PerRecipient(outcomes={own.value: gone for own in envelope.receivers})

    for answer in (gone, refuse):
        inner = RecordingTransport(answer if callable(answer) else [answer])
        sandbox = Sandbox(inner, allow=[QA], redirect_to="all@shop.example")

        outcome = sandbox.send(a_mail(QA, CUSTOMER, BOSS), Leave())

        assert isinstance(outcome, PerRecipient)
        codes = {own: single.failure.code for own, single in outcome.outcomes.items()}  # type: ignore[union-attr]
        assert codes.pop(QA) == FailureCode.UNKNOWN_RECEIVER
        assert codes == {CUSTOMER: FailureCode.REFUSED, BOSS: FailureCode.REFUSED}


def test_a_redirected_sms_is_split_again() -> None:
    text = "x" * 160
    _, (sms,) = sent_through(a_text("+31612345678", text), redirect_to="+31687654321")

    assert isinstance(sms.content, SmsContent)
    assert sms.content.text == f"(for +31612345678) {text}"
    assert sms.content.sms.count == 2


def test_a_note_that_does_not_fit_is_left_out() -> None:
    channel = a_channel("orders", max_parts=1)
    envelope = a_text("+31612345678", "x" * 160, channel=channel)
    _, (sms,) = sent_through(envelope, redirect_to="+31687654321")
    assert sms.content == envelope.content

    inner = RecordingTransport(capabilities=Capabilities(max_text=20))
    Sandbox(inner, redirect_to="+31687654321").send(a_text("+31612345678", "short"), Leave())
    assert inner.sent[0].content == SmsContent(sms=split_sms("short"))


def test_a_provider_without_own_headers_gets_the_subject_only() -> None:
    inner = RecordingTransport(capabilities=Capabilities(lacks=frozenset({"headers"})))
    Sandbox(inner, redirect_to=QA).send(a_mail(CUSTOMER), Leave())

    (mail,) = inner.sent
    assert isinstance(mail.content, EmailContent)
    assert mail.content.subject == f"(for {CUSTOMER}) Hello"
    assert mail.content.headers == {}


def test_pictures_and_notifications_say_for_whom_they_were() -> None:
    mms = evolve(an_envelope(*CONTENTS[2]), receivers=(Recipient(value="+31612345678"),))
    _, (sent,) = sent_through(mms, redirect_to="+31687654321")
    assert isinstance(sent.content, MmsContent)
    assert sent.content.text == "(for +31612345678) hi"

    push = evolve(an_envelope(*CONTENTS[3]), receivers=(Recipient(value="0123456789"),))
    _, (sent,) = sent_through(push, redirect_to={"push": "device"})
    assert isinstance(sent.content, PushContent)
    assert sent.content.text == "(for 01234567…) A text"


def test_a_body_of_the_hosts_own_stays_as_it_is() -> None:
    envelope = an_envelope("pigeon", NativeContent(body=TextBody(text="hi")))

    _, (sent,) = sent_through(envelope, redirect_to={"pigeon": "loft"}, platforms=["pigeon"])

    assert sent.to == "loft"
    assert sent.content == envelope.content


def test_many_receivers_are_counted_and_not_all_named() -> None:
    addresses = [f"n{number}@customer.example" for number in range(12)]

    _, (mail,) = sent_through(a_mail(*addresses), redirect_to=QA)

    assert isinstance(mail.content, EmailContent)
    assert mail.content.headers["X-Redirected-For"].endswith("n9@customer.example and 2 more")
    assert mail.content.subject.endswith("n2@customer.example and 9 more) Hello")


@pytest.mark.parametrize("name", ["X-SMTPAPI", "x-mc-bccaddress", "X-MSYS-API"])
def test_a_header_by_which_a_relay_adds_receivers_is_left_out(name: str) -> None:
    content = EmailContent(text="hi", headers={name: CUSTOMER, "X-Note": "1"})
    envelope = evolve(a_mail(QA), content=content)

    _, (mail,) = sent_through(envelope, allow=[QA])

    assert isinstance(mail.content, EmailContent)
    assert mail.content.headers == {"X-Note": "1"}


def test_what_is_recorded_waits_for_leave() -> None:
    leave = Leave(Withdrawn("cancelled"))

    with pytest.raises(Withdrawn):
        Sandbox(RecordingTransport()).send(a_mail(CUSTOMER), leave)


EMAILS = st.builds(
    "{}@{}".format,
    st.sampled_from(["qa", "QA", "jo", "delivered", "unknown"]),
    st.sampled_from(["shop.example", "Shop.Example", "customer.example", "sandbox.invalid"]),
)


@given(
    st.tuples(st.lists(EMAILS, min_size=1, max_size=5, unique=True), st.lists(EMAILS, max_size=3)),
    st.sampled_from(["@shop.example", "qa@shop.example"]),
    st.sampled_from([None, "all@shop.example"]),
    st.sampled_from(["accepted", "busy", "before", "partly"]),
    st.integers(1, 2),
)
def test_no_provider_ever_sees_another_address(
    addresses: tuple[list[str], list[str]],
    entry: str,
    redirect_to: str | None,
    answer: str,
    attempt: int,
) -> None:
    receivers, copies = addresses
    answers = {"accepted": None, "busy": BUSY, "before": BeforeHandoff(BUSY)}
    partly = partly_rejected("all@shop.example")
    inner = RecordingTransport(
        lambda envelope: partly(envelope) if answer == "partly" else answers[answer]
    )
    envelope = evolve(
        a_mail(*receivers), copies=a_mail(*receivers, *copies).receivers, attempt=attempt
    )
    leave = Leave()

    outcome = Sandbox(inner, allow=[entry], redirect_to=redirect_to).send(envelope, leave)

    check_outcome(outcome, marked=leave.calls == 1, envelope=envelope)
    seen = {own.value for mail in inner.attempts for own in (*mail.receivers, *mail.copies)}
    allowed = {redirect_to} | {
        address
        for address in (*receivers, *copies)
        if (address.lower() == entry if entry[0] != "@" else address.lower().endswith(entry))
    }
    assert seen <= allowed


# --- simulated receivers

KINDS = ["delivered", "bounced", "rejected", "unknown", "deferred", "slow"]
SIMULATED = [
    *((kind, f"{kind}@sandbox.invalid") for kind in KINDS),
    *((kind, f"{kind.title()}+label@sandbox.invalid") for kind in KINDS),
    *((kind, f"+155500099{9}{number}") for number, kind in enumerate(KINDS, 1)),
]


def delivered_to(address: str, **options: Any) -> tuple[Message, RecordingTransport]:
    """Send a message and let the engine finish with it."""
    inner, clock = RecordingTransport(), ManualClock()
    platform = "email" if "@" in address else "sms"
    sender = "shop@shop.example" if platform == "email" else "Shop"
    channel = Channel(
        name="orders", platform=platform, sender=sender, when_in_doubt=WhenInDoubt.RESEND
    )
    sandbox = Sandbox(inner, slow_for=timedelta(0), clock=clock, **options)
    with Messenger(storage=MemoryStorage(), channels={channel: sandbox}, clock=clock) as messenger:
        sandbox.report_to(messenger.receive)
        message = messenger.send(channel, a_request(to=address))
        worker = Worker(messenger, threads=1)
        for _ in range(3):
            worker.drain()
            clock.advance(minutes=10)
        return messenger.get(message.id), inner


@pytest.mark.parametrize(("kind", "address"), SIMULATED)
def test_a_simulated_receiver_has_the_outcome_of_its_name(kind: str, address: str) -> None:
    message, inner = delivered_to(address, allow=["@sandbox.invalid", "+1*"])

    expected = {
        "delivered": Status.DELIVERED,
        "bounced": Status.DELIVERY_FAILED,
        "rejected": Status.SENDING_FAILED,
    }
    assert message.status is expected.get(kind, Status.SENT)
    assert inner.attempts == [], "a simulated receiver is never reached"


def test_a_simulated_receiver_of_another_platform_is_a_token() -> None:
    envelope = evolve(an_envelope(*CONTENTS[3]), receivers=(Recipient(value="sandbox-rejected-1"),))

    outcome, sent = sent_through(envelope, allow=["sandbox-rejected-1"])

    assert isinstance(outcome, Rejected)
    assert sent == []


def test_the_first_attempt_is_in_doubt_and_the_second_is_not() -> None:
    first = a_mail("unknown@sandbox.invalid")

    assert isinstance(sent_through(first)[0], Unknown)
    assert isinstance(sent_through(evolve(first, attempt=2))[0], Accepted)


def test_the_slow_receiver_takes_its_time() -> None:
    began = time.monotonic()

    sent_through(a_mail("slow@sandbox.invalid"), slow_for=timedelta(seconds=0.2))

    assert time.monotonic() - began >= 0.2


def test_a_mail_to_simulated_and_real_receivers_has_an_outcome_for_each() -> None:
    envelope = a_mail(QA, "bounced@sandbox.invalid", "rejected@sandbox.invalid")

    outcome, (mail,) = sent_through(envelope, allow=[QA])

    assert [own.value for own in (*mail.receivers, *mail.copies)] == [QA, QA]
    assert isinstance(outcome, PerRecipient)
    kinds = [type(single) for single in outcome.outcomes.values()]
    assert kinds == [Accepted, Accepted, Rejected]


def test_a_report_that_is_lost_does_not_fail_the_message() -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("the storage is away")

    sandbox = Sandbox(RecordingTransport())
    sandbox.report_to(fail)

    outcome = sandbox.send(a_mail("delivered@sandbox.invalid"), Leave())

    assert isinstance(outcome, Accepted)


# --- what passes through


class Provider(RecordingTransport):
    """A provider that can be asked, checked and closed."""

    def __init__(self, told: Outcome | None, *answers: Outcome) -> None:
        super().__init__(answers, capabilities=Capabilities(looks_up=True, max_recipients=7))
        self.told = told
        self.asked: list[Envelope] = []
        self.is_closed = False

    def look_up(self, envelope: Envelope) -> Outcome | None:
        self.asked.append(envelope)
        return self.told

    def close(self) -> None:
        self.is_closed = True


def test_capabilities_check_and_close_are_those_of_the_transport() -> None:
    provider = Provider(None)
    sandbox = Sandbox(provider)

    sandbox.close()

    assert sandbox.capabilities == provider.capabilities
    assert sandbox.name == provider.name
    assert check_transport(sandbox) == [("recording", None)]
    assert provider.is_closed
    assert Sandbox(RecordingTransport()).close() is None  # type: ignore[func-returns-value]


def test_a_look_up_asks_for_the_message_as_it_went_out() -> None:
    provider = Provider(BUSY)
    sandbox = Sandbox(provider, redirect_to="+31687654321")

    assert sandbox.look_up(a_text("+31612345678")) == BUSY
    assert [envelope.to for envelope in provider.asked] == ["+31687654321"]


def test_a_look_up_of_what_went_elsewhere_does_not_tell_that_a_receiver_is_gone() -> None:
    failure = Failure(code=FailureCode.UNKNOWN_RECEIVER, description="", retry=Retry.RECIPIENT_GONE)
    sandbox = Sandbox(Provider(Rejected(failure=failure)), redirect_to="+31687654321")

    told = sandbox.look_up(a_text("+31612345678"))

    assert isinstance(told, Rejected)
    assert told.failure.code == FailureCode.REFUSED


def test_a_look_up_knows_what_was_recorded_and_nothing_of_what_was_simulated() -> None:
    provider = Provider(BUSY)
    sandbox = Sandbox(provider)

    assert isinstance(sandbox.look_up(a_text("+31612345678")), Accepted)
    assert sandbox.look_up(a_text("+15550000004")) is None
    assert provider.asked == []


def test_the_engine_asks_the_sandbox_and_not_the_transport_behind_it() -> None:
    provider, clock = Provider(Accepted(references=("p-1",)), LOST), ManualClock()
    channel = a_channel("orders")
    sandbox = Sandbox(Failover(provider), redirect_to="+31687654321")
    messenger = Messenger(storage=MemoryStorage(), channels={channel: sandbox}, clock=clock)
    message = messenger.send(channel, a_request(to="+31612345678"))
    worker = Worker(messenger, threads=1)

    worker.drain()
    clock.advance(minutes=5)
    worker.drain()

    assert messenger.get(message.id).status is Status.SENT
    assert [envelope.to for envelope in provider.asked] == ["+31687654321"]
    assert len(provider.sent) == 1


def test_a_bounce_has_the_code_of_an_unknown_receiver() -> None:
    message, _ = delivered_to("bounced@sandbox.invalid")

    assert message.failure is not None
    assert message.failure.code == FailureCode.UNKNOWN_RECEIVER
