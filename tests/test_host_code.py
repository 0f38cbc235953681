"""Whatever code of the host raises, it ends no thread, and the log says where and not what."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.development.file import FileTransport
from messaging_core import ConfigurationError, Messenger, Status, Worker
from messaging_core.host_code import HostCode, fault_of
from messaging_core.models.content.body import Attachment, TextBody, TextMetadata
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.notification import Notification
from messaging_core.models.people.user import Unresolved, User
from messaging_core.ports.audience import Audience
from messaging_core.ports.codes import Codes
from messaging_core.ports.files import Files
from messaging_core.ports.guarded import (
    GuardedAudience,
    GuardedCodes,
    GuardedEngine,
    GuardedFiles,
    GuardedMediaCheck,
)
from messaging_core.ports.media import Media, MediaCheck, MediaSource
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine
from messaging_core.testing import ManualClock, a_channel, a_request

SECRET = "+31612345678"


class Other(BaseException):
    """What a test runner raises, say."""


KINDS = [SystemExit, GeneratorExit, asyncio.CancelledError, Other]


class Moody(Audience, Codes, Files, MediaCheck, MediaSource, TemplateEngine, CompiledTemplate):
    """Every port that a host implements; each raises what it is told to."""

    name = "moody"
    base_url = "https://files.example/"
    placeholders = ()

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def resolve(self, *_: Sequence[str]) -> Iterator[User | Unresolved]:
        yield User(id="ada")
        raise self.error

    def new(self) -> str:
        raise self.error

    def size(self, *_: str) -> int | None:
        raise self.error

    def read(self, *_: Any) -> Media:
        raise self.error

    def check(self, *_: Any) -> str | None:
        raise self.error

    def compile(self, source: str, *_: Any, **__: Any) -> CompiledTemplate:
        if source == "broken":
            raise self.error
        return self

    def render(self, *_: Any, **__: Any) -> str:
        raise self.error


def calls_of(host: Moody) -> dict[str, Callable[[], object]]:
    engine, files = GuardedEngine(host), GuardedFiles(host)
    form: Any = None
    return {
        "the audience": lambda: list(GuardedAudience(host).resolve((), ())),
        "what makes the codes of short links": GuardedCodes(host).new,
        "the check of media URLs": lambda: GuardedMediaCheck(host).check("a", a_channel()),
        "the file store": lambda: files.size("a"),
        "the template engine moody": lambda: engine.compile("broken", form),
        "reading a file": lambda: files.read("a", 1),
        "rendering": lambda: engine.compile("", form).render({}),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", calls_of(Moody(SystemExit())))
def test_what_is_no_exception_becomes_an_error_that_names_the_place(
    kind: type[BaseException], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = calls_of(Moody(kind(SECRET)))[what]

    with pytest.raises(ConfigurationError) as caught:
        call()

    assert f"raised {kind.__name__} at {__file__}:" in str(caught.value)
    assert f"raised {kind.__name__} at {__file__}:" in caplog.text
    assert SECRET not in str(caught.value) + caplog.text


@pytest.mark.parametrize("what", calls_of(Moody(SystemExit())))
def test_an_exception_passes_as_it_is(what: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        calls_of(Moody(KeyError(SECRET)))[what]()

    assert caplog.records == []


def test_ctrl_c_passes_on_the_main_thread_and_on_no_other() -> None:
    raised: list[BaseException] = []

    def interrupt() -> None:
        try:
            with HostCode("the host"):
                raise KeyboardInterrupt  # noqa: TRY301 - as a handler of a signal does
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    interrupt()
    thread = threading.Thread(target=interrupt)
    thread.start()
    thread.join()

    assert [type(error) for error in raised] == [KeyboardInterrupt, ConfigurationError]


def test_a_fault_in_a_library_names_the_library_and_who_called_it() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        fault = fault_of(error)

    assert fault.startswith("JSONDecodeError at ")
    assert "decoder.py:" in fault
    assert f", called from {__file__}:" in fault
    assert fault_of(ValueError(SECRET)) == "ValueError"


@pytest.mark.parametrize("kind", KINDS)
def test_a_notification_whose_audience_ends_in_the_middle_is_refused(
    kind: type[BaseException],
) -> None:
    mail = a_channel("mail", "email")
    messenger = Messenger(
        storage=MemoryStorage(), channels={mail: FileTransport("x")}, audience=Moody(kind())
    )
    notification = Notification(
        channels=("email",), recipients=("ada",), message_title="Hi", message_content="Ho"
    )

    with pytest.raises(ConfigurationError, match="the audience raised"):
        messenger.notify(notification)

    assert messenger.find().results == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_media_source_that_raises_is_a_crash_of_that_mail_and_of_no_other(
    kind: type[BaseException], tmp_path: Path
) -> None:
    mail, clock = a_channel("mail", "email"), ManualClock()
    transport = FileTransport(tmp_path, media=Moody(kind()))
    messenger = Messenger(storage=MemoryStorage(), channels={mail: transport}, clock=clock)
    picture = Attachment(filename="a.png", media_url="https://shop.example/a.png")
    body = TextBody(text="x", metadata=TextMetadata(subject="s"))
    broken = TextBody(text="x", metadata=TextMetadata(subject="s"), attachments=(picture,))
    bad, good = (
        messenger.send(mail, a_request(receiver=to("ada@shop.example"), body=content))
        for content in (broken, body)
    )
    worker = Worker(messenger, threads=1)

    for _ in range(10):
        worker.drain()
        clock.advance(hours=4)

    assert messenger.get(good.id).status is Status.SENT
    assert messenger.get(bad.id).status is Status.SENDING_FAILED
    failure = messenger.get(bad.id).failure
    assert failure is not None
    assert failure.code == 12006
