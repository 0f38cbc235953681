"""A reader of docs/start gets where the page says, from an empty folder, by its own words.

Each journey types the commands of a page into one shell, writes its files, and does nothing else.
What `pip` would fetch from an index is in the new environments already.
"""

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from distributions import build, make_environment
from docs.test_code_blocks import Block, fenced_blocks

PAGES = Path(__file__).resolve().parents[2] / "docs" / "start"
FILE = re.compile(r"python no-run: (appended to|the file) (\S+)")
PATIENCE = 180.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build(folder := tmp_path_factory.mktemp("dist"))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environments(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what makes an environment with some extras, once for all journeys."""

    @cache
    def made(*extras: str) -> Path:
        make_environment(
            folder := tmp_path_factory.mktemp("venv"), wheel, with_pip=True, extras=extras
        )
        return folder

    return made


class Journey:
    """A reader in an empty folder, who has made the virtual environment that a page begins with."""

    def __init__(self, folder: Path, environment: Path) -> None:
        self.folder = folder
        self.commands = 0
        (folder / ".venv").symlink_to(environment)
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PYTHONUTF8": "1",
        }

    def type(self, commands: str) -> str:
        """Type commands, and return what they print; all of them must succeed."""
        self.commands += len(commands.splitlines())
        ran = subprocess.run(  # noqa: S603 - our own documentation
            ["/bin/sh", "-ec", without_venv(commands)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, commands + ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def write(self, name: str, text: str, *, at_the_end: bool = False) -> None:
        with (self.folder / name).open("a" if at_the_end else "w", encoding="utf-8") as file:
            file.write(text)

    @contextmanager
    def served(self, command: str) -> Iterator[None]:
        """Let a command run as long as the block."""
        self.commands += 1
        process = subprocess.Popen(  # noqa: S603 - our own documentation
            ["/bin/sh", "-ec", f"exec {command}"], cwd=self.folder, env=self.environment
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def without_venv(commands: str) -> str:
    """Leave out making the environment, which has been done."""
    return "\n".join(
        line for line in commands.splitlines() if not line.startswith("python3 -m venv")
    )


def blocks(page: str) -> list[Block]:
    return list(fenced_blocks(PAGES / page))


def test_a_first_message_takes_three_commands_and_ten_lines(
    tmp_path: Path, environments: Callable[..., Path]
) -> None:
    journey = Journey(tmp_path, environments())
    shell = [block.text for block in blocks("first-message.md") if block.info == "sh"]
    (code,) = [block.text for block in blocks("first-message.md") if block.info == "python"]

    journey.type(shell[0])
    journey.write("hello.py", code)
    printed = journey.type(shell[1])

    assert "Your parcel is here\n" + "─" * 72 + "\nsent\n" in printed
    assert journey.commands == 3
    assert len(code.split("\n\n")) == 3
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 10


def test_a_django_project_has_a_passing_test_after_twelve_commands(
    tmp_path: Path, environments: Callable[..., Path]
) -> None:
    journey = Journey(tmp_path, environments("django"))
    printed = ""

    for block in blocks("django.md"):
        if file := FILE.fullmatch(block.info):
            journey.write(file[2], block.text, at_the_end=file[1] == "appended to")
        elif block.info == "sh" and "docs/examples" not in block.text:
            printed += journey.type(block.text)

    assert "Ran 1 test" in printed
    assert "\nOK\n" in printed
    assert "To: +31612345678" in printed
    assert "Hello" in printed
    assert journey.commands <= 12


def test_a_client_of_bird_changes_its_address(
    tmp_path: Path, environments: Callable[..., Path]
) -> None:
    journey = Journey(tmp_path, environments("asgi", "cli"))
    (shell,) = [block.text for block in blocks("from-bird.md") if block.info == "sh"]
    *commands, serve = shell.splitlines()
    port = free_port()

    printed = journey.type("\n".join(commands))
    key = re.search(r"key: (\S+)", printed)
    assert key is not None
    with journey.served(f"{serve} --port {port}"):
        client = BirdClient(f"http://127.0.0.1:{port}", key[1])
        (channel,) = [
            channel for channel in client.get("channels")["results"] if channel["name"] == "sms"
        ]
        message = client.post(
            f"channels/{channel['id']}/messages",
            {
                "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
                "body": {"type": "text", "text": {"text": "Your parcel is here"}},
            },
        )
        path = f"channels/{channel['id']}/messages/{message['id']}"
        status = until_sent(lambda: client.get(path)["status"])

    assert message["status"] == "accepted"
    assert status == "sent"
    assert journey.commands <= 5


@pytest.mark.parametrize(
    ("page", "extras"),
    [("campaigns.md", ()), ("from-mia.md", ()), ("provider.md", ("testing", "http"))],
)
def test_the_program_of_a_page_runs(
    tmp_path: Path, environments: Callable[..., Path], page: str, extras: tuple[str, ...]
) -> None:
    journey = Journey(tmp_path, environments(*extras))

    for block in blocks(page):
        if block.info == "sh" and "pip install 'messaging-engine" in block.text:
            journey.type(block.text)
    journey.write("program.py", "".join(b.text for b in blocks(page) if b.info == "python"))

    assert journey.type("python program.py")


class BirdClient:
    """A client of the Bird Channels API that knows an address and a key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = f"{url}/workspaces/00000000-0000-0000-0000-000000000000"
        self.headers = {"Authorization": f"AccessKey {key}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        return self._answer(Request(f"{self.url}/{path}", headers=self.headers))  # noqa: S310

    def post(self, path: str, body: object) -> Any:
        raw = json.dumps(body).encode()
        return self._answer(Request(f"{self.url}/{path}", raw, self.headers))  # noqa: S310

    def _answer(self, request: Request) -> Any:
        end = monotonic() + PATIENCE
        while True:
            try:
                with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - this machine
                    return json.load(answer)
            except HTTPError:  # the server has answered
                raise
            except URLError:  # the server is still starting
                assert monotonic() < end
                sleep(0.1)


def until_sent(status: Any) -> str:
    end = monotonic() + PATIENCE
    while status() != "sent" and monotonic() < end:
        sleep(0.1)
    return str(status())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
