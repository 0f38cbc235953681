"""The contract tests against a storage and a transport of the host, from the command line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from messaging_core.testing import RecordingTransport, StorageContract
from messaging_core.testing.promises import capabilities_of
from messaging_core.testing.storage_conformance import STORES

MEMORY = "messaging_adapters.storage.memory.storage:MemoryStorage"
SQLITE = "messaging_adapters.storage.sqlite:SqliteStorage"

MINE = """
from contextlib import contextmanager
from datetime import timedelta

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.models import Failure, Rejected
from messaging_core.ports.transport import Capabilities
from messaging_core.testing import (
    BeforeHandoff, FilesContract, PeerContract, RecordingTransport,
)
from messaging_core.testing.contracts.transport import CONTENTS
from messaging_core.testing.contracts.transport.envelopes import text_in
from messaging_core.testing.files import MemoryFiles


class Hasty(MemoryStorage):
    '''Gives out what is due tomorrow.'''

    @contextmanager
    def begin(self, connection=None, *, read_only=False):
        with super().begin(connection, read_only=read_only) as tx:
            claim = tx.outbox.claim
            tx.outbox.claim = lambda *, now, lease, limit: claim(
                now=now + timedelta(days=1), lease=lease, limit=limit
            )
            yield tx


def taken(transport):
    return len(transport.sent)


def twice(transport):
    return 2 * len(transport.sent)


def texts(transport):
    return [f"{envelope.to} {text_in(envelope.content)}" for envelope in transport.sent]


class Pager(PeerContract):
    platform, content = CONTENTS[1]

    def transport(self, *answers):
        self.recording = RecordingTransport(answers, capabilities=Capabilities(receipts=True))
        return self.recording

    def make_transport(self):
        return self.transport()

    def make_rejected(self):
        refusal = Rejected(failure=Failure(code=15002, description="no"))
        return self.transport(BeforeHandoff(refusal))

    def make_silent(self):
        return self.transport(OSError("silence"))

    def make_unreachable(self):
        return self.transport(BeforeHandoff(OSError("away")))

    def received(self):
        return texts(self.recording)


class Right(FilesContract):
    make_files = staticmethod(MemoryFiles)
"""


class Ran:
    def __init__(self, folder: Path, *arguments: str) -> None:
        (folder / "mine.py").write_text(MINE)
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PYTHONPATH": str(folder), "PATH": ""},
            timeout=300,
            check=False,
        )
        self.status, self.out, self.errors = done.returncode, done.stdout, done.stderr
        self.last = self.out.splitlines()[-2] if self.out else ""
        self.left = sorted(path.name for path in folder.iterdir())


def run(folder: Path, *arguments: str) -> Ran:
    return Ran(folder, "-m", "messaging_core.testing", *arguments)


def test_a_storage_in_memory_keeps_every_promise(tmp_path):
    ran = run(tmp_path, "storage", MEMORY)

    assert (ran.status, ran.errors) == (0, "")
    assert ran.last.endswith(" promises kept, 0 broken")
    assert set(ran.left) <= {"mine.py", "__pycache__"}


def test_one_store_is_tested_alone(tmp_path):
    ran = run(tmp_path, "storage", MEMORY, "--store", "short_links", "--store", "rollups")
    unknown = run(tmp_path, "storage", MEMORY, "--store", "messengers")

    assert (ran.status, ran.last) == (0, "14 promises kept, 0 broken")
    assert unknown.status == 2
    assert "no store messengers: take one of documents, messages" in unknown.errors


def test_the_stores_have_every_promise() -> None:
    tests = [name for contracts in STORES.values() for test in contracts for name in dir(test)]

    assert sorted(name for name in tests if name.startswith("test_")) == sorted(
        name for name in dir(StorageContract) if name.startswith("test_")
    )


def test_a_durable_storage_is_held_to_more_and_driven_beside_a_model(tmp_path):
    some = ("storage", SQLITE, "--only", "*transaction*")

    plain = run(tmp_path, *some)
    durable = run(tmp_path, *some, "--durable", "sqlite3:connect")
    model = run(
        tmp_path,
        *("storage", SQLITE, "--only", "*model*"),
        *("--model", MEMORY, "--runs", "3", "--steps", "5"),
    )

    assert [ran.status for ran in (plain, durable, model)] == [0, 0, 0]
    assert int(durable.last.split()[0]) > int(plain.last.split()[0]) > 3
    assert model.last == "1 promises kept, 0 broken"


def test_a_storage_that_breaks_a_promise_fails_and_is_told_which(tmp_path):
    ran = run(tmp_path, "storage", "mine:Hasty", "--only", "*lease*")

    assert ran.status == 1
    assert "\nbroken: a message comes back when its lease ends\n" in ran.out
    assert not ran.last.endswith(" 0 broken")


def test_a_transport_is_held_to_its_contract_too(tmp_path):
    recording = "messaging_core.testing:RecordingTransport"

    complete = run(tmp_path, "transport", recording, "--delivered", "mine:taken")
    broken = run(tmp_path, "transport", recording, "--delivered", "mine:twice", "--platform", "sms")

    assert (complete.status, broken.status) == (0, 1)
    assert "broken: an accepted message arrives once" in broken.out


def test_a_class_that_inherits_a_contract_is_run_with_all_its_peers(tmp_path):
    ran = run(tmp_path, "transport", "mine:Pager")

    broken = [line for line in ran.out.splitlines() if line.startswith("broken: ")]
    skipped = [line for line in ran.out.splitlines() if line.startswith("not tested: ")]
    assert ran.status == 1
    assert broken == [
        "broken: a peer that is away leaves no doubt",
        "broken: silence after the point of no return is doubt",
        "broken: it prints and logs nothing of a message that fails",
    ]
    assert "define make_reset()" in skipped[0] + skipped[1]
    assert re.search(r"capabilities of recording:\n.*receipts +yes\n", ran.out, re.DOTALL)
    assert re.search(r"  check +no\n", ran.out)


def test_promises_are_chosen_by_a_pattern_and_the_first_broken_one_ends_it(tmp_path):
    ran = run(tmp_path, "transport", "mine:Pager", "--only", "*doubt*", "--first")
    none = run(tmp_path, "transport", "mine:Pager", "--only", "no such promise")

    assert (ran.status, none.status) == (1, 2)
    assert " 1 broken\n" in ran.out
    assert "no promise is named 'no such promise'" in none.errors


def test_a_broken_promise_shows_the_values_that_were_compared(tmp_path):
    recording = "messaging_core.testing:RecordingTransport"

    ran = run(
        tmp_path,
        *("transport", recording, "--delivered", "mine:twice", "--only", "*arrives_once"),
    )

    assert "assert 2 == 1" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("files", "messaging_core.testing.files:MemoryFiles"),
        ("files", "mine:Right"),
        ("media-store", "messaging_adapters.media_stores.memory:MemoryMediaStore"),
        ("template-engine", "messaging_core.templates:InterpolationEngine"),
        ("telemetry", "messaging_core.ports.telemetry:NoTelemetry"),
        (
            *("transport", "messaging_core.testing:RecordingTransport"),
            *("--delivered", "mine:texts", "--platform", "sms"),
        ),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[1].partition(':')[2]}",
)
def test_an_adapter_of_another_kind_keeps_its_promises(tmp_path, arguments):
    ran = run(tmp_path, *arguments)

    assert (ran.status, ran.errors) == (0, "")
    assert ran.last.endswith(" promises kept, 0 broken")
    assert "not tested" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("storage", "mine"), "package.module:name"),
        (("storage", "nowhere:Storage"), "nowhere"),
        (("storage", "mine:Nothing"), "Nothing"),
        (("storage", MEMORY, "--durable", "sqlite3:connect"), "takes none"),
        (("transport", "mine:taken", "--delivered", "mine:taken", "--platform", "x"), "'x'"),
        (("transport", "mine:taken"), "give --delivered, or name a class"),
        (("media", "mine:taken"), "give --base-url, or name a class"),
        (("receipt-parser", "mine:taken"), "inherits ReceiptParserContract"),
        ((), "WHAT"),
    ],
    ids=["form", "module", "name", "path", "platform", "count", "url", "parser", "nothing"],
)
def test_wrong_usage_is_said_in_a_line(tmp_path, arguments, wrong):
    ran = run(tmp_path, *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert wrong in ran.errors
    assert "Traceback" not in ran.errors


def test_help_names_the_options(tmp_path):
    ran = run(tmp_path, "storage", "--help")

    assert ran.status == 0
    assert "--durable CONNECT" in ran.out


@pytest.mark.parametrize("package", ["pytest", "hypothesis"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, package):
    script = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from messaging_core.testing.__main__ import main\n"
        f"sys.exit(main(['storage', {MEMORY!r}, '--model', {MEMORY!r}]))\n"
    )

    ran = Ran(tmp_path, "-c", script)

    assert ran.status == 2
    assert f"{package} is not installed: pip install 'messaging-engine[testing]'" in ran.errors


class Undeclared(RecordingTransport):
    def look_up(self, envelope):
        """Answer what the engine does not ask, because `looks_up` is not declared."""


def test_a_look_up_that_is_not_declared_is_not_shown_as_one():
    assert "  look_up           no" in capabilities_of(Undeclared())
