import json
import os
import resource
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import attrs
import pytest

from messaging_adapters.transports.development.file import FileTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.content.body import LocationBody
from messaging_core.models.delivery.outcome import Accepted, Deferred, Rejected
from messaging_core.models.messages.envelope import EmailContent, PushContent
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    TransportContract,
    an_envelope,
)


class TestFileTransport(TransportContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "sent" / "today"

    def make_transport(self) -> FileTransport:
        return FileTransport(self.folder)

    def received(self) -> list[bytes]:
        return [path.read_bytes() for path in self.folder.glob("[!.]*.*")]

    def test_nothing_is_left_of_a_message_that_did_not_go(self) -> None:
        self.test_a_message_whose_mark_failed_does_not_go()

        assert list(self.folder.iterdir()) == []


def test_email_becomes_a_file_that_mail_programs_open(tmp_path: Path) -> None:
    envelope = an_envelope("email", EmailContent(subject="Grüße", text="Hello"))

    outcome = FileTransport(tmp_path).send(envelope, Leave())

    file = tmp_path / f"{envelope.message_id}.eml"
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    reference = f"{envelope.message_id}@sender.example"
    assert outcome == Accepted(references=(reference,), raw=file.name)
    assert mail["Subject"] == "Grüße"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("platform", "content"), CONTENTS[1:])
def test_everything_else_becomes_json(tmp_path: Path, platform: str, content: object) -> None:
    envelope = an_envelope(platform, content)  # type: ignore[arg-type]

    FileTransport(tmp_path).send(envelope, Leave())

    document = json.loads((tmp_path / f"{envelope.message_id}.json").read_bytes())
    assert document["message_id"] == str(envelope.message_id)
    assert document["receivers"][0]["value"] == envelope.to
    assert document["content"]["kind"] == type(content).__name__


def test_a_message_sent_again_replaces_its_file(tmp_path: Path) -> None:
    transport = FileTransport(tmp_path)
    platform, content = CONTENTS[1]
    envelope = an_envelope(platform, content)

    transport.send(envelope, Leave())
    transport.send(attrs.evolve(envelope, attempt=2), Leave())

    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_bytes())["attempt"] == 2


def test_a_mail_that_smtp_would_refuse_is_refused(tmp_path: Path) -> None:
    envelope = an_envelope("email", EmailContent(subject="a\r\nBcc: x@y.example", text="x"))

    outcome = FileTransport(tmp_path).send(envelope, Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.INVALID_CONTENT
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_defers(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    leave = Leave()

    outcome = FileTransport(tmp_path / "file").send(an_envelope(*CONTENTS[1]), leave)

    assert isinstance(outcome, Deferred)
    assert leave.calls == 0


def test_a_file_that_cannot_be_put_in_place_defers(tmp_path: Path) -> None:
    envelope = an_envelope(*CONTENTS[1])
    (tmp_path / f"{envelope.message_id}.json").mkdir()

    outcome = FileTransport(tmp_path).send(envelope, Leave())

    assert isinstance(outcome, Deferred)
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


def test_a_value_without_a_place_in_json_is_a_mistake_of_the_host(tmp_path: Path) -> None:
    platform, content = CONTENTS[4]
    body = attrs.evolve(content, body=LocationBody(coordinates=threading.Lock()))  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        FileTransport(tmp_path).send(an_envelope(platform, body), Leave())


def test_a_push_message_is_written_with_subtitle_and_data(tmp_path: Path) -> None:
    content = PushContent(text="hi", subtitle="below", data={"android": {"x": [1]}})
    envelope = an_envelope("push", content)

    FileTransport(tmp_path).send(envelope, Leave())

    document = json.loads((tmp_path / f"{envelope.message_id}.json").read_bytes())
    assert document["content"]["subtitle"] == "below"
    assert document["content"]["data"] == {"android": {"x": [1]}}


@contextmanager
def a_full_disk(room: int) -> Iterator[None]:
    """Let this process write no file of more bytes, as a quota does."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    envelope, leave = an_envelope("email", EmailContent(text="x" * 60_000)), Leave()

    with a_full_disk(20_000):
        outcome = FileTransport(tmp_path).send(envelope, leave)

    assert isinstance(outcome, Deferred)
    assert (leave.calls, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, OSError])
def test_nothing_is_left_of_a_hand_off_that_was_interrupted(
    tmp_path: Path, interrupt: type[BaseException]
) -> None:
    def handoff() -> None:
        raise interrupt

    with pytest.raises(interrupt):
        FileTransport(tmp_path).send(an_envelope(*CONTENTS[1]), handoff)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_permission_defers(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    # The superuser may write everywhere but there.
    folder = tmp_path / "out" if os.geteuid() else Path("/sys/out")

    outcome = FileTransport(folder).send(an_envelope(*CONTENTS[1]), Leave())

    assert isinstance(outcome, Deferred)
    assert str(folder) not in outcome.failure.description


@pytest.mark.parametrize("folder", ["", "a\ud800", "a\0b", None, 7])
def test_a_folder_that_no_file_system_can_hold_is_refused(folder: object) -> None:
    with pytest.raises(ConfigurationError, match="folder"):
        FileTransport(folder)  # type: ignore[arg-type]
