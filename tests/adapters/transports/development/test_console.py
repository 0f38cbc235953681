import io
from collections.abc import Iterator

import attrs
import pytest

from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core.models.content.body import Attachment
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import Accepted, Unknown
from messaging_core.models.messages.envelope import EmailContent, PushContent, Recipient, SmsContent
from messaging_core.models.people.contact import ReceiverType
from messaging_core.testing.contracts.transport import Leave, TransportContract, an_envelope


class TestConsoleTransport(TransportContract):
    @pytest.fixture(autouse=True)
    def _stream(self) -> Iterator[None]:
        with io.StringIO() as self.stream:
            yield

    def make_transport(self) -> ConsoleTransport:
        return ConsoleTransport(self.stream)

    def received(self) -> list[str]:
        return [text for text in self.stream.getvalue().split("─" * 72) if text.strip()]


def printed(envelope: object) -> str:
    stream = io.StringIO()
    ConsoleTransport(stream).send(envelope, Leave())  # type: ignore[arg-type]
    return stream.getvalue()


def test_a_mail_is_shown_with_everything_that_matters() -> None:
    content = EmailContent(
        subject="Grüße",
        text="Hello\nJane",
        headers={"X-Own": "1"},
        attachments=(Attachment(filename="a.pdf"),),
    )
    envelope = attrs.evolve(
        an_envelope("email", content),
        receivers=(
            Recipient(value="jane@x.example", name="Jane"),
            Recipient(value="jo@x.example", type=ReceiverType.CC),
        ),
    )

    lines = printed(envelope).splitlines()

    assert lines[1:-1] == [
        f"email · contract · try 1 · {envelope.message_id}",
        "From: A Shop <kerfuffle-shop@sender.example>",
        "To: Jane <jane@x.example>",
        "Cc: jo@x.example",
        "Subject: Grüße",
        "X-Own: 1",
        "Attachment: a.pdf",
        "",
        "Hello",
        "Jane",
    ]
    assert lines[0] == lines[-1] == "─" * 72


def test_an_sms_is_shown_with_its_parts() -> None:
    text = SmsText(text="aabb", encoding=SmsEncoding.GSM_7, parts=("aa", "bb"), units=4)

    shown = printed(an_envelope("sms", SmsContent(sms=text)))

    assert "Parts: 2 (gsm7)\n\naabb\n" in shown


def test_html_is_shown_where_there_is_no_text() -> None:
    assert "\n\n<p>\n" in printed(an_envelope("email", EmailContent(html="<p>")))


def test_a_message_cannot_give_orders_to_the_terminal() -> None:
    shown = printed(an_envelope("email", EmailContent(subject="\x1b]0;x\x07", text="\x9b2J\r")))

    assert "Subject: �]0;x�\n\n�2J�\n" in shown


def test_a_terminal_without_unicode_gets_escapes() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stream:
        outcome = ConsoleTransport(stream).send(
            an_envelope("email", EmailContent(text="Grüße")), Leave()
        )
        shown = raw.getvalue()

    assert isinstance(outcome, Accepted)
    assert b"Gr\\xfc\\xdfe" in shown


def test_without_a_stream_it_prints_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ConsoleTransport().send(an_envelope("email", EmailContent(text="Hello")), Leave())

    assert "Hello" in capsys.readouterr().out


def test_a_stream_that_breaks_leaves_doubt() -> None:
    stream = io.StringIO()
    leave = Leave(look=lambda: stream.close() or 0)  # type: ignore[func-returns-value]

    outcome = ConsoleTransport(stream).send(an_envelope("email", EmailContent(text="x")), leave)

    assert isinstance(outcome, Unknown)


def test_a_push_message_is_shown_with_subtitle_and_data() -> None:
    content = PushContent(text="hi", title="t", subtitle="below", data={"android": {"x": 1}})

    shown = printed(an_envelope("push", content))

    assert "Subtitle: below" in shown
    assert "Data: {'android': {'x': 1}}" in shown
