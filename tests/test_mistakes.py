"""Wrong arguments of constructors and calls: accepted where plain, else told in a sentence."""

import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from inspect import Parameter, getmembers, isfunction, isgenerator, signature
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest

from messaging_adapters.files.folder import FolderFiles
from messaging_adapters.media.folder import FolderMediaSource
from messaging_adapters.media.http import HttpMediaSource
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_adapters.transports.development.file import FileTransport
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import (
    Channel,
    MessageQuery,
    Messenger,
    SendMessage,
    Worker,
    attach,
    text,
    to,
)
from messaging_core.aio import AsyncMessenger
from messaging_core.arguments import checked, whole
from messaging_core.contacts.directory import ContactDirectory
from messaging_core.contacts.suppressions import SuppressionList
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    InvalidQueryError,
    MessagingError,
    UnknownChannelError,
)
from messaging_core.models import (
    Conversion,
    EventKind,
    FrequencyCap,
    Identifier,
    Keep,
    MessageType,
    NewContact,
    QuietHours,
    QuietWindow,
    SendRules,
    Status,
    SuppressionCause,
    SuppressionScope,
    TemplateReference,
    Weekday,
    WhenInDoubt,
)
from messaging_core.receipts.keywords import Keywords
from messaging_core.rules import normalize_phone_number
from messaging_core.templates.store import TemplateStore
from messaging_core.testing import ManualClock, RecordingTransport
from messaging_core.wire import WireLimits

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CHANNEL = Channel(name="orders", platform="sms", sender="Shop")
REQUEST = SendMessage(receiver=to("+31612345678"), body=text("Hello"))
PHONE = "+31612345678"
PERSON = Identifier(identifier_key="phonenumber", identifier_value=PHONE)
TEMPLATE = TemplateReference(name="welcome")
NAIVE = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - that is the fault
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@attrs.frozen
class Shop:
    messenger: Messenger
    worker: Worker
    message_id: UUID

    def send(self, **keywords: Any) -> object:
        return self.messenger.send("orders", **keywords)


@pytest.fixture
def shop() -> Shop:
    messenger = a_messenger()
    sent = messenger.send("orders", REQUEST)
    return Shop(messenger, Worker(messenger), sent.id)


def a_messenger(**parts: Any) -> Messenger:
    defaults = {
        "storage": MemoryStorage(),
        "channels": {CHANNEL: RecordingTransport()},
        "clock": ManualClock(NOW),
    }
    return Messenger(**{**defaults, **parts})


def a_worker(**choices: Any) -> Worker:
    return Worker(a_messenger(), **choices)


def a_channel(**fields: Any) -> Channel:
    return Channel(**{"name": "n", "platform": "sms", **fields})


TRANSPORT = RecordingTransport()

# What is made, the argument that the sentence names, and what the sentence says is allowed.
CONSTRUCTORS: list[tuple[Callable[[], object], str, str]] = [
    # Messenger
    (lambda: a_messenger(storage="messages.db"), "storage", "a storage"),
    (lambda: a_messenger(storage=Path("messages.db")), "storage", "a storage"),
    (lambda: a_messenger(storage=SqliteStorage), "storage", "not the class SqliteStorage"),
    (lambda: a_messenger(storage=None), "storage", "not None"),
    (lambda: a_messenger(channels=[CHANNEL]), "channels", "a dict of channels"),
    (lambda: a_messenger(channels=CHANNEL), "channels", "a dict of channels"),
    (lambda: a_messenger(channels=None), "channels", "not None"),
    (lambda: a_messenger(channels="orders"), "channels", "not text"),
    (lambda: a_messenger(channels={"orders": TRANSPORT}), "channels", "each key a Channel"),
    (lambda: a_messenger(channels={"orders": CHANNEL}), "channels", "each key a Channel"),
    (lambda: a_messenger(clock=NOW), "clock", "a clock"),
    (lambda: a_messenger(clock=datetime), "clock", "not the class datetime"),
    (lambda: a_messenger(clock=lambda: NOW), "clock", "a method now()"),
    (lambda: a_messenger(ids=lambda _: ID), "ids", "a method new(now)"),
    (lambda: a_messenger(limits=1000), "limits", "WireLimits"),
    (lambda: a_messenger(idempotency_window="24h"), "idempotency_window", "a timedelta"),
    (lambda: a_messenger(idempotency_window=True), "idempotency_window", "not True"),
    (lambda: a_messenger(send_rules=FrequencyCap()), "send_rules", "SendRules"),
    (lambda: a_messenger(send_rules={"orders": SendRules()}), "a key of send_rules", "a UUID"),
    (lambda: a_messenger(send_rules={ID: "quiet"}), "a value of send_rules", "SendRules"),
    (lambda: a_messenger(keywords=False), "keywords", "not False: write keywords=Keywords(en"),
    (lambda: a_messenger(suppress_on="bounce"), "suppress_on", "one of "),
    (lambda: a_messenger(suppress_on=None), "suppress_on", "not None"),
    (lambda: a_messenger(template_engine="liquid"), "template_engine", "a template engine"),
    (lambda: a_messenger(short_link_domain=5), "short_link_domain", "text, not 5"),
    (lambda: a_messenger(codes=lambda: "x"), "codes", "a method new()"),
    (lambda: a_messenger(default_channels=5), "default_channels", "a collection of channels"),
    (lambda: a_messenger(audience=["x"]), "audience", "an audience"),
    (lambda: a_messenger(media_check=print), "media_check", "a check of media URLs"),
    (lambda: a_messenger(files="attachments"), "files", "a source of files"),
    (lambda: Channel(name="a", platform="sms", smart_encoding="no"), "smart_encoding", "True or"),
    (lambda: Channel(name="a", platform="sms", max_parts="3"), "max_parts", "a whole number"),
    (lambda: Channel(name="a", platform="sms", max_parts=True), "max_parts", "not True"),
    (
        lambda: Channel(name="a", platform="sms", allow_unassigned_numbers="no"),
        "allow_unassigned_numbers",
        "True or False, not text",
    ),
    (lambda: Channel(name="a", platform="sms", concurrency=2.5), "concurrency", "not 2.5"),
    (lambda: normalize_phone_number(31612345678), "value", "text, not 31612345678"),
    (lambda: normalize_phone_number("0612345678", 31), "region", "two letters, not 31"),
    # Worker and AsyncMessenger
    (lambda: Worker(None), "messenger", "a Messenger, not None"),
    (lambda: Worker(MemoryStorage()), "messenger", "a Messenger, not a MemoryStorage"),
    (lambda: Worker(AsyncMessenger(a_messenger())), "messenger", "not an AsyncMessenger"),
    (lambda: AsyncMessenger(MemoryStorage()), "messenger", "a Messenger"),
    (lambda: a_worker(threads=0), "threads", "a whole number from 1, not 0"),
    (lambda: a_worker(threads=-1), "threads", "not -1"),
    (lambda: a_worker(threads="8"), "threads", "not text"),
    (lambda: a_worker(threads=2.5), "threads", "not 2.5"),
    (lambda: a_worker(threads=True), "threads", "not True"),
    (lambda: a_worker(threads=None), "threads", "not None"),
    (lambda: a_worker(batch=0), "batch", "from 1"),
    (lambda: a_worker(lease="15m"), "lease", "a timedelta or a number of seconds"),
    (lambda: a_worker(lease=float("nan")), "lease", "not nan"),
    (lambda: a_worker(lease=10**30), "lease", "above 0"),
    (lambda: a_worker(timeout="60"), "timeout", "a number of seconds"),
    (lambda: a_worker(durable_handoff="yes"), "durable_handoff", "True or False"),
    (lambda: a_worker(max_crashes=0), "max_crashes", "from 1"),
    (lambda: a_worker(random=0.5), "random", "a function"),
    # Storages
    (lambda: SqliteStorage(None), "path", "a path, not None"),
    (lambda: SqliteStorage(b"messages.db"), "path", "a path, not a bytes"),
    (lambda: SqliteStorage(5), "path", "a path, not 5"),
    (lambda: SqliteStorage(":memory:", synchronous="OFF"), "synchronous", "one of FULL, NORMAL"),
    (lambda: SqliteStorage(":memory:", synchronous=2), "synchronous", "one of FULL, NORMAL"),
    (lambda: SqliteStorage(":memory:", journal_mode="MEMORY"), "journal_mode", "one of WAL"),
    (lambda: SqliteStorage(":memory:", exclusive="no"), "exclusive", "True or False"),
    (lambda: SqliteStorage(":memory:", busy_timeout=-1), "busy_timeout", "from 0"),
    (lambda: SqliteStorage(":memory:", busy_timeout="5s"), "busy_timeout", "a timedelta"),
    (lambda: SqliteStorage(":memory:", scan_budget="many"), "scan_budget", "a whole number"),
    (lambda: SqliteStorage(":memory:", free_space_floor=-1), "free_space_floor", "from 0"),
    (lambda: SqliteStorage(":memory:", free_space=10**9), "free_space", "a function"),
    (lambda: MemoryStorage(busy_timeout="5"), "busy_timeout", "a timedelta"),
    # Channel
    (lambda: a_channel(name=5), "name", "text, not 5"),
    (lambda: a_channel(name=None), "name", "text, not None"),
    (lambda: a_channel(platform=None), "platform", "text"),
    (lambda: a_channel(sender=31612345678), "sender", "text"),
    (lambda: a_channel(sender=["a@b.nl"]), "sender", "text, not a list"),
    (lambda: a_channel(message_type="otp"), "message_type", "one of promotional"),
    (lambda: a_channel(workspace="acme"), "workspace", "a UUID"),
    (lambda: a_channel(workspace=None), "workspace", "a UUID, not None"),
    (lambda: a_channel(id="orders"), "id", "a UUID"),
    (lambda: a_channel(active="yes"), "active", "True or False"),
    (lambda: a_channel(mms=1), "mms", "True or False, not 1"),
    (lambda: a_channel(when_in_doubt="retry"), "when_in_doubt", "one of resend, fail, park"),
    (lambda: a_channel(in_doubt_timeout="2m"), "in_doubt_timeout", "a timedelta"),
    # Send rules
    (lambda: QuietWindow(start=21, end=time(8)), "start", "a time of the day"),
    (lambda: QuietWindow(start="9pm", end=time(8)), "start", "a time of the day"),
    (lambda: QuietWindow(start=time(21), end=time(8), days=[8]), "days", "weekdays"),
    (lambda: QuietHours(windows=None), "windows", "a collection of quiet windows"),
    (lambda: QuietHours(windows=[], action="wait"), "action", "one of hold, drop, bypass"),
    (lambda: QuietHours(windows=[], message_types="sms"), "message_types", "one of promo"),
    (lambda: FrequencyCap(limit="1"), "limit", "a whole number"),
    (lambda: FrequencyCap(window="1d"), "window", "a timedelta"),
    (lambda: SendRules(quiet_hours=QuietWindow(start=time(1), end=time(2))), "quiet_hours", "Q"),
    (lambda: SendRules(holdout="control"), "holdout", "a Holdout"),
    (lambda: Keywords(enabled="no"), "enabled", "True or False"),
    (lambda: Keywords(texts=["x"]), "texts", "a dict of texts"),
    (lambda: WireLimits(max_bytes="1MB"), "max_bytes", "a whole number"),
    (lambda: WireLimits(max_depth=201), "max_depth", "from 1 to 200"),
    (lambda: WireLimits(max_violations=0), "max_violations", "from 1"),
    # Transports
    (lambda: Throttled(None, 5), "transport", "a transport, not None"),
    (lambda: Throttled(RecordingTransport, 5), "transport", "not the class RecordingTransport"),
    (lambda: Throttled(a_messenger(), 5), "transport", "not a Messenger"),
    (lambda: Throttled(TRANSPORT, "5"), "rate", "a number above 0"),
    (lambda: Throttled(TRANSPORT, 0), "rate", "a number above 0, not 0"),
    (lambda: Throttled(TRANSPORT, 5, burst=0), "burst", "from 1"),
    (lambda: Throttled(TRANSPORT, 5, burst=1.5), "burst", "a whole number"),
    (lambda: Throttled(TRANSPORT, 5, count="bytes"), "count", "one of messages, parts"),
    (lambda: Throttled(TRANSPORT, 5, clock=NOW), "clock", "a clock"),
    (lambda: Failover([TRANSPORT, TRANSPORT]), "transports", "a transport, not a list"),
    (lambda: Failover(TRANSPORT, None), "transports", "not None"),
    (lambda: RoundRobin([TRANSPORT]), "transports", "a transport, not a list"),
    (lambda: RoundRobin(TRANSPORT, weights=3), "weights", "a collection of weights"),
    (lambda: CircuitBreaker("smtp"), "transport", "a transport, not text"),
    (lambda: CircuitBreaker(TRANSPORT, failures=0), "failures", "from 1"),
    (lambda: CircuitBreaker(TRANSPORT, window="30s"), "window", "a timedelta"),
    (lambda: CircuitBreaker(TRANSPORT, open_for=0), "open_for", "above 0"),
    (lambda: ConsoleTransport(stream="stdout"), "stream", "a stream"),
    (lambda: FileTransport(None), "folder", "a path, not None"),
    (lambda: FileTransport("out", max_size="20MB"), "max_size", "a whole number"),
    (lambda: SmtpTransport(None), "host", "text, not None"),
    (lambda: SmtpTransport("mail.example", "587"), "port", "from 1 to 65535, not text"),
    (lambda: SmtpTransport("mail.example", 70000), "port", "not 70000"),
    (lambda: SmtpTransport("mail.example", security="ssl"), "security", "one of"),
    (lambda: SmtpTransport("mail.example", timeout=0), "timeout", "above 0"),
    (lambda: SmtpTransport("mail.example", max_idle=-1), "max_idle", "from 0"),
    (lambda: SmtpTransport("mail.example", ssl_context=True), "ssl_context", "an SSLContext"),
    (lambda: SmtpTransport("mail.example", local_hostname=b"me"), "local_hostname", "text, not"),
    (lambda: HttpMediaSource(timeout="10"), "timeout", "a timedelta"),
    (lambda: FolderMediaSource(None, "https://x.example"), "root", "a path"),
    (lambda: FolderMediaSource("media", None), "base_url", "text"),
    (lambda: FolderFiles(None), "root", "a path"),
]

CALLS: list[tuple[Callable[[Shop], object], str, str]] = [
    (lambda shop: shop.messenger.send(None, REQUEST), "channel", "a Channel, its id or its name"),
    (lambda shop: shop.messenger.send([CHANNEL], REQUEST), "channel", "not a list"),
    (lambda shop: shop.messenger.plan(5, REQUEST), "channel", "not 5"),
    (lambda shop: shop.messenger.send_many("orders", "Hello"), "requests", "a list of requests"),
    (lambda shop: shop.messenger.send_many("orders", REQUEST), "requests", "not a SendMessage"),
    (lambda shop: shop.messenger.send_many("orders", {}), "requests", "not a dict"),
    (lambda shop: shop.messenger.send_many("orders", None), "requests", "not None"),
    (lambda shop: shop.messenger.send_batch("orders", REQUEST), "requests", "a list of requests"),
    (lambda shop: shop.messenger.get("text id"), "message_id", "the UUID of a message, not text"),
    (lambda shop: shop.messenger.get(None), "message_id", "not None"),
    (lambda shop: shop.messenger.get(17), "message_id", "not 17"),
    (lambda shop: shop.messenger.get(ID, workspace="acme"), "workspace", "a UUID"),
    (lambda shop: shop.messenger.get(ID, workspace=None), "workspace", "not None"),
    (lambda shop: shop.messenger.cancel("x"), "message_id", "pass the id of the message"),
    (lambda shop: shop.messenger.cancel_batch(["x"]), "batch_id", "the UUID of a batch"),
    (lambda shop: shop.messenger.timeline("x"), "message_id", "the UUID of a message"),
    (lambda shop: shop.messenger.interactions(b"x"), "message_id", "not a bytes"),
    (lambda shop: shop.messenger.replay("x"), "message_id", "the UUID of a message"),
    (lambda shop: shop.messenger.replay(ID, again="yes"), "again", "True or False"),
    (lambda shop: shop.messenger.reschedule(ID, "tomorrow"), "at", "a datetime"),
    (lambda shop: shop.messenger.reschedule(ID, 3600), "at", "not 3600"),
    (lambda shop: shop.messenger.reschedule(ID, date(2026, 3, 3)), "at", "not a date:"),
    (lambda shop: shop.messenger.reschedule(ID, timedelta(1)), "at", "not 1 day"),
    (lambda shop: shop.messenger.report_conversion(ID, "otp"), "conversion", "a Conversion"),
    (lambda shop: shop.messenger.find({"status": "sent"}), "query", "a MessageQuery, not a dict"),
    (lambda shop: shop.messenger.find("sent"), "query", "a MessageQuery"),
    (lambda shop: shop.messenger.counts({}), "query", 'dict: write MessageQuery(status="sent")'),
    (lambda shop: shop.messenger.receive(None), "receipts", "a list of receipts"),
    (lambda shop: shop.messenger.receive(5), "receipts", "a list of receipts, not 5"),
    (lambda shop: shop.messenger.subscribe("handler"), "handler", "a function, not text"),
    (lambda shop: shop.messenger.subscribe(print, name=None), "name", "text"),
    (lambda shop: shop.messenger.subscribe(print, kinds="sent!"), "kinds", "one of"),
    (lambda shop: shop.messenger.purge(before=timedelta(30)), "before", "a datetime"),
    (lambda shop: shop.messenger.purge(before="30 days"), "before", "a datetime"),
    (
        lambda shop: shop.messenger.purge(before=NAIVE),
        "before",
        "a time zone, not a datetime without one",
    ),
    (
        lambda shop: shop.messenger.purge(before=NOW, keep="all"),
        "keep",
        "one of nothing, record, not 'all'",
    ),
    (lambda shop: shop.messenger.purge(before=NOW, limit=0), "limit", "from 1"),
    (lambda shop: shop.messenger.purge(before=NOW, chunk="100"), "chunk", "a whole number"),
    (lambda shop: shop.messenger.render(5, channel="orders"), "template", "text"),
    (lambda shop: shop.messenger.next_allowed("orders", None), "receiver", "text"),
    (lambda shop: shop.messenger.resolve_short_link(5), "code", "text"),
    (lambda shop: shop.messenger.dead_letters(workspace=""), "workspace", "an empty text"),
    (lambda shop: shop.messenger.notify({}, workspace="acme"), "workspace", "a UUID"),
    (lambda shop: shop.worker.run(None), "stop", "a threading.Event, not None"),
    (lambda shop: shop.worker.run(5), "stop", "a threading.Event"),
    (lambda shop: shop.worker.notify({}, within="30s"), "within", "a timedelta"),
    (lambda shop: shop.messenger.contacts.get(5), "contact_id", "the id of a contact"),
    (lambda shop: shop.messenger.contacts.find("x"), "query", "a ContactQuery"),
    (lambda shop: shop.messenger.contacts.get_list("vip"), "list_id", "the UUID of a contact list"),
    (lambda shop: shop.messenger.contacts.add_to_list(ID, 5), "contact_ids", "a collection"),
    (
        lambda shop: shop.messenger.contacts.update_or_create("k", "v", strategy="last"),
        "strategy",
        "one of strict_alias",
    ),
    (
        lambda shop: shop.messenger.suppressions.suppress("+31612345678", "marketing"),
        "identifier",
        "an Identifier",
    ),
    (
        lambda shop: shop.messenger.suppressions.lift(PERSON, "marketing", causes="stop"),
        "causes",
        "one of",
    ),
    (lambda shop: shop.messenger.suppressions.of(None), "identifier", "not None"),
    # The keywords of `send`
    (lambda shop: shop.send(), "to", "given"),
    (lambda shop: shop.send(to=None, text="x"), "to", "missing"),
    (lambda shop: shop.send(to=31612345678, text="x"), "to", "with quotes"),
    (lambda shop: shop.send(to=[], text="x"), "to", "at least one receiver"),
    (lambda shop: shop.send(to=[None], text="x"), "to", "an address as text, or a Contact"),
    (lambda shop: shop.send(to=b"+31612345678", text="x"), "to", "a text, or a list"),
    (lambda shop: shop.send(to={"phone": "+31"}, text="x"), "to", "not a dict"),
    (lambda shop: shop.send(to=to("a@b.example"), cc="c@b.example", text="x"), "to", "copies into"),
    (lambda shop: shop.send(to=PHONE, cc=5, text="x"), "cc", "a text, or a list"),
    (lambda shop: shop.send(to=PHONE, bcc=[5], text="x"), "bcc", "text"),
    (lambda shop: shop.send(to=PHONE), "the content", "one of text=, html= and template="),
    (lambda shop: shop.send(to=PHONE, text=None), "the content", "missing"),
    (lambda shop: shop.send(to=PHONE, text=b"x"), "text", "text"),
    (lambda shop: shop.send(to=PHONE, text=5), "text", "not 5"),
    (lambda shop: shop.send(to=PHONE, text="\ud800"), "text", "without lone surrogates"),
    (lambda shop: shop.send(to=PHONE, html=5), "html", "text"),
    (lambda shop: shop.send(to=PHONE, text="x", subject=5), "subject", "text"),
    (lambda shop: shop.send(to=PHONE, text="x", template="t"), "text", "left out beside template="),
    (lambda shop: shop.send(to=PHONE, html="x", template="t"), "html", "left out beside template="),
    (lambda shop: shop.send(to=PHONE, text="x", data={}), "data", "left out without template="),
    (lambda shop: shop.send(to=PHONE, text="x", locale="nl"), "locale", "left out without"),
    (lambda shop: shop.send(to=PHONE, template=5), "template", "text"),
    (lambda shop: shop.send(to=PHONE, template="t", data=[1]), "data", "a dict of values"),
    (lambda shop: shop.send(to=PHONE, template="t", data={"a": [1]}), "data['a']", "not a list"),
    (lambda shop: shop.send(to=PHONE, template="t", data={"a": NOW}), "data['a']", "str(value)"),
    (lambda shop: shop.send(to=PHONE, template="t", data={5: "a"}), "data", "text"),
    (lambda shop: shop.send(to=PHONE, template=TEMPLATE, data={}), "data", "TemplateReference"),
    (lambda shop: shop.send(to=PHONE, text="x", attachments="a.pdf"), "attachments", "attach("),
    (lambda shop: shop.send(to=PHONE, text="x", attachments=[Path("a")]), "attachments", "attach("),
    (lambda shop: shop.send(to=PHONE, text="x", send_at="at nine"), "send_at", "a time zone"),
    (lambda shop: shop.send(to=PHONE, text="x", send_at=60), "send_at", "not 60"),
    (lambda shop: shop.send(to=PHONE, text="x", tags=5), "tags", "a text, or a list"),
    (lambda shop: shop.send(to=PHONE, text="x", reference=5), "reference", "text"),
    (lambda shop: shop.send(phone=PHONE, text="x"), "phone", "write to=…"),
    (lambda shop: shop.send(receiver=PHONE, text="x"), "receiver", "write to=…"),
    (lambda shop: shop.send(to=PHONE, body="x"), "body", "write text=…"),
    (lambda shop: shop.send(to=PHONE, message="x"), "message", "write text=…"),
    (lambda shop: shop.send(to=PHONE, txt="x"), "txt", "write text=…"),
    (lambda shop: shop.send(to=PHONE, text="x", scheduled_for=NOW), "scheduled_for", "send_at=…"),
    (lambda shop: shop.send(to=PHONE, template="t", context={}), "context", "write data=…"),
    (lambda shop: shop.send(to=PHONE, text="x", validity=5), "validity", "SendMessage has"),
    (lambda shop: shop.messenger.send("orders", PHONE, text="x"), "request", "write to=…"),
    (lambda shop: shop.messenger.send("orders", REQUEST, to=PHONE), "request", "leave one of them"),
    (lambda shop: shop.messenger.plan("orders", to=PHONE), "the content", "one of text="),
    (lambda shop: shop.messenger.send_many("orders", [{"to": PHONE}]), "the content", "one of"),
    (lambda _: attach("text", "a.txt"), "content", "bytes"),
    (lambda _: attach(b"", Path("a.txt")), "filename", "text"),
]


def check_sentence(error: ArgumentError, argument: str, words: str) -> None:
    assert str(error).startswith(f"{argument} must be ")
    assert words in str(error)
    assert "\n" not in str(error)
    assert error.argument == argument
    assert error.remedy, "a sentence says what to do"


@pytest.mark.parametrize(("make", "argument", "words"), CONSTRUCTORS)
def test_a_constructor_names_the_argument_that_is_wrong(
    make: Callable[[], object], argument: str, words: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()

    check_sentence(caught.value, argument, words)


@pytest.mark.parametrize(("call", "argument", "words"), CALLS)
def test_a_call_names_the_argument_that_is_wrong(
    shop: Shop, call: Callable[[Shop], object], argument: str, words: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(shop)

    check_sentence(caught.value, argument, words)


# What is made of what is plain, and what comes of it.
PLAIN: list[tuple[Callable[[Shop], object], object]] = [
    (lambda shop: shop.messenger.get(str(shop.message_id)).id == shop.message_id, True),
    (lambda shop: shop.messenger.get(shop.messenger.get(shop.message_id)).status, Status.ACCEPTED),
    (lambda shop: shop.messenger.cancel(shop.messenger.get(shop.message_id)), True),
    (lambda shop: len(shop.messenger.timeline(str(shop.message_id).upper())), 1),
    (lambda shop: shop.messenger.channel(str(CHANNEL.id)), CHANNEL),
    (lambda _: a_messenger(channels=[(CHANNEL, TRANSPORT)]).channel("orders"), CHANNEL),
    (lambda _: a_messenger(default_channels="orders").channel("orders"), CHANNEL),
    (lambda _: a_messenger(default_channels=CHANNEL).channel("orders"), CHANNEL),
    (
        lambda _: a_messenger(idempotency_window=60).acceptor.idempotency_window,
        timedelta(minutes=1),
    ),
    (
        lambda _: a_messenger(suppress_on="complaint").context.suppress_on,
        {SuppressionCause.COMPLAINT},
    ),
    (lambda _: a_worker(lease=900, timeout=60.5).drain().total, 0),
    (lambda _: a_channel(in_doubt_timeout=2.5).in_doubt_timeout, timedelta(seconds=2.5)),
    (lambda _: a_channel(workspace=str(ID)).workspace, ID),
    (lambda _: a_channel(id=str(ID)).id, ID),
    (lambda _: a_channel(message_type="2FA").message_type, MessageType.TWO_FACTOR),
    (lambda _: a_channel(when_in_doubt="park").when_in_doubt, WhenInDoubt.PARK),
    (lambda _: SqliteStorage(":memory:", synchronous="normal").path, ":memory:"),
    (lambda _: SqliteStorage(":memory:", journal_mode="delete", busy_timeout=2).close(), None),
    (lambda _: FrequencyCap(window=3600).window, timedelta(hours=1)),
    (lambda _: FrequencyCap(platforms="sms").platforms, frozenset({"sms"})),
    (lambda _: SendRules(frequency_caps=[FrequencyCap()]).frequency_caps, (FrequencyCap(),)),
    (
        lambda _: QuietHours(
            windows=QuietWindow(start="21:00", end=time(8), days=[5, 6]),
            message_types=["promotional"],
        ),
        QuietHours(
            windows=(
                QuietWindow(
                    start=time(21),
                    end=time(8),
                    days=frozenset({Weekday.SATURDAY, Weekday.SUNDAY}),
                ),
            )
        ),
    ),
    (lambda _: CircuitBreaker(TRANSPORT, window=30, open_for=60.0).name, TRANSPORT.name),
    (lambda _: RoundRobin(TRANSPORT, TRANSPORT, weights=[2, 1]).name, "round-robin"),
    (lambda _: SmtpTransport("mail.example", timeout=5).timeout, timedelta(seconds=5)),
    (lambda _: HttpMediaSource(timeout=5, ports=443).ports, (443,)),
    (lambda shop: len(shop.messenger.find(MessageQuery(tag=None, sender=None)).results), 1),
    (lambda shop: len(shop.messenger.find(MessageQuery(channel_id=CHANNEL)).results), 1),
    (lambda shop: len(shop.messenger.find(MessageQuery(id=str(shop.message_id))).results), 1),
    (lambda shop: len(shop.messenger.find(MessageQuery(id={shop.message_id})).results), 1),
    (
        lambda shop: len(
            shop.messenger.find(MessageQuery(id=shop.messenger.get(shop.message_id))).results
        ),
        1,
    ),
    (
        lambda shop: len(
            shop.messenger.find(MessageQuery(start_at="2026-03-02T09:00:00Z")).results
        ),
        1,
    ),
    (lambda shop: shop.messenger.purge(before="2026-03-02T09:00:00Z", keep="RECORD").redacted, 0),
    (lambda shop: shop.messenger.purge(before=NOW, keep=Keep.RECORD, unmatched=60).more, False),
    (lambda shop: shop.messenger.subscribe(print, kinds=EventKind.ADMITTED), None),
    (lambda shop: shop.messenger.subscribe(print, kinds=["admitted"]), None),
    (lambda shop: shop.messenger.contacts.create(NewContact(id=str(ID))).id, str(ID)),
    (
        lambda shop: shop.messenger.suppressions.suppress(PERSON, "marketing").scope,
        SuppressionScope.MARKETING,
    ),
    (lambda shop: shop.messenger.suppressions.lift(PERSON, "marketing", causes="manual"), False),
]


@pytest.mark.parametrize(("call", "expected"), PLAIN)
def test_what_is_plain_is_accepted(
    shop: Shop, call: Callable[[Shop], object], expected: object
) -> None:
    assert call(shop) == expected


def test_a_contact_and_a_uuid_stand_for_the_id_of_a_contact(shop: Shop) -> None:
    contacts = shop.messenger.contacts
    contact = contacts.create(NewContact(id=str(ID)))
    vip = contacts.create_list("vip")

    assert contacts.get(contact) == contacts.get(ID) == contact
    assert contacts.add_to_list(vip, str(ID)) == 1
    assert [member.id for member in contacts.members(vip)] == [str(ID)]
    assert contacts.remove_from_list(str(vip.id), [contact]) == 1


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (MessageQuery(limit="10"), "/limit"),
        (MessageQuery(limit=None), "/limit"),
        (MessageQuery(id="text id"), "/id/0"),
        (MessageQuery(tag=[None]), "/tag/0"),
        (MessageQuery(status=["sent", "gone"]), "/status/1"),
        (MessageQuery(start_at="yesterday"), "/startAt"),
        (MessageQuery(workspace="acme"), "/workspace"),
        (MessageQuery(page_token=5), "/pageToken"),
        (MessageQuery(reverse="yes"), "/reverse"),
        (MessageQuery(direction="up"), "/direction"),
    ],
)
def test_a_query_names_the_filter_that_is_wrong(shop: Shop, query: MessageQuery, path: str) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        shop.messenger.find(query)

    assert [violation.path for violation in caught.value.violations] == [path]


@pytest.mark.parametrize("key", [5, ID, b"key", ["key"]])
def test_a_key_that_is_no_text_is_a_violation(shop: Shop, key: Any) -> None:
    with pytest.raises(MessagingError, match="an idempotency key has 1 to 255 printable"):
        shop.messenger.send("orders", REQUEST, idempotency_key=key)


def test_a_name_that_is_unknown_is_no_wrong_argument(shop: Shop) -> None:
    with pytest.raises(UnknownChannelError):
        shop.messenger.send("ordres", REQUEST)


def test_the_error_is_ours_and_what_python_would_raise() -> None:
    error = ArgumentError("threads", "a whole number from 1", "0", "write threads=1")

    assert isinstance(error, ConfigurationError)
    assert isinstance(error, TypeError)
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    assert str(error) == "threads must be a whole number from 1, not 0: write threads=1"


def test_no_text_that_was_given_stands_in_a_sentence() -> None:
    with pytest.raises(ArgumentError) as caught:
        a_channel(sender=["secret@shop.example"])

    assert "secret" not in f"{caught.value}{caught.value.args!r}"


def test_a_check_for_an_argument_that_is_not_there_is_noticed_at_once() -> None:
    with pytest.raises(TypeError, match="has no argument thread"):
        checked(thread=whole())(Worker.__init__)


def test_positional_and_further_arguments_are_checked_too() -> None:
    @checked(first=whole(), rest=whole(), named=whole())
    def call(first: int, *rest: int, named: int = 0, **more: int) -> tuple[object, ...]:
        return first, rest, named, more

    assert call(1, 2, 3, named=4, other=-1) == (1, (2, 3), 4, {"other": -1})
    assert call(1) == (1, (), 0, {})
    for wrong in (lambda: call(0), lambda: call(1, 2, 0), lambda: call(1, named=0)):
        with pytest.raises(ArgumentError):
            wrong()


def test_a_worker_stops_when_its_event_is_set() -> None:
    stop = threading.Event()
    stop.set()

    assert a_worker().run(stop).total == 0


WRONG = [
    *(None, 5, -1, 1.5, True, "", "x", "\ud800", b"x", [], {}, object(), SqliteStorage),
    *(NAIVE, timedelta(1), ["x"], {"x": 1}, [None], CHANNEL),
]
OWNERS = [Messenger, ContactDirectory, SuppressionList, TemplateStore]
NOT_TRIED = {"connection", "draft"}  # the host's own; held to the rules of documents
METHODS = [
    (owner, name)
    for owner in OWNERS
    for name, _ in getmembers(owner, isfunction)
    if not name.startswith("_") and name != "route"  # the worker's own, on its hot path
]


def right_arguments(shop: Shop) -> dict[str, Any]:
    contacts = shop.messenger.contacts
    return {
        "channel": "orders",
        "request": REQUEST,
        "requests": [REQUEST],
        "message_id": shop.message_id,
        "batch_id": ID,
        "at": NOW + timedelta(hours=2),
        "before": datetime(2020, 1, 1, tzinfo=UTC),
        "list_id": contacts.lists().results[0].id,
        "contact_id": "c1",
        "receiver": "+31612345678",
        "handler": print,
        "receipts": [],
        "conversion": Conversion(type="otp", status="converted"),
        "notification": {},
        "new": {},
        "changes": {},
        "identifier": PERSON,
        "scope": "marketing",
        "purpose": "marketing",
        "version_id": ID,
        "data": {},
    }


@pytest.mark.parametrize(("owner", "method"), METHODS)
@pytest.mark.parametrize("storage", [MemoryStorage, lambda: SqliteStorage(":memory:")])
def test_whatever_a_call_is_given_only_errors_of_ours_come_out(
    storage: Callable[[], Any], owner: type, method: str
) -> None:
    messenger = a_messenger(storage=storage())
    shop = Shop(messenger, Worker(messenger), messenger.send("orders", REQUEST).id)
    messenger.contacts.create_list("vip")
    messenger.contacts.create({"id": "c1"})
    right = right_arguments(shop)
    parts = [messenger, messenger.contacts, messenger.suppressions, messenger.templates]
    call = getattr(next(part for part in parts if type(part) is owner), method)
    parameters = signature(call).parameters.values()

    for tried in parameters:
        for value in WRONG if tried.name not in NOT_TRIED else ():
            arguments = {
                parameter.name: right.get(parameter.name, "x")
                for parameter in parameters
                if parameter.default is Parameter.empty
            }
            if method == "subscribe":
                arguments["name"] = f"subscriber {tried.name} {len(repr(value))} {id(value)}"
            with suppress(MessagingError):
                answer = call(**{**arguments, tried.name: value})
                list(answer if isgenerator(answer) else ())


@pytest.mark.parametrize("value", [[], None, 7, {}])
def test_a_route_needs_the_id_of_a_channel(value: Any) -> None:
    with pytest.raises(ArgumentError, match="channel_id must be the UUID of a channel"):
        a_messenger().route(value)
