"""What mail servers send back; reports in the form of Postfix, and hostile ones."""

from datetime import UTC, datetime, timedelta
from itertools import product
from time import process_time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.config import load_config
from messaging_adapters.mail.return_path import message_token, proven_message, return_path
from messaging_adapters.receipts.mail_reports import MailReports
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, html, to
from messaging_core.errors import ConfigurationError, ForgedRequestError, UnreadableRequestError
from messaging_core.models import Accepted
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import InteractionReceipt, Receipt, StatusReceipt
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport
from messaging_core.wire.receipts import as_receipts

SECRET = "a secret of the return path"
OWN = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
TOKEN = message_token(OWN, SECRET)
VERP = return_path("bounces@shop.example", TOKEN)
RECIPIENT = """Final-Recipient: rfc822; ada@mail.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@mail.example>: unknown"""
RETURNED = f"""From: The Shop <news@shop.example>
To: Ada <ada@mail.example>
Subject: Your order of tulips
Message-ID: <{OWN}@shop.example>"""
COMPLAINT = """Feedback-Type: abuse
User-Agent: Any/1.0
Version: 1
Original-Rcpt-To: <ada@mail.example>"""


def a_report(  # noqa: PLR0913 - each part may be another
    *recipients: str,
    address: str = VERP,
    head: str = "",
    about: str = "Reporting-MTA: dns; mx.shop.example",
    kind: str = "delivery-status",
    returned: str = RETURNED,
    returned_type: str = "text/rfc822-headers",
) -> bytes:
    blocks = "\n\n".join([about, *(recipients or (RECIPIENT,))])
    text = f"""Return-Path: <>
From: MAILER-DAEMON@mx.shop.example
To: {address}
Date: Mon, 05 Jan 2026 08:00:00 +0000
Message-ID: <report-1@mx.shop.example>
Auto-Submitted: auto-replied
{head}Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

I am the mail system.

--b
Content-Type: message/{kind}

{blocks}

--b
Content-Type: {returned_type}

{returned}

--b--
"""
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def a_complaint(text: str = COMPLAINT, **options: Any) -> bytes:
    kind = {"kind": "feedback-report", "returned_type": "message/rfc822"}
    return a_report(about=text, **(kind | options)).replace(RECIPIENT.encode(), b"")


def a_request(mail: bytes, **headers: str) -> HttpRequest:
    return HttpRequest(method="POST", url="maildir:", headers=headers, body=mail)


def read(mail: bytes, *, parser: MailReports | None = None, now: datetime = NOW) -> list[Receipt]:
    parser = parser or MailReports(secret=SECRET)
    request = a_request(mail)
    parser.verify(request, now=now)
    receipts = list(parser.parse(request, now=now))
    assert len(as_receipts(receipts)) == len(receipts)  # the engine can keep them
    return receipts


def status(mail: bytes) -> StatusReceipt:
    (receipt,) = read(mail)
    assert isinstance(receipt, StatusReceipt)
    return receipt


def test_a_bounce_names_message_receiver_and_cause() -> None:
    receipt = status(a_report())

    assert (receipt.message_id, receipt.recipient) == (OWN, "ada@mail.example")
    assert (receipt.status, receipt.provider_status) == ("failed", "failed")
    assert receipt.failure
    assert receipt.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert receipt.failure.retry is Retry.RECIPIENT_GONE
    assert receipt.failure.description == "5.1.1 [address] unknown"


@pytest.mark.parametrize(
    ("code", "diagnostic", "failure", "retry"),
    [
        ("5.1.1", "", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("5.1.2", "", FailureCode.INVALID_RECEIVER, Retry.PERMANENT),
        ("5.3.4", "", FailureCode.INVALID_CONTENT, Retry.PERMANENT),
        ("5.7.1", "", FailureCode.REFUSED, Retry.PERMANENT),
        ("5.7.26", "", FailureCode.INVALID_CHANNEL_CONFIGURATION, Retry.CONFIGURATION),
        ("4.4.7", "", FailureCode.TRANSIENT, Retry.TRANSIENT),
        ("4.7.28", "", FailureCode.THROTTLED, Retry.THROTTLED),
        ("5.0.0", "smtp; 550 5.1.1 unknown", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("5.0.0", "smtp; 550-5.2.1 off\n 550 5.2.1 x", FailureCode.UNKNOWN_RECEIVER, None),
        ("5.0.0", "smtp; 556 none", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("5.1.1", "smtp; 550 5.7.1 no", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("5.1.1", "x-unix; 550 5.7.1 no", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("5.1.1 (unknown user)", "", FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
        ("", "smtp; 552 5.2.2 full", FailureCode.REFUSED, Retry.PERMANENT),
        ("?", "?", FailureCode.REFUSED, Retry.PERMANENT),
    ],
)
def test_codes_mean_what_they_mean_in_a_reply(
    code: str, diagnostic: str, failure: FailureCode, retry: Retry | None
) -> None:
    block = f"Final-Recipient: rfc822;a@x.example\nAction: failed\nStatus: {code}"

    receipt = status(a_report(f"{block}\nDiagnostic-Code: {diagnostic}"))

    assert receipt.failure
    assert receipt.failure.code == failure
    assert retry is None or receipt.failure.retry is retry


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("Final-Recipient: rfc822; ada@mail.example", "ada@mail.example"),
        ("Final-Recipient: RFC822;<ada@mail.example>", "ada@mail.example"),
        ("Original-Recipient: rfc822;ada+2Bnews@mail.example", "ada+news@mail.example"),
        (r"Original-Recipient: utf-8; d\x{F6}rte@s\x{F6}r.example", "dörte@sör.example"),
        ("Original-Recipient: utf-8; dörte@sör.example", "dörte@sör.example"),
        (
            "Final-Recipient: rfc822; b@other.example\nOriginal-Recipient: rfc822; a@x.example",
            "a@x.example",
        ),
        ("Final-Recipient: x400; /PN=ada/", None),
        (r"Final-Recipient: utf-8; \x{D800}\x{FFFFFF}@x", r"\x{D800}\x{FFFFFF}@x"),
    ],
)
def test_the_receiver_is_the_one_that_the_message_was_for(field: str, address: str | None) -> None:
    block = f"{field}\nAction: delayed\nStatus: 4.0.0"
    mail = a_report(block).replace(b"message/delivery", b"message/global-delivery")

    assert status(mail).recipient == address


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_report_may_be_encoded(encoding: str) -> None:
    import base64  # noqa: PLC0415 - of this test alone
    import quopri  # noqa: PLC0415 - the same

    plain = f"Reporting-MTA: dns; x\r\n\r\n{RECIPIENT}\r\n".encode()
    coded = base64.encodebytes(plain) if encoding == "base64" else quopri.encodestring(plain)
    head = b"Content-Type: message/delivery-status\r\n"
    start, rest = a_report().split(head + b"\r\n")
    mail = b"%b%bContent-Transfer-Encoding: %b\r\n\r\n%b\r\n--b%b" % (
        *(start, head, encoding.encode(), coded),
        rest.partition(b"--b")[2],
    )

    assert status(mail).recipient == "ada@mail.example"


def test_the_time_is_that_of_the_last_attempt_and_never_in_the_future() -> None:
    attempt = "Last-Attempt-Date: Mon, 05 Jan 2026 07:00:00 +0100"
    tomorrow = "Last-Attempt-Date: Tue, 06 Jan 2026 07:00:00 +0100"
    nonsense = "Last-Attempt-Date: Mon, 99 Foo 2026"
    dates = [status(a_report(f"{RECIPIENT}\n{text}")).at for text in (attempt, tomorrow, nonsense)]

    reported = datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert dates == [datetime(2026, 1, 5, 6, tzinfo=UTC), reported, reported]
    assert status(a_report().replace(b"Date:", b"When:")).at == NOW


def test_a_description_repeats_nothing_of_the_mail() -> None:
    said = "Diagnostic-Code: smtp; 554 5.7.1 no tulips for ada (secret@x.example)"

    failure = status(a_report(f"{RECIPIENT.rpartition('Diagnostic')[0]}{said}")).failure

    assert failure
    assert failure.description == "5.1.1 no [hidden] for [hidden] [address]"


def test_a_complaint_is_an_interaction_of_its_receiver() -> None:
    (receipt,) = read(a_complaint())

    assert isinstance(receipt, InteractionReceipt)
    assert receipt.type is InteractionType.REPORTED_AS_SPAM
    assert (receipt.message_id, receipt.recipient) == (OWN, "ada@mail.example")


@pytest.mark.parametrize(
    "mail",
    [
        a_report(),
        a_report(address="postmaster@shop.example", head=f"Delivered-To: {VERP}\n"),
        a_report(address="x@y", head=f"X-Original-To: {VERP.upper()}\n"),
        a_report(address="x@y", about=f"Original-Envelope-Id: {TOKEN}"),
        a_report(address="x@y", returned=f"Return-Path: <{VERP}>\n{RETURNED}"),
        a_complaint(f"{COMPLAINT}\nOriginal-Mail-From: <{VERP}>", address="fbl@shop.example"),
    ],
)
def test_a_token_proves_a_report_wherever_it_stands(mail: bytes) -> None:
    (receipt,) = read(mail)

    assert receipt.message_id == OWN  # type: ignore[union-attr] # none is incoming


def test_the_envelope_recipient_may_come_in_a_header_of_the_request() -> None:
    mail = a_report(address="x@y")

    MailReports(secret=SECRET).verify(a_request(mail, X_Envelope_To=VERP), now=NOW)


@pytest.mark.parametrize(
    "address",
    [
        "bounces@shop.example",
        f"bounces+{OWN.hex}@shop.example",
        f"bounces+{OWN.hex}.{'0' * 16}@shop.example",
        return_path("bounces@shop.example", message_token(OWN, "another secret")),
        VERP.replace("01890a5d", "11890a5d"),
        f"bounces+{TOKEN[:-1]}@shop.example",
        f"bounces+{TOKEN}0@shop.example",
    ],
)
def test_a_report_without_proof_is_refused(address: str) -> None:
    for mail in (a_report(address=address), a_complaint(address=address)):
        with pytest.raises(ForgedRequestError):
            read(mail)


def test_a_proven_report_counts_for_the_message_of_its_token_alone() -> None:
    other = RETURNED.replace(str(OWN), "01890a5d-ac96-774b-bcce-b302099a8058")
    about = "Original-Envelope-Id: 01890a5dac96774bbcceb302099a8058"

    receipt = status(a_report(returned=other, about=about))

    assert (receipt.message_id, receipt.reference) == (OWN, None)


def test_reports_are_believed_without_proof_where_the_host_says_so() -> None:
    parser = MailReports(secret=SECRET, trust_unproven=True)
    mail = a_report(address="bounces@shop.example")

    (receipt,) = read(mail, parser=parser)
    (proven,) = read(a_report(), parser=parser)

    assert isinstance(receipt, StatusReceipt)
    assert (receipt.message_id, receipt.reference) == (None, f"{OWN}@shop.example")
    assert receipt.key != proven.key  # type: ignore[union-attr] # none is incoming
    foreign = a_report(address="x@y", returned="Message-ID: <1@other.example>")
    with pytest.raises(UnreadableRequestError, match="no message of ours"):
        read(foreign, parser=parser)


def test_two_secrets_count_during_a_rotation() -> None:
    parser = MailReports(secret=("the new secret", SECRET))

    assert read(a_report(), parser=parser)


def test_a_report_that_comes_twice_has_the_same_key() -> None:
    once, again = status(a_report()), status(a_report(head="Received: by another server\n"))

    assert once.key == again.key
    assert once.key != status(a_report().replace(b"report-1", b"report-2")).key


def test_an_out_of_office_note_changes_nothing() -> None:
    mail = f"To: {VERP}\nAuto-Submitted: auto-replied\nSubject: away\n\nBack on Monday."

    receipt = status(mail.encode())

    assert (receipt.status, receipt.provider_status) == (None, "auto-replied")


@pytest.mark.parametrize(
    "mail",
    [
        f"To: {VERP}\n\nYour mail could not be delivered.".encode(),
        f"To: {VERP}\nAuto-Submitted: no\n\nHello".encode(),
        f"To: {VERP}\nContent-Type: multipart/report\nAuto-Submitted: auto-replied\n\n".encode(),
        a_report().replace(b"message/delivery-status", b"text/plain"),
        a_report().replace(b"multipart/report", b"multipart/mixed").replace(b"auto-r", b"r"),
        a_report("Nothing: at all"),
        a_report(*[RECIPIENT] * 1001),
    ],
)
def test_other_mail_to_the_return_path_is_unreadable_so_that_a_person_sees_it(mail: bytes) -> None:
    with pytest.raises(UnreadableRequestError):
        read(mail)


def test_a_mail_cut_off_anywhere_is_read_refused_or_unreadable() -> None:
    mail = a_report(RECIPIENT, RECIPIENT)
    for size in range(len(mail)):
        try:
            receipts = read(mail[:size])
        except (ForgedRequestError, UnreadableRequestError):
            continue
        assert all(receipt.message_id == OWN for receipt in receipts)  # type: ignore[union-attr]


LINES = st.sampled_from(
    [
        *("Content-Type: multipart/report; boundary=b", "Content-Type: message/delivery-status"),
        *("Content-Type: message/feedback-report", "Content-Type: multipart/report; boundary*=a%0"),
        *("Content-Type: multipart/report; boundary*=a%00'%00'%41", "--b", "--b--", "", " ", "\t"),
        *(f"To: {VERP}", "Action: failed", "Status: 5.1.1", "Final-Recipient: rfc822; a@b", ":"),
        *("Feedback-Type: abuse", "Content-Transfer-Encoding: base64", "=?utf-8?b?=?=", "\x00"),
        *("Subject: =?utf-8?b?////?=", "Subject: =?x?q?=00?=", "Diagnostic-Code: smtp; 550 5.1.1"),
        *("Date: Mon, 99 Foo 99999 99:99:99 +9999", "Content-Type: text/rfc822-headers", "\x85"),
        *("Content-Type: message/rfc822", "Original-Rcpt-To: <a@b>", f"Message-ID: <{OWN}@x>"),
        *("Last-Attempt-Date: Fri, 01 Jan 0001 00:00:00 +1400", "Subject: \udc80é", "Action:"),
    ]
)


@given(
    st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=30), st.sampled_from(["\n", "\r\n"])
)
def test_no_mail_raises_what_is_not_declared(lines: list[str], end: str) -> None:
    head = ["Content-Type: multipart/report; boundary=b", f"To: {VERP}", ""]
    for mail in (lines, [*head, *lines]):
        parser = MailReports(secret=SECRET, trust_unproven=len(lines) % 2 == 0)
        try:
            read(end.join(mail).encode("utf-8", "surrogateescape"), parser=parser)
        except (ForgedRequestError, UnreadableRequestError):
            continue


@pytest.mark.parametrize(
    "filling",
    [
        b"--b\r\n",
        b"\r\n",
        b"\n \n",
        b": \r\n ",
        TOKEN.encode()[1:] + b" ",
        b"a\x00",
        b"--b--",
        b"+2B",
    ],
)
def test_a_large_mail_is_read_in_time(filling: bytes) -> None:
    mail = a_report().replace(b"I am the mail system.", filling * (4_000_000 // len(filling)))
    blocks = a_report(RECIPIENT + "\nX: ").replace(b"X: ", filling * (1_000_000 // len(filling)))
    started = process_time()

    for content in (mail, blocks, filling * (4_000_000 // len(filling))):
        try:
            read(content)
        except (ForgedRequestError, UnreadableRequestError):
            continue

    assert process_time() - started < 10


@given(st.uuids(), st.text(min_size=1, max_size=40))
def test_an_address_survives_what_servers_do_to_it(message_id: UUID, secret: str) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    address = return_path("bounces@shop.example", message_token(message_id, secret))

    local = address.partition("@")[0]
    assert len(local) <= 64
    for text in (address, address.upper(), f"<{address}>", f"rfc822;{address}"):
        assert proven_message([text], [secret]) == message_id
    assert proven_message([address], [f"{secret}x"]) is None


def test_it_is_set_up_in_a_configuration_file() -> None:
    config = load_config(
        {
            "channels": {"orders": {"platform": "sms", "transport": "console:"}},
            "webhooks": {"bounces": {"type": "mail-reports", "secret_env": "RETURN_PATH_SECRET"}},
        }
    )

    (parser,) = config.make_webhooks({"RETURN_PATH_SECRET": SECRET})

    assert isinstance(parser, MailReports)
    assert parser.name == "bounces"
    assert SECRET not in repr(parser)


@pytest.mark.parametrize("secret", ["", (), "  "])
def test_there_is_no_parser_without_a_secret(secret: Any) -> None:
    with pytest.raises(ConfigurationError):
        MailReports(secret=secret)


NEWS = Channel(name="news", platform="email", sender="news@shop.example")


def a_messenger() -> tuple[Messenger, Worker, ManualClock]:
    clock = ManualClock()
    transport = RecordingTransport([Accepted()] * 5, name="smtp")
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={NEWS: transport},
        receipt_parsers=[MailReports(secret=SECRET)],
        clock=clock,
    )
    return messenger, Worker(messenger), clock


@pytest.mark.parametrize(
    ("is_forged", "action"),
    [*product([False, True], ["failed", "delivered", "relayed", "delayed"])],
)
def test_only_a_proven_report_changes_a_message(is_forged: bool, action: str) -> None:  # noqa: FBT001 - a case
    messenger, worker, clock = a_messenger()
    body = html("<p>Hi</p>", subject="News")
    message = messenger.send(NEWS, SendMessage(receiver=to("ada@mail.example"), body=body))
    worker.drain()
    clock.advance(timedelta(minutes=1))
    secret = "a guess" if is_forged else SECRET
    address = return_path("bounces@shop.example", message_token(message.id, secret))
    returned = RETURNED.replace(str(OWN), str(message.id))
    mail = a_report(RECIPIENT.replace("failed", action), address=address, returned=returned)

    answer = messenger.receive_webhook("mail-reports", a_request(mail))
    worker.drain()

    expected = {"failed": "delivery_failed", "delivered": "delivered"}.get(action, "sent")
    assert answer.status == (401 if is_forged else 204)
    shown = messenger.get(message.id).status
    assert shown == ("sent" if is_forged else expected)
    suppressed = messenger.suppressions.find().results
    assert bool(suppressed) == (not is_forged and action == "failed")
