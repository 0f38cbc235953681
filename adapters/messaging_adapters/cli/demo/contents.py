"""What the demonstration shows of SMS, mail and push: what arrived, out of the files it became."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from textwrap import wrap
from typing import Any, Final

import orjson

from messaging_adapters.cli.demo.settings import MAIL_FOLDER, PUSH_FOLDER, SMS_FOLDER
from messaging_adapters.cli.demo.show import Show
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.tables import forced_by
from messaging_adapters.cli.request_lines import Line
from messaging_core.models.content.sms import SmsText
from messaging_core.models.messages.message import Message
from messaging_core.rules.formats.sms import split_sms

_HEADERS: Final = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "Auto-Submitted")
_NOT_SHOWN: Final = {"kind", "sms", "actions"}
_WIDTH: Final = 84
_FULL: Final = 2  # mails shown as they are; the others are listed


def sms(show: Show) -> None:
    """Show texts of several parts or in UCS-2, and the MMS."""
    texts = [
        (line, split_sms(content["sms"]["text"]))
        for line, content in _contents(show, SMS_FOLDER)
        if content["kind"] == "SmsContent"
    ]
    dear = [(line, text) for line, text in texts if text.count > 1 or text.forced]
    show.screen.heading(f"SMS: {len(texts)} texts; these take more than one part, or UCS-2")
    for line, text in dear:
        for shown in _sms_lines(line, text):
            show.screen.line(f"  {shown}")
    show.screen.heading("MMS, as the transport was given it")
    _show_contents(show, SMS_FOLDER, "MmsContent")


def push(show: Show) -> None:
    """Show push messages."""
    show.screen.heading("Push, as the transport was given it")
    _show_contents(show, PUSH_FOLDER, "PushContent")


def mail(show: Show) -> None:
    """Show the mails that the server received: all in a table, two in full."""
    mails = list(_mails(show))
    show.screen.heading(f"Mail: the SMTP server received {len(mails)} of the examples")
    columns = [Column("line", is_number=True), Column("to", yields=True)]
    columns += [Column("subject", yields=True), Column("holds")]
    rows = [
        (str(line.number), message["X-Original-To"], message["Subject"], _structure(message))
        for line, message in mails
    ]
    show.screen.table(columns, rows)
    best = sorted(mails, key=lambda pair: -len(list(pair[1].walk())) - 9 * ("Cc" in pair[1]))
    for line, message in best[:_FULL]:
        show.screen.line()
        show.screen.line(f"  line {line.number}, to {_receivers(message)}:")
        for text in _mail_lines(message):
            show.screen.line(f"  │ {text}")


def _sms_lines(line: Line, text: SmsText) -> Iterator[str]:
    parts = "1 part" if text.count == 1 else f"{text.count} parts"
    forced = f", forced by {forced_by(text)}" if text.forced else ""
    yield f"line {line.number}: {parts} in {text.encoding}, {text.units} units{forced}"
    for number, part in enumerate(text.parts, 1):
        first, *rest = wrap(part, _WIDTH, drop_whitespace=False)
        yield f"  {number}/{text.count}  {first}"
        yield from (f"       {more}" for more in rest)


def _mail_lines(mail: EmailMessage) -> Iterator[str]:
    yield from (f"{name}: {mail[name]}" for name in _HEADERS if name in mail)
    text = mail.get_body(("plain", "html"))
    yield ""
    yield from text.get_content().rstrip().splitlines() if text else ()
    for part in _files(mail):
        size = len(part.get_content().encode() if _is_text(part) else part.get_content())
        where = f", shown as cid:{part['Content-ID'].strip('<>')}" if "Content-ID" in part else ""
        yield f"[{part.get_filename()}, {part.get_content_type()}, {size} bytes{where}]"


def _receivers(mail: EmailMessage) -> str:
    """Return whom the server was told to give a mail to, and who of them stands in no header."""
    receivers = mail["X-Original-To"].split(", ")
    open_to = f"{mail['To']} {mail.get('Cc', '')}"
    return ", ".join(
        receiver if receiver in open_to else f"{receiver} (Bcc)" for receiver in receivers
    )


def _structure(mail: EmailMessage) -> str:
    bodies = [part.get_content_subtype() for part in mail.walk() if _is_body(part)]
    kinds = ["text" if kind == "plain" else kind for kind in bodies]
    return ", ".join([*kinds, *(part.get_filename() or "file" for part in _files(mail))])


def _is_body(part: EmailMessage) -> bool:
    return _is_text(part) and part.get_filename() is None


def _is_text(part: EmailMessage) -> bool:
    return part.get_content_maintype() == "text"


def _files(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_filename() is not None]


def _show_contents(show: Show, folder: str, kind: str) -> None:
    for line, content in _contents(show, folder):
        if content["kind"] != kind:
            continue
        show.screen.line(f"  line {line.number}")
        for name, value in _facts(content):
            show.screen.line(f"    {name:<10}{value}")


def _facts(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if name == "media":
            yield from ((name, medium["media_url"]) for medium in value)
        elif value and name not in _NOT_SHOWN:
            yield name.replace("_url", ""), str(value)
    yield from (("button", action["text"]) for action in content.get("actions", ()))


def _contents(show: Show, folder: str) -> Iterator[tuple[Line, dict[str, Any]]]:
    """Yield the content of each example that a file transport wrote."""
    for line, message in show.sent:
        path = show.folder / folder / f"{message.id}.json"
        if path.exists():
            yield line, orjson.loads(path.read_bytes())["content"]


def _mails(show: Show) -> Iterator[tuple[Line, EmailMessage]]:
    for line, message in show.sent:
        for path in _mail_paths(show, message):
            parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if isinstance(parsed, EmailMessage):
                yield line, parsed


def _mail_paths(show: Show, message: Message) -> Iterator[Any]:
    for part in show.now(message).parts:
        path = show.folder / MAIL_FOLDER / f"{part.platform_reference}.eml"
        if path.exists():
            yield path
