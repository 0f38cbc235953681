"""What a webhook request is answered with, and what is kept of it."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, StorageError, Worker
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnknownWebhookError,
    UnreadableRequestError,
    UnverifiedRequestError,
)
from messaging_core.models.delivery.receipt import Receipt, ReceiptStatus, StatusReceipt
from messaging_core.models.messages.message import Status
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
)

ORDERS = a_channel("orders")
SECRET = "hush-hush"


class Pigeons(ReceiptParser):
    """A provider whose request body is the reference of a message that was delivered."""

    name = "pigeons"

    def verify(self, request: HttpRequest, *, now: datetime) -> None:  # noqa: ARG002 - the port's
        if request.headers.get("secret") != SECRET:
            raise ForgedRequestError("the secret is wrong")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        reference = request.body.decode()
        return [
            StatusReceipt(
                source=self.name,
                at=now,
                status=ReceiptStatus.DELIVERED,
                reference=reference,
                key=reference,
            )
        ]


class Broken(Pigeons):
    """Raises, or answers, what it is told."""

    def __init__(self, *, verify: Any = None, parse: Any = None) -> None:
        self._verify = verify
        self._parse = parse

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        if self._verify:
            raise self._verify
        super().verify(request, now=now)

    def parse(self, request: HttpRequest, *, now: datetime) -> Any:  # noqa: ARG002 - the port's
        if isinstance(self._parse, BaseException):
            raise self._parse
        return self._parse() if callable(self._parse) else self._parse


class FailingStorage(MemoryStorage):
    """A storage whose transactions fail while `error` is set."""

    error: Exception | None = None

    def begin(self, *args: Any, **kwargs: Any) -> Any:
        if self.error:
            raise self.error
        return super().begin(*args, **kwargs)


def a_webhook(body: str = "rec-1", secret: str = SECRET) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url="https://shop.example/hooks/pigeons",
        headers={"Secret": secret},
        body=body.encode(),
    )


def a_messenger(*parsers: ReceiptParser, storage: Storage | None = None) -> Messenger:
    return Messenger(
        storage=storage or MemoryStorage(),
        channels={ORDERS: RecordingTransport()},
        clock=ManualClock(),
        receipt_parsers=parsers or [Pigeons()],
    )


def kept(messenger: Messenger) -> int:
    with messenger.storage.begin(read_only=True) as tx:
        return len(tx.receipts.pending(limit=10))


def test_a_verified_request_is_kept_and_a_worker_applies_it() -> None:
    messenger = a_messenger()
    worker = Worker(messenger)
    message = messenger.send(ORDERS, a_request())
    worker.drain()

    answer = messenger.receive_webhook("pigeons", a_webhook())

    assert answer == HttpResponse(status=204)
    assert messenger.get(message.id).status is Status.SENT
    worker.drain()
    assert messenger.get(message.id).status is Status.DELIVERED


def test_a_request_that_comes_twice_counts_once() -> None:
    messenger = a_messenger()

    answers = [messenger.receive_webhook("pigeons", a_webhook()).status for _ in range(3)]

    assert answers == [204, 204, 204]
    assert kept(messenger) == 1


def test_a_request_that_comes_twice_at_once_counts_once(tmp_path: Path) -> None:
    with SqliteStorage(tmp_path / "messages.db") as storage:
        messenger = a_messenger(storage=storage)

        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: messenger.receive_webhook("pigeons", a_webhook()), range(16))
            )

        assert {answer.status for answer in answers} == {204}
        assert kept(messenger) == 1


def test_a_request_above_the_limit_of_its_parser_is_answered_with_413_unread() -> None:
    class Small(Pigeons):
        max_size = 10

        def verify(self, request: HttpRequest, *, now: datetime) -> None:
            assert len(request.body) <= self.max_size
            super().verify(request, now=now)

    messenger = a_messenger(Small())

    answers = [
        messenger.receive_webhook("pigeons", a_webhook("x" * size)).status for size in (10, 11)
    ]

    assert answers == [204, 413]
    assert kept(messenger) == 1
    assert Pigeons().max_size == 1 << 20


def test_a_forged_request_keeps_nothing_and_hears_no_reason() -> None:
    messenger = a_messenger()

    answer = messenger.receive_webhook("pigeons", a_webhook(secret="guess"))

    assert answer == HttpResponse(status=401)
    assert kept(messenger) == 0


def raising() -> Iterator[Receipt]:
    raise ValueError(SECRET)
    yield


@pytest.mark.parametrize(
    ("parser", "status"),
    [
        (Broken(verify=ValueError(SECRET)), 401),
        (Broken(verify=UnreadableRequestError("no form")), 401),
        (Broken(verify=SystemExit(1)), 401),
        (Broken(verify=UnverifiedRequestError("the certificate could not be fetched")), 503),
        (Broken(parse=UnreadableRequestError("no form")), 400),
        (Broken(parse=ForgedRequestError("signed by another account")), 401),
        (Broken(parse=ConfigurationError("no channel has this number")), 500),
        (Broken(parse=KeyError(SECRET)), 500),
        (Broken(parse=SystemExit(1)), 500),
        (Broken(parse=["no receipt"]), 500),
        (Broken(parse=None), 500),
        (Broken(parse=raising), 500),
        (Broken(parse=[StatusReceipt(source="pigeons", at=NOW, status=7)]), 500),  # type: ignore[arg-type]
    ],
)
def test_a_failing_parser_has_an_answer_and_tells_no_secret(
    parser: Broken, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    messenger = a_messenger(parser)

    answer = messenger.receive_webhook("pigeons", a_webhook())

    assert answer == HttpResponse(status=status)
    assert kept(messenger) == 0
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert records
    assert SECRET not in caplog.text


class Answers(Pigeons):
    """Answers whether a request is genuine, instead of raising."""

    def __init__(self, verdict: Any) -> None:
        self._verdict = verdict

    def verify(self, request: HttpRequest, *, now: datetime) -> Any:  # noqa: ARG002 - the port's
        return self._verdict


@pytest.mark.parametrize("verdict", [False, True, 0, "ok"])
def test_a_verification_that_answers_refuses_everything(
    verdict: Any, caplog: pytest.LogCaptureFixture
) -> None:
    messenger = a_messenger(Answers(verdict))

    assert messenger.receive_webhook("pigeons", a_webhook()).status == 401
    assert kept(messenger) == 0
    assert "verify must raise, or return None" in caplog.text


class Awaited(Pigeons):
    async def verify(self, request: HttpRequest, *, now: datetime) -> None:  # type: ignore[override]
        super().verify(request, now=now)


def test_an_asynchronous_parser_is_refused_at_once() -> None:
    with pytest.raises(
        ConfigurationError, match="'pigeons' is asynchronous: make verify and parse"
    ):
        a_messenger(Awaited())


@pytest.mark.parametrize("error", [StorageError("locked"), OSError("no disk")])
def test_a_storage_that_fails_makes_the_provider_repeat(error: Exception) -> None:
    storage = FailingStorage()
    messenger = a_messenger(storage=storage)
    storage.error = error

    refused = messenger.receive_webhook("pigeons", a_webhook())
    storage.error = None
    repeated = messenger.receive_webhook("pigeons", a_webhook())

    assert (refused.status, repeated.status) == (503, 204)
    assert kept(messenger) == 1


def test_a_request_that_reports_nothing_needs_no_storage() -> None:
    storage = FailingStorage()
    messenger = a_messenger(Broken(parse=[]), storage=storage)
    storage.error = StorageError("away")

    assert messenger.receive_webhook("pigeons", a_webhook()).status == 204


def test_a_parser_has_an_answer_of_its_own() -> None:
    parser = Pigeons()
    parser.answer = HttpResponse(status=200, headers={"Content-Type": "text/xml"}, body=b"<ok/>")

    assert a_messenger(parser).receive_webhook("pigeons", a_webhook()) == parser.answer


def test_an_unknown_webhook_is_named() -> None:
    with pytest.raises(UnknownWebhookError, match="no receipt parser 'pigeon'; there are: pigeons"):
        a_messenger().receive_webhook("pigeon", a_webhook())


def test_two_parsers_have_two_names() -> None:
    with pytest.raises(ConfigurationError, match="two receipt parsers are called 'pigeons'"):
        a_messenger(Pigeons(), Pigeons())


@pytest.mark.parametrize("parsers", [7, "pigeons", [None], [Pigeons], [RecordingTransport()]])
def test_what_is_no_parser_is_refused(parsers: Any) -> None:
    with pytest.raises(ArgumentError, match="receipt_parsers must be a list of receipt parsers"):
        Messenger(storage=MemoryStorage(), channels={}, receipt_parsers=parsers)


def test_a_parser_may_come_alone() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={}, receipt_parsers=Pigeons())  # type: ignore[arg-type]

    assert messenger.receive_webhook("pigeons", a_webhook()).status == 204


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(ArgumentError, match="request must be an HttpRequest"):
        a_messenger().receive_webhook("pigeons", {"body": b""})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"body": "text"}, "request.body must be bytes, not text: pass the raw body"),
        ({"url": Path("/webhooks")}, "request.url must be text, not a PosixPath: pass str"),
        ({"method": None}, "request.method must be text, not None"),
        ({"headers": {b"secret": b"hush"}}, "request.headers must be a dict of texts, not a bytes"),
        ({"headers": [("secret", SECRET)]}, "headers must be a mapping, not a list"),
    ],
)
def test_what_is_not_as_it_came_is_refused(part: Any, fault: str) -> None:
    request = {"method": "POST", "url": "https://x.example/", "headers": {}, "body": b""} | part

    with pytest.raises(ArgumentError, match=fault):
        a_messenger().receive_webhook("pigeons", HttpRequest(**request))


def test_an_event_loop_awaits_the_answer() -> None:
    messenger = a_messenger()

    answer = asyncio.run(AsyncMessenger(messenger).receive_webhook("pigeons", a_webhook()))

    assert answer.status == 204
    assert kept(messenger) == 1
